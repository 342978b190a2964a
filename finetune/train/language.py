"""The language model while it is tuned: base weights, LoRA, and the projector before them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radraft.core.errors import TrainingError
from radraft.finetune.train.recipe import Lora
from radraft.llm.checkpoint import LANGUAGE
from radraft.llm.llava_form import HEAD
from radraft.llm.pins import LORA_CONFIG_FILE, LORA_FILE, PROJECTOR_FILE
from radraft.vision_encoder.projector import Projector, metadata

if TYPE_CHECKING:
    import torch


def load_base(folder: Path, precision: str) -> torch.nn.Module:
    """The causal language model inside a LLaVA checkpoint, without its vision tower.

    TrainingError `training_base_invalid` where `folder` is no such checkpoint.
    """
    import torch
    from safetensors.torch import load_file
    from transformers import AutoConfig, AutoModelForCausalLM

    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    try:
        config = AutoConfig.from_pretrained(folder).text_config
        files = sorted(folder.glob("*.safetensors"))
        state, head = {}, {}
        for file in files:
            for name, value in load_file(file).items():
                if name.startswith(LANGUAGE):
                    state[name.removeprefix(LANGUAGE)] = value
                elif name == HEAD:
                    head[name] = value
        auto: Any = AutoModelForCausalLM
        model: torch.nn.Module = auto.from_config(config, dtype=dtype)
        inner: Any = model
        inner.model.load_state_dict(state, strict=True)
        if not config.tie_word_embeddings:
            inner.lm_head.load_state_dict({"weight": head[HEAD]}, strict=True)
    except (OSError, ValueError, KeyError, AttributeError, RuntimeError):
        raise TrainingError("training_base_invalid", path=str(folder)) from None
    inner.tie_weights()
    inner.config.use_cache = False
    return model.to(dtype).requires_grad_(False)


def with_lora(model: torch.nn.Module, lora: Lora, name: str = "default") -> torch.nn.Module:
    """`model` with a fresh adapter: A random, B zero, in float32; nothing changes yet."""
    from peft import get_peft_model

    tuned: torch.nn.Module = get_peft_model(model, lora_config(lora), adapter_name=name)
    return tuned


def lora_config(lora: Lora) -> Any:
    """`lora` as peft has it."""
    from peft import LoraConfig

    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=list(lora.targets),
        bias="none",
        task_type="CAUSAL_LM",
    )


def projector_module(path: Path) -> torch.nn.Module:
    """The torch twin of `vision_encoder.projector.Projector`, with its weights; `mean` and `scale`
    are fixed."""
    import torch

    Projector.load(path)  # says what is wrong with the file
    state = stored(path)
    width, dim = state["whole.weight"].shape

    class Twin(torch.nn.Module):
        mean: torch.Tensor
        scale: torch.Tensor

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("mean", torch.zeros(dim))
            self.register_buffer("scale", torch.ones(dim))
            self.whole = torch.nn.Linear(dim, width)
            self.part = torch.nn.Linear(dim, width)

        def forward(self, pooled: torch.Tensor) -> torch.Tensor:
            """(b, 1 + parts, dim) of `Projector.pool` -> (b, 1 + parts, width)."""
            x = (pooled - self.mean) * self.scale
            return torch.cat([self.whole(x[:, :1]), self.part(x[:, 1:])], 1)

    twin = Twin()
    twin.load_state_dict(state, strict=True)
    return twin


def stored(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a weight file, in float32."""
    from safetensors.torch import load_file

    return {name: value.float() for name, value in load_file(path).items()}


def save(
    folder: Path,
    adapter: dict[str, torch.Tensor],
    projector: dict[str, torch.Tensor],
    lora: Lora,
    parts: int | None = None,
) -> None:
    """Writes `lora.safetensors`, `lora.json` and, where there is one, `projector.safetensors`, each
    in float16; the projector says its `parts` where they are given."""
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    for file, state, about_it in (
        (LORA_FILE, adapter, None),
        (PROJECTOR_FILE, projector, metadata(parts)),
    ):
        if not state:
            continue
        half = {name: value.to(torch.float16).contiguous() for name, value in state.items()}
        save_file(half, folder / file, metadata=about_it)
    about = {"rank": lora.rank, "alpha": lora.alpha, "targets": list(lora.targets)}
    (folder / LORA_CONFIG_FILE).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")

"""Merging the LoRA: exact, and refused where it does not fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from radraft.core.errors import DraftingError
from radraft.llm import checkpoint, pins
from radraft.llm.lora import PREFIX, merge

LANGUAGE = checkpoint.LANGUAGE
TARGETS = ["q_proj", "down_proj"]


def tiny_gemma() -> Any:
    import torch
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    with torch.random.fork_rng():
        torch.manual_seed(2)
        config = Gemma3TextConfig(
            vocab_size=64,
            hidden_size=16,
            intermediate_size=24,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=8,
        )
        return Gemma3ForCausalLM(config).eval()


def named(model: Any) -> dict[str, Any]:
    """The state of a causal model under the checkpoint's names."""
    return {
        LANGUAGE + name.removeprefix("model."): value.clone()
        for name, value in model.state_dict().items()
        if not name.startswith("lm_head.")
    }


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path, Path, Any]:
    """Base tensors, adapter file, its config, and the logits of peft's own model."""
    import torch
    from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("lora")
    base = tiny_gemma()
    tensors = named(base)
    config = LoraConfig(r=4, lora_alpha=6, target_modules=TARGETS, task_type="CAUSAL_LM")
    model = get_peft_model(base, config).eval()
    random = torch.Generator().manual_seed(9)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "lora_" in name:
                value.copy_(torch.randn(value.shape, generator=random) * 0.3)
    save_file(get_peft_model_state_dict(model), folder / "lora.safetensors")
    about = {"rank": 4, "alpha": 6, "targets": TARGETS}
    (folder / "lora.json").write_text(json.dumps(about), encoding="utf-8")
    with torch.inference_mode():
        logits = model(torch.arange(12)[None]).logits
    return tensors, folder / "lora.safetensors", folder / "lora.json", logits


def test_the_merged_model_computes_what_pefts_does(tuned: Any) -> None:
    import torch

    base, adapter, config, expected = tuned
    tensors = dict(base)
    merge(tensors, adapter, config, prefix=LANGUAGE)
    changed = {name for name in base if not base[name].equal(tensors[name])}
    assert changed == {
        f"{LANGUAGE}layers.{layer}.{module}.weight"
        for layer in (0, 1)
        for module in ("self_attn.q_proj", "mlp.down_proj")
    }
    model = tiny_gemma()
    model.model.load_state_dict({n.removeprefix(LANGUAGE): v for n, v in tensors.items()})
    with torch.inference_mode():
        found = model(torch.arange(12)[None]).logits
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_the_weights_keep_their_type_and_an_empty_adapter_changes_nothing(
    tuned: Any, tmp_path: Path
) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    base, adapter, config, _ = tuned
    zero = {n: v * 0 if "lora_B" in n else v for n, v in load_file(adapter).items()}
    save_file({n: v.half() for n, v in zero.items()}, tmp_path / "zero")
    rounded = {name: value.bfloat16() for name, value in base.items()}
    tensors = dict(rounded)
    merge(tensors, tmp_path / "zero", config, prefix=LANGUAGE)
    assert all(tensors[name].dtype == torch.bfloat16 for name in tensors)
    assert all(tensors[name].equal(rounded[name]) for name in tensors)


@pytest.mark.parametrize(
    "damage", ["no b", "rank", "targets", "other model", "shape", "foreign", "config", "missing"]
)
def test_an_adapter_that_does_not_fit_is_refused(tuned: Any, tmp_path: Path, damage: str) -> None:
    from safetensors.torch import load_file, save_file

    base, adapter, config, _ = tuned
    state, about = load_file(adapter), json.loads(config.read_text(encoding="utf-8"))
    first = sorted(name for name in state if name.endswith("lora_B.weight"))[0]
    match damage:
        case "no b":
            del state[first]
        case "rank":
            about["rank"] = 8
        case "targets":
            about["targets"] = ["q_proj"]
        case "other model":
            state = {name.replace("layers.1", "layers.7"): value for name, value in state.items()}
        case "shape":
            state[first] = state[first][:-1].contiguous()
        case "foreign":
            state = {name.removeprefix(PREFIX): value for name, value in state.items()}
        case "config":
            about.pop("alpha")
    path = tmp_path / "lora.safetensors"
    if damage != "missing":
        save_file(state, path)
    (tmp_path / "lora.json").write_text(json.dumps(about), encoding="utf-8")
    with pytest.raises(DraftingError) as caught:
        merge(dict(base), path, tmp_path / "lora.json", prefix=LANGUAGE)
    assert caught.value.code == "starter_lora_invalid"


def test_the_shipped_adapter_changes_every_linear_layer_of_the_starter() -> None:
    from safetensors import safe_open

    with safe_open(pins.files()["lora"], "numpy") as file:
        names = set(file.keys())
    modules = {
        f"{PREFIX}layers.{layer}.{module}"
        for layer in range(18)
        for module in (
            *(f"self_attn.{name}_proj" for name in "qkvo"),
            *(f"mlp.{name}_proj" for name in ("gate", "up", "down")),
        )
    }
    assert names == {f"{m}.lora_{part}.weight" for m in modules for part in "AB"}

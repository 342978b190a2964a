"""A random adapter over the starter's language model, in peft's files and vLLM's names."""

from __future__ import annotations

import json
from pathlib import Path

from radraft.llm.checkpoint import WIDTH

LAYERS = 18
RANK = 16
SIZES = {
    "self_attn.q_proj": (WIDTH, 1024),
    "self_attn.k_proj": (WIDTH, 256),
    "self_attn.v_proj": (WIDTH, 256),
    "self_attn.o_proj": (1024, WIDTH),
    "mlp.gate_proj": (WIDTH, 2048),
    "mlp.up_proj": (WIDTH, 2048),
    "mlp.down_proj": (2048, WIDTH),
}
"""(in, out) of each layer that is adapted."""


def save_adapter(folder: Path, *, seed: int, name: str, size: float = 0.02) -> None:
    """`size` is the deviation of B: at 0 the adapter changes nothing, at 0.02 every report. `name`
    goes to the configuration: the same weights under another hash."""
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True)
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": RANK,
        "lora_alpha": 2 * RANK,
        "target_modules": [module.partition(".")[2] for module in SIZES],
        "bias": "none",
        "base_model_name_or_path": name,
    }
    (folder / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for layer in range(LAYERS):
        for module, (width, out) in SIZES.items():
            at = f"base_model.model.model.language_model.layers.{layer}.{module}"
            down = torch.randn(RANK, width, generator=generator)
            up = torch.randn(out, RANK, generator=generator)
            tensors[f"{at}.lora_A.weight"] = 0.05 * down
            tensors[f"{at}.lora_B.weight"] = size * up
    save_file(tensors, folder / "adapter_model.safetensors")

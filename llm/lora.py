"""Merging a LoRA adapter into the weights it was trained on (Hu 2021, section 4.1)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from radraft.core.errors import DraftingError

if TYPE_CHECKING:
    import torch

PREFIX = "base_model.model.model."
"""Of peft's names for the adapter of a causal language model."""
DOWN, UP = ".lora_A.weight", ".lora_B.weight"


def merge(
    tensors: dict[str, torch.Tensor],
    adapter: Path,
    config: Path,
    *,
    prefix: str,
    whole: bool = True,
) -> set[str]:
    """Add `alpha / rank * B @ A` to each weight the adapter changes, in float32, then round.

    `tensors` holds the language model under names that begin with `prefix` where peft's begin with
    `PREFIX`; its weights are replaced. `config` is JSON with `rank`, `alpha` and `targets`.
    DraftingError `starter_lora_invalid` unless the files are whole and fit each other and the
    model. Where `tensors` is not the `whole` model, what it lacks is left for its other parts.
    Returns the modules that were changed, as `modules` names them.
    """
    merged: set[str] = set()
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        about = json.loads(config.read_text(encoding="utf-8"))
        rank, targets = int(about["rank"]), set(about["targets"])
        scale = float(about["alpha"]) / rank
        given = load_file(adapter)
        modules = {name.removesuffix(DOWN) for name in given if name.endswith(DOWN)}
        if not modules or {m + end for m in modules for end in (DOWN, UP)} != set(given):
            raise ValueError("A and B do not pair")
        if {module.rpartition(".")[2] for module in modules} != targets:
            raise ValueError("other layers than the targets")
        for module in sorted(modules):
            if not module.startswith(PREFIX):
                raise ValueError(module)
            name = f"{prefix}{module.removeprefix(PREFIX)}.weight"
            if not whole and name not in tensors:
                continue
            weight, down, up = tensors[name], given[module + DOWN], given[module + UP]
            if len(down) != rank or (len(up), down.shape[1]) != weight.shape:
                raise ValueError(name)
            changed = weight.float() + scale * (up.float() @ down.float())
            tensors[name] = changed.to(weight.dtype)
            merged.add(module)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError):
        raise DraftingError("starter_lora_invalid", name=adapter.name) from None
    return merged


def modules(adapter: Path) -> set[str]:
    """Return the names of the modules that the file changes. OSError and SafetensorError where it
    is none."""
    from safetensors import safe_open

    with safe_open(adapter, "numpy") as file:
        return {name.removesuffix(DOWN) for name in file.keys() if name.endswith(DOWN)}  # noqa: SIM118

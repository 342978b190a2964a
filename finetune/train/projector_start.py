"""The projector that training begins with where no finding heads say in words what is seen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from radraft.core.errors import TrainingError
from radraft.vision_encoder.projector import Projector, metadata

if TYPE_CHECKING:
    from radraft.finetune.train.values import Tokens


def draw(path: Path, base: Path, tokens: Sequence[Tokens], parts: int, seed: int) -> None:
    """Write a projector from the width of `tokens` to the width of the language model in the LLaVA
    checkpoint `base`: `parts` a side, the mean and scale of those tokens, random weights.

    An image's vectors then have the size of the model's own input vectors, so that they neither
    drown the words nor are drowned by them. TrainingError `training_pairs_missing` without tokens,
    `training_base_invalid`.
    """
    from safetensors.numpy import save_file

    if not tokens:
        raise TrainingError("training_pairs_missing", train=0, valid=0)
    width, rms = _input_vectors(base)
    seen = np.stack([Projector.pool(token, parts) for token in tokens])
    mean, scale = seen.mean((0, 1)), 1 / (seen.std((0, 1)) + 1e-3)
    random = np.random.default_rng(seed)
    tensors = {"mean": mean, "scale": scale}
    for name in ("whole", "part"):
        weight = random.standard_normal((width, len(mean))) * (rms / len(mean) ** 0.5)
        tensors |= {f"{name}.weight": weight, f"{name}.bias": np.zeros(width)}
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = {name: value.astype(np.float32) for name, value in tensors.items()}
    save_file(whole, path, metadata=metadata(parts))


def _input_vectors(base: Path) -> tuple[int, float]:
    """Return width and root mean square of the words' vectors, as the model scales them."""
    from radraft.finetune.train.language import load_base

    model: Any = load_base(base, "bf16")
    embed = model.get_input_embeddings()
    table = embed.weight[:: max(1, len(embed.weight) // 4096)].float()
    # Gemma's layer scales what it looks up; others have no such number.
    scale = float(getattr(embed, "embed_scale", 1.0))
    return int(embed.weight.shape[1]), scale * float((table**2).mean().sqrt())

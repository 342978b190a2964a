"""How well an encoder answers its heads: AUROC by set and head."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from radraft.vision_encoder.auroc import auroc
from radraft.vision_encoder.config import EncoderConfig
from radraft.vision_encoder.train.batches import normalised
from radraft.vision_encoder.train.data import Images
from radraft.vision_encoder.train.model import see
from radraft.vision_encoder.train.recipe import EncoderRecipe

if TYPE_CHECKING:
    import torch

BATCH = 64
LEAST = 3
"""Positives and negatives below which an AUROC says too little to print."""
Floats = npt.NDArray[Any]


def logits_of(
    net: torch.nn.ModuleDict,
    images: Images,
    where: npt.NDArray[np.int64],
    config: EncoderConfig,
    change: Callable[[torch.Tensor], torch.Tensor] = lambda images: images,
) -> Floats:
    """Return (len(where), heads) finding logits of the images, after `change` ((b, h, w), 0 to
    1)."""
    import torch

    device = next(net.parameters()).device
    found = []
    with torch.inference_mode():
        for start in range(0, len(where), BATCH):
            pixels = torch.from_numpy(images.pixels[where[start : start + BATCH]]).float() / 255
            batch = normalised(change(pixels).to(device), config.size, config)
            found.append(see(net, batch)[0].float().cpu().numpy())
    return np.concatenate(found) if found else np.zeros((0, 0))


def aurocs(
    images: Images, where: npt.NDArray[np.int64], scores: Floats, recipe: EncoderRecipe
) -> dict[tuple[str, str], float]:
    """Return (set, head) -> AUROC, where at least `LEAST` answers are yes and `LEAST` no."""
    sources = np.array([images.rows[index].source for index in where])
    answers = images.answers[where]
    found = {}
    for source in recipe.sets:
        for column, head in enumerate(recipe.head_ids):
            known = (sources == source) & ~np.isnan(answers[:, column])
            right = answers[known, column] == 1
            if min(right.sum(), (~right).sum()) >= LEAST:
                value = auroc(scores[known, column].astype(np.float64), right)
                assert value is not None
                found[source, head] = value
    return found

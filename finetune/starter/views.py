"""What the starter's pairs are made of: images changed a little, mixed, or of nothing at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radraft.finetune.starter.recipe import PairRecipe
from radraft.studies.key_images import from_picture
from radraft.vision_encoder.encode import Encoder
from radraft.vision_encoder.train.augment import augment, cover_lungs
from radraft.vision_encoder.train.data import Images
from radraft.vision_encoder.train.recipe import Augment

Pixels = npt.NDArray[np.uint8]
Tokens = npt.NDArray[np.float16]

NOTHING = ""
"""Source of an image that shows nothing."""


@dataclass(frozen=True)
class View:
    """One image that a pair is made for."""

    source: str
    """Set of its row, or `NOTHING`."""
    row: int
    """Position in `Images.rows`; its modality, age and sex go into the prompt."""
    pixels: Pixels
    """(size, size)"""
    mixed_with: Pixels | None = None
    """Another image of the set, whose tokens are mixed in: scores between those of two images, so
    that the model learns where the line is and not only what lies far from it."""
    share: float = 1.0
    """Of the first image's tokens."""


def draw(images: Images, recipe: PairRecipe, change: Augment, index: int, seed: int) -> View:
    """View number `index` of the training pairs: the same for the same seed."""
    import torch

    random = np.random.default_rng((seed, index))
    torch.manual_seed((seed << 32) + index)
    films = {name: images.where("train", name) for name in recipe.shares}
    # A small part of the data may have no film of a small set.
    shares = {name: share for name, share in recipe.shares.items() if len(films[name])}
    shares[NOTHING] = recipe.nothing
    chances = np.array([*shares.values()])
    source = str(random.choice([*shares], p=chances / chances.sum()))
    if source == NOTHING:
        return _nothing(images, random)
    rows = films[source]
    weights = _rare_first(images.answers[rows])
    first, second = (int(row) for row in random.choice(rows, 2, p=weights))
    pixels = (
        _changed(images.pixels[first], change)
        if random.random() < recipe.changed
        else images.pixels[first]
    )
    if random.random() < recipe.mixed:
        share = float(random.uniform(0.5, 1.0))
        return View(source, first, pixels, images.pixels[second], share)
    return View(source, first, pixels)


def tokens(views: list[View], encoder: Encoder) -> list[Tokens]:
    """(n, dim) patch tokens of each view, mixed where two images are."""
    pixels = [view.pixels for view in views] + [
        view.mixed_with for view in views if view.mixed_with is not None
    ]
    seen = [encoded.tokens for encoded in encoder.encode([from_picture(each) for each in pixels])]
    own, others = seen[: len(views)], iter(seen[len(views) :])
    found = []
    for view, first in zip(views, own, strict=True):
        if view.mixed_with is not None:
            first = view.share * first + (1 - view.share) * next(others)
        found.append(first.astype(np.float16))
    return found


def nothing(kind: int, pixels: Pixels, random: np.random.Generator) -> Pixels:
    """An image that cannot be reported: one gray, noise, a film with its pixels out of order, or
    one whose lungs are covered."""
    import torch

    match kind % 4:
        case 0:
            return np.full_like(pixels, int(random.integers(0, 256)))
        case 1:
            return random.integers(0, 256, pixels.shape, dtype=np.uint8)
        case 2:
            return random.permutation(pixels.reshape(-1)).reshape(pixels.shape)
        case _:
            film = torch.from_numpy(pixels[None].astype(np.float32))
            covered = cover_lungs(film, float(random.integers(0, 256)))
            return covered[0].numpy().astype(np.uint8)


def _nothing(images: Images, random: np.random.Generator) -> View:
    row = int(random.choice(images.where("train")))
    return View(NOTHING, row, nothing(int(random.integers(4)), images.pixels[row], random))


def _changed(pixels: Pixels, how: Augment) -> Pixels:
    import torch

    film = torch.from_numpy(pixels[None].astype(np.float32) / 255)
    return (augment(film, how)[0] * 255).round().numpy().astype(np.uint8)


def _rare_first(answers: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Chance of each row: by the square root of how rare its rarest known answer is."""
    present = np.nan_to_num(answers) == 1
    often = np.maximum(present.mean(0), 1 / len(answers))
    weight = np.where(present, 1 / np.sqrt(often), 1.0).max(1)
    result: npt.NDArray[np.float64] = weight / weight.sum()
    return result

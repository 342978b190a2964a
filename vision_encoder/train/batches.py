"""Training batches: which images a step sees, how they are changed, and what is true of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from radraft.vision_encoder.config import EncoderConfig
from radraft.vision_encoder.train.augment import augment_with, cover_lungs
from radraft.vision_encoder.train.data import Images
from radraft.vision_encoder.train.recipe import EncoderRecipe

if TYPE_CHECKING:
    import torch

Floats = npt.NDArray[np.float32]


class Batch(NamedTuple):
    """What one step sees."""

    pixels: torch.Tensor
    """(b, 3, s, s), normalised."""
    answers: torch.Tensor
    """(b, heads): 1, 0, NaN where nothing is known, or the base rate of its set where the image's
    lungs were covered."""
    trust: torch.Tensor | None
    """(b, heads): how much each answer counts; None where all count 1."""
    maps: torch.Tensor | None
    """(b, places, m, m): 0 to 1, NaN where the place was not drawn; None without places."""


class Batches:
    """Training batches and the sentences that can be said of them.

    A batch depends on the seed and the number of its step alone.
    """

    sentences: tuple[torch.Tensor, torch.Tensor]
    """Chinese and English token ids (2 * heads, context): head by head, present before absent."""

    def __init__(
        self, images: Images, recipe: EncoderRecipe, config: EncoderConfig, seed: int, device: str
    ) -> None:
        self._images, self._recipe, self._config = images, recipe, config
        self._seed, self._device = seed, device
        self._train = images.where("train")
        self._share = _shares(images, recipe, self._train)
        self._base = {
            name: _base_rate(images.answers[images.where("train", name)])
            for name in (*recipe.sets, *recipe.place_sets)
        }
        self.sentences = _sentences(recipe, config, device)

    def draw(self, step: int) -> Batch:
        """Return the batch of a step.

        Changes of the images draw from torch's global generator, which the caller has seeded.
        """
        import torch

        recipe = self._recipe
        random = np.random.default_rng((self._seed, step))
        chosen = random.choice(self._train, recipe.batch, p=self._share)
        images = torch.from_numpy(self._images.pixels[chosen]).float() / 255
        answers = torch.from_numpy(self._images.answers[chosen])
        images, maps = augment_with(images, self._maps(chosen), recipe.augment)
        covered = torch.from_numpy(random.random(recipe.batch) < recipe.augment.lungs_covered)
        if bool(covered.any()):
            fill = torch.from_numpy(random.random(recipe.batch)).float()
            images[covered] = cover_lungs(images[covered], fill[covered])
            base = np.stack([self._base[self._images.rows[i].source] for i in chosen])
            known = ~answers.isnan() & covered[:, None]
            answers = torch.where(known, torch.from_numpy(base), answers)
            if maps is not None:
                # Nothing of it is to be seen any more.
                maps[covered] = torch.nan
        size = int(random.choice(recipe.sizes))
        trust = None
        if self._images.trust is not None:
            trust = torch.from_numpy(self._images.trust[chosen]).to(self._device)
        pixels = normalised(images.to(self._device), size, self._config)
        return Batch(
            pixels,
            answers.to(self._device),
            trust,
            None if maps is None else maps.to(self._device),
        )

    def _maps(self, chosen: npt.NDArray[np.int64]) -> torch.Tensor | None:
        import torch

        images = self._images
        if images.maps is None or images.map_of is None:
            return None
        at = images.map_of[chosen]
        drawn = images.maps[np.maximum(at, 0)].astype(np.float32)
        drawn[(drawn == 255) | (at < 0)[:, None, None, None]] = np.nan
        return torch.from_numpy(drawn / 254)


def normalised(images: torch.Tensor, size: int, config: EncoderConfig) -> torch.Tensor:
    """Map (b, h, w), 0 to 1 to (b, 3, size, size) as the trunk takes it."""
    import torch

    if images.shape[-1] != size:
        images = torch.nn.functional.interpolate(
            images[:, None], size=(size, size), mode="bilinear", antialias=True, align_corners=False
        )[:, 0]
    mean = torch.tensor(config.mean, device=images.device).reshape(1, 3, 1, 1)
    std = torch.tensor(config.std, device=images.device).reshape(1, 3, 1, 1)
    pixels = (images[:, None] - mean) / std
    return pixels.contiguous(memory_format=torch.channels_last)


def _shares(
    images: Images, recipe: EncoderRecipe, train: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Chance of each training row: a set's weight is spread evenly over its rows."""
    weights = {name: labels.weight for name, labels in recipe.sets.items()}
    weights |= {name: drawn.weight for name, drawn in recipe.place_sets.items()}
    counts = {name: len(images.where("train", name)) for name in weights}
    sources = [images.rows[index].source for index in train]
    share: npt.NDArray[np.float64] = np.array(
        [weights[source] / counts[source] for source in sources]
    )
    share /= share.sum()
    return share


def _base_rate(answers: Floats) -> Floats:
    known = ~np.isnan(answers)
    rates: Floats = (np.nansum(answers, 0) / np.maximum(known.sum(0), 1)).astype(np.float32)
    return rates


def _sentences(
    recipe: EncoderRecipe, config: EncoderConfig, device: str
) -> tuple[torch.Tensor, torch.Tensor]:
    from open_clip.tokenizer import SimpleTokenizer

    length = int(config.model_cfg["text_cfg"]["context_length"])
    tokenizer = SimpleTokenizer(context_length=length)
    pairs = [head.sentences(present) for head in recipe.heads for present in (True, False)]
    zh, en = ([pair[language] for pair in pairs] for language in (0, 1))
    return tokenizer(zh).to(device), tokenizer(en).to(device)

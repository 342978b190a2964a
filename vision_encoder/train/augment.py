"""Random changes of training images, on tensors. Left stays left: nothing is mirrored."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from radraft.vision_encoder.train.recipe import Augment

if TYPE_CHECKING:
    import torch

LUNGS = (0.06, 0.94, 0.06, 0.94)
"""Top, bottom, left, right of the box that holds the lungs, as shares of the image: generous, so
that outside it only markers, borders and the edge of the body are left."""


def augment(images: torch.Tensor, how: Augment) -> torch.Tensor:
    """Map (b, size, size), 0 to 1 to the same, changed. Draws from torch's global generator."""
    return augment_with(images, None, how)[0]


def augment_with(
    images: torch.Tensor, maps: torch.Tensor | None, how: Augment
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """As `augment`, and (b, places, s, s) maps of the same films moved with them."""
    matrix = _movement(len(images), how)
    images = _moved(images[:, None], matrix)[:, 0]
    if maps is not None:
        maps = _moved(maps, matrix)
    images = _toned(images, how)
    for index, image in enumerate(images):
        if how.coarse and _chance(how.coarse):
            images[index] = _coarse(image, how.coarsest)
    for image in images:
        if _chance(how.edge):
            _cover_edge(image)
    return images.clamp_(0, 1), maps


def cover_lungs(images: torch.Tensor, fill: torch.Tensor | float) -> torch.Tensor:
    """Return a copy of (b, h, w) with the lung box set to `fill` (0 to 1, or a value an image)."""
    import torch

    height, width = images.shape[1:]
    top, bottom, left, right = LUNGS
    covered = images.clone()
    box = (
        slice(round(top * height), round(bottom * height)),
        slice(round(left * width), round(right * width)),
    )
    value = torch.as_tensor(fill, dtype=images.dtype).reshape(-1, 1, 1)
    covered[:, box[0], box[1]] = value
    return covered


def cover_border(images: torch.Tensor, share: float = 0.06) -> torch.Tensor:
    """Return a copy of (b, h, w) with `share` of each side black: markers and boxes are gone."""
    import torch

    height, width = images.shape[1:]
    rows, columns = round(share * height), round(share * width)
    kept = torch.zeros_like(images)
    inner = (slice(None), slice(rows, height - rows), slice(columns, width - columns))
    kept[inner] = images[inner]
    return kept


def _movement(count: int, how: Augment) -> torch.Tensor:
    """(count, 2, 3): an affine map for each film."""
    import torch

    angle = _spread(count) * math.radians(how.rotate_degrees)
    low, high = how.zoom
    scale = 1 / (low + torch.rand(count) * (high - low))
    aspect = 1 + _spread(count) * how.aspect
    shift_x, shift_y = _spread(count) * how.shift, _spread(count) * how.shift
    return torch.stack(
        [
            torch.stack([scale * aspect * angle.cos(), -scale * angle.sin(), shift_x], 1),
            torch.stack([scale * angle.sin(), scale / aspect * angle.cos(), shift_y], 1),
        ],
        1,
    )


def _moved(images: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
    """Map (b, c, s, s) to the same, moved by its (b, 2, 3) matrices."""
    import torch

    functional = torch.nn.functional
    grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)


def _coarse(image: torch.Tensor, coarsest: int) -> torch.Tensor:
    """Reduced to a size between `coarsest` and its own, and enlarged to its own again."""
    import torch

    size = image.shape[-1]
    small = int(torch.randint(min(coarsest, size - 1), size, ()))
    resize = torch.nn.functional.interpolate
    reduced = resize(image[None, None], (small, small), mode="bilinear", antialias=True)
    return resize(reduced, (size, size), mode="bilinear", align_corners=False)[0, 0]


def _toned(images: torch.Tensor, how: Augment) -> torch.Tensor:
    import torch

    count = images.shape[0]
    images = images.clamp(0, 1) ** torch.exp(_spread(count, 1, 1) * how.gamma)
    mean = images.mean((1, 2), keepdim=True)
    contrast = 1 + _spread(count, 1, 1) * how.contrast
    images = (images - mean) * contrast + mean + _spread(count, 1, 1) * how.brightness
    noisy = (torch.rand(count, 1, 1) < 0.3) * torch.rand(count, 1, 1) * how.noise
    return images + torch.randn_like(images) * noisy


def _cover_edge(image: torch.Tensor) -> None:
    """One side, or one corner's box, in one gray."""
    import torch

    size = image.shape[-1]
    depth = int(torch.randint(size // 32, size // 6, ()))
    gray = float(torch.rand(()))
    side = int(torch.randint(0, 8, ()))
    top, bottom = slice(0, depth), slice(size - depth, size)
    wide_left, wide_right = slice(0, 2 * depth), slice(size - 2 * depth, size)
    whole = slice(None)
    rows, columns = (
        (top, whole),
        (bottom, whole),
        (whole, top),
        (whole, bottom),
        (top, wide_left),
        (top, wide_right),
        (bottom, wide_left),
        (bottom, wide_right),
    )[side]
    image[rows, columns] = gray


def _chance(probability: float) -> bool:
    import torch

    return bool(torch.rand(()) < probability)


def _spread(*shape: int) -> torch.Tensor:
    """-1 to 1, evenly."""
    import torch

    return torch.rand(*shape) * 2 - 1

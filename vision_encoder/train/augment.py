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
    images = _moved(images, how)
    images = _toned(images, how)
    for image in images:
        if _chance(how.edge):
            _cover_edge(image)
    return images.clamp_(0, 1)


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


def _moved(images: torch.Tensor, how: Augment) -> torch.Tensor:
    import torch

    count, size = images.shape[0], images.shape[1]
    angle = _spread(count) * math.radians(how.rotate_degrees)
    low, high = how.zoom
    scale = 1 / (low + torch.rand(count) * (high - low))
    aspect = 1 + _spread(count) * how.aspect
    shift_x, shift_y = _spread(count) * how.shift, _spread(count) * how.shift
    matrix = torch.stack(
        [
            torch.stack([scale * aspect * angle.cos(), -scale * angle.sin(), shift_x], 1),
            torch.stack([scale * angle.sin(), scale / aspect * angle.cos(), shift_y], 1),
        ],
        1,
    )
    functional = torch.nn.functional
    grid = functional.affine_grid(matrix, [count, 1, size, size], align_corners=False)
    return functional.grid_sample(images[:, None], grid, align_corners=False)[:, 0]


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

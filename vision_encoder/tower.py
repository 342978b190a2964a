"""What an image encoder is to the line: prepared pixels -> patch tokens and one embedding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from radraft.vision_encoder.config import EncoderConfig
from radraft.vision_encoder.preprocess import preprocess

if TYPE_CHECKING:
    import torch

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


class ImageTower(Protocol):
    """An image tower with the preprocessing that it was trained with."""

    @property
    def size(self) -> tuple[int, int]:
        """Return rows and columns of the prepared pixels."""

    def to(self, device: torch.device) -> None:
        """Move the weights to `device`, in eval mode."""

    def prepare(self, pixels: Pixels) -> Floats:
        """Map (rows, columns) of 0..255 to (rows, columns, 3), normalised. EncodingError
        `encoder_pixels_invalid` unless it is a non-empty 8-bit gray image."""

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map (b, 3, rows, columns) to tokens (b, d, grid rows, grid columns) and features
        (b, e), which are not yet of unit length."""


class ShippedTower:
    """radraft's own open_clip tower: a timm network without attention."""

    def __init__(self, visual: torch.nn.Module, config: EncoderConfig) -> None:
        self._visual: Any = visual
        self._config = config
        self.size = (config.size, config.size)

    def to(self, device: torch.device) -> None:
        """Move the weights to `device`, in the order of memory that convolutions are fastest in."""
        import torch

        moved = self._visual.to(device, memory_format=torch.channels_last)
        self._visual = moved.eval()

    def prepare(self, pixels: Pixels) -> Floats:
        """As `ImageTower`: the whole image, aspect kept, centred on black."""
        return preprocess(pixels, self._config)

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """As `ImageTower`: open_clip's own forward, step by step, so that the feature map is
        kept."""
        visual = self._visual
        grid = visual.trunk.forward_features(pixels)
        return grid, visual.head(visual.trunk.forward_head(grid))

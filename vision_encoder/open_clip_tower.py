"""The image tower of any open_clip model, with the preprocessing that its own config names.

Only the image tower is built: the text tower may need another model's files, and nobody asks it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from radraft.core import canonical
from radraft.core.errors import EncodingError
from radraft.core.file_hash import file_sha256
from radraft.vision_encoder.preprocess import require_gray
from radraft.vision_encoder.source import EncoderFiles
from radraft.vision_encoder.tower import Floats, Pixels

if TYPE_CHECKING:
    import torch

VISUAL = "visual."
"""What the names of the image tower's tensors begin with."""


class OpenClipTower:
    """An `ImageTower` of open_clip: a vision transformer, a timm network or a ResNet."""

    def __init__(self, files: EncoderFiles) -> None:
        """EncodingError `encoder_unusable` where config and weights give no image tower."""
        import torch
        from open_clip.factory import load_state_dict
        from open_clip.model import _build_vision_tower
        from open_clip.transform import image_transform_v2

        vision_cfg = dict(files.model_cfg.get("vision_cfg") or {})
        # Weights come from the file alone.
        vision_cfg["timm_model_pretrained"] = False
        try:
            cfg = preprocess_cfg(files)
            visual = _build_vision_tower(
                int(files.model_cfg["embed_dim"]),
                vision_cfg,
                bool(files.model_cfg.get("quick_gelu", False)),
            )
            state = load_state_dict(str(files.weights))
            own = {n.removeprefix(VISUAL): v for n, v in state.items() if n.startswith(VISUAL)}
            visual.load_state_dict(own, strict=True)
        except (OSError, KeyError, TypeError, ValueError, RuntimeError, AttributeError):
            raise EncodingError("encoder_unusable", encoder=files.name) from None
        self._visual: Any = visual.to(torch.float32).eval().requires_grad_(False)
        self._transform: Any = image_transform_v2(cfg, is_train=False)
        rows, columns = cfg.input_size[1:]
        self.size = (int(rows), int(columns))

    def to(self, device: torch.device) -> None:
        """Move the weights to `device`."""
        self._visual = self._visual.to(device).eval()

    def prepare(self, pixels: Pixels) -> Floats:
        """As `ImageTower`, with the model's own size, resizing, cropping, mean and deviation."""
        require_gray(pixels)
        image = Image.fromarray(np.ascontiguousarray(pixels)).convert("RGB")
        result: Floats = self._transform(image).numpy().transpose(1, 2, 0)
        return result

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """As `ImageTower`: the last layer's patches, normalised as the tower normalises what it
        pools."""
        found = self._visual.forward_intermediates(
            pixels, indices=1, normalize_intermediates=True, output_fmt="NCHW"
        )
        return found["image_intermediates"][-1], found["image_features"]


def preprocess_cfg(files: EncoderFiles) -> Any:
    """Return open_clip's `PreprocessCfg` as the model's own config has it.

    A size that is not said is the tower's. TypeError or ValueError where it is none.
    """
    from open_clip.transform import PreprocessCfg, merge_preprocess_dict

    size = files.model_cfg["vision_cfg"].get("image_size", PreprocessCfg().size)
    return PreprocessCfg(**merge_preprocess_dict(PreprocessCfg(size=size), files.preprocess_cfg))


def encoder_id(files: EncoderFiles) -> str:
    """Return the model's name and 16 hex characters that change with its architecture, its
    preprocessing and its weights. EncodingError `encoder_unusable`."""
    from dataclasses import asdict

    try:
        parts = {
            "vision_cfg": files.model_cfg["vision_cfg"],
            "embed_dim": files.model_cfg["embed_dim"],
            "quick_gelu": bool(files.model_cfg.get("quick_gelu", False)),
            "preprocess_cfg": asdict(preprocess_cfg(files)),
            "weights": file_sha256(files.weights),
        }
        digest = canonical.sha256(parts)[:16]
    except (OSError, KeyError, TypeError, ValueError, AttributeError):
        raise EncodingError("encoder_unusable", encoder=files.name) from None
    name = "".join(char if char.isalnum() or char in "._-" else "_" for char in files.name)
    return f"{name}@{digest}"

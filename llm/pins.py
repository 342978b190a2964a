"""The starter's weight files, edition by edition, and the SHA-256 that a profile pins for each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field

from radraft.core.errors import DraftingError
from radraft.core.file_hash import file_sha256
from radraft.core.yaml_files import Strict
from radraft.vision_encoder import shipped
from radraft.vision_encoder.shipped import Edition
from radraft.vision_encoder.weights import IMAGE_FILE, TEXT_FILE

STARTER: Mapping[Edition, Path] = {
    1: Path(__file__).resolve().parent / "starter",
    2: Path(__file__).resolve().parent / "starter2",
}
"""Folder of an edition's projector and LoRA."""
WITH_TEXT_TOWER: frozenset[Edition] = frozenset({1})
"""Editions whose text tower is shipped: nothing that is served reads it."""
WITH_VOCABULARY: frozenset[Edition] = frozenset({2})
"""Editions that keep a part of their base's words (`radraft.llm.vocabulary`)."""
VOCABULARY_FILE = "vocabulary.safetensors"
PROJECTOR_FILE = "projector.safetensors"
LORA_FILE = "lora.safetensors"
LORA_CONFIG_FILE = "lora.json"

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Pins(Strict):
    """SHA-256 of each file, lower-case hex."""

    encoder: Sha256
    text: Sha256 | None = None
    """None: this edition is shipped without its text tower."""
    heads: Sha256
    projector: Sha256
    lora: Sha256
    lora_config: Sha256
    vocabulary: Sha256 | None = None
    """None: this edition keeps all words."""


def files(edition: Edition = 1) -> dict[str, Path]:
    """Field of `Pins` -> the file of `edition` that it pins."""
    trained, starter = shipped.FOLDERS[edition], STARTER[edition]
    text = {"text": trained / TEXT_FILE} if edition in WITH_TEXT_TOWER else {}
    words = {"vocabulary": starter / VOCABULARY_FILE} if edition in WITH_VOCABULARY else {}
    return {
        "encoder": trained / IMAGE_FILE,
        **text,
        "heads": trained / shipped.HEADS_FILE,
        "projector": starter / PROJECTOR_FILE,
        "lora": starter / LORA_FILE,
        "lora_config": starter / LORA_CONFIG_FILE,
        **words,
    }


def check(pins: Pins, found: dict[str, Path]) -> None:
    """DraftingError `starter_weights_changed` naming the first of the `found` files (`files`) that
    is missing or not the pinned one. Reads 33 MB: some hundredths of a second."""
    for name, path in found.items():
        if sha256(path) != getattr(pins, name):
            raise _changed(path)


def sha256(path: Path) -> str:
    """Hex SHA-256 of a file. DraftingError `starter_weights_changed` where it cannot be read."""
    try:
        return file_sha256(path)
    except OSError:
        raise _changed(path) from None


def _changed(path: Path) -> DraftingError:
    """Return the error that names the file with its folder: each edition has one of its name."""
    return DraftingError("starter_weights_changed", name=f"{path.parent.name}/{path.name}")

"""The starter's weight files and the SHA-256 that its profile pins for each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from radraft.core.errors import DraftingError
from radraft.core.file_hash import file_sha256
from radraft.core.yaml_files import Strict
from radraft.vision_encoder import shipped
from radraft.vision_encoder.weights import IMAGE_FILE, TEXT_FILE

STARTER = Path(__file__).resolve().parent / "starter"
PROJECTOR_FILE = "projector.safetensors"
LORA_FILE = "lora.safetensors"
LORA_CONFIG_FILE = "lora.json"

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Pins(Strict):
    """SHA-256 of each file, lower-case hex."""

    encoder: Sha256
    text: Sha256
    heads: Sha256
    projector: Sha256
    lora: Sha256
    lora_config: Sha256


def files(trained: Path = shipped.FOLDER, starter: Path = STARTER) -> dict[str, Path]:
    """Field of `Pins` -> the file it pins."""
    return {
        "encoder": trained / IMAGE_FILE,
        "text": trained / TEXT_FILE,
        "heads": trained / shipped.HEADS_FILE,
        "projector": starter / PROJECTOR_FILE,
        "lora": starter / LORA_FILE,
        "lora_config": starter / LORA_CONFIG_FILE,
    }


def check(pins: Pins, found: dict[str, Path] | None = None) -> None:
    """DraftingError `starter_weights_changed` naming the first of the `found` files (the shipped
    ones) that is missing or not the pinned one. Reads 33 MB: some hundredths of a second."""
    for name, path in (found or files()).items():
        if sha256(path) != getattr(pins, name):
            raise DraftingError("starter_weights_changed", name=path.name)


def sha256(path: Path) -> str:
    """Hex SHA-256 of a file. DraftingError `starter_weights_changed` where it cannot be read."""
    try:
        return file_sha256(path)
    except OSError:
        raise DraftingError("starter_weights_changed", name=path.name) from None

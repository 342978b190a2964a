"""Exported pairs as training takes them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from radraft.core.errors import TrainingError
from radraft.finetune.train.values import Example, Tokens, TokenSource

PAIRS, TOKENS, IMAGES, ENCODER = "pairs.jsonl", "tokens.npy", "images.json", "encoder.json"


@dataclass(frozen=True)
class Dataset:
    """Pairs of a folder: `pairs.jsonl` in the form of `finetune.export`."""

    train: tuple[Example, ...]
    held_out: tuple[Example, ...]
    """Never trained on; they say when to stop."""
    tokens: TokenSource
    encoder_id: str | None = None
    """Of the encoder that gave them; None where the folder does not say."""


def read(folder: Path) -> Dataset:
    """The pairs in `folder` and their patch tokens, `tokens.npy` in the order of `images.json`.

    TrainingError `training_data_missing`, or `training_pairs_invalid` naming the line.
    """
    try:
        lines = (folder / PAIRS).read_text(encoding="utf-8").splitlines()
        ids: list[str] = json.loads((folder / IMAGES).read_text(encoding="utf-8"))
        array = np.load(folder / TOKENS, mmap_mode="r")
        encoder_id = _encoder_id(folder / ENCODER)
    except (OSError, ValueError, KeyError, TypeError):
        raise TrainingError("training_data_missing", path=str(folder)) from None
    rows = {name: index for index, name in enumerate(ids)}

    def tokens(image_id: str) -> Tokens:
        return np.asarray(array[rows[image_id]], dtype=np.float32)

    found: dict[str, list[Example]] = {"train": [], "held_out": []}
    for split, example in examples(lines, folder / PAIRS):
        found[split].append(example)
    return Dataset(tuple(found["train"]), tuple(found["held_out"]), tokens, encoder_id)


def _encoder_id(path: Path) -> str | None:
    return (
        str(json.loads(path.read_text(encoding="utf-8"))["encoder_id"]) if path.exists() else None
    )


def examples(lines: list[str], file: Path) -> Iterator[tuple[str, Example]]:
    """Yield (split, example) of each of the lines of `file`. TrainingError
    `training_pairs_invalid` naming the line."""
    for number, line in enumerate(lines, 1):
        try:
            value = json.loads(line)
            *asked, answer = value["messages"]
            (part,) = answer["content"]
            split = value["metadata"]["split"]
            if split not in {"train", "held_out"} or answer["role"] != "assistant":
                raise ValueError(split)
            yield split, Example(tuple(asked), tuple(value["images"]), part["text"])
        except (ValueError, KeyError, TypeError):
            raise TrainingError("training_pairs_invalid", path=str(file), line=number) from None

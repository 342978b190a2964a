"""Exported pairs as training takes them."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np

from radraft.core.errors import TrainingError
from radraft.finetune.train.values import Example, Tokens, TokenSource

PAIRS, TOKENS, IMAGES, ENCODER = "pairs.jsonl", "tokens.npy", "images.json", "encoder.json"
SPLITS = ("train", "valid", "held_out")


class StoredExamples(Sequence[Example]):
    """Examples of a file, read when they are asked for: of each only its place is held."""

    def __init__(self, file: Path, places: Iterable[tuple[int, int]]) -> None:
        """`places`: where each line begins, in bytes, and its number."""
        self._file = file
        self._starts, self._lines = array("Q"), array("L")
        for start, line in places:
            self._starts.append(start)
            self._lines.append(line)

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, place: int) -> Example: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Example]: ...
    def __getitem__(self, place: int | slice) -> Example | Sequence[Example]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        with self._file.open("rb") as stream:
            stream.seek(self._starts[place])
            return _example(stream.readline(), self._file, self._lines[place])[1]

    def __iter__(self) -> Iterator[Example]:
        with self._file.open("rb") as stream:
            for start, line in zip(self._starts, self._lines, strict=True):
                stream.seek(start)
                yield _example(stream.readline(), self._file, line)[1]


class TokenFile:
    """Patch tokens of a folder, read when they are asked for: a `TokenSource` that goes to other
    processes by its path."""

    def __init__(self, file: Path, ids: Sequence[str]) -> None:
        """OSError, ValueError where there are `ids` and `file` is no array of theirs."""
        self._file, self._ids = file, ids
        self._rows = {image_id: row for row, image_id in enumerate(ids)}
        self._tokens = np.load(file, mmap_mode="r") if ids else np.zeros((0, 0, 0), np.float16)

    def __call__(self, image_id: str) -> Tokens:
        """Return (n, dim) patch tokens. KeyError."""
        return np.asarray(self._tokens[self._rows[image_id]], dtype=np.float32)

    def __reduce__(self) -> tuple[type[TokenFile], tuple[Path, Sequence[str]]]:
        return TokenFile, (self._file, self._ids)


@dataclass(frozen=True)
class Dataset:
    """Pairs of a folder: `pairs.jsonl` in the form of `finetune.export`."""

    train: Sequence[Example]
    held_out: Sequence[Example]
    """Never trained on; they say when to stop: those marked `valid` where there are any, else those
    marked `held_out`."""
    tokens: TokenSource
    encoder_id: str | None = None
    """Of the encoder that gave them; None where the folder does not say."""


def read(folder: Path) -> Dataset:
    """The pairs in `folder` and their patch tokens, `tokens.npy` in the order of `images.json`.

    Every line is checked once; neither lines nor tokens are held. TrainingError
    `training_data_missing`, or `training_pairs_invalid` naming the line.
    """
    path = folder / PAIRS
    places: dict[str, array[int]] = {split: array("Q") for split in SPLITS}
    try:
        ids: list[str] = json.loads((folder / IMAGES).read_text(encoding="utf-8"))
        tokens = TokenFile(folder / TOKENS, ids)
        encoder_id = _encoder_id(folder / ENCODER)
        with path.open("rb") as stream:
            start = 0
            for number, line in enumerate(stream, 1):
                split, _ = _example(line, path, number)
                places[split].extend((start, number))
                start += len(line)
    except (OSError, ValueError, KeyError, TypeError):
        raise TrainingError("training_data_missing", path=str(folder)) from None

    def stored(split: str) -> StoredExamples:
        found = iter(places[split])
        return StoredExamples(path, zip(found, found, strict=True))

    judging = stored("valid") if places["valid"] else stored("held_out")
    return Dataset(stored("train"), judging, tokens, encoder_id)


def _encoder_id(path: Path) -> str | None:
    return (
        str(json.loads(path.read_text(encoding="utf-8"))["encoder_id"]) if path.exists() else None
    )


def examples(lines: Iterable[str | bytes], file: Path) -> Iterator[tuple[str, Example]]:
    """Yield (split, example) of each of the lines of `file`. TrainingError
    `training_pairs_invalid` naming the line."""
    for number, line in enumerate(lines, 1):
        yield _example(line, file, number)


def _example(line: str | bytes, file: Path, number: int) -> tuple[str, Example]:
    try:
        value = json.loads(line)
        *asked, answer = value["messages"]
        (part,) = answer["content"]
        split = value["metadata"]["split"]
        if split not in SPLITS or answer["role"] != "assistant":
            raise ValueError(split)
        return split, Example(tuple(asked), tuple(value["images"]), part["text"])
    except (ValueError, KeyError, TypeError):
        raise TrainingError("training_pairs_invalid", path=str(file), line=number) from None

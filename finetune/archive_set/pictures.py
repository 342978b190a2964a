"""Which key images of a set show the same picture, by their ids and by their stored embeddings, in
memory that does not grow with the embeddings' size."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from radraft.finetune.near import Vectors, matches, pooled

if TYPE_CHECKING:
    from radraft.store.objects import Objects

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Pictures:
    """What is known of a set's key images."""

    held: frozenset[str] = frozenset()
    """Of held-out patients: themselves."""
    leaked: frozenset[str] = frozenset()
    """Of patients that train, and the same picture as one of `held`."""
    first: Mapping[str, str] = field(default_factory=dict)
    """Of an image that is the same picture as earlier ones of its share: the first of them."""
    unknown: frozenset[str] = frozenset()
    """No embedding of them is stored: of these no copy is found but by the id."""

    def shown(self, image_ids: Sequence[str]) -> tuple[str, ...]:
        """Return what stands for the pictures of a study: the same for the same pictures."""
        return tuple(self.first.get(image_id, image_id) for image_id in image_ids)

    def leaks(self, image_ids: Sequence[str]) -> bool:
        """Return whether a study of a patient that trains shows a held-out patient's picture."""
        return any(image_id in self.held or image_id in self.leaked for image_id in image_ids)


def compare(
    objects: Objects,
    encoder_id: str,
    train: Iterable[str],
    held: Iterable[str],
    folder: Path,
    on_progress: Progress,
    on_match: Progress,
) -> Pictures:
    """Return what the stored embeddings of `encoder_id` say of the images of both shares, each id
    once and in order. Vectors lie in unnamed files in `folder` meanwhile. `on_progress` is told how
    many were read, `on_match` how many rows were compared. OSError where those files cannot be."""
    held_ids = list(held)
    of_held = frozenset(held_ids)
    train_ids = [image_id for image_id in train if image_id not in of_held]
    total = len(train_ids) + len(held_ids)
    with (
        closing(_Vectors(objects, encoder_id, folder)) as ours,
        closing(_Vectors(objects, encoder_id, folder)) as theirs,
    ):
        ours.read(train_ids, lambda done: on_progress(done, total))
        theirs.read(held_ids, lambda done: on_progress(len(train_ids) + done, total))
        a, b = ours.mapped(), theirs.mapped()
        rows = 2 * len(a) + len(b)
        first = _firsts(theirs.ids, b, lambda done: on_match(done, rows))
        first |= _firsts(ours.ids, a, lambda done: on_match(len(b) + done, rows))
        across = matches(a, b, lambda done: on_match(len(b) + len(a) + done, rows))
        leaked = frozenset(ours.ids[i] for i, _ in across)
        unknown = frozenset((*ours.unknown, *theirs.unknown))
    return Pictures(of_held, leaked, first, unknown)


def _firsts(ids: Sequence[str], vectors: Vectors, on_rows: Callable[[int], None]) -> dict[str, str]:
    found: dict[int, int] = {}
    for i, j in matches(vectors, vectors, on_rows):
        if i < j:
            found[j] = min(i, found.get(j, i))
    # A copy of a copy is one of the first.
    for place in sorted(found):
        found[place] = found.get(found[place], found[place])
    return {ids[place]: ids[first] for place, first in found.items()}


class _Vectors:
    """Unit vectors of images in a file without a name, which is gone when the process is."""

    def __init__(self, objects: Objects, encoder_id: str, folder: Path) -> None:
        self._objects, self._encoder_id = objects, encoder_id
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - `close`
        self._width = 0
        self.ids: list[str] = []
        self.unknown: list[str] = []

    def read(self, image_ids: Sequence[str], on_progress: Callable[[int], None]) -> None:
        for done, image_id in enumerate(image_ids, 1):
            vector = pooled(self._objects, self._encoder_id, image_id)
            if vector is None:
                self.unknown.append(image_id)
            else:
                self._width = len(vector)
                # Written and not mapped: a full disk is an error here, and a signal there.
                self._file.write(np.ascontiguousarray(vector, dtype=np.float32).tobytes())
                self.ids.append(image_id)
            on_progress(done)
        self._file.flush()

    def mapped(self) -> Vectors:
        if not self.ids:
            return np.zeros((0, 0), np.float32)
        return np.memmap(self._file, np.float32, "r", shape=(len(self.ids), self._width))

    def close(self) -> None:
        self._file.close()

"""Nearest neighbours of unit vectors by cosine: exactly, and fast in an index on disk.

The index (HNSW: Malkov and Yashunin, 2018; by usearch) holds each vector in float16 under a whole
number that means nothing here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from usearch.index import Index

Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.intp]

CONNECTIVITY = 24
"""Neighbours that a vector is tied to: more find more, and take more memory."""
EXPANSION_ADD, EXPANSION_SEARCH = 96, 128
"""Candidates looked at to tie a vector in, and to find some."""
QUERIES_AT_ONCE = 256


@dataclass(frozen=True)
class Neighbour:
    """A vector of an index."""

    key: int
    likeness: float
    """Cosine to what was asked for, -1 to 1."""


def exact(queries: npt.NDArray[Any], pool: npt.NDArray[Any], count: int = 1) -> Places:
    """For each of (n, e) unit vectors return the places of the `count` closest of (m, e) by cosine,
    closest first; of those alike, the first. Shape (n, min(count, m))."""
    count = min(count, len(pool))
    found = np.empty((len(queries), count), dtype=np.intp)
    for start in range(0, len(queries), QUERIES_AT_ONCE):
        cosines = queries[start : start + QUERIES_AT_ONCE] @ pool.T
        if count == 1:
            found[start : start + QUERIES_AT_ONCE, 0] = cosines.argmax(1)
            continue
        ordered = np.argsort(-cosines, axis=1, kind="stable")[:, :count]
        found[start : start + QUERIES_AT_ONCE] = ordered
    return found


class DamagedIndex(ValueError):
    """A file that is no whole index of such vectors."""


class VectorIndex:
    """Unit vectors by number. One that was opened `frozen` is read from its file as it is needed,
    by any number of processes at once, and cannot be changed."""

    def __init__(self, index: Index) -> None:
        self._index = index

    @classmethod
    def empty(cls, width: int) -> VectorIndex:
        """Return an index without vectors, for those of `width` numbers."""
        from usearch.index import Index

        return cls(
            Index(
                ndim=width,
                metric="cos",
                dtype="f16",
                connectivity=CONNECTIVITY,
                expansion_add=EXPANSION_ADD,
                expansion_search=EXPANSION_SEARCH,
            )
        )

    @classmethod
    def open(cls, path: Path, *, frozen: bool) -> VectorIndex:
        """Return the index that was saved as `path`. DamagedIndex where it is none."""
        from usearch.index import Index

        try:
            index = Index.restore(path, view=frozen)
        except (RuntimeError, ValueError, OSError):
            index = None
        if index is None:
            raise DamagedIndex(path.name)
        # What it was made with is not in the file. Its types know no setter.
        opened: Any = index
        opened.expansion_add, opened.expansion_search = EXPANSION_ADD, EXPANSION_SEARCH
        return cls(index)

    def __len__(self) -> int:
        return len(self._index)

    @property
    def width(self) -> int:
        """Return how many numbers a vector has."""
        return int(self._index.ndim)

    @property
    def memory(self) -> int:
        """Return the bytes that it takes in memory."""
        return int(self._index.memory_usage)

    def add(self, keys: Sequence[int], vectors: Floats, *, threads: int = 1) -> None:
        """Add vectors under keys that it does not have yet."""
        if len(keys):
            self._index.add(np.asarray(keys, dtype=np.uint64), vectors, threads=threads)

    def remove(self, keys: Sequence[int]) -> None:
        """Take out what stands under these keys, of which it may not have some."""
        for key in keys:
            if key in self._index:
                self._index.remove(key)

    def search(self, vector: Floats, count: int) -> tuple[Neighbour, ...]:
        """Return up to `count` of the closest, closest first; now and then not all of them."""
        if not len(self._index):
            return ()
        found = self._index.search(vector, min(count, len(self._index)), threads=1)
        return tuple(
            Neighbour(int(key), 1.0 - float(distance))
            for key, distance in zip(found.keys, found.distances, strict=True)
        )

    def save(self, path: Path) -> None:
        """Write it to a file that is not there yet."""
        self._index.save(path)

"""Longest-match search of many phrases in a sequence of tokens (words, or characters)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar

T = TypeVar("T")

# A tuple cannot be a token, so the key for a phrase's end cannot collide with one.
_END: Any = ()


class PhraseTrie(Generic[T]):
    """Phrases with a value each. One pass over the sequence, no backtracking across matches."""

    def __init__(self) -> None:
        self._root: dict[Any, Any] = {}

    def add(self, phrase: Sequence[str], value: T) -> None:
        """A later value for the same phrase replaces the earlier. ValueError if it is empty."""
        if not phrase:
            raise ValueError("an empty phrase")
        node = self._root
        for token in phrase:
            node = node.setdefault(token, {})
        node[_END] = value

    def longest(self, sequence: Sequence[str], at: int) -> tuple[int, T] | None:
        """Return (end, value) of the longest phrase that begins at a place; None without one."""
        node = self._root
        found: tuple[int, T] | None = None
        for here in range(at, len(sequence)):
            after: dict[Any, Any] | None = node.get(sequence[here])
            if after is None:
                break
            node = after
            if _END in node:
                found = here + 1, node[_END]
        return found

    def find(self, sequence: Sequence[str]) -> Iterator[tuple[int, int, T]]:
        """(start, end, value) of the longest phrases from left to right, not overlapping."""
        root = self._root
        at, length = 0, len(sequence)
        while at < length:
            node = root.get(sequence[at])
            if node is None:
                at += 1
                continue
            best = at
            value: Any = None
            here = at + 1
            while True:
                if _END in node:
                    best, value = here, node[_END]
                if here == length:
                    break
                node = node.get(sequence[here])
                if node is None:
                    break
                here += 1
            if best > at:
                yield at, best, value
                at = best
            else:
                at += 1

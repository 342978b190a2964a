"""Boosted trees as plain numbers: the sum, over trees, of the leaf that a row comes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from radraft.llm.sentences import Array


class BoostedTrees:
    """Trees that were trained elsewhere, all of them evaluated at once."""

    def __init__(self, data: Mapping[str, Sequence[Sequence[Any]]]) -> None:
        """`data` holds, tree by tree and node by node, `feature`, `threshold`, `low`, `high` and
        `value`. A row goes to the node `low` where its feature is at most the threshold, else to
        `high`; a leaf leads to itself. ValueError where the numbers do not make trees."""
        size = max((len(tree) for tree in data["feature"]), default=1)
        self._feature = _padded(data["feature"], size, 0).astype(np.intp)
        self._threshold = _padded(data["threshold"], size, 0.0)
        self._low = _padded(data["low"], size, 0).astype(np.intp)
        self._high = _padded(data["high"], size, 0).astype(np.intp)
        self._value = _padded(data["value"], size, 0.0)
        shapes = {one.shape for one in (self._feature, self._threshold, self._low, self._high)}
        last = np.array([len(tree) for tree in data["feature"]])[:, None]
        if shapes != {self._value.shape} or ((self._low >= last) | (self._high >= last)).any():
            raise ValueError("no trees")
        self.features = int(self._feature.max(initial=-1)) + 1
        self._depth = size

    def leaves(self, rows: Array) -> Array:
        """Return (rows, trees): the value of the leaf that each row comes to in each tree."""
        trees = np.arange(self._feature.shape[0])[None, :]
        index = np.arange(len(rows))[:, None]
        at = np.zeros((len(rows), self._feature.shape[0]), np.intp)
        for _ in range(self._depth):
            small = rows[index, self._feature[trees, at]] <= self._threshold[trees, at]
            after = np.where(small, self._low[trees, at], self._high[trees, at])
            if np.array_equal(after, at):
                break
            at = after
        found: Array = self._value[trees, at]
        return found


def _padded(trees: Sequence[Sequence[Any]], size: int, fill: float) -> Any:
    return np.array([[*tree, *[fill] * (size - len(tree))] for tree in trees], np.float64)

"""The side is the half that the encoder misses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radraft.bench.rehearsal.sides import LEAST, halves, sides
from radraft.bench.rehearsal.values import Film, Group, Part
from radraft.eval.values import SetItem
from radraft.reports.values import Certainty, Laterality


def film(name: str, code: str = "consolidation") -> Film:
    item = SetItem(name, Path(name), {code: Certainty.PRESENT})
    return Film(item, Path(name), Group.ADULT, name, "terse", Part.TRAIN, 1)


@pytest.mark.parametrize("columns", [6, 7])
def test_the_patient_s_left_is_the_image_s_right(columns: int) -> None:
    pixels = np.tile(np.arange(columns, dtype=np.uint8) * 30, (4, 1))
    without_left, without_right = halves(pixels)
    middle = columns // 2
    assert (without_left[:, : columns - middle] == pixels[:, : columns - middle]).all()
    assert (without_right[:, middle:] == pixels[:, middle:]).all()
    assert len(np.unique(without_left[:, -middle:])) == 1
    assert len(np.unique(without_right[:, :middle])) == 1


def test_a_side_is_said_where_the_margin_is_clear() -> None:
    margins = {"a": 2.0, "b": 0.1, "c": -2.0, "d": 0.0, "e": 0.2}
    found = sides(
        [film(name) for name in margins], {n: {"consolidation": m} for n, m in margins.items()}
    )
    assert found["a"] == {"consolidation": Laterality.LEFT}
    assert found["c"] == {"consolidation": Laterality.RIGHT}
    assert found["b"] == found["d"] == found["e"] == {}


def test_a_finding_that_always_leans_has_no_side_by_that() -> None:
    names = ["a", "b", "c"]
    found = sides(
        [film(name) for name in names], {name: {"consolidation": 3 * LEAST} for name in names}
    )
    assert not any(found.values())

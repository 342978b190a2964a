"""Stages are done once, whoever kills the run between them."""

from __future__ import annotations

from pathlib import Path

import pytest

from radraft.bench.rehearsal.course import Course, Move, expected
from radraft.bench.rehearsal.values import Sizes


def test_a_stage_is_computed_once(tmp_path: Path) -> None:
    calls: list[str] = []

    def compute(move: Move) -> dict[str, tuple[int, int]]:
        calls.append("computed")
        move(0.5)
        return {"figures": (1, 2)}

    for _ in range(2):
        course = Course(tmp_path, {"one": 10.0})
        # As JSON gives it back, the first time too.
        assert course.stage("one", compute) == {"figures": [1, 2]}
    assert calls == ["computed"]


def test_a_stage_that_fails_is_done_again(tmp_path: Path) -> None:
    def fail(move: Move) -> None:
        raise OSError

    course = Course(tmp_path, {"one": 10.0})
    with pytest.raises(OSError):
        course.stage("one", fail)
    assert course.missing(["one"]) == ["one"]
    assert course.stage("one", lambda move: 3) == 3
    assert course.missing(["one"]) == []


def test_what_is_left_falls_to_nothing(tmp_path: Path) -> None:
    told: list[tuple[str, float, float]] = []
    course = Course(tmp_path, {"one": 30.0, "two": 10.0}, lambda *one: told.append(one))

    def halfway(move: Move) -> None:
        move(0.5)

    course.stage("one", halfway)
    course.stage("two", halfway)
    parts, left = [part for _, part, _ in told], [left for _, _, left in told]
    assert parts == sorted(parts)
    assert left == sorted(left, reverse=True)
    assert parts[1:3] == [0.375, 0.75]
    assert (parts[-1], left[-1]) == (1.0, 0.0)


def test_every_stage_is_expected_once() -> None:
    sizes = Sizes(rounds=2, cases=3, frozen=4, final=5)
    names = [*expected(sizes, ("a", "b"), ("sides",))]
    assert len(names) == len(set(names)) == 1 + 2 * 3 + 2 * 2 * 6 + 2 + 1
    assert names.index("a-1-served") < names.index("b-1-taken") < names.index("a-2-taken")

"""Two results on the same reports: paired bootstrap differences and what they say."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from radraft.core.errors import EvalError
from radraft.eval.bootstrap import interval
from radraft.eval.result import Result, Section, Value
from radraft.eval.values import Better, Measure


class Verdict(StrEnum):
    """What a difference says about the second result."""

    BETTER = "better"
    WORSE = "worse"
    UNDECIDED = "undecided"
    """The interval holds zero, or too few reports bear on the measure."""
    HIGHER = "higher"
    LOWER = "lower"
    """A difference where the measure has no better side."""


@dataclass(frozen=True)
class Difference:
    """Second minus first, in one measure."""

    section: str
    measure: Measure
    first: float | None
    second: float | None
    difference: float | None
    low: float | None
    high: float | None
    verdict: Verdict


@dataclass(frozen=True)
class Comparison:
    """All differences between two results. Intervals are 95% each, not adjusted for their number:
    of 20 measures that do not differ, one on average is decided by chance."""

    first: str
    second: str
    set_name: str | None
    differences: tuple[Difference, ...]


def compare(first: Result, second: Result) -> Comparison:
    """How `second` differs from `first`, in every measure that both have.

    EvalError `eval_results_differ` where set, reports, references, seed, number of resamples or
    metric code are not the same: the resamples would not be pairs.
    """
    _same("set", first.card and first.card.name, second.card and second.card.name)
    _same("set_sha256", first.card and first.card.sha256, second.card and second.card.sha256)
    for field in ("seed", "resamples", "metrics_sha"):
        _same(field, getattr(first, field), getattr(second, field))
    _same("sections", _keys(first), _keys(second))
    found: list[Difference] = []
    for one, other in zip(first.sections, second.sections, strict=True):
        _same("n", one.n, other.n)
        _same("references", one.refs_sha, other.refs_sha)
        found += _differences(one, other)
    return Comparison(
        first.model, second.model, first.card.name if first.card else None, tuple(found)
    )


def verdict(better: Better, low: float | None, high: float | None) -> Verdict:
    """What the interval of second minus first says, zero on its edge counting as undecided."""
    if low is None or high is None or low <= 0 <= high:
        return Verdict.UNDECIDED
    higher = low > 0
    if better is Better.NEITHER:
        return Verdict.HIGHER if higher else Verdict.LOWER
    return Verdict.BETTER if higher == (better is Better.HIGHER) else Verdict.WORSE


def _differences(one: Section, other: Section) -> list[Difference]:
    theirs = {value.measure.name: value for value in other.values}
    return [
        _difference(one, other, value, theirs[value.measure.name])
        for value in one.values
        if value.measure.name in theirs
    ]


def _difference(one: Section, other: Section, first: Value, second: Value) -> Difference:
    name = first.measure.name
    rows = [np.array(side.resamples.get(name, ()), dtype=np.float64) for side in (one, other)]
    bounds = interval(rows[1] - rows[0]) if rows[0].shape == rows[1].shape else None
    both = first.value is not None and second.value is not None
    low, high = (bounds.low, bounds.high) if bounds and both else (None, None)
    return Difference(
        one.key,
        first.measure,
        first.value,
        second.value,
        second.value - first.value if both else None,  # type: ignore[operator]
        low,
        high,
        verdict(first.measure.better, low, high),
    )


def _keys(result: Result) -> str:
    return " ".join(section.key for section in result.sections)


def _same(field: str, first: object, second: object) -> None:
    if first != second:
        raise EvalError(
            "eval_results_differ",
            field=field,
            first=str(first)[:60],
            second=str(second)[:60],
        )

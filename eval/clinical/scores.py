"""Clinical scores of a set of report pairs, resampled without reading a text again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from radraft.eval.clinical.columns import BoolArray, Priors, outcomes, ratios
from radraft.eval.clinical.compare import Breakdown, Events, Flag
from radraft.eval.clinical.measures import ALL, MACRO_FAMILIES
from radraft.eval.values import FloatArray, IntArray, Measure
from radraft.reports.findings.statements import counted


@dataclass(frozen=True)
class CodeCounts:
    """How one finding fared, present against present (uncertain counts as not present)."""

    true_positive: float
    false_positive: float
    false_negative: float

    @property
    def precision(self) -> float:
        """Range 0 to 1; NaN where the hypotheses never state it."""
        return _ratio(self.true_positive, self.true_positive + self.false_positive)

    @property
    def recall(self) -> float:
        """Range 0 to 1; NaN where the references never state it."""
        return _ratio(self.true_positive, self.true_positive + self.false_negative)

    @property
    def f1(self) -> float:
        """Range 0 to 1; NaN where neither ever states it."""
        twice = 2 * self.true_positive
        return _ratio(twice, twice + self.false_positive + self.false_negative)


@dataclass(frozen=True)
class ClinicalScores:
    """`radraft.eval.values.Scores` over events: about 10 a pair of chest reports, 11 bytes each."""

    events: Events
    n: int
    priors: Priors | None = None
    measures: tuple[Measure, ...] = ALL

    @cached_property
    def per_report(self) -> Mapping[str, FloatArray]:
        """Values of each report, shape (n,), NaN where undefined; none for the macro measures."""
        found = {}
        for place, name in enumerate(self._pooled):
            above, below = self._sums[0][:, place], self._sums[1][:, place]
            found[name] = np.divide(above, below, out=np.full(self.n, np.nan), where=below > 0)
        return found

    def corpus(self, index: IntArray | None = None) -> dict[str, float]:
        """Values over the reports at `index` (with repeats), or over all; NaN where undefined."""
        times = self._times(index)
        above, below = (times @ sums for sums in self._sums)
        values = {
            name: _ratio(above[place], below[place]) for place, name in enumerate(self._pooled)
        }
        for family in MACRO_FAMILIES:
            values |= self._macro(family, times)
        return {measure.name: values[measure.name] for measure in self.measures}

    def per_code(self, index: IntArray | None = None) -> dict[str, CodeCounts]:
        """Counts of every finding that a reference or a hypothesis states as present."""
        true, false_, missed = self._by_code("micro", self._times(index))
        return {
            code: CodeCounts(float(true[at]), float(false_[at]), float(missed[at]))
            for at, code in enumerate(counted())
            if true[at] + false_[at] + missed[at] > 0
        }

    def breakdown(self, report: int) -> Breakdown:
        """Errors of report number `report`. IndexError where there is no such report."""
        if not 0 <= report < self.n:
            raise IndexError(report)
        start, end = np.searchsorted(self.events["report"], [report, report + 1])
        mine = self.events[start:end]

        def codes(flag: Flag) -> tuple[str, ...]:
            return tuple(counted()[place] for place in mine["code"][(mine["flags"] & flag) > 0])

        claims: bool | None = None
        if self.priors is not None and self.priors.known_absent[report]:
            claims = bool(self.priors.hyp_claims[report])
        return Breakdown(
            codes(Flag.HALLUCINATED), codes(Flag.MISSED), codes(Flag.WRONG_SIDE), claims
        )

    def _times(self, index: IntArray | None) -> FloatArray:
        if index is None:
            return np.ones(self.n)
        return np.bincount(index, minlength=self.n).astype(np.float64)

    @cached_property
    def _pooled(self) -> tuple[str, ...]:
        known = self._ratios
        return tuple(measure.name for measure in self.measures if measure.name in known)

    @cached_property
    def _ratios(self) -> dict[str, tuple[FloatArray, FloatArray]]:
        unknown = np.zeros(self.n, dtype=bool)
        nothing = Priors(unknown, unknown, unknown)
        return ratios(self.events, self.n, self.priors or nothing)

    @cached_property
    def _sums(self) -> tuple[FloatArray, FloatArray]:
        above, below = zip(*(self._ratios[name] for name in self._pooled), strict=True)
        return np.column_stack(above), np.column_stack(below)

    def _macro(self, family: str, times: FloatArray) -> dict[str, float]:
        true, false_, missed = self._by_code(family, times)
        positive, stated = true + missed, true + false_
        either = positive + stated > 0
        suffix = family.replace("micro", "macro")
        return {
            f"finding_precision_{suffix}": _mean_ratio(true, stated, either),
            f"finding_recall_{suffix}": _mean_ratio(true, positive, positive > 0),
            f"finding_f1_{suffix}": _mean_ratio(2 * true, positive + stated, either),
        }

    def _by_code(self, family: str, times: FloatArray) -> FloatArray:
        """(true positives, false positives, misses) by code, shape (3, codes)."""
        report, cell = self._cells[family]
        counts = np.bincount(cell, weights=times[report], minlength=3 * len(counted()))
        return counts.astype(np.float64).reshape(3, -1)

    @cached_property
    def _cells(self) -> dict[str, tuple[IntArray, IntArray]]:
        """By family: the report of each event that counts, and its place in `_by_code`."""
        found = {}
        report, code = self.events["report"].astype(np.int64), self.events["code"].astype(np.int64)
        for family, (ref, hyp, match) in outcomes(self.events).items():
            if family in MACRO_FAMILIES:
                masks = (match, hyp & ~match, ref & ~match)
                cells = [code[mask] + kind * len(counted()) for kind, mask in enumerate(masks)]
                reports = [report[mask] for mask in masks]
                found[family] = (np.concatenate(reports), np.concatenate(cells))
        return found


def _ratio(above: float, below: float) -> float:
    return float(above / below) if below > 0 else float("nan")


def _mean_ratio(above: FloatArray, below: FloatArray, among: BoolArray) -> float:
    """Return the mean of `above / below` over the codes in `among`, 0 where `below` is 0; NaN where
    there is no code."""
    if not among.any():
        return float("nan")
    values = np.divide(above, below, out=np.zeros(len(above)), where=below > 0)
    return float(values[among].mean())

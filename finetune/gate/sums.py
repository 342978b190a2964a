"""Every figure the gate compares, as a ratio of two sums over reports, so that any resampling of
reports or of patients can be scored at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from radraft.eval.bootstrap import interval, resample
from radraft.eval.clinical.agreement import agreement
from radraft.eval.clinical.columns import Ratio, ratios
from radraft.eval.clinical.score import score_clinical
from radraft.eval.draft_set import drafted
from radraft.eval.looks.run import text_of
from radraft.eval.values import Better, Drafted, FloatArray, IntArray, Measure, Pair
from radraft.finetune.gate.reference import FrozenReport
from radraft.reports.edits import distance
from radraft.reports.values import LANGS, Lang

CLINICAL = {
    "finding_f1": "finding_f1_micro",
    "critical_recall": "critical_recall",
    "laterality_errors": "laterality_errors_per_report",
    "hallucinations": "hallucinated_per_report",
}
"""The gate's name of a measure -> that of `radraft.eval.clinical.measures`."""
SIDE_RATE = "laterality_rate"
"""Of the findings with a side in both, how many are wrong: no check of its own."""
_SIDES_WRONG = "laterality_error_rate"
STATED_RIGHT = "finding_precision"
"""Of the findings that drafts state, how many the reports have: no check of its own."""
STATED = "finding_recall"
"""Of the findings that the reports have, how many drafts state: no check of its own."""
_BESIDE = {
    SIDE_RATE: _SIDES_WRONG,
    STATED_RIGHT: "finding_precision_micro",
    STATED: "finding_recall_micro",
}
EDITS = "edit_distance"
"""Of the languages that a report is in, on average; with `_zh` and `_en`, of that one."""
WHOLE = "finding_f1"
"""Finding F1 of both languages together."""


@dataclass(frozen=True)
class Ratios:
    """`radraft.eval.values.Scores` of sums; a unit is a report, or all of a patient's."""

    sums: Mapping[str, Ratio]
    """Numerators and denominators of each unit, by name."""

    @property
    def n(self) -> int:
        """Units."""
        return len(next(iter(self.sums.values()))[0])

    @property
    def measures(self) -> tuple[Measure, ...]:
        """Names only: what they mean, `radraft.eval` says."""
        return tuple(Measure(name, Better.NEITHER, name) for name in self.sums)

    @property
    def per_report(self) -> Mapping[str, FloatArray]:
        """Values of each unit, shape (n,); NaN where undefined."""
        return {name: _divided(above, below) for name, (above, below) in self.sums.items()}

    def corpus(self, index: IntArray | None = None) -> dict[str, float]:
        """Values over the units at `index` (with repeats), or over all; NaN where undefined."""
        times = np.ones(self.n) if index is None else np.bincount(index, minlength=self.n)
        weights = times.astype(np.float64)[None]
        return {name: float(rows[0]) for name, rows in self.corpus_weighted(weights).items()}

    def corpus_weighted(self, weights: FloatArray) -> dict[str, FloatArray]:
        """Values for each row of `weights`, shape (resamples, n)."""
        return {
            name: _divided(weights @ above, weights @ below)
            for name, (above, below) in self.sums.items()
        }

    def grouped(self, groups: Sequence[int]) -> Ratios:
        """Over groups, numbered from 0 without a gap, in place of reports."""
        place = np.asarray(groups, dtype=np.int64)
        return Ratios(
            {
                name: (_per_group(place, above), _per_group(place, below))
                for name, (above, below) in self.sums.items()
            }
        )

    def resampled(self, resamples: int) -> dict[str, FloatArray]:
        """Values over `resamples` draws; the same draws for the same number of units."""
        return resample(self, self.n, resamples=resamples)


@dataclass(frozen=True)
class Found:
    """A value with its interval."""

    value: float
    """NaN where undefined."""
    low: float | None
    high: float | None
    """None where too few reports bear on it."""


def found(value: float, rows: FloatArray) -> Found:
    """`value` with the 95% interval of its resamples."""
    bounds = interval(rows)
    if bounds is None or value != value:
        return Found(value, None, None)
    return Found(value, bounds.low, bounds.high)


def scored(pairs: Sequence[FrozenReport], drafts: Sequence[Drafted]) -> Ratios:
    """What the drafts of the pairs' cases come to against their reports, in the languages that each
    report is in.

    A draft that failed says nothing: it is as far from the report as can be, and misses all of its
    findings.
    """
    references = [drafted(pair.case_id, pair.asserted) for pair in pairs]
    both = list(zip(pairs, drafts, references, strict=True))
    far = {lang: _distances(lang, both) for lang in LANGS}
    languages = np.array([len(pair.langs) for pair in pairs], dtype=np.float64)
    whole = np.divide(sum(above for above, _ in far.values()), languages)
    sums: dict[str, Ratio] = {EDITS: (whole, np.ones(len(pairs)))}
    for lang in LANGS:
        known = _clinical(lang, both)
        sums |= {f"{ours}_{lang}": known[name] for ours, name in CLINICAL.items()}
        sums |= {f"{ours}_{lang}": known[name] for ours, name in _BESIDE.items()}
        sums[f"{EDITS}_{lang}"] = far[lang]
    sums[WHOLE] = _added(*(sums[f"{WHOLE}_{lang}"] for lang in LANGS))
    sums["agreement"] = _agreement(drafts)
    return Ratios(sums)


_Compared = Sequence[tuple[FrozenReport, Drafted, Drafted]]
"""(pair, draft, reference) of each."""


def _distances(lang: Lang, both: _Compared) -> Ratio:
    """Distance of each report that is in `lang`."""
    values = [
        (distance("\n".join(getattr(draft, lang)), "\n".join(getattr(reference, lang))), 1.0)
        if lang in pair.langs
        else (0.0, 0.0)
        for pair, draft, reference in both
    ]
    above, below = np.array(values, dtype=np.float64).reshape(-1, 2).T
    return above, below


def _clinical(lang: Lang, both: _Compared) -> dict[str, Ratio]:
    """Sums of the reports that are in `lang`; the others have 0 of both."""
    places = [place for place, (pair, *_) in enumerate(both) if lang in pair.langs]
    names = (*CLINICAL.values(), *_BESIDE.values())
    empty = np.zeros(len(both))
    if not places:
        return dict.fromkeys(names, (empty, empty))
    texts = [
        Pair(draft.id, text_of(reference, lang), text_of(draft, lang))
        for _, draft, reference in (both[place] for place in places)
    ]
    known = ratios(score_clinical(texts, lang).events, len(places), None)
    return {
        name: (_placed(places, known[name][0], empty), _placed(places, known[name][1], empty))
        for name in names
    }


def _placed(places: Sequence[int], values: FloatArray, empty: FloatArray) -> FloatArray:
    found = empty.copy()
    found[list(places)] = values
    return found


def _agreement(drafts: Sequence[Drafted]) -> Ratio:
    said = [agreement(draft.zh, draft.en) for draft in drafts]
    both = np.array([len(report.both) for report in said], dtype=np.float64)
    alone = np.array(
        [len(report.zh_only) + len(report.en_only) for report in said], dtype=np.float64
    )
    return both, both + alone


def _added(one: Ratio, other: Ratio) -> Ratio:
    return one[0] + other[0], one[1] + other[1]


def _divided(above: FloatArray, below: FloatArray) -> FloatArray:
    out: FloatArray = np.full(np.shape(above), np.nan)
    return np.divide(above, below, out=out, where=below > 0)


def _per_group(place: IntArray, values: FloatArray) -> FloatArray:
    return np.bincount(place, values).astype(np.float64)

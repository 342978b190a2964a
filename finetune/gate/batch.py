"""Questions that a batch of signed reports must answer before anything is trained on it.

Each is a share of reports, a report counting once, against the same share of the site's earlier
reports. Reports are compared within groups of like sight, so that sicker patients or a model that
sees more do not pass for a change of habits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from radraft.finetune.gate.exact import Table, binomial, fisher
from radraft.finetune.gate.limits import BatchLimits, limits
from radraft.finetune.gate.reading import ONE_SIDED, Reading, any_opposite, present, read
from radraft.finetune.sight import Sight
from radraft.llm.adapter import Check
from radraft.reports.findings.statements import Side, State, most_specific
from radraft.reports.findings.vocabulary import Kind, lineage, vocabulary
from radraft.reports.training_pair import TrainingPair

Sights = Mapping[str, Sight]
"""By head; `radraft.finetune.sight`."""
NORMAL_HEAD = "no_finding"


def check_batch(
    batch: Sequence[TrainingPair],
    history: Sequence[TrainingPair],
    seen: Mapping[str, Sights],
) -> tuple[Check, ...]:
    """One check for each question, in the order of `QUESTIONS`.

    `history` are the site's earlier pairs, none of them in `batch`; `seen` has the sights of the
    cases of both, by case id, as far as they are known. A check fails where the share has risen
    beyond its limit and beyond chance; its `value` is the rise, `candidate` the batch's share,
    `serving` the share expected from history or, where that is short, from `limits.yaml`. Its
    detail has the chance `p` and the ids of the cases to look at. A question that no report of the
    batch bears on passes with no value.
    """
    return check_readings([read(pair) for pair in batch], [read(pair) for pair in history], seen)


def check_readings(
    now: Sequence[Reading], before: Sequence[Reading], seen: Mapping[str, Sights]
) -> tuple[Check, ...]:
    """`check_batch` of pairs that were read before."""
    held = limits().batch
    views = _Views(seen, _scale(seen), _threshold(before, now, seen, held), held.side_floor)
    return tuple(
        _check(
            code,
            [one for reading in now if (one := question(reading, views)) is not None],
            [one for reading in before if (one := question(reading, views)) is not None],
            held,
            len(before) >= held.history_least,
        )
        for code, question in QUESTIONS.items()
    )


@dataclass(frozen=True)
class _Answer:
    case_id: str
    yes: bool
    rank: float | None = None
    """Reports of like rank are compared."""


@dataclass(frozen=True)
class _Views:
    """What the encoder sees, and what that is measured by."""

    seen: Mapping[str, Sights]
    scale: Mapping[str, tuple[float, float]]
    """Median and standard deviation of each head's `left`."""
    threshold: float
    """Least `abnormality` that a report with findings has."""
    side_floor: float

    def of(self, case_id: str, code: str) -> tuple[str, Sight] | None:
        """Head and sight of a finding: its own, else the surest of those that imply it."""
        sights = self.seen.get(case_id, {})
        if code in sights:
            return code, sights[code]
        heads = [head for head in sights if head in vocabulary() and code in lineage(head)]
        best = max(heads, key=lambda head: sights[head].logit, default=None)
        return None if best is None else (best, sights[best])

    def side(self, case_id: str, code: str) -> float | None:
        """How far on the left the finding is seen, in standard deviations from the median."""
        found = self.of(case_id, code)
        if found is None:
            return None
        middle, spread = self.scale[found[0]]
        return (found[1].left - middle) / spread


def _sides_changed(reading: Reading, views: _Views) -> _Answer | None:
    answer = any_opposite(reading.draft, reading.signed)
    return None if answer is None else _Answer(reading.case_id, answer)


def _sides_unseen(reading: Reading, views: _Views) -> _Answer | None:
    lefts = []
    for code in most_specific(present(reading.signed)):
        side = reading.signed[code].side
        left = views.side(reading.case_id, code) if side in ONE_SIDED else None
        if left is not None and abs(left) >= views.side_floor:
            lefts.append((abs(left), (left > 0) == (side is Side.LEFT)))
    if not lefts:
        return None
    rank, agrees = max(lefts)
    return _Answer(reading.case_id, not agrees, rank)


def _findings_denied(reading: Reading, views: _Views) -> _Answer | None:
    score = abnormality(views.seen.get(reading.case_id, {}))
    if score is None or score < views.threshold:
        return None
    return _Answer(reading.case_id, not reading.present, score)


def _findings_dropped(reading: Reading, views: _Views) -> _Answer | None:
    drafted = most_specific(present(reading.draft))
    found = {code: views.of(reading.case_id, code) for code in sorted(drafted)}
    logits = {code: one[1].logit for code, one in found.items() if one is not None}
    if not logits:
        return None
    surest = max(logits, key=logits.__getitem__)
    silent = surest not in reading.signed or reading.signed[surest].state is State.UNSTATED
    return _Answer(reading.case_id, silent, logits[surest])


def _languages_disagree(reading: Reading, views: _Views) -> _Answer | None:
    return None if reading.differing is None else _Answer(reading.case_id, reading.differing)


def _sections_disagree(reading: Reading, views: _Views) -> _Answer | None:
    answer = reading.contradicting
    return None if answer is None else _Answer(reading.case_id, answer)


QUESTIONS: Mapping[str, Callable[[Reading, _Views], _Answer | None]] = {
    "batch_sides_changed": _sides_changed,
    "batch_sides_unseen": _sides_unseen,
    "batch_findings_denied": _findings_denied,
    "batch_findings_dropped": _findings_dropped,
    "batch_languages_disagree": _languages_disagree,
    "batch_sections_disagree": _sections_disagree,
}


def abnormality(sights: Sights) -> float | None:
    """The surest finding's log odds less those of a normal film; None where nothing was seen."""
    found = [
        one.logit
        for head, one in sights.items()
        if head in vocabulary() and vocabulary()[head].kind is Kind.FINDING
    ]
    if not found:
        return None
    return max(found) - (sights[NORMAL_HEAD].logit if NORMAL_HEAD in sights else 0.0)


def _check(
    code: str, now: Sequence[_Answer], before: Sequence[_Answer], held: BatchLimits, enough: bool
) -> Check:
    question = held.questions[code]
    if not now:
        return Check(code, True, None, None, None, question.rise)
    hits = sum(answer.yes for answer in now)
    if enough and before:
        tables = _tables(now, before, _strata(before, held))
        p = fisher(tables)
        overall = sum(answer.yes for answer in before) / len(before)
        shares = (t.past_hits / t.past_n if t.past_n else overall for t in tables)
        expected = sum(t.n * share for t, share in zip(tables, shares, strict=True)) / len(now)
    else:
        p, expected = binomial(hits, len(now), question.prior), question.prior
    share = hits / len(now)
    rise = share - expected
    return Check(
        code=code,
        passed=not (p < held.p and rise > question.rise),
        value=rise,
        low=None,
        high=None,
        limit=question.rise,
        candidate=share,
        serving=expected,
        n=len(now),
        detail={
            "p": p,
            "p_limit": held.p,
            "against": "history" if enough and before else "prior",
            "history": len(before),
            "cases": sorted(answer.case_id for answer in now if answer.yes),
        },
    )


def _tables(now: Sequence[_Answer], before: Sequence[_Answer], strata: int) -> list[Table]:
    """Counts by group of like rank; answers without one are the first group."""
    ranks = [answer.rank for answer in (*now, *before) if answer.rank is not None]
    edges = np.quantile(ranks, np.linspace(0, 1, strata + 1)[1:-1]) if ranks else np.empty(0)

    def counts(answers: Sequence[_Answer]) -> tuple[list[int], list[int]]:
        known = np.array([np.nan if answer.rank is None else answer.rank for answer in answers])
        group = np.where(np.isnan(known), 0, 1 + np.searchsorted(edges, known, side="right"))
        yes = np.array([answer.yes for answer in answers], dtype=np.float64)
        hits = np.bincount(group, yes, strata + 1).astype(int).tolist()
        return hits, np.bincount(group, minlength=strata + 1).tolist()

    rows = zip(*counts(now), *counts(before), strict=True)
    return [Table(*row) for row in rows if row[1]]


def _strata(before: Sequence[_Answer], held: BatchLimits) -> int:
    return max(1, min(held.strata, len(before) // held.per_stratum))


def _scale(seen: Mapping[str, Sights]) -> dict[str, tuple[float, float]]:
    lefts: dict[str, list[float]] = {}
    for sights in seen.values():
        for head, one in sights.items():
            lefts.setdefault(head, []).append(one.left)
    return {
        head: (float(np.median(values)), float(np.std(values)) or 1.0)
        for head, values in lefts.items()
    }


def _threshold(
    before: Sequence[Reading],
    now: Sequence[Reading],
    seen: Mapping[str, Sights],
    held: BatchLimits,
) -> float:
    """What nine tenths of the earlier reports with findings lie above, or of all reports with
    findings where those are too few."""

    def scores(readings: Iterable[Reading]) -> list[float]:
        found = (
            abnormality(seen.get(reading.case_id, {})) for reading in readings if reading.present
        )
        return [score for score in found if score is not None]

    earlier = scores(before)
    if len(earlier) < held.history_least:
        earlier = scores((*before, *now))
    return float(np.quantile(earlier, 0.10)) if earlier else 0.0

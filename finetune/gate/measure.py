"""A candidate's drafts against those of what serves: one check for each figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import numpy as np

from radraft.eval.bootstrap import SEED
from radraft.eval.values import Drafted, FloatArray
from radraft.finetune.gate.drafts import Both, Pace
from radraft.finetune.gate.limits import AdapterLimits, Margin
from radraft.finetune.gate.reference import REFERENCE, FrozenReport, Reference
from radraft.finetune.gate.sums import (
    CLINICAL,
    EDITS,
    SIDE_RATE,
    STATED,
    STATED_RIGHT,
    WHOLE,
    Found,
    Ratios,
    found,
    scored,
)
from radraft.llm.adapter import Check
from radraft.reports.values import LANGS, Lang

HIGHER = ("finding_f1", "critical_recall", "agreement")
"""Better when higher; the others when lower."""


def measure(
    frozen: Sequence[FrozenReport],
    both: Both,
    held: AdapterLimits,
    patients: Sequence[str] | None = None,
    reference: Reference = Reference.SIGNED,
) -> tuple[Check, ...]:
    """All checks but that of the leak. `both.candidate.own` are drafts of `frozen` in its order.

    Differences are candidate less serving with a 95% interval of a paired bootstrap, by patient
    where `patients` tells them apart (one entry a pair), else by report. A figure that this set
    cannot give (no critical finding was signed, no report is in that language) has no value and
    passes, but for edit distance, format and speed. `reference`: whose reports `frozen` are.
    """
    groups = _groups(patients or [pair.case_id for pair in frozen])
    candidate, serving = (
        _Side.of(scored(frozen, side.own).grouped(groups), held.resamples)
        for side in (both.candidate, both.serving)
    )
    n = len(frozen)
    checks = [_edit_distance(candidate, serving, n, reference)]
    for name in (*(f"{metric}_{lang}" for metric in CLINICAL for lang in LANGS), "agreement"):
        kind = name.rpartition("_")[0] if name != "agreement" else name
        checks.append(_not_worse(name, kind, candidate, serving, n, held))
    checks.append(_image_dependence(frozen, both, groups, held))
    checks.append(_format(both.candidate.own))
    checks.append(_speed(both.candidate.paces, both.serving.paces, held))
    return tuple(checks)


@dataclass(frozen=True)
class _Side:
    """One writer's figures."""

    sums: Ratios
    values: dict[str, float]
    rows: dict[str, FloatArray]

    @classmethod
    def of(cls, sums: Ratios, resamples: int) -> _Side:
        return cls(sums, sums.corpus(), sums.resampled(resamples))


def _edit_distance(candidate: _Side, serving: _Side, n: int, reference: Reference) -> Check:
    difference = _difference(EDITS, candidate, serving)
    better = difference.high is not None and difference.high < 0
    check = _check(EDITS, better, difference, 0.0, candidate, serving, n)
    if reference is Reference.SIGNED:
        return check
    # Of reports in one language each, the mean hides which of the two is written.
    by_language: dict[str, Any] = {lang: _language(lang, candidate, serving) for lang in LANGS}
    return replace(check, detail={REFERENCE: reference.value, **by_language})


def _language(lang: Lang, candidate: _Side, serving: _Side) -> dict[str, float | None]:
    name = f"{EDITS}_{lang}"
    difference = _difference(name, candidate, serving)
    return {
        **_valued("candidate", candidate, name),
        **_valued("serving", serving, name),
        "value": _known(difference.value),
        "low": difference.low,
        "high": difference.high,
        "n": _total(candidate.sums, name),
    }


def _valued(what: str, side: _Side, name: str) -> dict[str, float | None]:
    """Return one writer's figure with its own interval."""
    value = found(side.values[name], side.rows[name])
    return {what: _known(value.value), f"{what}_low": value.low, f"{what}_high": value.high}


def _not_worse(
    name: str, kind: str, candidate: _Side, serving: _Side, n: int, held: AdapterLimits
) -> Check:
    """Whether the bad end of the interval lies within the margin."""
    margin: Margin = held.margins[kind]
    difference = _difference(name, candidate, serving)
    limit = -margin.margin if kind in HIGHER else margin.margin
    few = kind == "critical_recall" and _total(serving.sums, name) < held.critical_few
    if few:
        return _few_critical(name, difference, margin, candidate, serving)
    higher = kind in HIGHER
    end = difference.low if higher else difference.high
    passed = end is None or (end >= limit if higher else end <= limit)
    if np.isnan(candidate.values[name]) and not np.isnan(serving.values[name]):
        # It says nothing where what serves says something.
        passed = False
    check = _check(name, passed, difference, limit, candidate, serving, n)
    if kind == "hallucinations":
        return _stating(check, candidate, serving, held)
    return _sides(check, candidate, serving, held) if kind == "laterality_errors" else check


def _stating(check: Check, candidate: _Side, serving: _Side, held: AdapterLimits) -> Check:
    """Pass a candidate that invents more if it surely finds more, and is surely more often right
    than wrong in what it states: a model that is silent invents nothing and helps nobody."""
    lang = check.code.rpartition("_")[2]
    right, more = f"{STATED_RIGHT}_{lang}", f"{STATED}_{lang}"
    share = found(candidate.values[right], candidate.rows[right])
    gain = _difference(more, candidate, serving)
    earned = (share.low or 0.0) >= held.stated_right and (gain.low or 0.0) > 0
    return replace(
        check,
        passed=check.passed or earned,
        detail={
            "by": "margin" if check.passed else "stated_right",
            "right": _known(share.value),
            "right_low": share.low,
            "right_least": held.stated_right,
            "found": _known(candidate.values[more]),
            "found_serving": _known(serving.values[more]),
            "found_gain_low": gain.low,
        },
    )


def _sides(check: Check, candidate: _Side, serving: _Side, held: AdapterLimits) -> Check:
    """Errors a report are few where sides are rarely stated: the share of wrong ones counts too."""
    name = f"{SIDE_RATE}_{check.code.rpartition('_')[2]}"
    sided = _total(candidate.sums, name)
    rate, other = _known(candidate.values[name]), _known(serving.values[name])
    most = max(held.side_rate, other or 0.0)
    wrong = rate is not None and sided >= held.sided_least and rate > most
    passed = check.passed and not wrong
    return replace(check, passed=passed, detail={"rate": rate, "serving": other, "sided": sided})


def _few_critical(
    name: str, difference: Found, margin: Margin, candidate: _Side, serving: _Side
) -> Check:
    """The interval of a few findings holds everything: one more may be missed, and no more."""
    total = _total(serving.sums, name)
    limit = -max(margin.margin, 1 / total) if total else None
    passed = limit is None or difference.value >= limit - 1e-9
    return _check(name, passed, difference, limit, candidate, serving, round(total))


def _image_dependence(
    frozen: Sequence[FrozenReport], both: Both, groups: Sequence[int], held: AdapterLimits
) -> Check:
    """Finding F1 with its own image less that with another patient's, of the cases drafted both
    ways; kept within the margin, and above zero beyond chance where that of what serves is so. Each
    of the four F1 is in the detail."""
    name, limit = "image_dependence", -held.margins["image_dependence"].margin
    if not both.shuffled:
        return Check(name, True, None, None, None, limit)
    places = [place for place, pair in enumerate(frozen) if pair.case_id in set(both.shuffled)]
    pairs = [frozen[place] for place in places]
    mine = _groups([str(groups[place]) for place in places])
    gains, told = [], dict[str, float | None]()
    for writer, side in (("candidate", both.candidate), ("serving", both.serving)):
        others = {report.id: report for report in side.others}
        own, other = (
            _Side.of(scored(pairs, drafts).grouped(mine), held.resamples)
            for drafts in ([side.own[place] for place in places],
                           [others[pair.case_id] for pair in pairs])
        )  # fmt: skip
        told |= _valued(f"{writer}_own", own, WHOLE) | _valued(f"{writer}_others", other, WHOLE)
        rows = own.rows[WHOLE] - other.rows[WHOLE]
        gains.append((found(own.values[WHOLE] - other.values[WHOLE], rows), rows))
    (candidate, one_rows), (serving, other_rows) = gains
    change = found(candidate.value - serving.value, one_rows - other_rows)
    looks = serving.low is None or serving.low <= 0 or (candidate.low or 0.0) > 0
    return Check(
        code=name,
        passed=looks and (change.low is None or change.low >= limit),
        value=_known(change.value),
        low=change.low,
        high=change.high,
        limit=limit,
        candidate=_known(candidate.value),
        serving=_known(serving.value),
        n=len(pairs),
        detail={
            "candidate_low": candidate.low,
            "candidate_high": candidate.high,
            "serving_low": serving.low,
            "serving_high": serving.high,
            **told,
        },
    )


def _format(drafts: Sequence[Drafted]) -> Check:
    """Every draft is there and has both languages throughout."""
    bad = {draft.id: draft.failed or "empty" for draft in drafts if not _whole(draft)}
    return Check(
        code="format",
        passed=not bad,
        value=float(len(bad)),
        low=None,
        high=None,
        limit=0.0,
        n=len(drafts),
        detail={"cases": sorted(bad), "reasons": sorted(set(bad.values()))},
    )


def _whole(draft: Drafted) -> bool:
    texts = (*draft.zh, *draft.en)
    return draft.failed is None and bool(texts) and all(text.strip() for text in texts)


def _speed(candidate: Sequence[Pace], serving: Sequence[Pace], held: AdapterLimits) -> Check:
    """Seconds per written token, or per draft where that rose less: a shorter report shares the
    time its prompt took among fewer tokens, and nobody waits longer for it. Medians; too slow is
    what lies above the limit and is slower beyond chance."""
    ones, others = ([pace for pace in paces if pace.tokens > 0 and pace.seconds > 0]
                    for paces in (candidate, serving))  # fmt: skip
    n = min(len(ones), len(others))
    if n < held.speed_least:
        return Check("speed", False, None, None, None, held.speed_ratio, n=n)
    per = {
        "token": (_pace(ones, per_token=True), _pace(others, per_token=True)),
        "draft": (_pace(ones, per_token=False), _pace(others, per_token=False)),
    }
    ratios = {name: median(a) / median(b) for name, (a, b) in per.items()}
    unit = min(ratios, key=ratios.__getitem__)
    low, high = _ratio_interval(*per[unit], held.resamples)
    return Check(
        code="speed",
        passed=ratios[unit] <= held.speed_ratio or low <= 1,
        value=ratios[unit],
        low=low,
        high=high,
        limit=held.speed_ratio,
        candidate=float(median(per[unit][0])),
        serving=float(median(per[unit][1])),
        n=n,
        detail={"per": unit, **{f"ratio_per_{name}": value for name, value in ratios.items()}},
    )


def _pace(paces: Sequence[Pace], *, per_token: bool) -> list[float]:
    return [pace.seconds / pace.tokens if per_token else pace.seconds for pace in paces]


def _ratio_interval(
    ones: Sequence[float], others: Sequence[float], resamples: int
) -> tuple[float, float]:
    random = np.random.default_rng([SEED, len(ones), len(others)])
    drawn = (
        np.median(np.asarray(values)[random.integers(0, len(values), (resamples, len(values)))], 1)
        for values in (ones, others)
    )
    above, below = drawn
    low, high = np.quantile(above / below, [0.025, 0.975])
    return float(low), float(high)


def _difference(name: str, candidate: _Side, serving: _Side) -> Found:
    return found(
        candidate.values[name] - serving.values[name], candidate.rows[name] - serving.rows[name]
    )


def _check(
    name: str,
    passed: bool,
    difference: Found,
    limit: float | None,
    candidate: _Side,
    serving: _Side,
    n: int,
) -> Check:
    return Check(
        code=name,
        passed=passed,
        value=_known(difference.value),
        low=difference.low,
        high=difference.high,
        limit=limit,
        candidate=_known(candidate.values[name]),
        serving=_known(serving.values[name]),
        n=n,
    )


def _total(sums: Ratios, name: str) -> float:
    return float(sums.sums[name][1].sum())


def _groups(names: Sequence[str]) -> list[int]:
    """Names as numbers from 0, in the order they come up."""
    numbers: dict[str, int] = {}
    return [numbers.setdefault(name, len(numbers)) for name in names]


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None

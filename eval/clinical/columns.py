"""Numerators and denominators of the clinical measures, report by report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from radraft.eval.clinical.compare import Events, Flag
from radraft.eval.clinical.severity import Severity, severities
from radraft.eval.values import FloatArray
from radraft.reports.findings.statements import State, counted
from radraft.reports.findings.vocabulary import Kind, vocabulary

BoolArray: TypeAlias = NDArray[np.bool_]
Ratio: TypeAlias = tuple[FloatArray, FloatArray]
"""(numerator, denominator) of each report; a set's value is the ratio of their sums."""


@dataclass(frozen=True)
class Priors:
    """What is known of earlier examinations, each of shape (n,)."""

    ref_claims: BoolArray
    hyp_claims: BoolArray
    known_absent: BoolArray
    """Whether the report is known to have none."""


def ratios(events: Events, n: int, priors: Priors | None) -> dict[str, Ratio]:
    """All measures but the macro ones, by name. A report outside a measure has 0 of both."""
    found: dict[str, Ratio] = {}
    for family, (ref, hyp, match) in outcomes(events).items():
        true, false_, missed = (
            _per_report(events, n, mask) for mask in (match, hyp & ~match, ref & ~match)
        )
        found[f"finding_precision_{family}"] = (true, true + false_)
        found[f"finding_recall_{family}"] = (true, true + missed)
        found[f"finding_f1_{family}"] = (2 * true, 2 * true + false_ + missed)
    found |= _errors(events, n) | _severity_scores(events, n, priors)
    if priors is not None:
        absent, unclaimed = priors.known_absent, ~priors.ref_claims
        found["hallucinated_prior_rate"] = (_float(priors.hyp_claims & absent), _float(absent))
        found["unmatched_prior_rate"] = (_float(priors.hyp_claims & unclaimed), _float(unclaimed))
    return found


def outcomes(events: Events) -> dict[str, tuple[BoolArray, BoolArray, BoolArray]]:
    """By family: events positive in the reference, in the hypothesis, and matching."""
    ref, hyp = events["ref"], events["hyp"]
    present = ref == State.PRESENT, hyp == State.PRESENT
    families = {
        "micro": present,
        "micro_uncertain_as_present": (ref >= State.UNCERTAIN, hyp >= State.UNCERTAIN),
        "micro_uncertain": (ref == State.UNCERTAIN, hyp == State.UNCERTAIN),
        "micro_absent": (ref == State.ABSENT, hyp == State.ABSENT),
    }
    found = {name: (mine, other, mine & other) for name, (mine, other) in families.items()}
    same_side = events["ref_side"] == events["hyp_side"]
    found["micro_sided"] = (*present, present[0] & present[1] & same_side)
    return found


def _errors(events: Events, n: int) -> dict[str, Ratio]:
    def count(flag: Flag, among: BoolArray | None = None) -> FloatArray:
        mask = (events["flags"] & flag) > 0
        return _per_report(events, n, mask if among is None else mask & among)

    reports = np.ones(n)
    wrong, criticals = count(Flag.WRONG_SIDE), count(Flag.CRITICAL)
    found, suspected = (
        count(Flag.CRITICAL, events["hyp"] >= state) for state in (State.PRESENT, State.UNCERTAIN)
    )
    return {
        "hallucinated_per_report": (count(Flag.HALLUCINATED), reports),
        "missed_per_report": (count(Flag.MISSED), reports),
        "laterality_error_rate": (wrong, count(Flag.SIDED)),
        "laterality_errors_per_report": (wrong, reports),
        "critical_recall": (found, criticals),
        "critical_recall_uncertain_as_present": (suspected, criticals),
        "critical_false_alarms_per_report": (count(Flag.FALSE_ALARM), reports),
    }


def _severity_scores(events: Events, n: int, priors: Priors | None) -> dict[str, Ratio]:
    plain, headline = severities()["severity_score"], severities()["report_score"]
    claimed = np.zeros(n)
    if priors is not None:
        claimed = _float(priors.hyp_claims & ~priors.ref_claims)
    return {
        "report_score": _weighed(events, n, headline, headline.wrong_side_credit, claimed),
        "severity_score": _weighed(events, n, plain, 1.0, claimed),
        "severity_score_sided": _weighed(events, n, plain, plain.wrong_side_credit, claimed),
    }


def _weighed(
    events: Events, n: int, severity: Severity, wrong_side_credit: float, claimed: FloatArray
) -> Ratio:
    """Return each report's weighted Jaccard index, and 1 where it has one. `claimed` is 1 for a
    prior that only the hypothesis claims, shape (n,)."""
    possible = np.array([0.0, 0.0, 0.5, 1.0])
    ref, hyp = possible[events["ref"]], possible[events["hyp"]]
    weights = _weights(severity)[events["code"]]
    weight = np.where(events["flags"] & Flag.IMPLIED, severity.implied, weights)
    shared, total = weight * np.minimum(ref, hyp), weight * np.maximum(ref, hyp)
    absent = events["ref"] == State.ABSENT, events["hyp"] == State.ABSENT
    agreed = severity.absent * (absent[0] & absent[1])
    sides = events["ref_side"], events["hyp_side"]
    wrong = (sides[0] > 0) & (sides[1] > 0) & (sides[0] != sides[1])
    overlap = _per_report(events, n, shared * np.where(wrong, wrong_side_credit, 1.0) + agreed)
    union = _per_report(events, n, total + severity.absent * (absent[0] | absent[1]))
    union += severity.unmatched_prior * claimed
    stated = union > 0
    return np.divide(overlap, union, out=np.zeros(n), where=stated), _float(stated)


def _weights(severity: Severity) -> FloatArray:
    entries = [vocabulary()[code] for code in counted()]
    return np.array(
        [
            severity.critical
            if entry.critical
            else (severity.device if entry.kind is Kind.DEVICE else severity.finding)
            for entry in entries
        ]
    )


def _per_report(events: Events, n: int, values: BoolArray | FloatArray) -> FloatArray:
    sums: FloatArray = np.bincount(events["report"], weights=values, minlength=n).astype(np.float64)
    return sums


def _float(values: BoolArray) -> FloatArray:
    return values.astype(np.float64)

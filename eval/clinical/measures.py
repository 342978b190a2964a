"""Exact definitions of the clinical measures."""

from __future__ import annotations

from radraft.eval.clinical.severity import Severity, severities
from radraft.eval.values import Better, Measure

_FAMILIES = {
    "micro": "findings stated as present (uncertain counts as not present)",
    "micro_uncertain_as_present": "findings stated as present or uncertain",
    "micro_uncertain": "findings stated as uncertain in both texts",
    "micro_absent": "findings stated as absent (a text that is silent does not state absence)",
    "micro_sided": (
        "findings stated as present; a match needs the same side, and no side matches only no side"
    ),
}
_FORMULAS = {
    "precision": "TP/(TP+FP)",
    "recall": "TP/(TP+FN)",
    "f1": "2TP/(2TP+FP+FN)",
}
_SCOPE = "over (report, finding code), a finding's parents implied, range 0 to 1"


def _micro(kind: str, family: str) -> Measure:
    return Measure(
        f"finding_{kind}_{family}",
        Better.HIGHER,
        f"{_FORMULAS[kind]} of {_FAMILIES[family]}, pooled {_SCOPE}; "
        "per report the same over its own findings.",
    )


_MACRO_OVER = {
    "precision": "a reference or a hypothesis (never stated, or never rightly: 0)",
    "recall": "a reference",
    "f1": "a reference or a hypothesis (an invented finding has an F1 of 0)",
}


def _macro(kind: str, family: str) -> Measure:
    return Measure(
        f"finding_{kind}_{family.replace('micro', 'macro')}",
        Better.HIGHER,
        f"Mean of {_FORMULAS[kind]} per finding code of {_FAMILIES[family]}, over the codes that "
        f"are positive in at least one report of {_MACRO_OVER[kind]}, range 0 to 1; not defined "
        "for one report.",
    )


MICRO = tuple(_micro(kind, family) for family in _FAMILIES for kind in _FORMULAS)
MACRO_FAMILIES = ("micro", "micro_uncertain_as_present")
MACRO = tuple(_macro(kind, family) for family in MACRO_FAMILIES for kind in _FORMULAS)

ERRORS = (
    Measure(
        "hallucinated_per_report",
        Better.LOWER,
        "Findings present in the hypothesis that the reference states neither as present nor as "
        "uncertain, per report; of findings that imply each other only the most specific counts.",
    ),
    Measure(
        "missed_per_report",
        Better.LOWER,
        "Findings present in the reference that the hypothesis states neither as present nor as "
        "uncertain, per report; of findings that imply each other only the most specific counts.",
    ),
)
SIDES = (
    Measure(
        "laterality_error_rate",
        Better.LOWER,
        "Of the findings present in both texts with a side in both (the most specific ones), the "
        "share whose sides differ; one side against both sides differs; range 0 to 1.",
    ),
    Measure(
        "laterality_errors_per_report",
        Better.LOWER,
        "Findings present in both texts with a side in both that differs, per report.",
    ),
)
CRITICAL = (
    Measure(
        "critical_recall",
        Better.HIGHER,
        "Of the critical findings present in the references (the most specific ones), the share "
        "that the hypothesis states as present; range 0 to 1.",
    ),
    Measure(
        "critical_recall_uncertain_as_present",
        Better.HIGHER,
        "Of the critical findings present in the references (the most specific ones), the share "
        "that the hypothesis states as present or uncertain; range 0 to 1.",
    ),
    Measure(
        "critical_false_alarms_per_report",
        Better.LOWER,
        "Critical findings present in the hypothesis that the reference states neither as present "
        "nor as uncertain, per report.",
    ),
)
PRIORS = (
    Measure(
        "hallucinated_prior_rate",
        Better.LOWER,
        "Of the reports known to have no earlier examination, the share whose hypothesis compares "
        "with one or states a change over time; range 0 to 1.",
    ),
    Measure(
        "unmatched_prior_rate",
        Better.LOWER,
        "Of the reports whose reference neither compares with an earlier examination nor states a "
        "change over time, the share whose hypothesis does; range 0 to 1.",
    ),
)


def _weights(severity: Severity) -> str:
    return (
        f"critical finding {severity.critical:g}, other finding {severity.finding:g}, device "
        f"{severity.device:g}, finding only implied by a more specific one "
        f"{severity.implied:g}, agreeing on an absent finding {severity.absent:g}"
    )


_PLAIN, _HEADLINE = severities()["severity_score"], severities()["report_score"]
_JACCARD = (
    "sum of w min(r, h) over sum of w max(r, h), where r and h are 1 for present, 0.5 for "
    "uncertain and 0 otherwise, and absence is an item of its own"
)
SEVERITIES = (
    Measure(
        "report_score",
        Better.HIGHER,
        "The headline number: severity-weighted agreement of a report, mean over the reports that "
        f"state anything: {_JACCARD}; a match with differing sides earns "
        f"{_HEADLINE.wrong_side_credit:g} of its weight; a comparison with an earlier examination, "
        "or a change over time, that the reference does not state adds "
        f"{_HEADLINE.unmatched_prior:g} below the line; weights w: {_weights(_HEADLINE)}; "
        "range 0 to 1.",
    ),
    Measure(
        "severity_score",
        Better.HIGHER,
        "Severity-weighted Jaccard index of a report, mean over the reports that state anything: "
        f"{_JACCARD}; weights w: {_weights(_PLAIN)}; range 0 to 1.",
    ),
    Measure(
        "severity_score_sided",
        Better.HIGHER,
        "severity_score in which a match with differing sides earns "
        f"{_PLAIN.wrong_side_credit:g} of its weight; range 0 to 1.",
    ),
)

ALL = (*MICRO, *MACRO, *ERRORS, *SIDES, *CRITICAL, *PRIORS, *SEVERITIES)

_LABEL_FAMILIES = ("micro", "micro_uncertain_as_present")
WITH_LABELS = (
    *(_micro(kind, family) for family in _LABEL_FAMILIES for kind in _FORMULAS),
    *MACRO,
    *ERRORS,
    *CRITICAL,
)
"""Measures that a reference of labels can give: labels have no side, no prior and no silence."""

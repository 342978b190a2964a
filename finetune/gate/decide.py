"""From checks to a decision."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from radraft.finetune.gate.sums import CLINICAL
from radraft.llm.adapter import Check
from radraft.reports.values import LANGS

MANDATORY = (
    "leak",
    "edit_distance",
    *(f"{name}_{lang}" for name in CLINICAL for lang in LANGS),
    "agreement",
    "image_dependence",
    "format",
    "speed",
)
"""Every one of these must be there, and pass."""


def complete(checks: Sequence[Check]) -> tuple[Check, ...]:
    """`checks` in the order of `MANDATORY`, then the others; one that is missing, or there twice,
    is a failed one."""
    times = Counter(check.code for check in checks)
    first = {check.code: check for check in reversed(checks)}
    found = []
    for code in MANDATORY:
        if times[code] == 1:
            found.append(first[code])
        else:
            detail = {"missing": times[code] == 0}
            found.append(Check(code, False, None, None, None, None, detail=detail))
    return (*found, *(check for check in checks if check.code not in MANDATORY))


def decide(checks: Sequence[Check]) -> bool:
    """Whether the candidate passes: every mandatory check once, and none failed."""
    return all(check.passed for check in complete(checks))

"""What a text says of a finding's age and course: old, unchanged, improving, after an operation,
unlikely, or acute. `docs/critical_values.md` lists the words."""

from __future__ import annotations

from enum import StrEnum

from radraft.reports.findings.values import Change, Mention
from radraft.reports.values import Lang


class Acuity(StrEnum):
    """One thing that is said of a finding."""

    ACUTE = "acute"
    """Acute, new, larger, under tension, bleeding now."""
    OLD = "old"
    """Old, chronic, healed, in the history."""
    STABLE = "stable"
    IMPROVING = "improving"
    POSTOPERATIVE = "postoperative"
    """The expected consequence of an operation."""
    UNLIKELY = "unlikely"
    GONE = "gone"
    """Resolved, treated, removed, put right."""


_OF_CHANGE = {
    Change.NEW: Acuity.ACUTE,
    Change.INCREASED: Acuity.ACUTE,
    Change.STABLE: Acuity.STABLE,
    Change.DECREASED: Acuity.IMPROVING,
    Change.RESOLVED: Acuity.GONE,
}


def acuity(text: str, lang: Lang, mention: Mention) -> frozenset[Acuity]:
    """Return what `text` says of `mention`, which was read in it; nothing where it says nothing."""
    said = set()
    if mention.change is not None:
        said.add(_OF_CHANGE[mention.change])
    return frozenset(said)

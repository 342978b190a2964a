"""Storage commitment (PS3.4 J): what a PACS says of objects that it was asked to keep, and what
becomes of their entries. Values and rules only; `store.commitments` keeps them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from radraft.reports.outgoing_entry import REFUSED_TRIES, EntryMove, SopInstance, pause_after

MOST_INSTANCES = 200
"""Objects of one request."""
LONGEST_WAIT = timedelta(days=7)
"""Longest that a site may have a report waited for."""

NO_SUCH_OBJECT = 0x0112
CLASS_INSTANCE_CONFLICT, CLASS_NOT_SUPPORTED = 0x0119, 0x0122
"""Of the Failure Reasons of PS3.3 C.14.1.1: those that say something about the object. All others
(processing failure, resource limitation, duplicate transaction UID) are of this request alone."""
_LASTING = frozenset({CLASS_INSTANCE_CONFLICT, CLASS_NOT_SUPPORTED})


@dataclass(frozen=True)
class CommitmentReport:
    """What an N-EVENT-REPORT says (PS3.4 J.3.3)."""

    transaction_uid: str
    committed: frozenset[SopInstance] = frozenset()
    failed: Mapping[SopInstance, int] = field(default_factory=dict)
    """With the Failure Reason; 0 where it gives none."""

    def is_committed(self, instance: SopInstance) -> bool:
        """Return whether it says of this object, and not the contrary too, that it is kept."""
        return instance in self.committed and instance not in self.failed


@dataclass(frozen=True)
class AfterReport:
    """What becomes of an entry after a report about its object."""

    move: EntryMove | None
    """None: it stays stored, and is asked for again."""
    code: str = ""
    details: Mapping[str, str | int | float] = field(default_factory=dict)
    pause: timedelta = timedelta(0)
    refusals: int = 0


def after_report(
    report: CommitmentReport,
    instance: SopInstance,
    *,
    asked: int,
    refusals: int,
    jitter: float,
) -> AfterReport:
    """Return what becomes of an entry that was asked about so many times.

    An object that the PACS says it lacks is sent again, three times in all; one whose class it says
    it cannot keep needs a person. All else is asked again: the object itself is there.
    """
    if report.is_committed(instance):
        return AfterReport(EntryMove.DELIVER, refusals=refusals)
    pause = pause_after(max(1, asked), jitter)
    if instance in report.committed or instance not in report.failed:
        return AfterReport(None, "commitment_incomplete", pause=pause, refusals=refusals)
    reason = report.failed[instance]
    details = {"reason": f"{reason:04X}"}
    if reason in _LASTING:
        return AfterReport(EntryMove.BURY, "commitment_refused", details, refusals=refusals)
    if reason != NO_SUCH_OBJECT:
        return AfterReport(None, "commitment_not_given", details, pause, refusals)
    refused = refusals + 1
    move = EntryMove.BURY if refused >= REFUSED_TRIES else EntryMove.POSTPONE
    return AfterReport(move, "commitment_object_missing", {}, pause, refused)

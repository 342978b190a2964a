"""How a report came to be what it is: drafts, saves, steps and signed versions, and any two of them
side by side."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from radraft.core.errors import NotFound
from radraft.reports.diff import Change, diff
from radraft.reports.lifecycle import ReportStep
from radraft.reports.people import Person
from radraft.reports.values import Report
from radraft.store import cases, drafts, report_steps, reports, signatures
from radraft.store.signatures import SignedVersions

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.store.database import Store

STATE = re.compile(r"draft|working|[vr][1-9][0-9]{0,8}")
"""A state of a report: what the model drafted, what is being written, a signed version, a save."""


@dataclass(frozen=True)
class SavedChange:
    """What one save changed."""

    revision: int
    editor: Person | None
    """None: the model's draft."""
    saved_at: datetime
    changes: tuple[Change, ...] = field(repr=False)
    """From the save before; of the first, none."""


@dataclass(frozen=True)
class ReportHistory:
    """Everything that became of one report, first to newest."""

    versions: SignedVersions
    steps: tuple[ReportStep, ...]
    saves: tuple[SavedChange, ...]


class ReportHistories:
    """Reads what the store keeps of reports. Thread-safe."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of_case(self, case_id: str) -> ReportHistory:
        """Return how a report came about. NotFound `case_not_found`."""
        with self._store.read() as session:
            working = reports.current(session, case_id)
            revisions = reports.history(session, case_id)
            return ReportHistory(
                versions=signatures.of_page(session, case_id, working),
                steps=report_steps.of_case(session, case_id),
                saves=tuple(
                    SavedChange(
                        revision.number,
                        revision.editor,
                        revision.saved_at,
                        diff(before.report, revision.report) if before is not None else (),
                    )
                    for before, revision in zip((None, *revisions), revisions, strict=False)
                ),
            )

    def versions(self, case_id: str) -> SignedVersions:
        """Return the signed versions, and which of them do not hold. NotFound `case_not_found`."""
        with self._store.read() as session:
            working = reports.current(session, case_id)
            return signatures.of_page(session, case_id, working)

    def difference(self, case_id: str, before: str, after: str) -> tuple[Change, ...]:
        """Return what changed from one state of a report to another (`STATE`).

        NotFound `case_not_found`, `report_state_unknown` for one that is not there; ReportError
        `signature_broken` for a version that is not what was signed.
        """
        with self._store.read() as session:
            cases.get_case(session, case_id)
            return diff(_state(session, case_id, before), _state(session, case_id, after))


def _state(session: Session, case_id: str, name: str) -> Report:
    if not STATE.fullmatch(name):
        raise NotFound("report_state_unknown")
    working = reports.current(session, case_id)
    if name == "working":
        return working.report
    if name == "draft":
        source = drafts.source(session, case_id)
        if source is None:
            raise NotFound("report_state_unknown")
        return source.draft.report
    number = int(name[1:])
    if name.startswith("v"):
        signed = signatures.of_page(session, case_id, working)
        broken = next((version for version in signed.broken if version.version == number), None)
        if broken is not None:
            raise broken.error()
        found = next((held.report for held in signed.held if held.version == number), None)
    else:
        found = reports.at_revision(session, case_id, number)
    if found is None:
        raise NotFound("report_state_unknown")
    return found

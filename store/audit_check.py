"""Examines the audit: its rows against each other, its end, and the signatures beside it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from radraft.reports.audit import AuditKind, Outcome
from radraft.store.audit import FIRST, end_holds, head_of, key_of
from radraft.store.sql import chunks
from radraft.store.tables import SignedRow
from radraft.store.tables_audit import AuditHeadRow, AuditRow

AT_ONCE = 1000
"""Rows held in memory."""
_SIGNS = (AuditRow.kind == AuditKind.SIGN.value, AuditRow.outcome == Outcome.DONE.value)
_Version = tuple[str | None, int]


class AuditFault(StrEnum):
    """What does not hold of the audit."""

    CHANGED = "audit_row_changed"
    """A row that the site's key did not make, or that stood elsewhere."""
    MISSING = "audit_rows_missing"
    """Numbers are left out."""
    END = "audit_end_differs"
    """The audit does not end where the store says: newer events are gone, or were put in."""
    SEAL = "audit_end_unsealed"
    """Where it ends was not written by radraft."""
    UNAUDITED = "signature_not_audited"
    """A version was signed without its event."""
    UNSIGNED = "audited_signature_missing"
    """An event tells of a signature that is not there."""
    EXPORT = "audit_export_differs"
    """An export from before says otherwise: history was written anew, or cut."""


@dataclass(frozen=True)
class AuditFinding:
    """One thing that does not hold."""

    fault: AuditFault
    sequence: int | None = None
    case_id: str | None = None
    version: int | None = None


@dataclass(frozen=True)
class AuditExamined:
    """What was examined in one go, and what does not hold of it."""

    findings: tuple[AuditFinding, ...] = ()
    events: int = 0
    head: str = ""
    """Of the last event of this part."""


def examine(session: Session) -> Iterator[AuditExamined]:
    """Go through all events in constant memory, then through the signatures beside them."""
    yield from _rows(session)
    yield from _signatures(session)


def _rows(session: Session) -> Iterator[AuditExamined]:
    key = key_of(session)
    columns = [column for column in AuditRow.__table__.columns if column.name != "head"]
    head, last = FIRST, 0
    whole = session.execute(
        select(*columns, AuditRow.head).order_by(AuditRow.sequence),
        execution_options={"yield_per": AT_ONCE},
    )
    for rows in whole.partitions(AT_ONCE):
        found = []
        for row in rows:
            said: dict[str, Any] = {name: row._mapping[name] for name in _names(columns)}
            if row.sequence != last + 1:
                found.append(AuditFinding(AuditFault.MISSING, sequence=last + 1))
            elif head_of(head, said, key) != row.head:
                found.append(AuditFinding(AuditFault.CHANGED, sequence=row.sequence))
            head, last = row.head, row.sequence
        yield AuditExamined(tuple(found), len(rows), head)
    yield AuditExamined(tuple(_end(session, last, "" if last == 0 else head, key)), 0, head)


def _names(columns: list[Any]) -> list[str]:
    return [column.name for column in columns]


def _end(session: Session, last: int, head: str, key: bytes) -> Iterator[AuditFinding]:
    where = session.execute(
        select(AuditHeadRow.sequence, AuditHeadRow.head, AuditHeadRow.seal)
    ).one_or_none()
    if where is None or not end_holds(where.sequence, where.head, where.seal, key):
        yield AuditFinding(AuditFault.SEAL)
    elif (where.sequence, where.head) != (last, head):
        yield AuditFinding(AuditFault.END, sequence=min(last, where.sequence) + 1)


def _signatures(session: Session) -> Iterator[AuditExamined]:
    """Each signature has its event and each event its signature, from the first event on."""
    began = session.scalar(select(func.min(AuditRow.at)))
    if began is None:
        return
    signed = session.execute(
        select(SignedRow.case_id, SignedRow.version).where(SignedRow.signed_at >= began),
        execution_options={"yield_per": AT_ONCE},
    )
    for rows in signed.partitions(AT_ONCE):
        versions = {(row.case_id, row.version) for row in rows}
        audited = {version for _, version in _told(session, versions)}
        yield AuditExamined(
            tuple(
                AuditFinding(AuditFault.UNAUDITED, case_id=case_id, version=version)
                for case_id, version in sorted(versions - audited)
            )
        )
    events = session.execute(
        select(AuditRow.sequence, AuditRow.case_id, AuditRow.details).where(*_SIGNS),
        execution_options={"yield_per": AT_ONCE},
    )
    for part in events.partitions(AT_ONCE):
        told = {(row.case_id, _version(row.details)): row.sequence for row in part}
        there = _there(session, told)
        yield AuditExamined(
            tuple(
                AuditFinding(AuditFault.UNSIGNED, told[version], *version)
                for version in sorted(told.keys() - there, key=told.__getitem__)
            )
        )


def _told(session: Session, versions: Collection[_Version]) -> Iterator[tuple[int, _Version]]:
    """The events of signatures of these cases."""
    cases = sorted({case_id for case_id, _ in versions if case_id is not None})
    for part in chunks(cases):
        rows = session.execute(
            select(AuditRow.sequence, AuditRow.case_id, AuditRow.details).where(
                *_SIGNS, AuditRow.case_id.in_(part)
            )
        )
        yield from ((row.sequence, (row.case_id, _version(row.details))) for row in rows)


def _there(session: Session, versions: Collection[_Version]) -> set[_Version]:
    cases = sorted({case_id for case_id, _ in versions if case_id is not None})
    found: set[_Version] = set()
    for part in chunks(cases):
        rows = session.execute(
            select(SignedRow.case_id, SignedRow.version).where(SignedRow.case_id.in_(part))
        )
        found |= {(row.case_id, row.version) for row in rows}
    return found


def _version(details: str) -> int:
    """The version that an event tells of; 0 for what was damaged, which its row shows."""
    try:
        return int(json.loads(details)["version"])
    except (ValueError, KeyError, TypeError):
        return 0


def compare(session: Session, sent: Iterable[tuple[int, str]]) -> Iterator[AuditExamined]:
    """Hold numbers and heads that were sent or exported before against the audit."""
    rest = iter(sent)
    while part := list(islice(rest, AT_ONCE)):
        rows = session.execute(
            select(AuditRow.sequence, AuditRow.head).where(
                AuditRow.sequence.in_({sequence for sequence, _ in part})
            )
        )
        known = {row.sequence: row.head for row in rows}
        yield AuditExamined(
            tuple(
                AuditFinding(AuditFault.EXPORT, sequence=sequence)
                for sequence, head in part
                if known.get(sequence) != head
            )
        )

"""Examines the audit: its rows against each other, its end, and the signatures beside it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from radraft.core.errors import StorageDamaged
from radraft.reports.audit import AuditKind, Outcome
from radraft.store.audit import FIRST, end_holds, head_of, key_of
from radraft.store.sql import chunks
from radraft.store.tables import SignatureLinkRow, SignedRow
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
    head, last = FIRST, 0
    while numbers := session.scalars(
        select(AuditRow.sequence)
        .where(AuditRow.sequence > last)
        .order_by(AuditRow.sequence)
        .limit(AT_ONCE)
    ).all():
        found = []
        for row in _columns(session, numbers):
            if row.sequence != last + 1:
                found.append(AuditFinding(AuditFault.MISSING, sequence=last + 1))
            elif row.said is None or head_of(head, row.said, key) != row.head:
                found.append(AuditFinding(AuditFault.CHANGED, sequence=row.sequence))
            head, last = row.head, row.sequence
        yield AuditExamined(tuple(found), len(numbers), head)
    yield AuditExamined(tuple(_end(session, last, head, key)), 0, head)


@dataclass(frozen=True)
class _Columns:
    sequence: int
    said: Mapping[str, Any] | None
    """Its columns but the head; None where one cannot be read."""
    head: str


def _columns(session: Session, numbers: Sequence[int]) -> Iterator[_Columns]:
    """The rows of these numbers, in order."""
    names = [column.name for column in AuditRow.__table__.columns if column.name != "head"]
    wanted = select(AuditRow.__table__).where(AuditRow.sequence.in_(numbers))
    try:
        rows = session.execute(wanted.order_by(AuditRow.sequence)).all()
    except StorageDamaged:
        if len(numbers) == 1:
            head = session.scalar(select(AuditRow.head).where(AuditRow.sequence == numbers[0]))
            yield _Columns(numbers[0], None, head or "")
            return
        half = len(numbers) // 2
        yield from _columns(session, numbers[:half])
        yield from _columns(session, numbers[half:])
        return
    for row in rows:
        columns = {name: row._mapping[name] for name in names}
        yield _Columns(row.sequence, columns, row.head)


def _end(session: Session, last: int, head: str, key: bytes) -> Iterator[AuditFinding]:
    row = session.execute(
        select(
            AuditHeadRow.sequence, AuditHeadRow.head, AuditHeadRow.sent, AuditHeadRow.seal
        ).where(AuditHeadRow.id == 1)
    ).one_or_none()
    if row is None or not end_holds(row.sequence, row.head, row.sent, row.seal, key):
        yield AuditFinding(AuditFault.SEAL)
    elif (row.sequence, row.head) != (last, head):
        yield AuditFinding(AuditFault.END, sequence=min(last, row.sequence) + 1)


def _signatures(session: Session) -> Iterator[AuditExamined]:
    """Each signature behind those that were there before the audit has one event, and each event
    its signature. By their place in the chain of signatures: a clock may be wrong."""
    signed = session.execute(
        select(SignatureLinkRow.case_id, SignatureLinkRow.version).where(
            SignatureLinkRow.sequence > _before(session)
        ),
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
        select(AuditRow.sequence, AuditRow.case_id, AuditRow.details)
        .where(*_SIGNS)
        .order_by(AuditRow.case_id, AuditRow.sequence.desc()),
        execution_options={"yield_per": AT_ONCE},
    )
    newest: _Version = (None, 0)
    for part in events.partitions(AT_ONCE):
        there = _there(session, {(row.case_id, 0) for row in part})
        found = []
        for row in part:
            version = (row.case_id, _version(row.details))
            # Signed twice: what the earlier event tells of is gone.
            if version not in there or version == newest:
                found.append(AuditFinding(AuditFault.UNSIGNED, row.sequence, *version))
            newest = version
        yield AuditExamined(tuple(found))


def _before(session: Session) -> int:
    """How many signatures there were when the audit began."""
    details = session.scalar(
        select(AuditRow.details).where(
            AuditRow.sequence == 1, AuditRow.kind == AuditKind.BEGAN.value
        )
    )
    try:
        return int(json.loads(details or "{}").get("signatures", 0))
    except (ValueError, AttributeError, TypeError):
        return 0


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

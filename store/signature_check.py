"""Examines all signatures of a store: rows against the chain, the chain against the heads sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from radraft.reports import codec, sign
from radraft.reports.values import ReportState
from radraft.store.signature_chain import (
    FIRST,
    LINK_FIELDS,
    Fault,
    Link,
    fault_of,
    holds,
    key_of,
    link_of,
)
from radraft.store.signature_log import SentHead
from radraft.store.tables import (
    ReportRow,
    RevisionRow,
    SignatureHeadRow,
    SignatureLinkRow,
    SignedRow,
)

AT_ONCE = 500
"""Rows held in memory."""
_AnyRow = Row[*tuple[Any, ...]]


@dataclass(frozen=True)
class Finding:
    """One thing that does not hold. What does not apply is None."""

    fault: Fault
    case_id: str | None = None
    version: int | None = None
    sequence: int | None = None
    """Number in the chain."""
    name: str | None = None
    """Of a trigger or of a log's file."""


@dataclass(frozen=True)
class Extent:
    """How much there is to examine, and where the chain began."""

    links: int
    signatures: int
    inherited: int
    """Signed before there was a chain, which cannot vouch for the time before `sealed_at`."""
    sealed_at: datetime | None
    sequence: int
    """Of the newest link, as the store says."""
    head: str
    sent: int
    """Up to where heads were handed to the log that is set."""


@dataclass(frozen=True)
class Examined:
    """What was examined in one go, and what does not hold of it."""

    findings: tuple[Finding, ...] = ()
    links: int = 0
    signatures: int = 0
    """Signed versions that were verified."""
    heads: int = 0
    """Sent heads that were compared."""
    clock_back: int = 0
    """Links that are dated before the one before them: a clock was wrong, which breaks nothing."""


def extent(session: Session) -> Extent:
    """Return what `examine` will go through."""
    count = select(func.count())
    inherited = session.execute(
        select(func.count(), func.min(SignatureLinkRow.linked_at)).where(SignatureLinkRow.inherited)
    ).one()
    where = session.execute(
        select(SignatureHeadRow.sequence, SignatureHeadRow.head, SignatureHeadRow.sent)
    ).first()
    return Extent(
        links=session.scalar(count.select_from(SignatureLinkRow)) or 0,
        signatures=session.scalar(count.select_from(SignedRow)) or 0,
        inherited=inherited[0],
        sealed_at=inherited[1],
        sequence=where.sequence if where else 0,
        head=where.head if where else "",
        sent=where.sent if where else 0,
    )


def examine(session: Session) -> Iterator[Examined]:
    """Go through the chain, all signatures and what stands under them, in constant memory."""
    yield from _links(session)
    yield from _unlinked(session)
    yield from _working(session)


def compare(session: Session, sent: Iterable[SentHead], name: str) -> Iterator[Examined]:
    """Hold heads that were sent, as the log `name` has them, against the chain."""
    newest = session.scalar(select(func.max(SignatureLinkRow.sequence))) or 0
    beyond = 0
    rest = iter(sent)
    while heads := list(islice(rest, AT_ONCE)):
        numbers = {head.sequence for head in heads}
        rows = session.execute(
            select(SignatureLinkRow.sequence, SignatureLinkRow.head).where(
                SignatureLinkRow.sequence.in_(numbers)
            )
        )
        known = {row.sequence: row.head for row in rows}
        found = [
            Finding(Fault.FORK, sequence=head.sequence, name=name)
            for head in heads
            if known.get(head.sequence, head.head) != head.head
        ]
        beyond = max(beyond, *numbers)
        yield Examined(tuple(found), heads=len(heads))
    if beyond > newest:
        yield Examined((Finding(Fault.CUT, sequence=beyond, name=name),))


def _links(session: Session) -> Iterator[Examined]:
    key = key_of(session)
    last: Link | None = None
    links = (getattr(SignatureLinkRow, name) for name in LINK_FIELDS)
    stored = (
        SignedRow.content,
        SignedRow.content_sha.label("sha"),
        SignedRow.signed_at.label("at"),
    )
    rows = session.execute(
        select(*links, *stored)
        .outerjoin(
            SignedRow,
            (SignedRow.case_id == SignatureLinkRow.case_id)
            & (SignedRow.version == SignatureLinkRow.version),
        )
        .order_by(SignatureLinkRow.sequence)
        .execution_options(yield_per=AT_ONCE)
    )
    for some in rows.partitions():
        findings: list[Finding] = []
        back = 0
        for row in some:
            link = link_of(row)
            findings += _of_link(row, link, last, key)
            back += last is not None and link.linked_at < last.linked_at
            last = link
        signatures = sum(row.content is not None for row in some)
        yield Examined(tuple(findings), links=len(some), signatures=signatures, clock_back=back)
    where = session.execute(select(SignatureHeadRow.sequence, SignatureHeadRow.head)).first()
    end = (last.sequence, last.head) if last else (0, FIRST)
    if where is None or tuple(where) != end:
        yield Examined((Finding(Fault.HEAD, sequence=end[0]),))


def _of_link(row: _AnyRow, link: Link, last: Link | None, key: bytes) -> Iterator[Finding]:
    before, head = (last.sequence, last.head) if last else (0, FIRST)
    follows = link.sequence == before + 1
    if not follows:
        yield Finding(Fault.GAP, sequence=before + 1)
    fault: Fault | None
    if not holds(link, key) or (follows and link.previous != head):
        fault = Fault.LINK
    elif row.content is None:
        fault = Fault.MISSING
    else:
        signed = SignedRow(
            case_id=link.case_id,
            version=link.version,
            content=row.content,
            content_sha=row.sha,
            signed_at=row.at,
        )
        fault = fault_of(signed, link, key)
    if fault is not None:
        yield Finding(fault, link.case_id, link.version, link.sequence)


def _unlinked(session: Session) -> Iterator[Examined]:
    rows = session.execute(
        select(SignedRow.case_id, SignedRow.version)
        .outerjoin(
            SignatureLinkRow,
            (SignedRow.case_id == SignatureLinkRow.case_id)
            & (SignedRow.version == SignatureLinkRow.version),
        )
        .where(SignatureLinkRow.sequence.is_(None))
        .execution_options(yield_per=AT_ONCE)
    )
    for some in rows.partitions():
        yield Examined(tuple(_finding(row) for row in some), signatures=len(some))


def _working(session: Session) -> Iterator[Examined]:
    """What the working reports know to be signed: a version that neither is there nor in the chain,
    and the report that people see of a signed case."""
    rows = session.execute(
        select(
            ReportRow.case_id,
            ReportRow.base_version,
            ReportRow.state,
            RevisionRow.content.label("working"),
            SignedRow.content.label("signed"),
            SignatureLinkRow.sequence,
        )
        .outerjoin(
            RevisionRow,
            (RevisionRow.case_id == ReportRow.case_id)
            & (RevisionRow.revision == ReportRow.revision),
        )
        .outerjoin(
            SignedRow,
            (SignedRow.case_id == ReportRow.case_id)
            & (SignedRow.version == ReportRow.base_version),
        )
        .outerjoin(
            SignatureLinkRow,
            (SignatureLinkRow.case_id == ReportRow.case_id)
            & (SignatureLinkRow.version == ReportRow.base_version),
        )
        .where((ReportRow.base_version > 0) | (ReportRow.state == ReportState.SIGNED.value))
        .execution_options(yield_per=AT_ONCE)
    )
    for some in rows.partitions():
        yield Examined(tuple(finding for row in some for finding in _of_working(row)))


def _of_working(row: _AnyRow) -> Iterator[Finding]:
    if row.signed is None:
        if row.sequence is None:
            yield Finding(Fault.MISSING, case_id=row.case_id, version=row.base_version)
        return
    # Of a signature that does not hold it was said already.
    if row.state != ReportState.SIGNED.value or not sign.verify(row.signed):
        return
    signed = codec.signed_from_json(row.signed).report
    if row.working is None or codec.stored_report(row.working) != signed:
        yield Finding(Fault.WORKING, case_id=row.case_id, version=row.base_version)


def _finding(row: _AnyRow) -> Finding:
    return Finding(Fault.UNLINKED, case_id=row.case_id, version=row.version)

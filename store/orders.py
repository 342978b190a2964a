"""Orders, and which studies were made for them. Identity: read by whoever matches, and shown to the
readers of a study alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import Executable, Select, delete, exists, func, select, union, update
from sqlalchemy.orm import Session

from radraft.core import canonical
from radraft.core.errors import NotFound
from radraft.reports.order import Order
from radraft.reports.order_matching import (
    HOLDS,
    LinkState,
    MatchReason,
    OrderedStudy,
    same_order,
    same_patient,
)
from radraft.reports.people import Person
from radraft.reports.values import ReportState
from radraft.store import cases, faults
from radraft.store.sql import chunks, insert_new, storable
from radraft.store.tables import (
    CaseRow,
    DraftRow,
    OrderedCaseRow,
    OrderLinkRow,
    OrderRow,
    PatientKeyRow,
    PatientRow,
    ReportRow,
    StudyIdentityRow,
    WorklistEntryRow,
)
from radraft.studies.name_search import number_key
from radraft.studies.priors import plain_number, usable_number
from radraft.studies.values import Patient, StudyPriority

MOST = 100
"""Most orders or studies that are compared with one."""


class OrderSource(StrEnum):
    """How an order came."""

    HL7 = "hl7"
    WORKLIST = "worklist"


@dataclass(frozen=True)
class Said:
    """Which message says what an order is now."""

    sender: str
    """MSH-3 and MSH-4."""
    sent_at: datetime | None
    """UTC, by the sender's clock: MSH-7; None where it does not say."""
    heard_at: datetime
    """UTC: when the message came first."""


@dataclass(frozen=True)
class StoredOrder:
    """An order as it stands."""

    order_id: int
    order: Order
    source: OrderSource
    received_at: datetime
    changed_at: datetime
    """When it came, where it never changed."""


@dataclass(frozen=True)
class CaseOrder:
    """An order of a case, or one that may be."""

    stored: StoredOrder
    state: LinkState
    reasons: tuple[str, ...]
    by: str | None = field(repr=False)
    """Who said so; None where nobody was asked."""


@dataclass(frozen=True)
class Saved:
    """What became of an order that was kept."""

    stored: StoredOrder
    changed: bool
    """Whether it says something else than before; True of a new one."""
    other_patient: bool = False
    """Whether it is not surely of the patient any more that it was of."""


def save(
    session: Session,
    order: Order,
    source: OrderSource,
    now: datetime,
    said: Said | None = None,
) -> Saved:
    """Keep an order as it stands now; what a message leaves out stays as it was, and one that is
    older than the last says only what that left out. `said`: None of a worklist's."""
    row = _same(session, order)
    if row is None:
        content = canonical.dumps(order)
        values = _columns(order, content)
        insert_new(
            session,
            OrderRow,
            **values,
            source=source.value,
            received_at=now,
            changed_at=now,
            **_hearing(said),
        )
        row = _same(session, order)
        assert row is not None
        if row.content == storable(content) and row.received_at == now:
            return Saved(_stored(row), changed=True)
    if source is OrderSource.WORKLIST and row.source == OrderSource.HL7.value:
        # A worklist says less, and nothing of what became of an order.
        return Saved(_stored(row), changed=False)
    row.source = source.value
    before = _stored(row).order
    other_patient = not same_patient(before, order)
    if _is_older(said, row):
        if other_patient:
            return Saved(_stored(row), changed=False)
        order = _joined(order, before)
    else:
        order = _of_another(before, order) if other_patient else _joined(before, order)
        for name, value in _hearing(said).items():
            setattr(row, name, value)
    content = canonical.dumps(order)
    if row.content == storable(content):
        return Saved(_stored(row), changed=False)
    for name, value in _columns(order, content).items():
        setattr(row, name, value)
    row.changed_at = now
    session.flush()
    return Saved(_stored(row), changed=True, other_patient=other_patient)


def _hearing(said: Said | None) -> dict[str, Any]:
    if said is None:
        return {"said_by": None, "said_at": None, "heard_at": None}
    return {
        "said_by": storable(said.sender),
        "said_at": said.sent_at,
        "heard_at": said.heard_at,
    }


def _is_older(said: Said | None, row: OrderRow) -> bool:
    """Return whether a message is older than the order's last: it came before, or its sender sent
    it before. Two senders' clocks are not compared."""
    if said is None or row.heard_at is None:
        return False
    if said.heard_at < row.heard_at:
        return True
    if said.sent_at is None or row.said_at is None or storable(said.sender) != row.said_by:
        return False
    return said.sent_at < row.said_at


def _same(session: Session, order: Order) -> OrderRow | None:
    """Return the row of the order, held; also where another sender names it by less."""
    for row in _held(session, order, OrderRow.name == storable(order.name)):
        return row
    accession = "" if order.accession is None else order.accession.number
    for column, number in ((OrderRow.filler, order.filler), (OrderRow.accession, accession)):
        if key := number_key(number or ""):
            for row in _held(session, order, column == key):
                if same_order(_stored(row).order, order):
                    return row
    if key := number_key(order.placer or ""):
        rows = _held(session, order, OrderRow.placer == key)
        found = [row for row in rows if same_order(_stored(row).order, order)]
        # Where two may be meant, neither is.
        return found[0] if len(found) == 1 else None
    return None


def parts(session: Session, order: Order) -> tuple[Order, ...]:
    """Return the order once for each of several procedures that it is known to have, where it does
    not say of which it speaks; else itself."""
    told = order.step or order.accession or order.procedure.study_uid
    column, number = (
        (OrderRow.placer, order.placer) if order.placer else (OrderRow.filler, order.filler)
    )
    key = number_key(number or "")
    if told or not key:
        return (order,)
    known = [_stored(row).order for row in _held(session, order, column == key)]
    found = [
        replace(order, step=part.step, placer_issuer=order.placer_issuer or part.placer_issuer)
        for part in known
        if part.step and same_order(part, order)
    ]
    return tuple(found) or (order,)


def _held(session: Session, order: Order, known: Any) -> list[OrderRow]:
    """Return the newest orders of the site that are known so, held."""
    wanted = (
        select(OrderRow)
        .where(OrderRow.site == order.site, known)
        .order_by(OrderRow.order_id.desc())
        .limit(MOST)
        .with_for_update()
    )
    return list(session.scalars(wanted))


def _of_another(before: Order, now: Order) -> Order:
    """Return an order that is another patient's now: only its own numbers stay."""
    kept = _numbers_kept(before, now)
    return replace(now, accession=now.accession or before.accession, **kept)


def _numbers_kept(before: Order, now: Order) -> dict[str, Any]:
    """Return the order's numbers that only the older message has, each with who gave it."""
    kept: dict[str, Any] = {"step": now.step or before.step}
    for number, issuer in (("placer", "placer_issuer"), ("filler", "filler_issuer")):
        known = getattr(before, number)
        if not getattr(now, number):
            kept |= {number: known, issuer: getattr(before, issuer)}
        elif known == getattr(now, number):
            kept[issuer] = getattr(now, issuer) or getattr(before, issuer)
    return kept


def _joined(before: Order, now: Order) -> Order:
    """Return an order with what the newer message says of it; a cancellation says little more."""
    kept: dict[str, Any] = {
        name: getattr(before, name)
        for name in ("accession", "reason", "history", "referring", "ward")
        if getattr(now, name) is None
    }
    kept |= _numbers_kept(before, now)
    # What is kept may name them still.
    kept["people"] = tuple(sorted({*now.people, *before.people}))
    for name in ("scheduled_at", "allergies", "other_numbers"):
        if not getattr(now, name):
            kept[name] = getattr(before, name)
    for name in ("patient_class", "pregnancy"):
        if getattr(now, name).value == "unknown":
            kept[name] = getattr(before, name)
    if now.state.value == "cancelled":
        kept["priority"] = before.priority
    old, new = before.procedure, now.procedure
    procedure = replace(
        new,
        **{
            name: getattr(old, name)
            for name in ("id", "description", "code", "modality", "study_uid", "body_part")
            if not getattr(new, name)
        },
    )
    return replace(now, procedure=procedure, **kept)


def _columns(order: Order, content: str) -> dict[str, Any]:
    accession = "" if order.accession is None else order.accession.number
    return {
        "site": order.site,
        "name": storable(order.name),
        "state": order.state.value,
        "accession": number_key(accession),
        "placer": number_key(order.placer or ""),
        "filler": number_key(order.filler or ""),
        "patient": plain_number(storable(order.patient.patient_id)),
        "study_uid": order.procedure.study_uid or "",
        "content": storable(content),
    }


@cache
def _reader() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(Order)


def _stored(row: OrderRow) -> StoredOrder:
    with faults.decoding("orders", row.order_id):
        order: Order = _reader().validate_json(row.content)
        return StoredOrder(
            row.order_id, order, OrderSource(row.source), row.received_at, row.changed_at
        )


def get(session: Session, order_id: int) -> StoredOrder:
    """Return an order. NotFound `order_not_found`."""
    row = session.get(OrderRow, order_id)
    if row is None:
        raise NotFound("order_not_found")
    return _stored(row)


def of_patients(
    session: Session, site: str, numbers: Iterable[str]
) -> tuple[tuple[StoredOrder, datetime], ...]:
    """Return the orders of a site under these plain numbers, held, each with when its last message
    was sent."""
    found = []
    for some in chunks(sorted(numbers)):
        wanted = (
            select(OrderRow)
            .where(OrderRow.site == site, OrderRow.patient.in_(some))
            .order_by(OrderRow.order_id)
            .with_for_update()
        )
        for row in session.scalars(wanted):
            found.append((_stored(row), row.said_at or row.heard_at or row.received_at))
    return tuple(found)


def rename(session: Session, order_id: int, order: Order) -> StoredOrder:
    """Keep an order as it stands with its patient called otherwise; it did not change by that, and
    no reader is told that it did."""
    row = session.get_one(OrderRow, order_id)
    for name, value in _columns(order, canonical.dumps(order)).items():
        setattr(row, name, value)
    session.flush()
    return _stored(row)


def listing(
    session: Session, *, sites: frozenset[str] | None = None, asked: bool = False, limit: int = 200
) -> tuple[StoredOrder, ...]:
    """Return the newest orders; `asked`: those of which a person has to say whose they are."""
    wanted = select(OrderRow).order_by(OrderRow.received_at.desc(), OrderRow.order_id.desc())
    if sites is not None:
        wanted = wanted.where(OrderRow.site.in_(sites))
    if asked:
        wanted = wanted.where(
            exists().where(
                OrderLinkRow.order_id == OrderRow.order_id,
                OrderLinkRow.state == LinkState.ASKED.value,
            )
        )
    return tuple(map(_stored, session.scalars(wanted.limit(limit))))


def changed_since(session: Session, since: datetime) -> tuple[int, ...]:
    """Return the numbers of the orders that came or changed since then."""
    wanted = select(OrderRow.order_id).where(OrderRow.changed_at >= since)
    # Put in order here: asked for in their order, all orders would be looked through.
    return tuple(sorted(session.scalars(wanted)))


def links(session: Session, order_id: int) -> dict[str, LinkState]:
    """Return how cases stand to an order, by case id."""
    rows = session.execute(
        select(OrderLinkRow.case_id, OrderLinkRow.state).where(OrderLinkRow.order_id == order_id)
    )
    return {row.case_id: LinkState(row.state) for row in rows}


def unordered(session: Session, since: datetime) -> dict[str, tuple[str, str]]:
    """Return site and accession of cases that came since then, have one, and no order; by case
    id."""
    ordered = exists().where(OrderLinkRow.case_id == CaseRow.case_id)
    rows = session.execute(
        select(CaseRow.case_id, CaseRow.site, StudyIdentityRow.accession)
        .join(StudyIdentityRow, StudyIdentityRow.case_id == CaseRow.case_id)
        .where(CaseRow.received_at >= since, StudyIdentityRow.accession != "", ~ordered)
        .order_by(CaseRow.received_at)
    )
    return {row.case_id: (row.site, row.accession) for row in rows}


def of_case(session: Session, case_id: str) -> tuple[CaseOrder, ...]:
    """Return a case's orders and those that may be, first to newest."""
    rows = session.execute(
        select(OrderRow, OrderLinkRow)
        .join(OrderLinkRow, OrderLinkRow.order_id == OrderRow.order_id)
        .where(OrderLinkRow.case_id == case_id)
        .order_by(OrderRow.order_id)
    ).all()
    with faults.decoding("order_links", case_id):
        return tuple(
            CaseOrder(_stored(order), LinkState(link.state), link.reasons, link.by)
            for order, link in rows
        )


def link(
    session: Session,
    case_id: str,
    order_id: int,
    state: LinkState,
    *,
    reasons: Sequence[str] = (),
    by: Person | None = None,
    now: datetime,
) -> None:
    """Note how a case and an order stand to each other from now on."""
    session.merge(
        OrderLinkRow(
            case_id=case_id,
            order_id=order_id,
            state=state.value,
            reasons=tuple(reasons),
            by=None if by is None else by.name,
            by_account=None if by is None else by.id,
            at=now,
        )
    )
    session.flush()


def ask_again(session: Session, order_id: int) -> None:
    """Have a person say again of which studies an order is: it became another patient's."""
    session.execute(
        update(OrderLinkRow)
        .where(OrderLinkRow.order_id == order_id, OrderLinkRow.state == LinkState.CONFIRMED.value)
        .values(state=LinkState.ASKED.value, reasons=(MatchReason.PATIENT_CHANGED.value,))
    )


def unlink(session: Session, case_id: str, order_id: int) -> None:
    """Forget that a case and an order had to do with each other."""
    session.execute(
        delete(OrderLinkRow).where(
            OrderLinkRow.case_id == case_id, OrderLinkRow.order_id == order_id
        )
    )


def study_of(session: Session, case_id: str) -> OrderedStudy:
    """Return what orders are compared with. NotFound `case_not_found`."""
    found = _studies(session, _STUDY.where(CaseRow.case_id == case_id))
    if case_id not in found:
        raise NotFound("case_not_found", case_id=case_id)
    return found[case_id]


def candidate_orders(session: Session, study: OrderedStudy) -> tuple[StoredOrder, ...]:
    """Return the newest orders that share a number or the patient with a study."""
    same: list[Any] = [OrderRow.study_uid == study.study_uid] if study.study_uid else []
    if number := number_key(study.accession):
        same += [
            column == number for column in (OrderRow.accession, OrderRow.filler, OrderRow.placer)
        ]
    if usable_number(study.patient.patient_id):
        same.append(OrderRow.patient == plain_number(study.patient.patient_id))
    found: set[int] = set()
    for known in same:
        # One by one, each by its index: together they would be looked for in every order.
        wanted = (
            select(OrderRow.order_id)
            .where(OrderRow.site == study.site, known)
            .order_by(OrderRow.order_id.desc())
            .limit(MOST)
        )
        found.update(session.scalars(wanted))
    newest = sorted(found, reverse=True)[:MOST]
    rows = session.scalars(select(OrderRow).where(OrderRow.order_id.in_(newest)))
    return tuple(map(_stored, sorted(rows, key=lambda row: -row.order_id)))


def candidate_studies(session: Session, order: Order) -> dict[str, OrderedStudy]:
    """Return the newest studies that share a number or the patient with an order, by case id."""
    accession = None if order.accession is None else order.accession.number
    keys = {number_key(n) for n in (accession, order.filler, order.placer) if n} - {""}
    same: list[Select[Any]] = []
    if uid := order.procedure.study_uid:
        same.append(select(StudyIdentityRow.case_id).where(StudyIdentityRow.study_uid == uid))
    if keys:
        accessions = WorklistEntryRow.accession.in_(sorted(keys))
        same.append(select(WorklistEntryRow.case_id).where(accessions))
    numbers = [n for n in (order.patient.patient_id, *order.other_numbers) if usable_number(n)]
    if numbers:
        named = [f"n:{plain_number(number)}" for number in numbers]
        same.append(select(PatientKeyRow.case_id).where(PatientKeyRow.key.in_(named)))
    if not same:
        return {}
    # Each by its index: joined by "or" they would be looked for in every study.
    known = union(*same).subquery()
    wanted = _STUDY.join(known, known.c.case_id == CaseRow.case_id)
    return _studies(session, wanted.where(CaseRow.site == order.site).limit(MOST))


_STUDY = (
    select(
        CaseRow.case_id,
        CaseRow.site,
        CaseRow.modality,
        CaseRow.received_at,
        StudyIdentityRow.study_uid,
        StudyIdentityRow.accession,
        StudyIdentityRow.patient_name,
        StudyIdentityRow.patient_sex,
        StudyIdentityRow.birth_date,
        StudyIdentityRow.study_time,
        PatientRow.patient_id,
    )
    .join(StudyIdentityRow, StudyIdentityRow.case_id == CaseRow.case_id)
    .join(PatientRow, PatientRow.patient_ref == StudyIdentityRow.patient_ref)
    .order_by(CaseRow.received_at.desc(), CaseRow.case_id)
)


def _studies(session: Session, wanted: Executable) -> dict[str, OrderedStudy]:
    return {row.case_id: _study(row) for row in session.execute(wanted)}


def _study(row: Any) -> OrderedStudy:
    with faults.decoding("study_identities", row.case_id):
        taken = row.received_at
        if row.study_time is not None:
            # Without a zone it is the modality's clock, which is this machine's zone.
            taken = datetime.fromisoformat(row.study_time).astimezone(UTC)
        patient = Patient(row.patient_id, row.patient_name, row.birth_date, row.patient_sex)
        return OrderedStudy(row.site, row.study_uid, row.accession, patient, row.modality, taken)


def elsewhere(session: Session, order_id: int, case_id: str) -> bool:
    """Return whether another study was made for the order."""
    return bool(
        session.scalar(
            select(
                exists().where(
                    OrderLinkRow.order_id == order_id,
                    OrderLinkRow.case_id != case_id,
                    OrderLinkRow.state.in_([state.value for state in HOLDS]),
                )
            )
        )
    )


@dataclass(frozen=True)
class HeaderFacts:
    """What a case's own header said; without identity."""

    priority: StudyPriority
    history: str


def header_facts(session: Session, case_id: str) -> HeaderFacts:
    """Return what the case's header said, which is kept from the first time on. NotFound
    `case_not_found`."""
    case = session.get(CaseRow, case_id)
    if case is None:
        raise NotFound("case_not_found", case_id=case_id)
    insert_new(
        session, OrderedCaseRow, case_id=case_id, priority=case.priority, history=case.history
    )
    row = session.get_one(OrderedCaseRow, case_id)
    with faults.decoding("ordered_cases", case_id):
        return HeaderFacts(StudyPriority(row.priority), row.history)


def described_anew(session: Session, case_id: str) -> None:
    """Forget what the case's header said: it was read anew, and the case has what it says now."""
    session.execute(delete(OrderedCaseRow).where(OrderedCaseRow.case_id == case_id))


def header_priority(session: Session, case_id: str, priority: StudyPriority) -> None:
    """Note that the case's header says another priority, where what it said is kept."""
    session.execute(
        update(OrderedCaseRow)
        .where(OrderedCaseRow.case_id == case_id)
        .values(priority=priority.value)
    )


def describe(session: Session, case_id: str, priority: StudyPriority, history: str) -> None:
    """Have the case say what header and orders say together, once its report is not signed; the
    history was de-identified."""
    session.execute(
        update(CaseRow)
        .where(CaseRow.case_id == case_id, CaseRow.priority != priority.value)
        .values(priority=priority.value)
    )
    signed = exists().where(
        ReportRow.case_id == CaseRow.case_id, ReportRow.state == ReportState.SIGNED.value
    )
    session.execute(
        update(CaseRow)
        .where(CaseRow.case_id == case_id, CaseRow.history != storable(history), ~signed)
        .values(history=storable(history))
        .execution_options(synchronize_session=False)
    )


def drafted_at(session: Session, case_id: str) -> datetime | None:
    """Return when the case was drafted last."""
    return session.scalar(
        select(DraftRow.created_at)
        .where(DraftRow.case_id == case_id)
        .order_by(DraftRow.draft_id.desc())
        .limit(1)
    )


def asked(session: Session) -> int:
    """Return how many times a person has to say whether a study was made for an order."""
    waits = OrderLinkRow.state == LinkState.ASKED.value
    return session.scalar(select(func.count()).where(waits)) or 0


def hold_case(session: Session, case_id: str) -> None:
    """Hold a case: of two that match its orders at once, one waits for the other."""
    cases.lock(session, case_id)


def orders_of(found: Iterable[CaseOrder]) -> tuple[Order, ...]:
    """Return the orders that say something of the case."""
    return tuple(case_order.stored.order for case_order in found if case_order.state in HOLDS)

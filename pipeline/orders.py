"""Orders joined to studies: what they give a case, and what a person says where that is unsure."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from radraft.core.errors import NotFound, RadraftError, StorageUnavailable
from radraft.pipeline.patient_identity import corrected_order
from radraft.reports.order import Order, OrderState
from radraft.reports.order_matching import (
    DECIDED,
    HOLDS,
    LinkState,
    MatchReason,
    OrderedStudy,
    OrderNote,
    OrderTimes,
    case_priority,
    clinical_text,
    order_match,
    order_notes,
)
from radraft.reports.people import Person
from radraft.store import orders, patient_records
from radraft.store.orders import CaseOrder, OrderSource, Said, Saved, StoredOrder
from radraft.studies.deidentify import without_identity
from radraft.studies.priors import LinkDecision
from radraft.studies.values import Patient, StudyPriority

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.store.database import Store

_LOG = logging.getLogger("radraft.orders")

MISSED_WITHIN = timedelta(minutes=15)
"""Orders as old as this are matched again from time to time: one that came while its study was
being taken in saw nothing of it, nor the study of the order."""


@dataclass(frozen=True)
class ShownOrder:
    """An order as the readers of a study see it, identity included."""

    case_order: CaseOrder
    notes: tuple[OrderNote, ...]


def take_order(
    session: Session,
    order: Order,
    source: OrderSource,
    now: datetime,
    said: Said | None = None,
) -> Saved:
    """Keep an order and tie it to the studies that were made for it. `said`: by which message.

    Of an order of several procedures, what is said of all of them is said of each.
    """
    # What a worklist answers is what the RIS says now.
    sent_at = now if said is None else said.sent_at or said.heard_at
    order = corrected_order(session, order, sent_at)
    saved = [_take(session, part, source, now, said) for part in orders.parts(session, order)]
    return replace(saved[-1], changed=any(part.changed for part in saved))


def _take(
    session: Session, order: Order, source: OrderSource, now: datetime, said: Said | None
) -> Saved:
    saved = orders.save(session, order, source, now, said)
    if saved.other_patient:
        orders.ask_again(session, saved.stored.order_id)
    if saved.changed:
        match_orders(session, (saved.stored,), now)
    return saved


def match_orders(session: Session, stored: Iterable[StoredOrder], now: datetime) -> None:
    """Tie orders to the studies that were made for them, and give those what the orders say."""
    for order in stored:
        before = orders.links(session, order.order_id)
        studies = orders.candidate_studies(session, order.order)
        for case_id in before.keys() - studies.keys():
            studies[case_id] = orders.study_of(session, case_id)
        for case_id in sorted(studies):
            orders.hold_case(session, case_id)
            _judge(session, order, case_id, studies[case_id], before.get(case_id), now)
        for case_id in sorted(before.keys() | orders.links(session, order.order_id).keys()):
            apply_orders(session, case_id)


def match_case(
    session: Session, case_id: str, now: datetime, *, header: StudyPriority | None = None
) -> None:
    """Tie a study to its orders, and give it what they say; the caller holds the case.

    The case's row says what its header says, and nothing of orders, unless `header` is given: how
    soon the study is to be read by a header that came late.
    """
    if header is None:
        orders.described_anew(session, case_id)
    else:
        orders.header_priority(session, case_id, header)
    match_again(session, case_id, now)


def match_again(session: Session, case_id: str, now: datetime) -> None:
    """Tie a study to its orders once more, as its patient is called now; the caller holds it."""
    study = orders.study_of(session, case_id)
    before = {
        case_order.stored.order_id: case_order for case_order in orders.of_case(session, case_id)
    }
    found = {stored.order_id: stored for stored in orders.candidate_orders(session, study)}
    found |= {order_id: case_order.stored for order_id, case_order in before.items()}
    for order_id, stored in sorted(found.items()):
        known = before[order_id].state if order_id in before else None
        _judge(session, stored, case_id, study, known, now)
    if before or orders.of_case(session, case_id):
        apply_orders(session, case_id)


def _judge(
    session: Session,
    stored: StoredOrder,
    case_id: str,
    study: OrderedStudy,
    known: LinkState | None,
    now: datetime,
) -> None:
    """Tie an order and a study, ask a person, or neither; what a person said stays."""
    if known in DECIDED:
        return
    found = order_match(stored.order, study)
    wanted: LinkState | None = None
    if found.outcome is LinkDecision.LINK:
        wanted = LinkState.LINKED
    elif found.outcome is LinkDecision.ASK:
        guessed = found.reasons == (MatchReason.PATIENT_AND_TIME,)
        if not guessed or not _answered(session, stored.order_id, case_id):
            wanted = LinkState.ASKED
    if wanted is not None and wanted is not known:
        orders.link(session, case_id, stored.order_id, wanted, reasons=found.reasons, now=now)
    elif wanted is None and known is not None and not _doubted(session, stored.order_id, case_id):
        orders.unlink(session, case_id, stored.order_id)
    if wanted is LinkState.LINKED:
        _drop_guesses(session, stored.order_id, case_id)


def _doubted(session: Session, order_id: int, case_id: str) -> bool:
    """Return whether a person said that the two go together, and has to say so again."""
    found = orders.of_case(session, case_id)
    told = (MatchReason.PATIENT_CHANGED,)
    return any(
        case_order.reasons == told for case_order in found if case_order.stored.order_id == order_id
    )


def _answered(session: Session, order_id: int, case_id: str) -> bool:
    """Return whether the order has a study already, or the study an order."""
    held = any(case_order.state in HOLDS for case_order in orders.of_case(session, case_id))
    return held or orders.elsewhere(session, order_id, case_id)


def _drop_guesses(session: Session, order_id: int, case_id: str) -> None:
    """Ask nobody any more whether the order or the study goes with others."""
    pairs = [
        (case_id, case_order.stored.order_id) for case_order in orders.of_case(session, case_id)
    ]
    pairs += [(other, order_id) for other in orders.links(session, order_id)]
    for case, order in set(pairs):
        found = next(o for o in orders.of_case(session, case) if o.stored.order_id == order)
        if found.state is LinkState.ASKED and found.reasons == (MatchReason.PATIENT_AND_TIME,):
            orders.unlink(session, case, order)


def apply_orders(session: Session, case_id: str) -> None:
    """Give a case what its header and its orders say together: how soon it is to be read, and why
    it was asked for, without anybody's identity."""
    facts = orders.header_facts(session, case_id)
    study = orders.study_of(session, case_id)
    said = orders.orders_of(orders.of_case(session, case_id))
    texts = [facts.history]
    former = patient_records.known_as(session, case_id)
    texts += [
        _scrubbed(order, study, former) for order in said if order.state is not OrderState.CANCELLED
    ]
    history = "；".join(dict.fromkeys(filter(None, texts)))
    orders.describe(session, case_id, case_priority(facts.priority, said), history)


def _scrubbed(order: Order, study: OrderedStudy, former: tuple[Patient, ...]) -> str:
    """Return what an order says clinically, without identity; `former`: by all that the study's
    patient was ever called."""
    accession = None if order.accession is None else order.accession.number
    who = order.referring
    return without_identity(
        clinical_text(order),
        (order.patient, study.patient, *former),
        (
            *(accession or "", study.accession, order.placer or "", order.filler or ""),
            *order.other_numbers,
        ),
        (*order.people, *(() if who is None else (who.name,))),
    )


def shown_orders(session: Session, case_id: str) -> tuple[ShownOrder, ...]:
    """Return the orders of a study as its readers see them. NotFound `case_not_found`."""
    orders.study_of(session, case_id)
    found = orders.of_case(session, case_id)
    drafted_at = orders.drafted_at(session, case_id)
    numbers = [
        case_order.stored.order.accession
        for case_order in found
        if case_order.state in HOLDS and case_order.stored.order.state is not OrderState.CANCELLED
    ]
    shown = []
    for case_order in found:
        stored = case_order.stored
        times = OrderTimes(stored.received_at, stored.changed_at, drafted_at)
        notes = order_notes(stored.order, case_order.state, case_order.reasons, times)
        shared = stored.order.accession
        if case_order.state in HOLDS and shared is not None and numbers.count(shared) > 1:
            notes = (*notes, OrderNote.SEVERAL)
        shown.append(ShownOrder(case_order, notes))
    return tuple(shown)


def decide(
    session: Session, case_id: str, order_id: int, *, same: bool, by: Person, now: datetime
) -> None:
    """A person says whether the study was made for the order. NotFound `order_not_found` where
    nothing ties the two."""
    orders.hold_case(session, case_id)
    if order_id not in {
        case_order.stored.order_id for case_order in orders.of_case(session, case_id)
    }:
        raise NotFound("order_not_found")
    state = LinkState.CONFIRMED if same else LinkState.REJECTED
    known = next(
        case_order
        for case_order in orders.of_case(session, case_id)
        if case_order.stored.order_id == order_id
    )
    orders.link(session, case_id, order_id, state, reasons=known.reasons, by=by, now=now)
    if same:
        _drop_guesses(session, order_id, case_id)
    apply_orders(session, case_id)


def match_missed(store: Store, now: datetime) -> None:
    """Match the newest orders again, each by itself: `MISSED_WITHIN`. StorageUnavailable; an order
    that fails otherwise keeps no other from its study."""
    with store.read() as session:
        changed = orders.changed_since(session, now - MISSED_WITHIN)
    for order_id in changed:
        try:
            with store.begin() as session:
                match_orders(session, (orders.get(session, order_id),), now)
        except StorageUnavailable:
            raise
        except (RadraftError, SQLAlchemyError) as error:
            _LOG.error("order %d could not be matched: %s", order_id, type(error).__name__)

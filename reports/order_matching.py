"""Which order a study was made for: pure rules over an order and what a study's header says.

A number that both know ties them where the patient agrees; whatever is less sure is for a person to
say. Identity is compared by the rules that find a patient's earlier studies (`studies.priors`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from radraft.reports.order import Order, OrderState, PatientClass, Priority
from radraft.studies.name_search import number_key
from radraft.studies.priority import most_urgent
from radraft.studies.priors import LinkDecision, Person, Reason, match
from radraft.studies.values import Patient, StudyPriority

SCHEDULED_WITHIN = timedelta(hours=24)
"""Longest time between what was scheduled and a study that may be it."""
PLACED_WITHIN = timedelta(days=14)
"""Longest time from an unscheduled order to a study that may be for it."""
CLOCKS_APART = timedelta(hours=1)
"""How far a modality's clock may lag behind the sender's of the order."""
_RADIOGRAPHS = frozenset({"CR", "DX", "DR", "RG"})
"""Modalities that name one kind of examination: orders and headers mix them."""


_DIFFERS = frozenset({Reason.NAME_DIFFERS, Reason.BIRTH_DIFFERS, Reason.SEX_DIFFERS})
"""In which an order and a study of one patient do not differ, or a person has to say."""
_UNNAMED = frozenset({Reason.NAME_MISSING, Reason.BIRTH_MISSING})


class MatchReason(StrEnum):
    """What ties an order and a study, or keeps them apart."""

    STUDY_UID = "study_uid"
    ACCESSION = "accession"
    ORDER_NUMBER = "order_number"
    """The study's accession is the order's placer or filler number."""
    PATIENT_AND_TIME = "patient_and_time"
    PATIENT_UNSURE = "patient_unsure"
    PATIENT_DIFFERS = "patient_differs"
    PATIENT_CHANGED = "patient_changed"
    """A person had said that they go together, and then the order became another patient's."""


@dataclass(frozen=True)
class OrderedStudy:
    """What a study says of the order it was made for, identity included."""

    site: str
    study_uid: str = field(repr=False)
    accession: str = field(repr=False)
    """Empty where it came without one."""
    patient: Patient = field(repr=False)
    modality: str
    taken_at: datetime
    """UTC: when the images were made, or came in where that is not known."""


@dataclass(frozen=True)
class OrderMatch:
    """Whether a study was made for an order."""

    outcome: LinkDecision
    reasons: tuple[MatchReason, ...] = ()


APART = OrderMatch(LinkDecision.APART)


def order_match(order: Order, study: OrderedStudy) -> OrderMatch:
    """Return whether `study` was made for `order`; both are of one site, or they are apart.

    A cancelled order is matched by its numbers, so that a study which was made all the same is told
    of it, and by nothing else.
    """
    if order.site != study.site:
        return APART
    tie = _tie(order, study)
    agrees = _patients(order, study)
    if tie is not None:
        if agrees is LinkDecision.LINK:
            return OrderMatch(LinkDecision.LINK, (tie,))
        doubt = (
            MatchReason.PATIENT_UNSURE
            if agrees is LinkDecision.ASK
            else MatchReason.PATIENT_DIFFERS
        )
        return OrderMatch(LinkDecision.ASK, (tie, doubt))
    both_numbered = order.accession is not None and bool(number_key(study.accession))
    if both_numbered or order.state is OrderState.CANCELLED:
        return APART
    if agrees is LinkDecision.LINK and _same_kind(order, study) and _in_time(order, study):
        return OrderMatch(LinkDecision.ASK, (MatchReason.PATIENT_AND_TIME,))
    return APART


def _tie(order: Order, study: OrderedStudy) -> MatchReason | None:
    if order.procedure.study_uid is not None and order.procedure.study_uid == study.study_uid:
        return MatchReason.STUDY_UID
    number = number_key(study.accession)
    if not number:
        return None
    if order.accession is not None:
        same = number_key(order.accession.number) == number
        return MatchReason.ACCESSION if same else None
    others = {number_key(other) for other in (order.filler, order.placer) if other}
    return MatchReason.ORDER_NUMBER if number in others else None


def _patients(order: Order, study: OrderedStudy) -> LinkDecision:
    """Return whether both are of one patient, by any of the order's numbers."""
    return _one_patient(_persons(order), (_person(study.site, study.patient, None),))


def same_patient(a: Order, b: Order) -> bool:
    """Return whether two orders are surely of one patient."""
    return _one_patient(_persons(a), _persons(b)) is LinkDecision.LINK


def _persons(order: Order) -> tuple[Person, ...]:
    """Return the patient by each of his numbers, the first one first."""
    numbers = (order.patient.patient_id, *order.other_numbers)
    return tuple(_person(order.site, order.patient, number) for number in numbers)


def _one_patient(some: Sequence[Person], others: Sequence[Person]) -> LinkDecision:
    """Return whether both are one patient: a number that fits never outweighs a name, a birth date
    or a sex that differs, nor does one of the further numbers suffice alone."""
    found = set()
    for one in some:
        for other in others:
            matched = match(one, other)
            reasons = set(matched.reasons)
            first = one is some[0] and other is others[0]
            doubted = reasons & _DIFFERS or (not first and reasons >= _UNNAMED)
            linked = matched.outcome is LinkDecision.LINK
            found.add(LinkDecision.ASK if linked and doubted else matched.outcome)
    return min(found, key=list(LinkDecision).index)


def same_order(a: Order, b: Order) -> bool:
    """Return whether two messages that name an order differently are about one.

    Its filler number or accession, or its placer number of which one does not say who gave it, and
    the patient tie them. Two placers' orders are two whatever else they share, and so are two
    fillers' of one accession.
    """
    placers = _agree(a.placer, a.placer_issuer, b.placer, b.placer_issuer)
    fillers = _agree(a.filler, a.filler_issuer, b.filler, b.filler_issuer)
    x, y = a.accession, b.accession
    accessions = None
    if x is not None and y is not None:
        accessions = _agree(x.number, x.issuer, y.number, y.issuer)
    if a.site != b.site or placers is False or fillers is False:
        return False
    if (a.step and b.step and a.step != b.step) or ((a.step or b.step) and accessions is False):
        return False
    return bool(placers or fillers or accessions) and same_patient(a, b)


def _agree(
    number: str | None, issuer: str | None, other: str | None, other_issuer: str | None
) -> bool | None:
    """Return whether two numbers are one; None where one of them is not known."""
    if not number or not other:
        return None
    if issuer and other_issuer and issuer != other_issuer:
        return False
    return (number_key(number) or number) == (number_key(other) or other)


def _person(site: str, patient: Patient, number: str | None) -> Person:
    sent = patient.patient_id if number is None else number
    return Person(site, sent, patient.name, patient.birth_date, patient.sex)


def _same_kind(order: Order, study: OrderedStudy) -> bool:
    asked = order.procedure.modality
    return asked in {None, study.modality} or {asked, study.modality} <= _RADIOGRAPHS


def _in_time(order: Order, study: OrderedStudy) -> bool:
    if order.scheduled_at is not None:
        return abs(study.taken_at - order.scheduled_at) <= SCHEDULED_WITHIN
    since = study.taken_at - order.placed_at
    return -CLOCKS_APART <= since <= PLACED_WITHIN


def order_priority(order: Order) -> StudyPriority:
    """Return how soon a study of the order is to be read; a cancelled order says nothing."""
    if order.state is OrderState.CANCELLED:
        return StudyPriority.UNKNOWN
    if order.priority is Priority.STAT:
        return StudyPriority.STAT
    if order.priority is Priority.HIGH or order.patient_class is PatientClass.EMERGENCY:
        return StudyPriority.EMERGENCY
    if order.patient_class is PatientClass.INPATIENT:
        return StudyPriority.INPATIENT
    return StudyPriority.ROUTINE


def case_priority(of_header: StudyPriority, orders: Iterable[Order]) -> StudyPriority:
    """Return how soon a study is to be read: the most urgent of what its header and its orders
    say."""
    return most_urgent((of_header, *map(order_priority, orders)))


def clinical_text(order: Order) -> str:
    """Return what an order says of why it was placed, for the history: procedure, reason and
    clinical information. It may name the patient: nothing of it goes on before it was scrubbed."""
    parts = (order.procedure.description, order.reason, order.history)
    return "\n".join(dict.fromkeys(part.strip() for part in parts if part and part.strip()))


class LinkState(StrEnum):
    """How a study and an order stand to each other."""

    LINKED = "linked"
    """By a number that both know."""
    ASKED = "asked"
    """Perhaps: a person has to say."""
    CONFIRMED = "confirmed"
    """A person said that the study was made for the order."""
    REJECTED = "rejected"
    """A person said that it was not."""


HOLDS = frozenset({LinkState.LINKED, LinkState.CONFIRMED})
"""In which an order says something of a study."""
DECIDED = frozenset({LinkState.CONFIRMED, LinkState.REJECTED})
"""Which only a person changes."""


_OF_ANOTHER = frozenset({MatchReason.PATIENT_DIFFERS, MatchReason.PATIENT_CHANGED})


class OrderNote(StrEnum):
    """What the reader of a study is told of its orders: codes of messages."""

    UNSURE = "order_unsure"
    PATIENT_DIFFERS = "order_patient_differs"
    CANCELLED = "order_cancelled"
    AFTER_DRAFT = "order_after_draft"
    CHANGED_AFTER_DRAFT = "order_changed_after_draft"
    SEVERAL = "orders_share_accession"


@dataclass(frozen=True)
class OrderTimes:
    """When an order came and changed, and when the study was drafted last; UTC."""

    received_at: datetime
    changed_at: datetime
    """When it came, where it never changed."""
    drafted_at: datetime | None


def order_notes(
    order: Order, state: LinkState, reasons: Iterable[str], times: OrderTimes
) -> tuple[OrderNote, ...]:
    """Return what a reader is told of an order of a study, or of one that may be."""
    if state is LinkState.ASKED:
        differs = not set(reasons).isdisjoint(_OF_ANOTHER)
        return (OrderNote.PATIENT_DIFFERS if differs else OrderNote.UNSURE,)
    if state is LinkState.REJECTED:
        return ()
    notes = []
    if order.state is OrderState.CANCELLED:
        notes.append(OrderNote.CANCELLED)
    elif times.drafted_at is not None:
        if times.received_at > times.drafted_at:
            notes.append(OrderNote.AFTER_DRAFT)
        elif times.changed_at > times.drafted_at:
            notes.append(OrderNote.CHANGED_AFTER_DRAFT)
    return tuple(notes)

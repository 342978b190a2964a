"""Orders as HL7 v2 messages say them: ORM^O01, OMI^O23.

HL7 v2.5.1, chapter 4; IHE Radiology RAD-2 and RAD-4 for the fields that its profile
of ORM^O01 uses (OBR-18 to OBR-20, ZDS-1). Versions 2.3 to 2.5.1 are read alike: what one of them
lacks is empty. Of local segments ZDS alone is read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from radraft.core.errors import MessageError, ReportError
from radraft.exchange.hl7_fields import SEXES, birth_day, clean, joined, moment, person_name
from radraft.reports.hl7_text import Message, Segment
from radraft.reports.order import (
    MAX_ACCESSION,
    Accession,
    Code,
    Order,
    OrderState,
    PatientClass,
    Pregnancy,
    Priority,
    ReferringPerson,
    RequestedProcedure,
)
from radraft.studies.values import Patient

ORDER_KINDS = frozenset({"ORM^O01", "OMI^O23"})
_CANCELS = frozenset({"CA", "OC", "DC", "OD", "CR", "DR", "RP", "RQ", "RU"})
"""Order control codes (table 0119) after which nothing more is done for an order; RO is the order
that replaces it."""
_STATES = {
    "SC": OrderState.PLACED, "HD": OrderState.PLACED, "IP": OrderState.IN_PROGRESS,
    "A": OrderState.IN_PROGRESS, "CM": OrderState.COMPLETED, "CA": OrderState.CANCELLED,
    "DC": OrderState.CANCELLED, "RP": OrderState.CANCELLED,
}  # fmt: skip
"""Table 0038."""
_PRIORITIES = {
    "S": Priority.STAT, "STAT": Priority.STAT, "特急": Priority.STAT, "急": Priority.STAT,
    "A": Priority.HIGH, "ASAP": Priority.HIGH, "P": Priority.HIGH, "T": Priority.HIGH,
    "HIGH": Priority.HIGH, "URGENT": Priority.HIGH, "急诊": Priority.HIGH, "加急": Priority.HIGH,
    "M": Priority.MEDIUM, "MEDIUM": Priority.MEDIUM, "L": Priority.LOW, "LOW": Priority.LOW,
}  # fmt: skip
"""Table 0485, DICOM's terms and what Chinese systems write."""
_CLASSES = {
    "I": PatientClass.INPATIENT, "P": PatientClass.INPATIENT, "O": PatientClass.OUTPATIENT,
    "R": PatientClass.OUTPATIENT, "C": PatientClass.OUTPATIENT, "E": PatientClass.EMERGENCY,
}  # fmt: skip
"""Table 0004."""
_PREGNANCY_CODES = frozenset({"11449-6", "82810-3"})
"""LOINC: Pregnancy status."""
_STAFF = {
    "PD1": (4,), "PV1": (7, 8, 9, 17, 52), "ORC": (10, 11, 12, 19),
    "OBR": (10, 16, 28, 32, 33, 34, 35), "DG1": (16,), "OBX": (16,), "NTE": (5,),
    "TXA": (5, 9, 10, 11), "ROL": (4,), "PRT": (5,),
}  # fmt: skip
"""Fields of XCN or CNN: persons by number and name."""
_KIN = {"PID": (6, 9), "NK1": (2, 26, 30), "GT1": (3, 4), "IN1": (16,)}
"""Fields of XPN beside the patient's name: mother, aliases, next of kin, who pays."""
_CODE = re.compile(r"(?=[^\d]*\d)[A-Za-z0-9._:/-]{1,20}")
_SCHEME = re.compile(r"[A-Za-z0-9._:-]{1,20}")
_KNOWN_SCHEME = re.compile(r"L|LN|I9C?|I10\w*|ICD.*|SCT|SNM.*|99.+", re.IGNORECASE)
"""Table 0396, what orders use of it."""


def read_orders(message: Message, *, site: str, zone: tzinfo | None = None) -> tuple[Order, ...]:
    """Return the orders of an ORM^O01 or OMI^O23, in their order.

    `zone`: of the sender's clock where it names none; None: this machine's. MessageError
    `hl7_patient_missing`, `hl7_orders_missing`, `hl7_order_unnamed`.
    """
    groups = _groups(message)
    if not groups:
        raise MessageError("hl7_orders_missing")
    common = _Common(message, site, zone)
    return tuple(order for group in groups for order in common.orders(group))


@dataclass(frozen=True)
class _Group:
    """One ORC with what follows it until the next."""

    segments: tuple[Segment, ...]

    def first(self, name: str) -> Segment:
        """Return the first segment of that name; one without fields where there is none."""
        found = (segment for segment in self.segments if segment.name == name)
        return next(found, Segment(name, ()))

    def every(self, name: str) -> tuple[Segment, ...]:
        return tuple(segment for segment in self.segments if segment.name == name)


def _groups(message: Message) -> list[_Group]:
    groups: list[list[Segment]] = []
    for segment in message.segments:
        begins = segment.name == "ORC"
        if segment.name == "OBR":
            # Some senders leave ORC out; several OBR below one ORC are as many orders.
            begins = not groups or any(segment.name == "OBR" for segment in groups[-1])
        if begins:
            shared = [segment for segment in groups[-1] if segment.name == "ORC"] if groups else []
            groups.append(shared if segment.name == "OBR" else [])
        if groups:
            groups[-1].append(segment)
    return [_Group(tuple(group)) for group in groups]


class _Common:
    """What all orders of a message share."""

    def __init__(self, message: Message, site: str, zone: tzinfo | None) -> None:
        self._site, self._zone = site, zone
        self._patient, self._numbers = _patient(message)
        self._people = _people(message)
        visit = message.first("PV1") or Segment("PV1", ())
        self._class = _CLASSES.get(visit.text(2).upper(), PatientClass.UNKNOWN)
        self._ward = joined(visit.text(3, part) for part in (1, 2, 3)) or None
        allergies = (_named(segment, 3) for segment in message.every("AL1"))
        self._allergies = tuple(dict.fromkeys(filter(None, allergies)))
        self._pregnancy = _pregnancy(message, visit)
        self._sent_at = moment(message.header.text(7), zone) or datetime.now(UTC)

    def orders(self, group: _Group) -> list[Order]:
        """Return the orders of one group: one, or as many as its IPC segments tell apart."""
        procedures: dict[str, Segment] = {}
        for ipc in group.every("IPC"):
            procedures.setdefault(_step(ipc), ipc)
        if len(procedures) > 1:
            return [self._order(group, ipc, step) for step, ipc in procedures.items()]
        return [self._order(group, group.first("IPC"), "")]

    def _order(self, group: _Group, ipc: Segment, step: str) -> Order:
        orc, obr, timing = group.first("ORC"), group.first("OBR"), group.first("TQ1")
        placer, placer_issuer = _entity(2, obr, orc)
        filler, filler_issuer = _entity(3, obr, orc)
        scheduled = (obr.text(36), timing.text(7), orc.text(7, 4), obr.text(27, 4))
        order = Order(
            placer=placer,
            filler=filler,
            site=self._site,
            state=_state(orc),
            accession=_accession(ipc, obr),
            patient=self._patient,
            procedure=_procedure(group, ipc),
            reason=_reason(group),
            history=clean(obr.whole(13)) or None,
            referring=_referring(orc, obr),
            priority=_priority(timing.text(9), orc.text(7, 6), obr.text(27, 6), obr.text(5)),
            placed_at=moment(orc.text(9), self._zone) or self._sent_at,
            scheduled_at=next(filter(None, (moment(t, self._zone) for t in scheduled)), None),
            patient_class=self._class,
            ward=self._ward,
            allergies=self._allergies,
            pregnancy=self._pregnancy,
            other_numbers=self._numbers,
            people=self._people,
            step=step or None,
            placer_issuer=placer_issuer,
            filler_issuer=filler_issuer,
        )
        assert order.name
        return order


def _patient(message: Message) -> tuple[Patient, tuple[str, ...]]:
    """Return the patient and his other numbers. MessageError `hl7_patient_missing`."""
    pid = message.first("PID")
    if pid is None:
        raise MessageError("hl7_patient_missing")
    listed = pid.repetitions(3)
    # The number of the medical record first (table 0203), as it stands in DICOM's Patient ID.
    ranked = sorted(listed, key=lambda value: pid.part(value, 5) not in {"MR", "PI", ""})
    found = [clean(pid.part(value)) for value in ranked]
    # Before 2.3.1 these were fields of their own.
    found += [clean(pid.text(2)), clean(pid.text(4))]
    numbers = tuple(dict.fromkeys(filter(None, found)))
    if not numbers:
        raise MessageError("hl7_patient_missing")
    sex = pid.text(8).upper()[:1]
    patient = Patient(
        patient_id=numbers[0],
        name=person_name(pid, 5),
        birth_date=birth_day(pid.text(7)),
        sex=sex if sex in SEXES else "",
    )
    return patient, numbers[1:]


def _people(message: Message) -> tuple[str, ...]:
    """Return everybody whom the message names besides the patient, as PN, sorted."""
    found: list[str] = []
    for segment in message.segments:
        for number in _STAFF.get(segment.name, ()):
            for value in segment.repetitions(number):
                # CNN (2.3 to 2.5.1: OBR-32 to OBR-35) divides by subcomponents what XCN divides by
                # components.
                cnn = (
                    segment.separators.subcomponent
                    in value.partition(segment.separators.component)[0]
                )
                places = [(1, 2), (1, 3), (1, 4)] if cnn else [(2, 1), (3, 1), (4, 1)]
                found.append(joined((segment.part(value, *at) for at in places), "^"))
        for number in _KIN.get(segment.name, ()):
            for value in segment.repetitions(number):
                found.append(joined((segment.part(value, at) for at in (1, 2, 3)), "^"))
    return tuple(sorted(set(filter(None, found))))


def _entity(number: int, *segments: Segment) -> tuple[str | None, str | None]:
    """Return an order's number (EI.1) and who gave it (EI.2 and EI.3), of the first segment that
    has one; the issuer also of another that has the same number."""
    found, issuer = "", ""
    for segment in segments:
        given = clean(segment.text(number))
        if given and given == (found or given):
            found = given
            issuer = issuer or joined((segment.text(number, part) for part in (2, 3)), "&")
    return found or None, issuer or None


def _step(ipc: Segment) -> str:
    """Return what tells a procedure from the others of its order: its accession, else its study,
    its number or its step's."""
    return next(filter(None, (clean(ipc.text(number)) for number in (1, 3, 2, 4))), "")


def _accession(ipc: Segment, obr: Segment) -> Accession | None:
    for segment, number in ((ipc, 1), (obr, 18)):
        text = clean(segment.text(number))
        if text:
            issuer = clean(segment.text(number, 2)) if number == 1 else ""
            try:
                return Accession(text[:MAX_ACCESSION], issuer or None)
            except ReportError:
                continue
    return None


def _procedure(group: _Group, ipc: Segment) -> RequestedProcedure:
    obr, zds = group.first("OBR"), group.first("ZDS")
    coded = obr.components((*obr.repetitions(4), "")[0])
    value, meaning, scheme = (clean(part) for part in (*coded, "", "", "")[:3])
    uid = ipc.text(3) or zds.text(1)
    return RequestedProcedure(
        id=clean(ipc.text(2) or obr.text(19)) or None,
        description=meaning or value,
        code=Code(value, scheme, meaning) if value else None,
        modality=(clean(ipc.text(5)) or clean(obr.text(24))).upper() or None,
        study_uid=uid if re.fullmatch(r"[0-9.]{1,64}", uid) else None,
        body_part=clean(obr.text(15, 4)).upper() or None,
    )


def _reason(group: _Group) -> str | None:
    """Return why it is asked for: OBR-31, else the diagnoses (DG1), and notes to the order."""
    obr = group.first("OBR")
    given = [_words(obr.components(value)) for value in obr.repetitions(31)] or [
        _named(segment, 3) or clean(segment.whole(4)) for segment in group.every("DG1")
    ]
    notes = [clean(segment.whole(3)) for segment in group.every("NTE")]
    return "\n".join(dict.fromkeys(filter(None, (*given, *notes)))) or None


def _referring(orc: Segment, obr: Segment) -> ReferringPerson | None:
    segment, number = (obr, 16) if obr.repetitions(16) else (orc, 12)
    first = (*segment.repetitions(number), "")[0]
    name = joined((clean(segment.part(first, part)) for part in (2, 3)), "^")
    key = clean(segment.part(first))
    if not name and not key:
        return None
    return ReferringPerson(
        name=name or key,
        id=key or None,
        department=_named(orc, 17) or None,
        phone=clean(orc.text(14)) or None,
    )


def _state(orc: Segment) -> OrderState:
    if orc.text(1).upper() in _CANCELS:
        return OrderState.CANCELLED
    return _STATES.get(orc.text(5).upper(), OrderState.PLACED)


def _priority(*said: str) -> Priority:
    known = (_PRIORITIES.get(text.strip().upper()) for text in said)
    return next(filter(None, known), Priority.ROUTINE)


def _pregnancy(message: Message, visit: Segment) -> Pregnancy:
    if any(visit.part(value).upper() == "B6" for value in visit.repetitions(15)):
        return Pregnancy.PREGNANT
    for observed in message.every("OBX"):
        if observed.text(3) in _PREGNANCY_CODES:
            answer = (observed.text(5, 2) or observed.text(5)).strip().lower()
            if answer in {"pregnant", "y", "yes", "3", "妊娠", "怀孕", "是"}:
                return Pregnancy.PREGNANT
            if answer in {"possible", "possibly pregnant", "2", "可能"}:
                return Pregnancy.POSSIBLE
            if answer in {"not pregnant", "n", "no", "1", "未妊娠", "未怀孕", "否"}:
                return Pregnancy.NOT_PREGNANT
    return Pregnancy.UNKNOWN


def _named(segment: Segment, number: int) -> str:
    """Return what a coded field (CE, CWE) says in words, else its code."""
    code, words = (*segment.components((*segment.repetitions(number), "")[0]), "", "")[:2]
    return clean(words or code)


def _words(components: tuple[str, ...]) -> str:
    """Return all words of a reason (CE): text that was typed with a separator in it looks like a
    coded entry, and is one only where its code and its coding system look like such."""
    code, words, scheme = (*components, "", "", "")[:3]
    coded = (not code or _CODE.fullmatch(code)) and (not scheme or _SCHEME.fullmatch(scheme))
    if words and coded and (code or not scheme or _KNOWN_SCHEME.fullmatch(scheme)):
        # Of the alternate (4 to 6) the words, where they say something else.
        return joined(dict.fromkeys((words, *components[4:5], *components[8:9])))
    return joined(components)

"""Corrections and merges of patients as HL7 v2 messages say them: ADT.

HL7 v2.5.1, chapter 3: A08 and A31 update a patient; A40 (before 2.3.1 A34 and A18) merges the
numbers of MRG-1 into those of PID-3; A47 changes a number, which is the same to whoever files by
it. The PID segment names the patient who survives, and a message may hold several pairs of PID and
MRG.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

from radraft.core.errors import MessageError
from radraft.exchange.hl7_fields import SEXES, birth_day, clean, moment, person_name, sent_at
from radraft.reports.hl7_text import Message, Segment
from radraft.reports.patient_record import Demographics, PatientMerge, PatientMessage, PatientUpdate
from radraft.studies.priors import plain_number, usable_number

CORRECTION_KINDS = frozenset({"ADT^A08", "ADT^A31"})
MERGE_KINDS = frozenset({"ADT^A18", "ADT^A34", "ADT^A40", "ADT^A47"})
PATIENT_KINDS = CORRECTION_KINDS | MERGE_KINDS
_PATIENT_TYPES = frozenset({"", "MR", "PI", "PT"})
"""Table 0203: numbers that a hospital files by. A resident's, an insurance's or a visit's is none
of them."""
_CLOCKS_APART = timedelta(hours=1)


def read_patients(message: Message, *, authority: str = "") -> PatientMessage:
    """Return what an ADT message of `PATIENT_KINDS` says.

    `authority`: whose numbers the site's studies bear (CX.4); others are passed over, and where
    nothing is left the message says nothing. Empty: all count. MessageError `hl7_patient_missing`,
    `hl7_merge_missing`, `hl7_merge_same`, `hl7_merge_authorities`.
    """
    updates: list[PatientUpdate] = []
    merges: list[PatientMerge] = []
    merging = message.kind in MERGE_KINDS
    for pid, mrg in _pairs(message):
        # Before 2.3.1 these were fields of their own, and some senders fill them still.
        listed = _numbers(pid, 3) or _numbers(pid, 2) or _numbers(pid, 4)
        if not listed:
            raise MessageError("hl7_patient_missing")
        prior = () if mrg is None else _numbers(mrg, 1) or _numbers(mrg, 4)
        if merging and not prior:
            raise MessageError("hl7_merge_missing")
        own = [number for number in listed if number.is_of(authority)]
        if merging:
            theirs = [number for number in prior if number.is_of(authority)]
            merges.extend(_merges(own, theirs))
        filed = dict.fromkeys(number.text for number in own if number.files or number is own[0])
        if filed:
            updates.append(PatientUpdate(tuple(filed), _demographics(pid)))
    return PatientMessage(tuple(updates), tuple(merges))


def recorded_at(message: Message, zone: tzinfo | None = None) -> datetime | None:
    """Return when an event was entered by its sender's clock (EVN-2, else MSH-7) in UTC; None where
    it does not say, or names a time to come."""
    evn = message.first("EVN")
    entered = None if evn is None else moment(evn.text(2), zone)
    if entered is None or entered > datetime.now(UTC) + _CLOCKS_APART:
        return sent_at(message, zone)
    return entered


@dataclass(frozen=True)
class _Number:
    """A patient's number (CX)."""

    text: str = field(repr=False)
    authority: tuple[str, str]
    """Namespace and universal id of who gave it (CX.4)."""
    type: str
    """CX.5, table 0203."""

    @property
    def files(self) -> bool:
        """Return whether a hospital files by it."""
        return self.type in _PATIENT_TYPES

    def is_of(self, authority: str) -> bool:
        """Return whether that authority gave it, or nobody is named."""
        named = tuple(filter(None, self.authority))
        return not authority or not named or authority.casefold() in named

    def same_authority(self, other: _Number) -> bool | None:
        """Return whether one authority gave both; None where that is not said of one of them."""
        for own, theirs in zip(self.authority, other.authority, strict=True):
            if own and theirs:
                return own == theirs
        return None


def _numbers(segment: Segment, number: int) -> tuple[_Number, ...]:
    """Return the numbers that name one patient, those of a medical record first."""
    found = []
    for value in segment.repetitions(number):
        text = clean(segment.part(value))
        if text and usable_number(text):
            authority = tuple(segment.part(value, 4, part).casefold() for part in (1, 2))
            found.append(
                _Number(text, (authority[0], authority[1]), segment.part(value, 5).upper())
            )
    return tuple(sorted(found, key=lambda listed: listed.type not in {"MR", "PI", ""}))


def _pairs(message: Message) -> Iterator[tuple[Segment, Segment | None]]:
    """Yield each PID with the MRG that follows it. MessageError `hl7_patient_missing`."""
    pid: Segment | None = None
    mrg: Segment | None = None
    for segment in message.segments:
        if segment.name == "PID":
            if pid is not None:
                yield pid, mrg
            pid, mrg = segment, None
        elif segment.name == "MRG" and mrg is None:
            mrg = segment
    if pid is None:
        raise MessageError("hl7_patient_missing")
    yield pid, mrg


def _merges(listed: list[_Number], prior: list[_Number]) -> Iterator[PatientMerge]:
    """Yield each prior number with the one that it is from now on: of the same type and authority
    where there is such a one."""
    if not listed or not prior:
        return
    pairs = [(old, _counterpart(old, listed)) for old in prior]
    changed = [(old, new) for old, new in pairs if plain_number(old.text) != plain_number(new.text)]
    if not changed:
        raise MessageError("hl7_merge_same")
    for old, new in changed:
        yield PatientMerge(old.text, new.text)


def _counterpart(old: _Number, listed: list[_Number]) -> _Number:
    known = [new for new in listed if old.same_authority(new) is not False]
    if not known:
        # Two authorities may both count from 1.
        raise MessageError("hl7_merge_authorities")
    return min(known, key=lambda new: (new.type != old.type, not old.same_authority(new)))


def _demographics(pid: Segment) -> Demographics:
    sex = pid.text(8).upper()[:1]
    return Demographics(
        name=person_name(pid, 5) or None,
        birth_date=birth_day(pid.text(7)),
        sex=sex if sex in SEXES else None,
    )

"""What ADT messages say of the patients of a site, and by it whose each study is.

A study's patient is always found anew from its header and all records (`reports.patient_record`):
nothing depends on the order in which studies and messages came. Identity.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, exists, func, literal, or_, select
from sqlalchemy.orm import Session, aliased

from radraft.core.errors import NotFound
from radraft.reports.audit import AuditActor
from radraft.reports.patient_record import (
    NOTHING,
    CorrectedPatient,
    Demographics,
    Doubt,
    PatientAnswer,
    PatientField,
    PatientMerge,
    PatientRecord,
    SentStudy,
    corrected_patient,
)
from radraft.store import cases, faults
from radraft.store.sql import chunks, insert_new, storable
from radraft.store.tables import (
    CaseRow,
    OrderRow,
    PatientChangeRow,
    PatientKeyRow,
    PatientRecordRow,
    PatientRow,
    PriorLinkRow,
    SentIdentityRow,
    SiteRow,
    StudyIdentityRow,
)
from radraft.studies.priors import plain_number
from radraft.studies.values import Patient


@dataclass(frozen=True)
class Entered:
    """Which message says something of a patient."""

    sender: str
    """MSH-3 and MSH-4."""
    entered_at: datetime | None
    """UTC, by the sender's clock: EVN-2, MSH-7; None where it does not say."""
    heard_at: datetime
    """UTC: when the message came first."""


@dataclass(frozen=True)
class PatientChange:
    """That a case's identity was changed."""

    at: datetime
    fields: tuple[PatientField, ...]
    by: str
    """Sending application and facility, or a person."""


@dataclass(frozen=True)
class PatientQuestion:
    """A study of which a person has to say whether it is the patient's that messages say."""

    case_id: str
    site: str
    doubts: tuple[Doubt, ...]
    since: datetime


@dataclass(frozen=True)
class SentIdentity:
    """How a study's header named its patient, and what was said of that."""

    patient: Patient = field(repr=False)
    age_years: int | None
    doubts: tuple[Doubt, ...]
    answer: PatientAnswer | None
    answer_about: str | None = field(repr=False)
    """The plain number of the patient that the answer is about."""
    by: str | None = field(repr=False)


def take_turns(session: Session) -> None:
    """Have other merges wait until this transaction ends: two at once could close a circle that
    neither of them sees. Before any record is held."""
    session.execute(select(SiteRow.id).with_for_update())


def correct(
    session: Session, site: str, number: str, said: Demographics, entered: Entered, now: datetime
) -> bool:
    """Keep what a message says of a number; whether anything is known that was not. What is older
    than the last message only adds what that left out."""
    row = _held(session, site, number, now)
    known = _said(row)
    said = Demographics(
        None if said.name is None else storable(said.name), said.birth_date, said.sex
    )
    older = row.heard_at is not None and _is_older(entered, row.said_by, row.said_at, row.heard_at)
    new = known.over(said) if older else said.over(known)
    if not older:
        row.said_by, row.said_at = storable(entered.sender), entered.entered_at
        row.heard_at = entered.heard_at
    row.name, row.birth_date, row.sex = new.name, new.birth_date, new.sex
    if new != known:
        row.changed_at = now
    session.flush()
    return new != known


def merge(
    session: Session, site: str, merged: PatientMerge, entered: Entered, now: datetime
) -> bool:
    """Keep that one number is another's; whether it was not known. A message that is older than the
    last about the prior number changes nothing.

    Where the surviving number had itself been merged into the prior one, the newest message says
    which of them stands: no chain ever comes back to where it began.
    """
    prior, surviving = plain_number(merged.prior), plain_number(merged.surviving)
    for number in sorted((merged.prior, merged.surviving), key=plain_number):
        _held(session, site, number, now)
    row = session.get_one(PatientRecordRow, (site, prior))
    if row.merge_heard_at is not None and _is_older(
        entered, row.merge_said_by, row.merge_said_at, row.merge_heard_at
    ):
        return False
    path = _path(session, site, surviving)
    if prior in path:
        back = session.get_one(PatientRecordRow, (site, surviving))
        if _is_older(entered, back.merge_said_by, back.merge_said_at, back.merge_heard_at):
            return False
        back.merged_into = None
        _note_merge(back, entered, now)
    known = row.merged_into == surviving
    row.merged_into = surviving
    _note_merge(row, entered, now if not known else row.changed_at)
    session.flush()
    return not known


def _note_merge(row: PatientRecordRow, entered: Entered, changed_at: datetime) -> None:
    row.merge_said_by, row.merge_said_at = storable(entered.sender), entered.entered_at
    row.merge_heard_at, row.changed_at = entered.heard_at, changed_at


def _is_older(
    entered: Entered, said_by: str | None, said_at: datetime | None, heard_at: datetime | None
) -> bool:
    """Return whether a message is older than the last: it came before, or its sender entered it
    before. Two senders' clocks are not compared."""
    if heard_at is not None and entered.heard_at < heard_at:
        return True
    if entered.entered_at is None or said_at is None or storable(entered.sender) != said_by:
        return False
    return entered.entered_at < said_at


def _held(session: Session, site: str, number: str, now: datetime) -> PatientRecordRow:
    """Return the record of a number, held until the transaction ends."""
    plain = plain_number(storable(number))
    insert_new(
        session,
        PatientRecordRow,
        site=site,
        number=plain,
        sent=_as_filed(session, site, plain) or storable(number),
        changed_at=now,
    )
    return session.get_one(
        PatientRecordRow, (site, plain), with_for_update=True, populate_existing=True
    )


def _as_filed(session: Session, site: str, plain: str) -> str | None:
    """Return a number as the site's studies have it: messages leave zeros out, or fill them in."""
    return session.scalar(
        select(PatientRow.patient_id)
        .join(CaseRow, CaseRow.patient_ref == PatientRow.patient_ref)
        .join(PatientKeyRow, PatientKeyRow.case_id == CaseRow.case_id)
        .where(CaseRow.site == site, PatientKeyRow.key == f"n:{plain}")
        .order_by(CaseRow.received_at.desc(), CaseRow.case_id)
        .limit(1)
    )


def _said(row: PatientRecordRow) -> Demographics:
    return Demographics(row.name, row.birth_date, row.sex)


def _record(row: PatientRecordRow) -> PatientRecord:
    return PatientRecord(row.sent, _said(row), row.said_at or row.heard_at)


def _path(session: Session, site: str, number: str) -> list[str]:
    """Return a number and those that it was merged into, one after another, the last of which
    stands."""
    path = [number]
    while True:
        row = session.get(PatientRecordRow, (site, path[-1]))
        if row is None or row.merged_into is None or row.merged_into in path:
            return path
        path.append(row.merged_into)


def surviving(session: Session, site: str, number: str) -> PatientRecord | None:
    """Return the record of the number that a number is since; None where it is itself."""
    path = _path(session, site, plain_number(storable(number)))
    return None if len(path) == 1 else _record(session.get_one(PatientRecordRow, (site, path[-1])))


def record(session: Session, site: str, number: str) -> PatientRecord:
    """Return what messages say of a number itself, nothing where none does."""
    row = session.get(PatientRecordRow, (site, plain_number(storable(number))))
    return PatientRecord(number) if row is None else _record(row)


def joined_numbers(session: Session, site: str, numbers: Iterable[str]) -> frozenset[str]:
    """Return these numbers and all that are one patient's with any of them, in their plain form."""
    plain = [plain_number(storable(number)) for number in numbers]
    found = {_path(session, site, number)[-1] for number in plain} | set(plain)
    newest = sorted(found)
    while newest:
        rows = session.scalars(
            select(PatientRecordRow.number).where(
                PatientRecordRow.site == site, PatientRecordRow.merged_into.in_(newest)
            )
        )
        newest = sorted(set(rows) - found)
        found.update(newest)
    return frozenset(found)


def cases_of(session: Session, site: str, numbers: Collection[str]) -> tuple[str, ...]:
    """Return the cases of a site that are or were sent under one of these plain numbers, in
    order."""
    found: set[str] = set()
    for some in chunks(sorted(numbers)):
        keys = [f"n:{number}" for number in some]
        for wanted in (
            select(PatientKeyRow.case_id).where(PatientKeyRow.key.in_(keys)),
            select(SentIdentityRow.case_id).where(SentIdentityRow.number.in_(some)),
        ):
            ours = select(CaseRow.case_id).where(CaseRow.site == site, CaseRow.case_id.in_(wanted))
            found.update(session.scalars(ours))
    return tuple(sorted(found))


def with_new_studies(session: Session, since: datetime) -> tuple[tuple[str, str], ...]:
    """Return site and number of the records that changed since then, and of whom a study came since
    then too."""
    rows = session.execute(
        select(PatientRecordRow.site, PatientRecordRow.number)
        .join(PatientKeyRow, PatientKeyRow.key == literal("n:") + PatientRecordRow.number)
        .join(CaseRow, CaseRow.case_id == PatientKeyRow.case_id)
        .where(
            PatientRecordRow.changed_at >= since,
            CaseRow.site == PatientRecordRow.site,
            CaseRow.received_at >= since,
        )
        .distinct()
    )
    return tuple(sorted((row.site, row.number) for row in rows))


def said_by(session: Session, site: str, number: str) -> str:
    """Return who said last of a number, or of the one that it was merged into, whose it is; empty
    where nobody did."""
    said: list[tuple[datetime, str]] = []
    for part in _path(session, site, plain_number(storable(number))):
        row = session.get(PatientRecordRow, (site, part))
        if row is not None:
            said += [(row.heard_at, row.said_by or "")] if row.heard_at else []
            said += [(row.merge_heard_at, row.merge_said_by or "")] if row.merge_heard_at else []
    return max(said, default=(None, ""))[1]


def forget_strangers(session: Session, before: datetime) -> int:
    """Forget what was said before then of patients who have no study and no order here, and whose
    number no other was merged into or from; of how many."""
    other = aliased(PatientRecordRow)
    key = literal("n:") + PatientRecordRow.number
    studies = (
        exists()
        .where(PatientKeyRow.key == key, PatientKeyRow.case_id == CaseRow.case_id)
        .where(CaseRow.site == PatientRecordRow.site)
    )
    sent = exists().where(SentIdentityRow.number == PatientRecordRow.number)
    ordered = exists().where(
        OrderRow.site == PatientRecordRow.site, OrderRow.patient == PatientRecordRow.number
    )
    merged = exists().where(
        other.site == PatientRecordRow.site, other.merged_into == PatientRecordRow.number
    )
    alone = PatientRecordRow.merged_into.is_(None) & PatientRecordRow.merge_heard_at.is_(None)
    wanted = (
        select(PatientRecordRow.site, PatientRecordRow.number)
        .where(PatientRecordRow.changed_at < before, PatientRecordRow.heard_at < before, alone)
        .where(~studies, ~sent, ~ordered, ~merged)
        .limit(1000)
    )
    strangers = session.execute(wanted).all()
    for row in strangers:
        session.execute(
            delete(PatientRecordRow).where(
                PatientRecordRow.site == row.site, PatientRecordRow.number == row.number
            )
        )
    return len(strangers)


def sent_identity(session: Session, case_id: str) -> SentIdentity:
    """Return how a case's header named its patient. NotFound `case_not_found`."""
    row = session.get(SentIdentityRow, case_id)
    if row is None:
        now = cases.identity(session, case_id)
        return SentIdentity(now.patient, now.age_years, (), None, None, None)
    with faults.decoding("sent_identities", case_id):
        return SentIdentity(
            Patient(row.patient_id, row.patient_name, row.birth_date, row.patient_sex),
            row.age_years,
            tuple(map(Doubt, row.doubts)),
            None if row.answer is None else PatientAnswer(row.answer),
            row.answer_about,
            row.by,
        )


def known_as(session: Session, case_id: str) -> tuple[Patient, ...]:
    """Return who the case's patient is, and by all that he was called before: texts may name him
    so. NotFound `case_not_found`."""
    now = cases.identity(session, case_id).patient
    row = session.get(SentIdentityRow, case_id)
    if row is None:
        return (now,)
    former = [
        Patient(number, name, row.birth_date, row.patient_sex)
        for number in (*row.numbers, row.patient_id)
        for name in (*row.names, row.patient_name)
    ]
    return tuple(dict.fromkeys((now, *former)))


def whose(session: Session, case_id: str) -> CorrectedPatient:
    """Return whose a case is by all that is said. NotFound `case_not_found`."""
    return _whose(session, case_id, None)


def proposed(session: Session, case_id: str) -> Patient:
    """Return whose a case would be if a person said that it is. NotFound `case_not_found`."""
    return _whose(session, case_id, PatientAnswer.SAME).patient


def _whose(session: Session, case_id: str, answered: PatientAnswer | None) -> CorrectedPatient:
    case = cases.get_case(session, case_id)
    sent = sent_identity(session, case_id)
    number = sent.patient.patient_id
    standing = surviving(session, case.site, number)
    about = plain_number(number if standing is None else standing.number)
    return corrected_patient(
        SentStudy(sent.patient, _taken_at(session, case_id, case.received_at)),
        record(session, case.site, number),
        standing,
        NOTHING if standing is None else _known(session, case.site, standing),
        answer=answered or (sent.answer if sent.answer_about == about else None),
        kept_apart=standing is not None
        and _kept_apart(session, case.site, number, standing.number),
    )


def _taken_at(session: Session, case_id: str, received_at: datetime) -> datetime:
    time = cases.identity(session, case_id).study_time
    # Without a zone it is the modality's clock, which is this machine's zone.
    return received_at if time is None else time.astimezone(UTC)


def _known(session: Session, site: str, standing: PatientRecord) -> Demographics:
    """Return what is known of a surviving patient: by messages, else by his own newest study."""
    plain = plain_number(standing.number)
    sent = exists().where(SentIdentityRow.case_id == CaseRow.case_id)
    row = session.execute(
        select(
            StudyIdentityRow.patient_name, StudyIdentityRow.birth_date, StudyIdentityRow.patient_sex
        )
        .join(CaseRow, CaseRow.case_id == StudyIdentityRow.case_id)
        .join(PatientKeyRow, PatientKeyRow.case_id == CaseRow.case_id)
        .where(CaseRow.site == site, PatientKeyRow.key == f"n:{plain}", ~sent)
        .order_by(CaseRow.received_at.desc(), CaseRow.case_id)
        .limit(1)
    ).first()
    if row is None:
        return standing.said
    own = Demographics(row.patient_name or None, row.birth_date, row.patient_sex or None)
    return standing.said.over(own)


def _kept_apart(session: Session, site: str, own: str, number: str) -> bool:
    """Return whether people said last of studies of the two numbers that they are of two
    patients."""
    links = _decided(session, site, own, number)
    return bool(links) and links[-1].state == "rejected"


def _decided(session: Session, site: str, own: str, number: str) -> list[PriorLinkRow]:
    """Return what people said of two studies, one of each number, first to last."""
    ours = set(cases_of(session, site, {plain_number(own)}))
    theirs = set(cases_of(session, site, {plain_number(number)})) - ours
    found: list[PriorLinkRow] = []
    for some in chunks(sorted(ours)):
        rows = session.scalars(
            select(PriorLinkRow).where(
                PriorLinkRow.state.in_(("rejected", "confirmed")),
                or_(PriorLinkRow.case_id.in_(some), PriorLinkRow.prior_case_id.in_(some)),
            )
        )
        found += [row for row in rows if {row.case_id, row.prior_case_id} & theirs]
    return sorted(found, key=lambda row: row.at)


def keep_sent(session: Session, case_id: str, now: datetime) -> SentIdentityRow:
    """Return how the case's header names its patient, kept from now on; the caller holds the
    case."""
    who = session.get_one(StudyIdentityRow, case_id)
    number = session.get_one(PatientRow, who.patient_ref).patient_id
    insert_new(
        session,
        SentIdentityRow,
        case_id=case_id,
        number=plain_number(number),
        patient_id=number,
        patient_name=who.patient_name,
        patient_sex=who.patient_sex,
        birth_date=who.birth_date,
        age_years=who.age_years,
        names=(),
        numbers=(),
        doubts=(),
        changed_at=now,
    )
    return session.get_one(SentIdentityRow, case_id, populate_existing=True)


def described_anew(session: Session, case_id: str, now: datetime) -> None:
    """Note that the case's header was read anew, and that the case is as that says now; what a
    person said holds where it names the patient as before."""
    row = session.get(SentIdentityRow, case_id)
    if row is None:
        return
    who = session.get_one(StudyIdentityRow, case_id)
    number = session.get_one(PatientRow, who.patient_ref).patient_id
    before = (row.patient_id, row.patient_name, row.birth_date, row.patient_sex)
    if (number, who.patient_name, who.birth_date, who.patient_sex) != before:
        row.names = tuple(dict.fromkeys((*row.names, row.patient_name)))
        row.numbers = tuple(dict.fromkeys((*row.numbers, row.patient_id)))
        row.number, row.patient_id = plain_number(number), number
        row.patient_name, row.birth_date = who.patient_name, who.birth_date
        row.patient_sex, row.age_years = who.patient_sex, who.age_years
        row.answer = row.answer_about = row.by = row.by_account = row.answered_at = None
    row.changed_at = now
    session.flush()


def answer(
    session: Session, case_id: str, said: PatientAnswer, by: AuditActor, now: datetime
) -> None:
    """A person says whether a case is of the patient that messages say; the caller holds it.
    NotFound `patient_question_not_found` where nothing was asked of it."""
    row = session.get(SentIdentityRow, case_id)
    if row is None or (not row.doubts and row.answer is None):
        raise NotFound("patient_question_not_found")
    site = cases.get_case(session, case_id).site
    about = _path(session, site, row.number)[-1]
    row.answer, row.answer_about, row.answered_at = said.value, about, now
    row.by, row.by_account = by.name, by.account_id
    session.flush()
    if said is PatientAnswer.SAME and about != row.number:
        for link in _decided(session, site, row.number, about):
            if link.state == "rejected":
                session.delete(link)
        session.flush()


def note_change(
    session: Session, case_id: str, fields: Sequence[PatientField], by: str, now: datetime
) -> None:
    """Note that a case's identity was changed in these fields."""
    session.add(
        PatientChangeRow(
            case_id=case_id,
            at=now,
            fields=tuple(name.value for name in fields),
            by=storable(by),
        )
    )
    session.flush()


def changes(session: Session, case_id: str) -> tuple[PatientChange, ...]:
    """Return what was changed of a case's identity, first to newest."""
    rows = session.scalars(
        select(PatientChangeRow)
        .where(PatientChangeRow.case_id == case_id)
        .order_by(PatientChangeRow.change_id)
    )
    with faults.decoding("patient_changes", case_id):
        return tuple(
            PatientChange(row.at, tuple(map(PatientField, row.fields)), row.by) for row in rows
        )


def renumbered_since(session: Session, case_ids: Collection[str], when: datetime) -> frozenset[str]:
    """Return those of these cases whose patient's number was changed after `when`."""
    found: set[str] = set()
    for some in chunks(sorted(case_ids)):
        rows: Any = session.execute(
            select(PatientChangeRow.case_id, PatientChangeRow.fields).where(
                PatientChangeRow.case_id.in_(some), PatientChangeRow.at > when
            )
        )
        found |= {row.case_id for row in rows if PatientField.NUMBER.value in row.fields}
    return frozenset(found)


def questions(
    session: Session, *, sites: frozenset[str] | None = None, limit: int = 200
) -> tuple[PatientQuestion, ...]:
    """Return the studies of which a person has to say whose they are, oldest question first."""
    wanted = (
        select(SentIdentityRow, CaseRow.site)
        .join(CaseRow, CaseRow.case_id == SentIdentityRow.case_id)
        .where(SentIdentityRow.doubts != ())
        .order_by(SentIdentityRow.changed_at, SentIdentityRow.case_id)
    )
    if sites is not None:
        wanted = wanted.where(CaseRow.site.in_(sites))
    return tuple(
        PatientQuestion(row.case_id, site, tuple(map(Doubt, row.doubts)), row.changed_at)
        for row, site in session.execute(wanted.limit(limit))
    )


def asked(session: Session) -> int:
    """Return of how many studies a person has to say whose they are."""
    return session.scalar(select(func.count()).where(SentIdentityRow.doubts != ())) or 0

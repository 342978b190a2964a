"""Past reports that were written elsewhere: as they were, for readers; without identity, to learn
from; and the records that were not taken, for a person to look at.

Nothing here is a signed report: it is in no export, no edit figure and no signature chain.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from radraft.core.errors import StorageDamaged
from radraft.reports.archive.joining import ArchiveStudy, current
from radraft.reports.archive.values import (
    ArchivedReport,
    KeptAs,
    KeptText,
    RefusalReason,
    RefusedRecord,
    TaughtText,
)
from radraft.reports.training_pair import split_of
from radraft.reports.values import Lang, language
from radraft.store import _kin, faults, patient_records
from radraft.store.sql import chunks, insert_new, storable
from radraft.store.tables import (
    ArchivedReportRow,
    ArchivedTextRow,
    ArchiveRejectRow,
    CaseRow,
    SignedRow,
    SiteRow,
    StudyIdentityRow,
)
from radraft.studies.priors import Person


@dataclass(frozen=True)
class Redacted:
    """A text's two sections without identity."""

    lang: Lang
    findings: str
    impression: str


@dataclass(frozen=True)
class Rejected:
    """A record that was not taken."""

    site: str
    reason: RefusalReason
    place: str = field(repr=False)
    accession: str = field(repr=False)
    study_uid: str = field(repr=False)
    rejected_at: datetime
    record_id: str


def take_turns(session: Session) -> None:
    """Have other imports wait until this transaction ends: what one finds a study to have is what
    it has when its record is kept."""
    session.execute(select(SiteRow.id).with_for_update())


def studies_of(
    session: Session, site: str, accessions: Collection[str], study_uids: Collection[str]
) -> tuple[ArchiveStudy, ...]:
    """Return the studies of `site` that have one of these accession numbers or Study Instance
    UIDs."""
    rows: dict[str, StudyIdentityRow] = {}
    for column, values in (
        (StudyIdentityRow.accession, accessions),
        (StudyIdentityRow.study_uid, study_uids),
    ):
        for some in chunks(sorted({storable(value) for value in values if value})):
            wanted = select(StudyIdentityRow).join(
                CaseRow, CaseRow.case_id == StudyIdentityRow.case_id
            )
            found = session.scalars(wanted.where(CaseRow.site == site, column.in_(some)))
            rows |= {row.case_id: row for row in found}
    people = _kin.people(session, rows)
    return tuple(
        _study(row, people[case_id], _former(session, site, case_id))
        for case_id, row in sorted(rows.items())
    )


def _former(session: Session, site: str, case_id: str) -> tuple[Person, ...]:
    """Return the patient by all that he was called before he was corrected or merged."""
    return tuple(
        Person(site, former.patient_id, former.name, former.birth_date, former.sex)
        for former in patient_records.known_as(session, case_id)[1:]
    )


def _study(row: StudyIdentityRow, person: Person, former: tuple[Person, ...]) -> ArchiveStudy:
    with faults.decoding("study_identities", row.case_id):
        taken = None if row.study_time is None else datetime.fromisoformat(row.study_time)
        return ArchiveStudy(row.case_id, person, row.study_uid, row.accession, taken, former)


def known(session: Session, site: str, record_ids: Collection[str]) -> frozenset[str]:
    """Return those of these records that a study of `site` has."""
    found: set[str] = set()
    for some in chunks(sorted(record_ids)):
        found |= set(
            session.scalars(
                select(ArchivedReportRow.record_id)
                .join(CaseRow, CaseRow.case_id == ArchivedReportRow.case_id)
                .where(CaseRow.site == site, ArchivedReportRow.record_id.in_(some))
            )
        )
    return frozenset(found)


def kept(session: Session, case_id: str) -> tuple[KeptText, ...]:
    """Return all that was taken for a case, in the order in which it was."""
    return kept_of(session, (case_id,)).get(case_id, ())


def kept_of(session: Session, case_ids: Collection[str]) -> Mapping[str, tuple[KeptText, ...]]:
    """Return all that was taken for each of these cases; nothing of those that have none."""
    found: dict[str, list[KeptText]] = {}
    for some in chunks(sorted(case_ids)):
        rows = session.scalars(
            select(ArchivedReportRow)
            .where(ArchivedReportRow.case_id.in_(some))
            .order_by(ArchivedReportRow.case_id, ArchivedReportRow.number)
        )
        for row in rows:
            with faults.decoding("archived_reports", row.case_id):
                found.setdefault(row.case_id, []).append(_text(row))
    return {case_id: tuple(texts) for case_id, texts in found.items()}


def report_of(session: Session, case_id: str) -> ArchivedReport | None:
    """Return a case's report of another system as it was; None where it has none."""
    return current(kept(session, case_id))


def add(
    session: Session,
    case_id: str,
    text: KeptText,
    redacted: Redacted,
    *,
    place: str,
    now: datetime,
) -> None:
    """Keep a record's text for a case; the caller has the imports' turn."""
    last = session.scalar(
        select(func.max(ArchivedReportRow.number)).where(ArchivedReportRow.case_id == case_id)
    )
    number = (last or 0) + 1
    session.add(
        ArchivedReportRow(
            case_id=case_id,
            number=number,
            record_id=text.record_id,
            kept=text.kept.value,
            findings=storable(text.findings),
            impression=storable(text.impression),
            author=storable(text.author),
            reviewer=storable(text.reviewer),
            reported_at=None if text.reported_at is None else text.reported_at.isoformat(),
            place=storable(place),
            taken_at=now,
        )
    )
    session.flush()
    session.add(
        ArchivedTextRow(
            case_id=case_id,
            number=number,
            kept=text.kept.value,
            lang=redacted.lang,
            findings=storable(redacted.findings),
            impression=storable(redacted.impression),
        )
    )
    session.flush()


def reject(session: Session, site: str, refused: Sequence[RefusedRecord], now: datetime) -> None:
    """Keep records that were not taken, each with what is said of it now."""
    forget(session, site, [record.record_id for record in refused])
    for record in refused:
        insert_new(
            session,
            ArchiveRejectRow,
            site=site,
            record_id=record.record_id,
            reason=record.reason.value,
            place=storable(record.place),
            accession=storable(record.accession),
            study_uid=storable(record.study_uid),
            rejected_at=now,
        )


def forget(session: Session, site: str, record_ids: Collection[str]) -> None:
    """Say nothing more against records that were taken."""
    for some in chunks(sorted(record_ids)):
        session.execute(
            delete(ArchiveRejectRow).where(
                ArchiveRejectRow.site == site, ArchiveRejectRow.record_id.in_(some)
            )
        )


def rejects(
    session: Session, site: str | None = None, reason: RefusalReason | None = None
) -> Iterator[Rejected]:
    """Yield the records that were not taken, by site, reason and place."""
    wanted = select(ArchiveRejectRow).order_by(
        ArchiveRejectRow.site, ArchiveRejectRow.reason, ArchiveRejectRow.place
    )
    if site is not None:
        wanted = wanted.where(ArchiveRejectRow.site == site)
    if reason is not None:
        wanted = wanted.where(ArchiveRejectRow.reason == reason.value)
    for row in session.scalars(wanted.execution_options(yield_per=500)):
        with faults.decoding("archive_rejects", row.record_id):
            yield Rejected(
                row.site,
                RefusalReason(row.reason),
                row.place,
                row.accession,
                row.study_uid,
                row.rejected_at,
                row.record_id,
            )


def counts(session: Session, site: str | None = None) -> dict[str, int]:
    """Return how many reports, corrections and addenda there are, and how many records of each
    reason were not taken."""
    taken = (
        select(ArchivedReportRow.kept, func.count())
        .join(CaseRow, CaseRow.case_id == ArchivedReportRow.case_id)
        .group_by(ArchivedReportRow.kept)
    )
    left = select(ArchiveRejectRow.reason, func.count()).group_by(ArchiveRejectRow.reason)
    if site is not None:
        taken = taken.where(CaseRow.site == site)
        left = left.where(ArchiveRejectRow.site == site)
    rows = [*session.execute(taken), *session.execute(left)]
    return {row[0]: row[1] for row in sorted(rows, key=lambda row: str(row[0]))}


def listed(session: Session, site: str | None = None) -> Iterator[tuple[str, int]]:
    """Yield the cases that have an archived report, each with the number of its records."""
    wanted = (
        select(ArchivedReportRow.case_id, func.count())
        .join(CaseRow, CaseRow.case_id == ArchivedReportRow.case_id)
        .group_by(ArchivedReportRow.case_id)
        .order_by(ArchivedReportRow.case_id)
    )
    if site is not None:
        wanted = wanted.where(CaseRow.site == site)
    for row in session.execute(wanted.execution_options(yield_per=500)):
        yield row[0], row[1]


def taught(
    session: Session,
    site: str | None = None,
    *,
    signed: bool = False,
    damaged: list[str] | None = None,
) -> Iterator[TaughtText]:
    """Yield what may be learned of each archived report that stands, with its addenda, by case; of
    no case of which a report was signed here: that teaches in its place. `signed`: of those cases
    alone, whose texts are the archive's as before.

    The case id of one that cannot be read goes to `damaged` instead; StorageDamaged `row_damaged`
    where no list is given.
    """
    has = select(SignedRow.case_id).where(SignedRow.case_id == CaseRow.case_id).exists()
    wanted = (
        select(ArchivedTextRow, CaseRow.site, CaseRow.patient_ref)
        .join(CaseRow, CaseRow.case_id == ArchivedTextRow.case_id)
        .where(has if signed else ~has)
        .order_by(ArchivedTextRow.case_id, ArchivedTextRow.number)
        .execution_options(yield_per=500)
    )
    if site is not None:
        wanted = wanted.where(CaseRow.site == site)
    with closing(session.execute(wanted)) as found:
        for case_id, group in groupby(found, key=lambda row: row[0].case_id):
            rows = list(group)
            try:
                yield _taught([row[0] for row in rows], rows[0][1], rows[0][2])
            except StorageDamaged:
                if damaged is None:
                    raise
                damaged.append(case_id)


def taught_count(session: Session, site: str | None = None) -> int:
    """Return how many cases have an archived report, those with a signed one among them."""
    wanted = select(func.count(ArchivedTextRow.case_id.distinct())).join(
        CaseRow, CaseRow.case_id == ArchivedTextRow.case_id
    )
    if site is not None:
        wanted = wanted.where(CaseRow.site == site)
    return session.scalar(wanted) or 0


def redacted_text(session: Session, case_id: str) -> TaughtText | None:
    """Return a case's archived report without identity; None where it has none."""
    rows = session.scalars(
        select(ArchivedTextRow)
        .where(ArchivedTextRow.case_id == case_id)
        .order_by(ArchivedTextRow.number)
    ).all()
    if not rows:
        return None
    case = session.get_one(CaseRow, case_id)
    return _taught(rows, case.site, case.patient_ref)


def _taught(rows: Sequence[ArchivedTextRow], site: str, patient_ref: str) -> TaughtText:
    """Return the report that stands of a case's texts, with its addenda."""
    with faults.decoding("archived_texts", rows[0].case_id):
        addenda = [row for row in rows if KeptAs(row.kept) is KeptAs.ADDENDUM]
        standing = [row for row in rows if row not in addenda][-1]
        texts = (standing, *addenda)
        return TaughtText(
            case_id=standing.case_id,
            site=site,
            lang=language(standing.lang),
            findings=_joined(text.findings for text in texts),
            impression=_joined(text.impression for text in texts),
            split=split_of(patient_ref),
            addenda=len(addenda),
            patient_ref=patient_ref,
        )


def _joined(texts: Iterator[str]) -> str:
    return " ".join(filter(None, texts))


def _text(row: ArchivedReportRow) -> KeptText:
    return KeptText(
        record_id=row.record_id,
        kept=KeptAs(row.kept),
        findings=row.findings,
        impression=row.impression,
        author=row.author,
        reviewer=row.reviewer,
        reported_at=None if row.reported_at is None else datetime.fromisoformat(row.reported_at),
    )

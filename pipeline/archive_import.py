"""Step of the archive: records of a source -> past reports of cases, each record taken once."""

from __future__ import annotations

import logging
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from radraft.core import canonical
from radraft.pipeline.audit_trail import command_line
from radraft.reports import codec
from radraft.reports.archive.joining import ArchiveStudy, joined, kept_as
from radraft.reports.archive.languages import language_of
from radraft.reports.archive.records import refusal
from radraft.reports.archive.values import (
    KeptAs,
    KeptText,
    PastReport,
    RefusalReason,
    RefusedRecord,
)
from radraft.reports.audit import AuditEvent, AuditKind
from radraft.store import archive, audit
from radraft.store.archive import Redacted
from radraft.studies.deidentify import KnownIdentity, redacted
from radraft.studies.values import Patient

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.pipeline.archive_sources import ReportSource
    from radraft.store.database import Store

log = logging.getLogger("radraft.pipeline.archive_import")

AT_ONCE = 50
"""Records of one transaction: whoever writes meanwhile waits for so many at most."""
_PEOPLE = re.compile(r"\s*[/／,，、;；|]\s*")


@dataclass(frozen=True)
class ImportCount:
    """What became of the records of a source."""

    kept: Mapping[KeptAs, int]
    rejected: Mapping[RefusalReason, int]

    @property
    def records(self) -> int:
        """Return how many there were."""
        return sum(self.kept.values()) + sum(self.rejected.values())

    @property
    def taken(self) -> int:
        """Return how many were taken now."""
        return sum(count for kept, count in self.kept.items() if kept is not KeptAs.KNOWN)


def import_archive(
    source: ReportSource,
    *,
    store: Store,
    site: str,
    dry_run: bool = False,
    accession_alone: bool = False,
    on_progress: Callable[[int], None] = lambda done: None,
) -> ImportCount:
    """Take the records of `source` to the cases of `site` that they are of.

    It may be killed at any moment and run again, also beside another: a record that is there is
    known by what it says. What is not taken is kept with its reason (`store.archive.rejects`).
    `accession_alone` takes records too of which nothing but that number says whose they are;
    `dry_run` says what would happen and changes nothing. `on_progress(done)` is called with how
    much of `source.size` was read. ArchiveError where the source cannot be read as a whole.
    """
    taking = _Import(store, site, dry_run, accession_alone)
    for done, batch in _batches(source):
        taking.take(batch)
        on_progress(done)
    if alone := frozenset(taking.alone):
        # An addendum may stand before its report.
        for _, batch in _batches(source):
            taking.take_again([record for record in batch if record.record_id in alone])
    log.info("archive import: %d records", sum(taking.counted.values()))
    return taking.count()


def _batches(
    source: ReportSource,
) -> Iterator[tuple[int, list[PastReport | RefusedRecord]]]:
    records = source.read()
    while found := list(islice(records, AT_ONCE)):
        yield found[-1][0], [record for _, record in found]


@dataclass
class _Import:
    """One run over a source."""

    store: Store
    site: str
    dry_run: bool
    accession_alone: bool
    counted: Counter[KeptAs | RefusalReason] = field(default_factory=Counter)
    alone: set[str] = field(default_factory=set)
    """Record ids of addenda that had no report."""
    tried: dict[str, list[bytes]] = field(default_factory=dict)
    """Of a dry run, by case: what it would have kept, packed."""

    def count(self) -> ImportCount:
        return ImportCount(
            {kept: self.counted[kept] for kept in KeptAs if self.counted[kept]},
            {reason: self.counted[reason] for reason in RefusalReason if self.counted[reason]},
        )

    def take_again(self, addenda: Sequence[PastReport | RefusedRecord]) -> None:
        """Take addenda whose reports may have come after them."""
        if addenda:
            self.counted[RefusalReason.ADDENDUM_WITHOUT_REPORT] -= len(addenda)
            self.take(addenda)

    def take(self, batch: Sequence[PastReport | RefusedRecord]) -> None:
        """Take a batch in one transaction, all of it or none."""
        if self.dry_run:
            with self.store.read() as session:
                outcomes = self._outcomes(session, batch)
        else:
            now = datetime.now(UTC)
            with self.store.begin() as session:
                archive.take_turns(session)
                outcomes = self._outcomes(session, batch, now)
                self._note(session, outcomes, now)
        for outcome in outcomes:
            self.counted[outcome.what] += 1
            if outcome.what is RefusalReason.ADDENDUM_WITHOUT_REPORT:
                self.alone.add(outcome.record.record_id)

    def _outcomes(
        self,
        session: Session,
        batch: Sequence[PastReport | RefusedRecord],
        now: datetime | None = None,
    ) -> list[_Outcome]:
        """Return what becomes of each record; with `now`, keep what is taken."""
        ids = {record.record_id: record for record in batch}
        there = archive.known(session, self.site, ids)
        reports = [record for record in batch if isinstance(record, PastReport)]
        studies = archive.studies_of(
            session,
            self.site,
            {report.accession for report in reports},
            {report.study_uid for report in reports},
        )
        kept = {
            case_id: list(texts)
            for case_id, texts in archive.kept_of(
                session, [study.case_id for study in studies]
            ).items()
        }
        outcomes = []
        for record in batch:
            if isinstance(record, RefusedRecord):
                outcomes.append(_Outcome(record, record.reason))
            elif record.record_id in there:
                outcomes.append(_Outcome(record, KeptAs.KNOWN))
            else:
                outcomes.append(self._outcome(session, record, studies, kept, now))
        return outcomes

    def _outcome(
        self,
        session: Session,
        report: PastReport,
        studies: Sequence[ArchiveStudy],
        kept: dict[str, list[KeptText]],
        now: datetime | None,
    ) -> _Outcome:
        named = [study for study in studies if _is_named(report, study)]
        study = joined(report, named, self.site, accession_alone=self.accession_alone)
        if isinstance(study, RefusalReason):
            return _Outcome(report, study)
        texts = kept.setdefault(study.case_id, [])
        tried = [_unpacked(packed) for packed in self.tried.get(study.case_id, ())]
        what = kept_as(report, [*texts, *tried])
        if isinstance(what, RefusalReason) or what is KeptAs.KNOWN:
            return _Outcome(report, what)
        text = KeptText(
            report.record_id,
            what,
            report.shown,
            report.impression,
            report.author,
            report.reviewer,
            report.reported_at,
        )
        if now is None:
            self.tried.setdefault(study.case_id, []).append(_packed(text))
        else:
            clean = without_identity(report, study)
            archive.add(session, study.case_id, text, clean, place=report.place, now=now)
            texts.append(text)
        return _Outcome(report, what)

    def _note(self, session: Session, outcomes: Sequence[_Outcome], now: datetime) -> None:
        """Keep what was not taken, and what was done in the audit."""
        refused = {
            outcome.record.record_id: _refused(outcome.record, outcome.what)
            for outcome in outcomes
            if isinstance(outcome.what, RefusalReason)
        }
        taken = {
            outcome.record.record_id for outcome in outcomes if isinstance(outcome.what, KeptAs)
        }
        archive.forget(session, self.site, taken)
        lasting = [record for key, record in refused.items() if key not in taken]
        archive.reject(session, self.site, lasting, now)
        new = sum(
            isinstance(outcome.what, KeptAs) and outcome.what is not KeptAs.KNOWN
            for outcome in outcomes
        )
        if new:
            event = AuditEvent(
                AuditKind.INTAKE,
                now,
                command_line(),
                site=self.site,
                details={"archived_reports": str(new)},
            )
            audit.append(session, event)


@dataclass(frozen=True)
class _Outcome:
    """What became of one record."""

    record: PastReport | RefusedRecord
    what: KeptAs | RefusalReason


def without_identity(report: PastReport, study: ArchiveStudy) -> Redacted:
    """Return the report's sections without what identifies its patient, its writers or anybody."""
    writers = (name for field in (report.author, report.reviewer) for name in _PEOPLE.split(field))
    of_study = study.person
    known = KnownIdentity(
        Patient(of_study.number, of_study.name, of_study.birth_date, of_study.sex),
        study.accession,
        study.study_uid,
        tuple(dict.fromkeys(filter(None, (report.patient_name, *writers)))),
    )
    identities = [known]
    identities += [
        KnownIdentity(Patient(former.number, former.name, former.birth_date, former.sex))
        for former in study.former
    ]
    numbers = {report.patient_number, report.accession, ""}
    if numbers - {known.patient.patient_id, known.accession, ""} or (
        report.birth_date not in {None, of_study.birth_date}
    ):
        # The same patient, as the other system has him.
        said = Patient(report.patient_number, "", report.birth_date, report.sex)
        identities.append(KnownIdentity(said, report.accession, report.study_uid))
    return Redacted(
        language_of(report.whole),
        redacted(report.findings, identities),
        redacted(report.impression, identities),
    )


def _is_named(report: PastReport, study: ArchiveStudy) -> bool:
    """Return whether the report has the accession number or the Study Instance UID of a study."""
    by_uid = bool(report.study_uid) and study.study_uid == report.study_uid
    return by_uid or (bool(report.accession) and study.accession == report.accession)


def _refused(record: PastReport | RefusedRecord, reason: KeptAs | RefusalReason) -> RefusedRecord:
    if isinstance(record, RefusedRecord):
        return record
    assert isinstance(reason, RefusalReason)
    return refusal(record, reason)


def _packed(text: KeptText) -> bytes:
    return zlib.compress(canonical.dumps(text).encode("utf-8"), 1)


def _unpacked(packed: bytes) -> KeptText:
    found: KeptText = codec.stored(KeptText, zlib.decompress(packed).decode("utf-8"))
    return found

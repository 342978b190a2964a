"""Signed studies as whoever reads them sees them: found by their numbers, and nothing of a draft.

Of a study that is not signed it is said that it is not; of one that is, every version that holds,
what changed from one to the next, and what was asked about it. An amendment is told of once it is
signed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING

from radraft.core.errors import NotFound
from radraft.pipeline.inquiries import is_here, radiologist
from radraft.pipeline.institutions import institution
from radraft.pipeline.shown_turns import ShownTurn, shown_turns
from radraft.reports.alerts import AlertMove
from radraft.reports.diff import Change, diff
from radraft.reports.people import Person
from radraft.reports.values import ReportState, SignedReport
from radraft.store import (
    alerts,
    cases,
    inquiries,
    numbered_studies,
    priors,
    reports,
    retention,
    signatures,
    turn_marks,
)
from radraft.store.alerts import AlertRecord
from radraft.store.inquiries import InquiryRecord
from radraft.store.key_images import key_images_at
from radraft.store.priors import Linked
from radraft.store.retention import DroppedImages
from radraft.store.turn_marks import TurnMark
from radraft.store.values import IN_REVIEW, CaseState
from radraft.studies.name_search import number_key

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.core.settings import Settings
    from radraft.store.database import Store
    from radraft.store.numbered_studies import NumberedStudy

CASE_NUMBER = re.compile(r"c-[0-9a-f]{16}")
MOST_SAME = 20
"""Studies of one accession number that are told."""


class Standing(StrEnum):
    """Where a study stands for somebody who reads what is signed."""

    SIGNED = "signed"
    WAITING = "waiting"
    """Nobody has begun to read it."""
    WRITING = "writing"
    REVIEW = "review"
    """Written, and waiting for its second signature."""
    ELSEWHERE = "elsewhere"
    """Of a site whose reports he may not read."""


@dataclass(frozen=True)
class FoundStudy:
    """A study with a number that was asked for. Of one that is not signed there is no case and
    no patient; of one of another site nothing but that it is there."""

    standing: Standing
    case_id: str = ""
    modality: str = ""
    body_part: str = ""
    study_date: date | None = None


@dataclass(frozen=True)
class ShownVersion:
    """A signed version, and what changed since the one before."""

    signed: SignedReport
    changes: tuple[Change, ...] = field(repr=False)
    """Of the first version, and where the one before does not hold, none."""


@dataclass(frozen=True)
class PatientStudy:
    """Another signed study of the patient."""

    linked: Linked
    study_time: datetime | None
    accession: str = field(repr=False)
    signed: SignedReport | None = field(repr=False)
    """Its newest version; None where it does not hold."""


@dataclass(frozen=True)
class ShownInquiry:
    """A question to a radiologist, and whether whom it was put to is still there."""

    record: InquiryRecord
    to_here: bool


@dataclass(frozen=True)
class SignedStudy:
    """Everything the page of a signed study shows. `identity` is for its reader's eyes only."""

    case: cases.Case
    identity: cases.Identity = field(repr=False)
    versions: tuple[ShownVersion, ...]
    """Newest first."""
    warning: tuple[str, str] | None
    """(zh, en): that a version does not hold and must not be relied upon."""
    images: tuple[cases.StoredImage, ...]
    """Of the newest version."""
    dropped: DroppedImages | None
    patient_studies: tuple[PatientStudy, ...]
    """Newest first, those after this one too."""
    alerts: tuple[AlertRecord, ...]
    unreadable_alerts: tuple[str, ...]
    turns: tuple[ShownTurn, ...]
    marks: Mapping[int, tuple[TurnMark, ...]]
    """By turn: what people think of its answer."""
    inquiries: tuple[ShownInquiry, ...]
    radiologist: Person | None
    """To whom a question goes now; None: to any radiologist of the site."""


class SignedStudies:
    """Reads what was signed. Thread-safe."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    def numbered(
        self, number: str, sites: frozenset[str] | None, read_at: frozenset[str] | None
    ) -> tuple[FoundStudy, ...]:
        """Return the studies with an accession number, or with radraft's own case number; signed
        ones first, newest first.

        `sites`: those whose signed reports somebody reads; `read_at`: those whose people read
        studies for others, which he then may see too; None stands for all.
        """
        with self._store.read() as session:
            if CASE_NUMBER.fullmatch(number.strip()):
                found = numbered_studies.of_case(session, number.strip())
            else:
                found = numbered_studies.of_accession(session, number_key(number), MOST_SAME)
            shown = [_found(study, sites, read_at) for study in found]
        return tuple(sorted(shown, key=lambda study: study.standing is not Standing.SIGNED))

    def study(self, case_id: str, sites: frozenset[str] | None) -> SignedStudy:
        """Return a signed study; `sites`: those whose signed reports its reader may see, of which
        the patient's other studies are shown. NotFound `case_not_found`, `study_not_signed`;
        ReportError `signature_broken` where nothing that was signed holds."""
        with self._store.read() as session:
            case = cases.get_case(session, case_id)
            working = reports.current(session, case_id)
            found = signatures.of_page(session, case_id, working)
            if not found.held:
                if found.broken:
                    raise found.broken[0].error()
                raise NotFound("study_not_signed")
            newest = found.held[-1]
            shown_alerts = alerts.listed_case(session, case_id)
            zone = institution(self._settings, case.site).time_zone
            turns = shown_turns(session, case_id, sites, time_zone=zone)
            return SignedStudy(
                case=case,
                identity=cases.identity(session, case_id),
                versions=_with_changes(found.held),
                warning=found.warning,
                images=key_images_at(session, case_id, newest.signed_at),
                dropped=retention.dropped(session, case_id),
                patient_studies=_of_patient(session, case_id, sites),
                alerts=tuple(r for r in shown_alerts.records if _is_told(r, newest)),
                unreadable_alerts=shown_alerts.unreadable,
                turns=turns,
                marks=turn_marks.of_turns(session, [shown.turn.turn_id for shown in turns]),
                inquiries=shown_inquiries(session, case_id),
                radiologist=radiologist(session, newest),
            )


def shown_inquiries(session: Session, case_id: str) -> tuple[ShownInquiry, ...]:
    """Return a case's questions to radiologists, oldest first."""
    return tuple(
        ShownInquiry(
            record,
            record.inquiry.to is not None and is_here(session, case_id, record.inquiry.to),
        )
        for record in inquiries.of_case(session, case_id)
    )


def _found(
    study: NumberedStudy, sites: frozenset[str] | None, read_at: frozenset[str] | None
) -> FoundStudy:
    own = sites is None or study.site in sites
    reads = study.reading_site != "" and (read_at is None or study.reading_site in read_at)
    if not own and not reads:
        return FoundStudy(Standing.ELSEWHERE)
    if study.once_signed:
        return FoundStudy(
            Standing.SIGNED, study.case_id, study.modality, study.body_part, study.study_date
        )
    if study.phase in IN_REVIEW:
        standing = Standing.REVIEW
    elif study.phase in {state.value for state in CaseState} | {ReportState.DRAFTED.value}:
        standing = Standing.WAITING
    else:
        standing = Standing.WRITING
    return FoundStudy(standing, "", study.modality, study.body_part, study.study_date)


def _with_changes(held: tuple[SignedReport, ...]) -> tuple[ShownVersion, ...]:
    """Return the versions newest first, each with what changed from the one before it."""
    changes: dict[int, tuple[Change, ...]] = {
        after.version: diff(before.report, after.report)
        for before, after in pairwise(held)
        if after.version == before.version + 1
    }
    return tuple(ShownVersion(signed, changes.get(signed.version, ())) for signed in reversed(held))


def _is_told(record: AlertRecord, newest: SignedReport) -> bool:
    """Return whether an alert is no secret of a draft: its finding was signed, or somebody was told
    of it."""
    return record.alert.opened_at <= newest.signed_at or record.last(AlertMove.NOTIFY) is not None


def _of_patient(
    session: Session, case_id: str, sites: frozenset[str] | None
) -> tuple[PatientStudy, ...]:
    studies = []
    for linked in priors.signed_of_patient(session, case_id, sites):
        found = signatures.read(session, linked.case_id)
        who = cases.identity(session, linked.case_id)
        studies.append(
            PatientStudy(
                linked=linked,
                study_time=who.study_time,
                accession=who.accession,
                signed=None if found.broken else found.held[-1],
            )
        )
    return tuple(studies)

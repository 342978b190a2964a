"""Cases of which more images came after they were taken in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import delete
from sqlalchemy.orm import Session

from radraft.core.errors import NotFound
from radraft.reports.values import ReportState
from radraft.store import cases, choices, instances, patient_records
from radraft.store.sql import HELD, storable
from radraft.store.tables import (
    CaseRow,
    PatientKeyRow,
    ReportRow,
    StudyIdentityRow,
    StudyInstanceRow,
)
from radraft.store.values import CaseState
from radraft.studies.values import CheckedStudy, DeidStudy, Study

LATE = "late_images"
"""Issue of a case whose report was begun before all of its images were there."""
PATIENTS_DIFFER = "late_patients_differ"
"""Issue of a case for which images came that name another patient; they are not with it."""
MISSING = "images_missing"
"""Issue of a case of which the PACS announced more images than it sent."""
NOTES = (LATE, PATIENTS_DIFFER, MISSING)
"""What a reader is told, in this order."""


class Stage(StrEnum):
    """What may still be done with a case when more of its images come."""

    OPEN = "open"
    """Nobody edited or signed its report: it can be taken in anew."""
    DRAFTING = "drafting"
    """A draft is being made of the images it had."""
    BEGUN = "begun"
    """A reader has edited, signed, or chosen key images; or it is a past study of the archive."""


@dataclass(frozen=True)
class Held:
    """What a case has."""

    stage: Stage
    original_keys: tuple[str, ...] = field(repr=False)


def held(session: Session, case_id: str, *, lock: bool = False) -> Held:
    """Where the case stands; with `lock`, nobody changes that before the transaction ends.

    NotFound `case_not_found`.
    """
    # Locked in the order in which drafts are saved: case before report.
    case = session.get(CaseRow, case_id, with_for_update=HELD if lock else None)
    report = session.get(ReportRow, case_id, with_for_update=lock)
    who = session.get(StudyIdentityRow, case_id, with_for_update=lock)
    if case is None or who is None:
        raise NotFound("case_not_found", case_id=case_id)
    stage = Stage.OPEN
    edited = report is not None and report.state != ReportState.DRAFTED
    archived = case.state == CaseState.ARCHIVED
    if edited or archived or choices.latest(session, case_id) is not None:
        stage = Stage.BEGUN
    elif case.state == CaseState.DRAFTING:
        stage = Stage.DRAFTING
    return Held(stage, who.original_keys)


def keep(session: Session, study: Study, deid: DeidStudy, original_keys: tuple[str, ...]) -> None:
    """Put more images to a case whose report was begun, and note that they came late.

    `original_keys`: of all instances of the study, in their order.
    """
    note(session, deid.case_id, LATE)
    session.get_one(CaseRow, deid.case_id).priority = study.priority.value
    who = session.get_one(StudyIdentityRow, deid.case_id)
    who.original_keys = _all_keys(original_keys, who)
    session.execute(delete(StudyInstanceRow).where(StudyInstanceRow.case_id == deid.case_id))
    instances.add(session, study, deid, original_keys)


def note(session: Session, case_id: str, issue: str) -> None:
    """Have the case's readers told of `issue`, one of `NOTES`."""
    case = session.get_one(CaseRow, case_id, with_for_update=HELD)
    if issue not in case.issues:
        case.issues = (*case.issues, issue)


def drop(session: Session, case_id: str, issue: str) -> None:
    """Have the case's readers told of `issue`, one of `NOTES`, no more."""
    case = session.get_one(CaseRow, case_id, with_for_update=HELD)
    if issue in case.issues:
        case.issues = tuple(held for held in case.issues if held != issue)


def renew(
    session: Session, checked: CheckedStudy, deid: DeidStudy, original_keys: tuple[str, ...]
) -> None:
    """Describe the case as all of its images do now, and let it wait for a draft.

    `original_keys` as in `keep`.
    """
    case = session.get_one(CaseRow, deid.case_id)
    case.patient_ref = deid.patient_ref
    case.modality, case.body_part = storable(deid.modality), storable(deid.body_part)
    case.view, case.age_band, case.sex = deid.view.value, deid.age_band, storable(deid.sex)
    case.history = storable(deid.history)
    case.issues = (*checked.issues, *(code for code in case.issues if code == PATIENTS_DIFFER))
    case.state = CaseState.RECEIVED.value
    case.priority = checked.study.priority.value
    who = session.get_one(StudyIdentityRow, deid.case_id)
    keys = _all_keys(original_keys, who)
    for table in (StudyInstanceRow, PatientKeyRow):
        session.execute(delete(table).where(table.case_id == deid.case_id))
    session.delete(who)
    session.flush()
    cases.add_identity(session, checked.study, deid, keys)
    patient_records.described_anew(session, deid.case_id, datetime.now(UTC))


def _all_keys(now: tuple[str, ...], who: StudyIdentityRow) -> tuple[str, ...]:
    """What was an original stays one, even where it cannot be read any more."""
    return (*now, *(key for key in who.original_keys if key not in now))

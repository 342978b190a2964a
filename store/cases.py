"""Cases: studies taken in, their key images, and where each stands on its way to a draft."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from radraft.core.errors import NotFound, StorageDamaged
from radraft.reports.alerts import Alert
from radraft.reports.turnround import TurnroundClock
from radraft.reports.values import ReportState
from radraft.store import faults, instances, patient_keys, worklist_entries, worklist_pages
from radraft.store.key_images import add_key_images, key_images
from radraft.store.sql import HELD, chunks, insert_new, storable
from radraft.store.tables import CaseRow, PatientRow, ReportRow, StudyIdentityRow, WorklistEntryRow
from radraft.store.values import (
    EVERYTHING,
    Case,
    CaseState,
    Identity,
    Stage,
    StoredImage,
    Worklist,
    WorklistCounts,
    WorklistFilter,
    WorklistPlace,
    WorklistRow,
)
from radraft.store.worklist_pages import Urgent, Visible
from radraft.studies.values import DeidStudy, Patient, Study, StudyPriority, View

__all__ = [
    "Case",
    "CaseState",
    "Identity",
    "StoredImage",
    "Worklist",
    "WorklistRow",
    "add_key_images",
    "add_study",
    "age_and_date",
    "any_case",
    "counts",
    "deid_study",
    "find_case",
    "get_case",
    "identity",
    "key_images",
    "lock",
    "requeue",
    "set_state",
    "worklist",
]

log = logging.getLogger("radraft.store")

EVERY_STUDY = Visible()
SETTLED = (CaseState.DRAFTED, CaseState.NOT_COVERED, CaseState.FAILED, CaseState.ARCHIVED)


def add_study(
    session: Session,
    *,
    site: str,
    study: Study,
    deid: DeidStudy,
    issues: tuple[str, ...],
    original_keys: tuple[str, ...],
    archived: bool = False,
) -> bool:
    """Take a study in; False when it is there already, and then nothing was changed.

    Of two processes that take in the same study at once, one gets True. An `archived` study waits
    for no draft and stands on no worklist.
    """
    added = insert_new(
        session,
        CaseRow,
        case_id=deid.case_id,
        patient_ref=deid.patient_ref,
        site=site,
        modality=storable(deid.modality),
        body_part=storable(deid.body_part),
        view=deid.view.value,
        age_band=deid.age_band,
        sex=storable(deid.sex),
        history=storable(deid.history),
        state=(CaseState.ARCHIVED if archived else CaseState.RECEIVED).value,
        received_at=datetime.now(UTC),
        issues=issues,
        priority=study.priority.value,
    )
    if added:
        add_identity(session, study, deid, original_keys, listed=not archived)
    return added


def get_case(session: Session, case_id: str) -> Case:
    """The case. NotFound `case_not_found`."""
    row = session.get(CaseRow, case_id)
    if row is None:
        raise NotFound("case_not_found", case_id=case_id)
    with faults.decoding("cases", case_id):
        return Case(
            case_id=row.case_id,
            patient_ref=row.patient_ref,
            site=row.site,
            modality=row.modality,
            body_part=row.body_part,
            view=View(row.view),
            age_band=row.age_band,
            sex=row.sex,
            history=row.history,
            state=CaseState(row.state),
            received_at=row.received_at,
            issues=row.issues,
        )


def sites(session: Session, case_ids: Collection[str]) -> dict[str, str]:
    """Return of which site each of these cases is."""
    wanted = select(CaseRow.case_id, CaseRow.site).where(CaseRow.case_id.in_(case_ids))
    return {row[0]: row[1] for row in session.execute(wanted)}


def patient_refs(session: Session, case_ids: Collection[str]) -> dict[str, str]:
    """Return what stands for the patient of each of these cases that is there."""
    found: dict[str, str] = {}
    for some in chunks(sorted(case_ids)):
        rows = session.execute(
            select(CaseRow.case_id, CaseRow.patient_ref).where(CaseRow.case_id.in_(some))
        )
        found |= {row.case_id: row.patient_ref for row in rows}
    return found


def lock(session: Session, case_id: str) -> None:
    """Hold a case until the transaction ends: before its report, as everybody does, and before
    whatever is recorded of it. Others may still refer to it: `sql.HELD`."""
    session.get(CaseRow, case_id, with_for_update=HELD, populate_existing=True)


def find_case(session: Session, study_uid: str) -> str | None:
    """The case id of a study, None when it was not taken in."""
    return session.scalar(
        select(StudyIdentityRow.case_id).where(StudyIdentityRow.study_uid == storable(study_uid))
    )


def deid_study(session: Session, case_id: str) -> DeidStudy:
    """The de-identified study again, without instances: their pixels are in the key images."""
    known = get_case(session, case_id)
    return DeidStudy(
        case_id=known.case_id,
        patient_ref=known.patient_ref,
        modality=known.modality,
        body_part=known.body_part,
        view=known.view,
        age_band=known.age_band,
        sex=known.sex,
        history=known.history,
        instances=(),
    )


def identity(session: Session, case_id: str) -> Identity:
    """Who was examined. NotFound `case_not_found`."""
    row = session.get(StudyIdentityRow, case_id)
    if row is None:
        raise NotFound("case_not_found", case_id=case_id)
    with faults.decoding("study_identities", case_id):
        patient = session.get_one(PatientRow, row.patient_ref)
        return Identity(
            patient=Patient(patient.patient_id, row.patient_name, row.birth_date, row.patient_sex),
            accession=row.accession,
            study_time=_time(row.study_time),
            description=row.description,
            history=row.history,
            age_years=row.age_years,
        )


def age_and_date(session: Session, case_id: str) -> tuple[int | None, date | None]:
    """Return the patient's age in years and the day of the study, each None where it is not known,
    and nothing else of the identity. NotFound `case_not_found`."""
    row = session.get(StudyIdentityRow, case_id)
    if row is None:
        raise NotFound("case_not_found", case_id=case_id)
    time = _time(row.study_time)
    return row.age_years, None if time is None else time.date()


def worklist(
    session: Session,
    *,
    clock: TurnroundClock | None = None,
    alerts: Sequence[Alert] = (),
    critical: Mapping[str, tuple[str, ...]] | None = None,
    visible: Visible = EVERY_STUDY,
    wanted: WorklistFilter = EVERYTHING,
    after: WorklistPlace | None = None,
    limit: int = 500,
    known: WorklistCounts | None = None,
    counting: bool = True,
) -> Worklist:
    """Return `limit` lines after one: those with open alerts, most escalated first and then by
    deadline; drafts with critical findings and then what is still to be signed, each by priority
    and how long it has waited; what is signed, newest first.

    `critical`: by case id, the codes of critical findings in drafts that nobody has touched.
    `known`: how much there is, where that was counted already; not `counting`: nothing is. Without
    a `clock` no turn-round time is counted. A row that cannot be read is named in `unreadable`; the
    others are there.
    """
    critical = critical or {}
    alerted: dict[str, tuple[Alert, ...]] = {}
    readable = read_at(session, [alert.case_id for alert in alerts], visible.sites)
    for alert in alerts:
        if alert.case_id not in readable:
            continue
        alerted[alert.case_id] = (*alerted.get(alert.case_id, ()), alert)
    found = worklist_pages.page(
        session,
        wanted,
        visible,
        urgent=Urgent(
            alerted={case_id: min(map(_place_of, of)) for case_id, of in alerted.items()},
            critical=critical,
        ),
        clock=clock,
        after=after,
        limit=limit,
    )
    rows = {
        row.case_id: replace(
            row,
            alerts=alerted.get(row.case_id, ()),
            critical=()
            if row.report_state is ReportState.SIGNED
            else critical.get(row.case_id, ()),
        )
        for row in _worklist_rows(session, found.case_ids, clock)
    }
    if known is None and counting:
        known = worklist_pages.counts(session, wanted, visible, clock)
    for case_id in rows.keys() - read_at(session, found.case_ids, visible.sites):
        # Whoever reads signed reports alone is told of nothing that is being written.
        row = rows[case_id]
        # Of an amendment the list has who writes it, and not who signed what he may read.
        signed = row.report_state is ReportState.SIGNED
        rows[case_id] = replace(
            row,
            state=CaseState.DRAFTED,
            report_state=ReportState.SIGNED,
            author=row.author if signed else None,
            reviewer=row.reviewer if signed else None,
            alerts=(),
            critical=(),
        )
    shown = Worklist(
        rows=tuple(rows[case_id] for case_id in found.case_ids if case_id in rows),
        total=None,
        unreadable=tuple(case_id for case_id in found.case_ids if case_id not in rows),
        next=found.next,
    )
    return shown if known is None else counted(shown, known, wanted)


def counted(shown: Worklist, known: WorklistCounts, wanted: WorklistFilter) -> Worklist:
    """Return a page with how much there is in all of what is `wanted`."""
    return replace(
        shown,
        total=known.of(wanted),
        near=known.near,
        over=known.over,
        stages={stage: known.of(replace(wanted, stage=stage)) for stage in Stage},
    )


def any_case(session: Session) -> bool:
    """Return whether there is any case."""
    return session.scalar(select(CaseRow.case_id).limit(1)) is not None


def state_counts(session: Session, *states: CaseState) -> dict[CaseState, int]:
    """Return how many cases are in each of these states."""
    rows = session.execute(
        select(CaseRow.state, func.count())
        .where(CaseRow.state.in_([state.value for state in states]))
        .group_by(CaseRow.state)
    ).all()
    found = {row[0]: row[1] for row in rows}
    return {state: found.get(state.value, 0) for state in states}


def counts(session: Session) -> dict[CaseState, int]:
    """Return how many cases are in each state. A state that is none is a damaged row's, which the
    worklist names."""
    return state_counts(session, *CaseState)


def kind_counts(session: Session, site: str) -> tuple[tuple[str, str, str, int], ...]:
    """Return how many cases of `site` there are of each modality, body part and view."""
    rows = session.execute(
        select(CaseRow.modality, CaseRow.body_part, CaseRow.view, func.count())
        .where(CaseRow.site == site)
        .group_by(CaseRow.modality, CaseRow.body_part, CaseRow.view)
    )
    return tuple((row[0], row[1], row[2], row[3]) for row in rows)


def requeue(session: Session, case_id: str) -> None:
    """Have a settled case drafted again; one that is waiting or being drafted stays so."""
    archived = get_case(session, case_id).state is CaseState.ARCHIVED
    # One statement: between a look and a change another process may queue and claim the case.
    session.execute(
        update(CaseRow)
        .where(CaseRow.case_id == case_id, CaseRow.state.in_([state.value for state in SETTLED]))
        .values(state=CaseState.RECEIVED.value)
    )
    if archived:
        worklist_entries.list_anew(session, (case_id,))


def set_state(session: Session, case_ids: tuple[str, ...], state: CaseState) -> None:
    """Put cases into a state; the caller has seen to it that the move is allowed."""
    session.execute(update(CaseRow).where(CaseRow.case_id.in_(case_ids)).values(state=state.value))


def add_identity(
    session: Session,
    study: Study,
    deid: DeidStudy,
    original_keys: tuple[str, ...],
    *,
    listed: bool = True,
) -> None:
    """Keep who and what a case is, and put it on the worklist where it is to be `listed`."""
    patient = study.patient
    insert_new(
        session,
        PatientRow,
        patient_ref=deid.patient_ref,
        patient_id=storable(patient.patient_id),
    )
    session.add(
        StudyIdentityRow(
            case_id=deid.case_id,
            study_uid=storable(study.study_uid),
            patient_ref=deid.patient_ref,
            patient_name=storable(patient.name),
            patient_sex=storable(patient.sex),
            birth_date=patient.birth_date,
            accession=storable(study.accession),
            study_time=None if study.study_time is None else study.study_time.isoformat(),
            description=storable(study.description),
            history=storable(study.history),
            age_years=study.age_years,
            original_keys=original_keys,
        )
    )
    patient_keys.add(session, deid.case_id, patient)
    session.flush()
    if listed:
        worklist_entries.add(session, deid.case_id, study)
    instances.add(session, study, deid, original_keys)


def _place_of(alert: Alert) -> str:
    """Text that sorts open alerts: most escalated first, then by deadline."""
    level = 999 - min(alert.level, 999)
    # What waits for nothing more comes last.
    deadline = "~"
    if alert.deadline_at is not None:
        deadline = alert.deadline_at.astimezone(UTC).isoformat(timespec="microseconds")
    return f"{level:03} {deadline} {alert.alert_id}"


def _worklist_rows(
    session: Session, ids: Sequence[str], clock: TurnroundClock | None
) -> Iterator[WorklistRow]:
    """Yield the rows of those ids that can be read, in no order."""
    try:
        # All or none: what is damaged may show while the database's answer is read.
        yield from list(_read_rows(session, ids, clock))
        return
    except StorageDamaged:
        log.warning("a row of the worklist is damaged: rows are read one by one")
    for case_id in ids:
        # Named by who calls.
        with suppress(StorageDamaged):
            yield from _read_rows(session, (case_id,), clock)


def _read_rows(
    session: Session, ids: Sequence[str], clock: TurnroundClock | None
) -> Iterator[WorklistRow]:
    # Columns and not whole rows: a page of them is asked for all the time. The last two are read
    # for the damage that they may show: a study that cannot be opened is named on the list.
    rows = session.execute(
        select(
            CaseRow.case_id,
            CaseRow.modality,
            CaseRow.body_part,
            CaseRow.received_at,
            CaseRow.state,
            StudyIdentityRow.study_time,
            StudyIdentityRow.patient_name,
            StudyIdentityRow.patient_sex,
            StudyIdentityRow.age_years,
            ReportRow.state.label("report_state"),
            ReportRow.base_version,
            CaseRow.priority,
            CaseRow.site,
            WorklistEntryRow.reading_site,
            PatientRow.patient_id,
            StudyIdentityRow.accession,
            WorklistEntryRow.author,
            WorklistEntryRow.reviewer,
            WorklistEntryRow.verdict,
            CaseRow.issues,
            StudyIdentityRow.original_keys,
        )
        .join(StudyIdentityRow, StudyIdentityRow.case_id == CaseRow.case_id)
        .join(PatientRow, PatientRow.patient_ref == StudyIdentityRow.patient_ref)
        .join(WorklistEntryRow, WorklistEntryRow.case_id == CaseRow.case_id)
        .outerjoin(ReportRow, ReportRow.case_id == CaseRow.case_id)
        .where(CaseRow.case_id.in_(ids))
    )
    for row in rows:
        yield _worklist_row(row, clock)


def _worklist_row(known: Any, clock: TurnroundClock | None) -> WorklistRow:
    with faults.decoding("cases", known.case_id):
        row = WorklistRow(
            case_id=known.case_id,
            modality=known.modality,
            body_part=known.body_part,
            study_time=_time(known.study_time),
            received_at=known.received_at,
            state=CaseState(known.state),
            report_state=None if known.report_state is None else ReportState(known.report_state),
            patient_name=known.patient_name,
            patient_sex=known.patient_sex,
            age_years=known.age_years,
            priority=StudyPriority(known.priority),
            site=known.site,
            reading_site=known.reading_site,
            patient_id=known.patient_id,
            accession=known.accession,
            author=known.author,
            reviewer=known.reviewer,
            verdict=known.verdict,
        )
        # An amendment's first version stopped the clock.
        signed_once = known.base_version or row.report_state is ReportState.SIGNED
        if clock is None or signed_once:
            return row
        limit = clock.limits.limit(row.modality, row.priority)
        standing = limit.standing(row.received_at, clock.now)
        return replace(row, limit_minutes=limit.minutes, standing=standing)


def read_at(session: Session, ids: Sequence[str], sites: frozenset[str] | None) -> frozenset[str]:
    """Return the cases among `ids` that are of one of `sites`, or read there for another; None:
    all."""
    if sites is None:
        return frozenset(ids)
    here: set[str] = set()
    for some in chunks(ids):
        wanted = select(WorklistEntryRow.case_id).where(
            WorklistEntryRow.case_id.in_(some),
            or_(WorklistEntryRow.site.in_(sites), WorklistEntryRow.reading_site.in_(sites)),
        )
        here |= set(session.scalars(wanted))
    return frozenset(here)


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)

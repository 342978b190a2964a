"""What `store.priors` reads of identity: a case's own, that of studies which share a key with it,
and what people said of two patients."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, exists, or_, select, true
from sqlalchemy.orm import Session, aliased

from radraft.core.errors import NotFound
from radraft.store.sql import chunks
from radraft.store.tables import CaseRow, PatientKeyRow, PatientRow, PriorLinkRow, StudyIdentityRow
from radraft.studies.priors import Person, overlapping, usable_number
from radraft.studies.values import View

log = logging.getLogger("radraft.store.priors")

MOST = 3000
"""Most studies looked at for one case: some thousand share the commonest names."""
DECIDED = ("confirmed", "rejected")


@dataclass(frozen=True)
class Kin:
    """A study and who it says was examined."""

    case_id: str
    who: str = field(repr=False)
    """Site and patient reference; the case id where the site gave no usable number."""
    person: Person = field(repr=False)
    taken: datetime
    """When the images were made, or came in where that is not known; the clock's own zone."""
    modality: str
    body_part: str
    view: View


def one(session: Session, case_id: str) -> Kin:
    """The case itself. NotFound `case_not_found`."""
    row = session.execute(_query().where(CaseRow.case_id == case_id)).first()
    if row is None:
        raise NotFound("case_not_found", case_id=case_id)
    return _kin(row)


def people(session: Session, case_ids: Collection[str]) -> dict[str, Person]:
    """Return who each of these cases says was examined."""
    found: dict[str, Person] = {}
    for some in chunks(sorted(case_ids)):
        rows = session.execute(_query().where(CaseRow.case_id.in_(some)))
        found |= {row.case_id: _kin(row).person for row in rows}
    return found


def has_keys(session: Session, case_id: str) -> bool:
    """Whether there is anything to find other studies by."""
    return bool(session.scalar(select(exists().where(PatientKeyRow.case_id == case_id))))


def others(session: Session, own: Kin, *, any_part: bool = False) -> list[Kin]:
    """Studies that share a key and show some of the same part of the body, or `any_part`, last
    arrival first."""
    keys = select(PatientKeyRow.key).where(PatientKeyRow.case_id == own.case_id)
    sharing = select(PatientKeyRow.case_id).where(PatientKeyRow.key.in_(keys)).distinct()
    rows = session.execute(
        _query()
        .where(
            CaseRow.case_id.in_(sharing),
            CaseRow.case_id != own.case_id,
            true() if any_part else CaseRow.body_part.in_(sorted(overlapping(own.body_part))),
        )
        .order_by(CaseRow.received_at.desc(), CaseRow.case_id)
        .limit(MOST)
    )
    found = [_kin(row) for row in rows]
    if len(found) == MOST:
        log.warning("case %s: only the newest %d studies were looked at", own.case_id, MOST)
    return found


@dataclass(frozen=True)
class Decision:
    """What a person said of the case's patient and another."""

    at: datetime
    who: str = field(repr=False)
    """`Kin.who` of the other."""
    state: str


def decisions(session: Session, own: Kin) -> list[Decision]:
    """Return what people said of the case's patient and others, the last word last."""
    here, there = aliased(CaseRow), aliased(CaseRow)
    own_ref = select(CaseRow.patient_ref).where(CaseRow.case_id == own.case_id).scalar_subquery()
    rows = session.execute(
        select(PriorLinkRow, here, there)
        .join(here, here.case_id == PriorLinkRow.case_id)
        .join(there, there.case_id == PriorLinkRow.prior_case_id)
        .where(
            PriorLinkRow.state.in_(DECIDED),
            or_(here.patient_ref == own_ref, there.patient_ref == own_ref),
        )
        .order_by(PriorLinkRow.at)
    )
    said: list[Decision] = []
    for link, *both in rows:
        first, second = (_who(session, case) for case in both)
        if own.who in {first, second}:
            other = second if own.who == first else first
            said.append(Decision(link.at, other, link.state))
    return said


def _who(session: Session, case: CaseRow) -> str:
    patient = session.get_one(PatientRow, case.patient_ref)
    return _who_is(case.case_id, case.site, case.patient_ref, patient.patient_id)


def _who_is(case_id: str, site: str, patient_ref: str, number: str) -> str:
    return f"{site}\0{patient_ref}" if usable_number(number) else case_id


_COLUMNS: tuple[Any, ...] = (
    CaseRow.case_id,
    CaseRow.site,
    CaseRow.patient_ref,
    CaseRow.modality,
    CaseRow.body_part,
    CaseRow.view,
    CaseRow.received_at,
    PatientRow.patient_id,
    StudyIdentityRow.patient_name,
    StudyIdentityRow.birth_date,
    StudyIdentityRow.patient_sex,
    StudyIdentityRow.study_time,
    StudyIdentityRow.age_years,
)


def _query() -> Select[Any]:
    return (
        select(*_COLUMNS)
        .join(StudyIdentityRow, StudyIdentityRow.case_id == CaseRow.case_id)
        .join(PatientRow, PatientRow.patient_ref == StudyIdentityRow.patient_ref)
    )


def _kin(row: Row[Any]) -> Kin:
    time = row.received_at if row.study_time is None else datetime.fromisoformat(row.study_time)
    born = None
    if row.study_time is not None and row.age_years is not None:
        born = (time.year - row.age_years - 1, time.year - row.age_years)
    return Kin(
        case_id=row.case_id,
        who=_who_is(row.case_id, row.site, row.patient_ref, row.patient_id),
        person=Person(
            site=row.site,
            number=row.patient_id,
            name=row.patient_name,
            birth_date=row.birth_date,
            sex=row.patient_sex,
            born=born,
        ),
        taken=time.replace(tzinfo=None),
        modality=row.modality,
        body_part=row.body_part,
        view=View(row.view),
    )

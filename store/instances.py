"""The images of a study: without identity for whoever chooses among them, and their real UIDs."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from radraft.core import canonical
from radraft.core.errors import NotFound
from radraft.store import faults
from radraft.store.sql import storable
from radraft.store.tables import CaseRow, StudyIdentityRow, StudyInstanceRow
from radraft.studies.kos import Reference
from radraft.studies.values import (
    Acquired,
    Contrast,
    DeidInstance,
    DeidStudy,
    Kernel,
    Role,
    Study,
    View,
)

_KEPT = ("instance_ref", "frames", "view", "series_ref", "acquired")


@dataclass(frozen=True)
class StoredInstance:
    """One image and where its file lies."""

    deid: DeidInstance
    """Its path leads nowhere: the file is an object."""
    original_key: str = field(repr=False)


def add(session: Session, study: Study, deid: DeidStudy, original_keys: tuple[str, ...]) -> None:
    """Keep the images of a study, each with the object that its file became; those without one
    are left out."""
    known = zip(study.instances, deid.instances, original_keys, strict=False)
    for number, (instance, without, key) in enumerate(known):
        session.add(
            StudyInstanceRow(
                case_id=deid.case_id,
                number=number,
                instance_ref=without.instance_ref,
                sop_instance_uid=storable(instance.sop_instance_uid),
                sop_class_uid=storable(instance.sop_class_uid),
                series_uid=storable(instance.series_uid),
                original_key=key,
                deid=_to_json(without),
            )
        )
    session.flush()


def of_case(session: Session, case_id: str) -> tuple[StoredInstance, ...]:
    """The images in reading order. NotFound `case_not_found`."""
    if session.get(CaseRow, case_id) is None:
        raise NotFound("case_not_found", case_id=case_id)
    rows = session.scalars(
        select(StudyInstanceRow)
        .where(StudyInstanceRow.case_id == case_id)
        .order_by(StudyInstanceRow.number)
    )
    with faults.decoding("study_instances", case_id):
        return tuple(StoredInstance(_from_json(row.deid), row.original_key) for row in rows)


def of_ref(session: Session, case_id: str, instance_ref: str) -> StoredInstance | None:
    """Return one image of a case; None where the case has none of that name."""
    row = session.scalar(
        select(StudyInstanceRow).where(
            StudyInstanceRow.case_id == case_id, StudyInstanceRow.instance_ref == instance_ref
        )
    )
    if row is None:
        return None
    with faults.decoding("study_instances", case_id):
        return StoredInstance(_from_json(row.deid), row.original_key)


def original_keys(session: Session, case_id: str) -> tuple[str, ...]:
    """The objects that the study's files became, in reading order."""
    return session.get_one(StudyIdentityRow, case_id).original_keys


def references(session: Session, case_id: str) -> dict[str, Reference]:
    """Identity: by `instance_ref`, what a DICOM document refers to an image by."""
    rows = session.scalars(select(StudyInstanceRow).where(StudyInstanceRow.case_id == case_id))
    return {row.instance_ref: _reference(row) for row in rows}


def referred(
    session: Session, case_id: str, instance_refs: Collection[str]
) -> dict[str, tuple[Reference, int]]:
    """Identity: as `references`, of these images alone, with how many frames each has. A study may
    have thousands, of which a report refers to a few."""
    if not instance_refs:
        return {}
    rows = session.scalars(
        select(StudyInstanceRow).where(
            StudyInstanceRow.case_id == case_id, StudyInstanceRow.instance_ref.in_(instance_refs)
        )
    )
    with faults.decoding("study_instances", case_id):
        return {row.instance_ref: (_reference(row), _from_json(row.deid).frames) for row in rows}


def study_uid(session: Session, case_id: str) -> str:
    """Identity: Study Instance UID."""
    return session.get_one(StudyIdentityRow, case_id).study_uid


def _reference(row: StudyInstanceRow) -> Reference:
    return Reference(row.sop_class_uid, row.sop_instance_uid, row.series_uid)


def _to_json(one: DeidInstance) -> str:
    plain = {name: canonical.plain(getattr(one, name)) for name in _KEPT}
    return canonical.dumps(plain)


def _from_json(text: str) -> DeidInstance:
    kept: dict[str, Any] = json.loads(text)
    said = kept["acquired"]
    for name in ("position", "orientation"):
        said[name] = None if said[name] is None else tuple(said[name])
    acquired = Acquired(
        **said
        | {
            "role": Role(said["role"]),
            "kernel": Kernel(said["kernel"]),
            "contrast": Contrast(said["contrast"]),
        }
    )
    return DeidInstance(
        instance_ref=kept["instance_ref"],
        path=Path(),
        frames=kept["frames"],
        view=View(kept["view"]),
        series_ref=kept["series_ref"],
        acquired=acquired,
    )

"""Verdicts of the quality gate, and which device and operator each study came from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from radraft.core import canonical
from radraft.core.errors import NotFound
from radraft.store import faults
from radraft.store.sql import storable
from radraft.store.tables import AcquisitionRow, CaseQualityRow, CaseRow, QualityRefusalRow
from radraft.studies.device_text import without_identity
from radraft.studies.quality.values import (
    ImageQuality,
    JudgedStudy,
    Measures,
    Reason,
    StudyQuality,
    Verdict,
)
from radraft.studies.values import Study, Technique


def save(
    session: Session,
    case_id: str,
    quality: StudyQuality,
    study: Study | None = None,
    *,
    now: datetime | None = None,
) -> None:
    """Keep a case's verdict, in place of an earlier one; with `study` also the device and operator
    of its first instance that names any."""
    session.execute(delete(CaseQualityRow).where(CaseQualityRow.case_id == case_id))
    session.add(
        CaseQualityRow(
            case_id=case_id,
            verdict=quality.verdict.value,
            reasons=canonical.dumps(quality.reasons),
            images=canonical.dumps(quality.images),
            heads=quality.heads,
            judged_at=now or datetime.now(UTC),
        )
    )
    if study is not None:
        session.execute(delete(AcquisitionRow).where(AcquisitionRow.case_id == case_id))
        session.add(AcquisitionRow(case_id=case_id, **_device(study)))
    session.flush()


def of_case(session: Session, case_id: str) -> StudyQuality:
    """The case's verdict. NotFound `quality_not_judged`."""
    row = session.get(CaseQualityRow, case_id)
    if row is None:
        raise NotFound("quality_not_judged")
    with faults.decoding("case_quality", case_id):
        return StudyQuality(
            verdict=Verdict(row.verdict),
            reasons=reasons_from(json.loads(row.reasons)),
            images=tuple(map(_image, json.loads(row.images))),
            heads=row.heads,
        )


def verdict(session: Session, case_id: str) -> Verdict | None:
    """The case's verdict alone; None where nobody judged it."""
    found = session.scalar(select(CaseQualityRow.verdict).where(CaseQualityRow.case_id == case_id))
    with faults.decoding("case_quality", case_id):
        return None if found is None else Verdict(found)


def refuse(
    session: Session,
    *,
    site: str,
    code: str,
    study: Study | None = None,
    now: datetime | None = None,
) -> None:
    """Count a study or a file that never becomes a case. `code` is the refusal's."""
    session.add(
        QualityRefusalRow(
            site=site,
            refused_at=now or datetime.now(UTC),
            code=code,
            modality=storable(study.modality) if study else "",
            **_device(study),
        )
    )
    session.flush()


def judged(session: Session, site: str | None = None) -> tuple[JudgedStudy, ...]:
    """Every judged study and every refusal, of all sites or of one, oldest first."""
    found = [*_cases(session, site), *_refusals(session, site)]
    return tuple(sorted(found, key=lambda judged: judged.at))


def technique(study: Study) -> Technique:
    """How the study was taken: of the first instance that names a device or an operator."""
    known = [instance.technique for instance in study.instances]
    named = (each for each in known if each.model or each.manufacturer or each.operator)
    return next(named, known[0] if known else Technique())


def _cases(session: Session, site: str | None) -> Iterator[JudgedStudy]:
    rows = session.execute(
        select(CaseRow, CaseQualityRow.verdict, CaseQualityRow.reasons, AcquisitionRow)
        .join(CaseQualityRow, CaseQualityRow.case_id == CaseRow.case_id)
        .outerjoin(AcquisitionRow, AcquisitionRow.case_id == CaseRow.case_id)
        .where(*([] if site is None else [CaseRow.site == site]))
    )
    for case, verdict, reasons, taken in rows:
        yield JudgedStudy(
            site=case.site,
            at=case.received_at,
            modality=case.modality,
            verdict=Verdict(verdict),
            reasons=reasons_from(json.loads(reasons)),
            device=device_name(taken) if taken else "",
            operator=taken.operator if taken else "",
        )


def _refusals(session: Session, site: str | None) -> Iterator[JudgedStudy]:
    rows = session.scalars(
        select(QualityRefusalRow).where(*([] if site is None else [QualityRefusalRow.site == site]))
    )
    for row in rows:
        yield JudgedStudy(
            site=row.site,
            at=row.refused_at,
            modality=row.modality,
            verdict=Verdict.REFUSE,
            reasons=(Reason(row.code, Verdict.REFUSE),),
            device=device_name(row),
            operator=row.operator,
        )


def device_name(row: AcquisitionRow | QualityRefusalRow | Technique) -> str:
    """`Manufacturer Model (Station)`, of what was sent."""
    named = " ".join(part for part in (row.manufacturer, row.model) if part)
    return f"{named} ({row.station})".strip() if row.station else named


def _device(study: Study | None) -> dict[str, str]:
    taken = without_identity(technique(study), study) if study else Technique()
    names = ("manufacturer", "model", "station", "operator")
    return {name: storable(getattr(taken, name)).strip() for name in names}


def reasons_from(found: list[dict[str, Any]]) -> tuple[Reason, ...]:
    """Return reasons as they were written down in JSON."""
    return tuple(Reason(**reason | {"severity": Verdict(reason["severity"])}) for reason in found)


def _image(found: dict[str, Any]) -> ImageQuality:
    return ImageQuality(
        image_id=found["image_id"],
        verdict=Verdict(found["verdict"]),
        reasons=reasons_from(found["reasons"]),
        measures=Measures(**found["measures"]),
        scores=found["scores"],
    )

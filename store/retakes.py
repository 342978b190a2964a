"""Which image is a retake of which: found by rule, linked and unlinked by people, all kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.orm import Session, aliased

from radraft.core.errors import NotFound, ReportError
from radraft.reports.people import Person
from radraft.store.quality import device_name
from radraft.store.tables import (
    AcquisitionRow,
    ArrivalRow,
    CaseRow,
    ImageRetakeRow,
    ImageVerdictRow,
    StudyIdentityRow,
    StudyInstanceRow,
)
from radraft.studies import _sop
from radraft.studies.quality.values import Verdict
from radraft.studies.retakes import Exposure, same_examination
from radraft.studies.values import Technique


@dataclass(frozen=True)
class RetakeLink:
    """What holds of one arrival now."""

    arrival_id: int
    revision: int
    replaces: int | None
    """None: somebody said that it is no retake."""
    by: str | None = field(repr=False)
    """None: by rule."""
    at: datetime


@dataclass(frozen=True)
class RetakeRate:
    """How many films of one device were taken again."""

    site: str
    device: str
    """Empty where it names itself nothing."""
    films: int
    retaken: int


def exposure(session: Session, arrival_id: int) -> Exposure:
    """Return a radiograph that was read. NotFound `arrival_unknown`."""
    found = _exposures(session, ArrivalRow.arrival_id == arrival_id)
    if not found:
        raise NotFound("arrival_unknown")
    return found[0]


def near(session: Session, taken: Exposure, within: timedelta) -> tuple[Exposure, ...]:
    """Return the radiographs of the same examination and device that came at most `within` before
    or after, `taken` among them."""
    site, source, station = taken.device
    same = [ImageVerdictRow.study_uid == taken.study_uid]
    if taken.patient_id and taken.accession:
        same.append(
            and_(
                ImageVerdictRow.patient_id == taken.patient_id,
                ImageVerdictRow.accession == taken.accession,
            )
        )
    return _exposures(
        session,
        or_(*same),
        ArrivalRow.site == site,
        ArrivalRow.source == source,
        ImageVerdictRow.station == station,
        ArrivalRow.received_at >= taken.at - within,
        ArrivalRow.received_at <= taken.at + within,
    )


def link_by_rule(session: Session, found: Mapping[int, int], now: datetime) -> list[int]:
    """Link retakes that nobody has said anything about yet, and return them."""
    linked = []
    for arrival_id in sorted(found):
        _lock(session, arrival_id)
        if not _newest(session, arrival_id):
            link = RetakeLink(arrival_id, 0, found[arrival_id], None, now)
            _add(session, link, None)
            linked.append(arrival_id)
    return linked


def link_by_hand(
    session: Session,
    arrival_id: int,
    replaces: int | None,
    *,
    base_revision: int,
    by: Person,
    now: datetime,
) -> RetakeLink:
    """Say that an image is a retake of an earlier one of its patient, or with None that it is none.

    `base_revision`: of what the person looked at, 0 also where there was nothing. NotFound
    `arrival_unknown`; ReportError `retake_of_other`, `retake_changed`.
    """
    taken = exposure(session, arrival_id)
    if replaces is not None:
        before = exposure(session, replaces)
        same = same_examination(taken, before) or (
            bool(taken.patient_id) and taken.patient_id == before.patient_id
        )
        earlier = before.arrival_id < arrival_id and before.device[0] == taken.device[0]
        if not (same and earlier):
            raise ReportError("retake_of_other")
    _lock(session, arrival_id)
    known = _newest(session, arrival_id)
    if base_revision != (known.revision if known else 0):
        raise ReportError("retake_changed")
    link = RetakeLink(arrival_id, base_revision + 1, replaces, by.name, now)
    _add(session, link, by.id)
    return link


def links(session: Session, arrival_ids: Collection[int]) -> dict[int, RetakeLink]:
    """Return what holds of these arrivals, and of those that are retakes of them, by arrival."""
    if not arrival_ids:
        return {}
    wanted = list(arrival_ids)
    of_them = select(ImageRetakeRow.arrival_id).where(
        or_(ImageRetakeRow.arrival_id.in_(wanted), ImageRetakeRow.replaces.in_(wanted))
    )
    rows = session.scalars(
        select(ImageRetakeRow)
        .where(ImageRetakeRow.arrival_id.in_(of_them))
        .order_by(ImageRetakeRow.arrival_id, ImageRetakeRow.revision)
    )
    # The newest revision of each comes last.
    return {
        row.arrival_id: RetakeLink(row.arrival_id, row.revision, row.replaces, row.by, row.at)
        for row in rows
    }


def _lock(session: Session, arrival_id: int) -> None:
    """Hold an image until the transaction ends: of two who link it, one waits."""
    session.get(ImageVerdictRow, arrival_id, with_for_update=True, populate_existing=True)


def _newest(session: Session, arrival_id: int) -> RetakeLink | None:
    return links(session, [arrival_id]).get(arrival_id)


def _add(session: Session, link: RetakeLink, account_id: str | None) -> None:
    session.add(
        ImageRetakeRow(
            arrival_id=link.arrival_id,
            revision=link.revision,
            replaces=link.replaces,
            by=link.by,
            by_account=account_id,
            at=link.at,
        )
    )
    session.flush()


def _holds() -> ColumnElement[bool]:
    """Return whether a link is the newest that was said of its image."""
    newer = aliased(ImageRetakeRow)
    return ~(
        select(newer.revision)
        .where(
            newer.arrival_id == ImageRetakeRow.arrival_id,
            newer.revision > ImageRetakeRow.revision,
        )
        .exists()
    )


def rates(session: Session, since: datetime, site: str | None = None) -> tuple[RetakeRate, ...]:
    """Return how many of each device's films that came from `since` on were taken again, the most
    films first; only of studies that are cases. Devices are named as everywhere in the figures."""
    again = select(ImageRetakeRow.replaces).where(ImageRetakeRow.replaces.is_not(None), _holds())
    device = (AcquisitionRow.manufacturer, AcquisitionRow.model, AcquisitionRow.station)
    rows = session.execute(
        select(
            CaseRow.site,
            *device,
            func.count().label("films"),
            func.sum(case((ArrivalRow.arrival_id.in_(again), 1), else_=0)),
        )
        .join(ImageVerdictRow, ImageVerdictRow.arrival_id == ArrivalRow.arrival_id)
        .join(StudyIdentityRow, StudyIdentityRow.study_uid == ArrivalRow.study_uid)
        .join(CaseRow, CaseRow.case_id == StudyIdentityRow.case_id)
        .join(AcquisitionRow, AcquisitionRow.case_id == CaseRow.case_id)
        .where(
            ArrivalRow.received_at >= since,
            ImageVerdictRow.modality.in_(sorted(_sop.RADIOGRAPHS)),
            *([] if site is None else [CaseRow.site == site]),
        )
        .group_by(CaseRow.site, *device)
    )
    found = [
        RetakeRate(place, device_name(Technique(manufacturer=maker, model=model, station=station)),
                   films, int(retaken))
        for place, maker, model, station, films, retaken in rows
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda rate: (rate.site, -rate.films, rate.device)))


def replaced_instances(session: Session, case_id: str) -> frozenset[str]:
    """Return the `instance_ref`s of a case's images of which there are retakes."""
    return frozenset(
        session.scalars(
            select(StudyInstanceRow.instance_ref)
            .join(StudyIdentityRow, StudyIdentityRow.case_id == StudyInstanceRow.case_id)
            .join(ImageVerdictRow, ImageVerdictRow.study_uid == StudyIdentityRow.study_uid)
            .join(ArrivalRow, ArrivalRow.arrival_id == ImageVerdictRow.arrival_id)
            .join(ImageRetakeRow, ImageRetakeRow.replaces == ArrivalRow.arrival_id)
            .where(
                StudyInstanceRow.case_id == case_id,
                ArrivalRow.sop_uid == StudyInstanceRow.sop_instance_uid,
                _holds(),
            )
        )
    )


def _exposures(session: Session, *conditions: object) -> tuple[Exposure, ...]:
    rows = session.execute(
        select(ArrivalRow, ImageVerdictRow)
        .join(ImageVerdictRow, ImageVerdictRow.arrival_id == ArrivalRow.arrival_id)
        .where(
            ImageVerdictRow.judged_at.is_not(None),
            ImageVerdictRow.modality.in_(sorted(_sop.RADIOGRAPHS)),
            *conditions,  # type: ignore[arg-type]
        )
        .order_by(ArrivalRow.arrival_id)
    )
    return tuple(_exposure(arrival, found) for arrival, found in rows)


def _exposure(arrival: ArrivalRow, found: ImageVerdictRow) -> Exposure:
    return Exposure(
        arrival_id=arrival.arrival_id,
        at=arrival.received_at,
        device=(arrival.site, arrival.source, found.station),
        sop_uid=arrival.sop_uid,
        study_uid=found.study_uid,
        patient_id=found.patient_id,
        accession=found.accession,
        modality=found.modality,
        body_part=found.body_part,
        view=found.view,
        laterality=found.laterality,
        verdict=None if found.verdict is None else Verdict(found.verdict),
    )

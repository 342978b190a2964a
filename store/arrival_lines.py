"""What arrived lately, as a technologist sees it: a line for each film, and one for each study of
slices, however many of them come."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, case, cast, func, literal_column, or_, select
from sqlalchemy.orm import Session

from radraft.store.arrivals import ArrivalState
from radraft.store.image_verdicts import is_refused, rank, reasons_of
from radraft.store.tables import (
    ArrivalDeviceRow,
    ArrivalRow,
    ArrivalThumbnailRow,
    CaseQualityRow,
    ImageVerdictRow,
    StudyIdentityRow,
)
from radraft.studies.quality.judged_by import JudgedBy
from radraft.studies.quality.values import Reason, Verdict

MOST_LINES = 400
"""Lines of one page, the newest: more than a device sends in an hour."""
_SHIFT = 10**12
"""Above every `arrival_id`: rank and id travel in one number, so that one maximum finds both."""


@dataclass(frozen=True, order=True)
class Device:
    """Where images come from."""

    site: str
    source: str
    """Calling AE title, or how else it came."""
    station: str
    """Station Name (0008,1010); empty where the device does not send it."""


@dataclass(frozen=True)
class ArrivalLine:
    """A film, or the slices of a study, or what is not judged yet of one."""

    arrival_id: int
    """Of the worst of its images, the newest of them."""
    key: str = field(repr=False)
    """What is one line: of the site, stable from one page to the next."""
    study_uid: str = field(repr=False)
    device: Device
    first_at: datetime
    last_at: datetime
    images: int
    judged: int
    series: int
    waiting: int
    """Images that are not with a case yet."""
    refused: int
    repeats: int
    """How often any of it came again with the same bytes."""
    repeated_at: datetime | None
    judged_at: datetime | None
    """None while nothing of it is judged."""
    patient_name: str = field(default="", repr=False)
    patient_id: str = field(default="", repr=False)
    accession: str = field(default="", repr=False)
    modality: str = ""
    body_part: str = ""
    view: str = ""
    laterality: str = ""
    model: str = ""
    verdict: Verdict | None = None
    judged_by: JudgedBy | None = None
    reasons: tuple[Reason, ...] = ()
    code: str | None = None
    """Why it was refused, or could not be read."""
    picture: int | None = None
    """The arrival whose small picture is shown."""
    study_verdict: Verdict | None = None
    """Of the whole study, once it was taken in."""

    @property
    def is_image(self) -> bool:
        """Return whether the line is of a single film."""
        return self.key.startswith("image:")


def image_line(arrival_id: int) -> str:
    """Return the `key` of a film's line."""
    return f"image:{arrival_id}"


def study_line(study_uid: str) -> str:
    """Return the `key` of all else of a study."""
    return f"study:{study_uid}"


def lines(
    session: Session,
    since: datetime,
    *,
    sites: Collection[str] | None,
    device: Device | None = None,
    limit: int = MOST_LINES,
) -> tuple[ArrivalLine, ...]:
    """Return what arrived, or came again, from `since` on at these sites (None: at all), the newest
    first. With `device` only what came from it; what is not judged yet has no station name."""
    key = func.coalesce(ImageVerdictRow.line, literal_column("'study:'") + ArrivalRow.study_uid)
    groups = session.execute(
        select(
            key,
            ArrivalRow.site,
            ArrivalRow.source,
            func.max(cast(rank(), BigInteger) * _SHIFT + ArrivalRow.arrival_id),
            func.min(ArrivalRow.received_at),
            func.max(ArrivalRow.received_at),
            func.count(),
            func.count(ImageVerdictRow.judged_at),
            func.count(func.nullif(ImageVerdictRow.series_uid, "").distinct()),
            _number(ArrivalRow.state == ArrivalState.WAITING.value),
            _number(is_refused()),
            func.sum(ArrivalRow.repeats),
            func.max(ArrivalRow.repeated_at),
            func.max(ImageVerdictRow.judged_at),
            func.min(ArrivalThumbnailRow.arrival_id),
            # Whose it is says the newest image that could be read, whatever else came with it.
            func.max(case((ImageVerdictRow.modality != "", ArrivalRow.arrival_id))),
        )
        .outerjoin(ImageVerdictRow, ImageVerdictRow.arrival_id == ArrivalRow.arrival_id)
        .outerjoin(ArrivalThumbnailRow, ArrivalThumbnailRow.arrival_id == ArrivalRow.arrival_id)
        .where(or_(ArrivalRow.received_at >= since, ArrivalRow.repeated_at >= since))
        .where(*_of(sites, device))
        .group_by(key, ArrivalRow.site, ArrivalRow.source)
        .order_by(func.max(ArrivalRow.received_at).desc(), func.max(ArrivalRow.arrival_id).desc())
        .limit(limit)
    ).all()
    named = {group[3] % _SHIFT for group in groups} | {group[-1] for group in groups}
    known = _known(session, named - {None})
    return tuple(_line(tuple(group), known) for group in groups)


def devices(session: Session, since: datetime, sites: Collection[str] | None) -> tuple[Device, ...]:
    """Return the devices that sent anything from `since` on, in order."""
    query = select(ArrivalDeviceRow).where(ArrivalDeviceRow.seen_at >= since)
    if sites is not None:
        query = query.where(ArrivalDeviceRow.site.in_(sorted(sites)))
    return tuple(
        sorted(Device(row.site, row.source, row.station) for row in session.scalars(query))
    )


def _of(sites: Collection[str] | None, device: Device | None) -> list[ColumnElement[bool]]:
    asked: list[ColumnElement[bool]] = []
    if sites is not None:
        asked.append(ArrivalRow.site.in_(sorted(sites)))
    if device is not None:
        asked += [ArrivalRow.site == device.site, ArrivalRow.source == device.source]
        unread = or_(ImageVerdictRow.line.is_(None), ImageVerdictRow.code.is_not(None))
        asked.append(or_(unread, ImageVerdictRow.station == device.station))
    return asked


def _number(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0))


Known = dict[int, tuple[ArrivalRow, ImageVerdictRow | None, str | None]]


def _known(session: Session, arrival_ids: Collection[int]) -> Known:
    """Return arrivals, each with its verdict and that of its study."""
    rows = session.execute(
        select(ArrivalRow, ImageVerdictRow, CaseQualityRow.verdict)
        .outerjoin(ImageVerdictRow, ImageVerdictRow.arrival_id == ArrivalRow.arrival_id)
        .outerjoin(StudyIdentityRow, StudyIdentityRow.study_uid == ArrivalRow.study_uid)
        .outerjoin(CaseQualityRow, CaseQualityRow.case_id == StudyIdentityRow.case_id)
        .where(ArrivalRow.arrival_id.in_(list(arrival_ids)))
    )
    return {arrival.arrival_id: (arrival, found, of_study) for arrival, found, of_study in rows}


def _line(group: tuple[Any, ...], known: Known) -> ArrivalLine:
    key, site, source, ranked, first, last, images, judged, series, *rest = group
    waiting, refused, repeats, repeated_at, judged_at, picture, read = rest
    arrival, found, of_study = known[ranked % _SHIFT]
    line = ArrivalLine(
        arrival_id=arrival.arrival_id,
        key=key,
        study_uid=arrival.study_uid,
        device=Device(site, source, ""),
        first_at=first,
        last_at=last,
        images=images,
        judged=judged,
        series=series,
        waiting=int(waiting),
        refused=int(refused),
        repeats=int(repeats),
        repeated_at=repeated_at,
        judged_at=judged_at,
        picture=picture,
        code=arrival.code or (found.code if found else None),
        study_verdict=None if of_study is None else Verdict(of_study),
    )
    if found is not None and found.judged_at is not None:
        line = replace(
            line,
            verdict=None if found.verdict is None else Verdict(found.verdict),
            judged_by=None if found.judged_by is None else JudgedBy(found.judged_by),
            reasons=reasons_of(found),
        )
    header = known[read][1] if read is not None else None
    return line if header is None else _with_header(line, header)


def _with_header(line: ArrivalLine, header: ImageVerdictRow) -> ArrivalLine:
    return replace(
        line,
        device=replace(line.device, station=header.station),
        patient_name=header.patient_name,
        patient_id=header.patient_id,
        accession=header.accession,
        modality=header.modality,
        body_part=header.body_part,
        view=header.view,
        laterality=header.laterality,
        model=" ".join(part for part in (header.manufacturer, header.model) if part),
    )

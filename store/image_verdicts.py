"""Verdicts on single images as they arrive: who judges which, what was found, small pictures.

Any number of processes judge one store's arrivals: a row of `image_verdicts` is the claim of one of
them until it is judged. A claim that is not renewed in `TERM` is another's for the taking.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, and_, case, delete, func, or_, select, update
from sqlalchemy.orm import Session

from radraft.core import canonical
from radraft.core.errors import NotFound
from radraft.store import faults, quality
from radraft.store.arrivals import ArrivalState
from radraft.store.sql import insert_all_new, insert_new, storable
from radraft.store.tables import (
    ArrivalDeviceRow,
    ArrivalRow,
    ArrivalThumbnailRow,
    ImageVerdictRow,
    StudyIdentityRow,
    StudyInstanceRow,
)
from radraft.studies.quality.judged_by import JudgedBy
from radraft.studies.quality.values import Reason, Verdict

if TYPE_CHECKING:
    from sqlalchemy.sql.elements import SQLCoreOperations

TERM = timedelta(seconds=30)
"""How long a claim holds without a beat."""
MOST_TRIES = 3
"""How often judging one image is begun: after that whatever breaks it is its verdict."""
BREAKS = "judging_breaks"
_CANDIDATES = 2000


@dataclass(frozen=True)
class Unjudged:
    """An arrival that nobody has judged and nobody is judging."""

    arrival_id: int
    state: ArrivalState
    file: str
    """In the inbox or in quarantine of the machine that received it."""
    sop_uid: str = field(repr=False)
    study_uid: str = field(repr=False)
    source: str = field(repr=False)
    site: str
    tries: int


@dataclass(frozen=True)
class ImageHeader:
    """Whose image it is and what of, from its own header."""

    study_uid: str = field(default="", repr=False)
    series_uid: str = field(default="", repr=False)
    patient_name: str = field(default="", repr=False)
    patient_id: str = field(default="", repr=False)
    accession: str = field(default="", repr=False)
    modality: str = ""
    body_part: str = ""
    view: str = ""
    laterality: str = ""
    manufacturer: str = field(default="", repr=False)
    model: str = field(default="", repr=False)
    station: str = field(default="", repr=False)


@dataclass(frozen=True)
class ImageVerdict:
    """What was found of one arrival."""

    arrival_id: int
    line: str = field(repr=False)
    """Which line of the technologist's page it is on."""
    header: ImageHeader = ImageHeader()
    verdict: Verdict | None = None
    """None where nothing could be judged."""
    judged_by: JudgedBy | None = None
    reasons: tuple[Reason, ...] = ()
    code: str | None = None
    """Why it could not be read."""
    thumbnail: bytes | None = field(default=None, repr=False)


def unjudged(session: Session, since: datetime, now: datetime) -> tuple[Unjudged, ...]:
    """Return what arrived from `since` on and waits for a judge: of each study its first image
    before any study's second, so that a long series keeps no single film waiting."""
    turn = func.row_number().over(
        partition_by=(ArrivalRow.site, ArrivalRow.study_uid), order_by=ArrivalRow.arrival_id
    )
    rows = session.execute(
        select(ArrivalRow, ImageVerdictRow.tries)
        .outerjoin(ImageVerdictRow, ImageVerdictRow.arrival_id == ArrivalRow.arrival_id)
        .where(
            ArrivalRow.received_at >= since,
            or_(ImageVerdictRow.arrival_id.is_(None), _expired(now)),
        )
        .order_by(turn, ArrivalRow.arrival_id)
        .limit(_CANDIDATES)
    )
    return tuple(
        Unjudged(
            row.arrival_id,
            ArrivalState(row.state),
            row.file,
            row.sop_uid,
            row.study_uid,
            row.source,
            row.site,
            tries or 0,
        )
        for row, tries in rows
    )


def claim(
    session: Session, wanted: Sequence[Unjudged], owner: str, now: datetime
) -> tuple[Unjudged, ...]:
    """Claim those of `wanted` that are still nobody's, and return them; each is one owner's."""
    fresh = [arrival.arrival_id for arrival in wanted if not arrival.tries]
    mine = set()
    if fresh:
        values = dict.fromkeys(ImageHeader.__dataclass_fields__, "")
        base = {"owner": owner, "claimed_at": now, "tries": 1, "reasons": "[]", **values}
        rows = [{"arrival_id": arrival_id, **base} for arrival_id in fresh]
        mine |= {row.arrival_id for row in insert_all_new(session, ImageVerdictRow, rows)}
    stale = [arrival.arrival_id for arrival in wanted if arrival.tries]
    if stale:
        mine |= set(
            session.scalars(
                update(ImageVerdictRow)
                .where(ImageVerdictRow.arrival_id.in_(stale), _expired(now))
                .values(owner=owner, claimed_at=now, tries=ImageVerdictRow.tries + 1)
                .returning(ImageVerdictRow.arrival_id)
                .execution_options(synchronize_session=False)
            )
        )
    return tuple(arrival for arrival in wanted if arrival.arrival_id in mine)


def beat(session: Session, owner: str, arrival_ids: Collection[int], now: datetime) -> None:
    """Say that the owner of these claims lives and works on them."""
    session.execute(
        update(ImageVerdictRow)
        .where(
            ImageVerdictRow.arrival_id.in_(list(arrival_ids)),
            ImageVerdictRow.owner == owner,
            ImageVerdictRow.judged_at.is_(None),
        )
        .values(claimed_at=now)
        .execution_options(synchronize_session=False)
    )


def give_back(session: Session, owner: str, arrival_ids: Collection[int]) -> None:
    """Let others judge what was claimed and not judged."""
    session.execute(
        delete(ImageVerdictRow).where(
            ImageVerdictRow.owner == owner,
            ImageVerdictRow.arrival_id.in_(list(arrival_ids)),
            ImageVerdictRow.judged_at.is_(None),
        )
    )


def save(session: Session, found: Iterable[ImageVerdict], owner: str, now: datetime) -> list[int]:
    """Keep the verdicts on what `owner` still holds, and return their arrivals: of an image that
    was taken from him meanwhile, the other's verdict counts."""
    kept = []
    for verdict in found:
        header = {
            name: storable(getattr(verdict.header, name))
            for name in ImageHeader.__dataclass_fields__
        }
        row = session.execute(
            update(ImageVerdictRow)
            .where(
                ImageVerdictRow.arrival_id == verdict.arrival_id,
                ImageVerdictRow.owner == owner,
                ImageVerdictRow.judged_at.is_(None),
            )
            .values(
                judged_at=now,
                owner="",
                line=storable(verdict.line),
                verdict=verdict.verdict,
                judged_by=verdict.judged_by,
                reasons=canonical.dumps(verdict.reasons),
                code=verdict.code,
                **header,
            )
            .returning(ImageVerdictRow.arrival_id)
            .execution_options(synchronize_session=False)
        ).first()
        if row is None:
            continue
        kept.append(verdict.arrival_id)
        if verdict.thumbnail is not None:
            picture = {"png": verdict.thumbnail, "made_at": now}
            insert_new(session, ArrivalThumbnailRow, arrival_id=verdict.arrival_id, **picture)
    return kept


def note_device(session: Session, device: tuple[str, str, str], now: datetime) -> None:
    """Note that an image came from a device (site, calling AE title, station name)."""
    site, source, station = (storable(part) for part in device)
    named = {"site": site, "source": source, "station": station}
    if not insert_new(session, ArrivalDeviceRow, seen_at=now, **named):
        session.execute(
            update(ArrivalDeviceRow)
            .where(
                ArrivalDeviceRow.site == site,
                ArrivalDeviceRow.source == source,
                ArrivalDeviceRow.station == station,
            )
            .values(seen_at=now)
            .execution_options(synchronize_session=False)
        )


def thumbnail(session: Session, arrival_id: int) -> bytes:
    """Return the small picture of an arrival. NotFound `arrival_picture_gone`."""
    row = session.get(ArrivalThumbnailRow, arrival_id)
    if row is None:
        raise NotFound("arrival_picture_gone")
    return row.png


def drop_thumbnails(session: Session, before: datetime) -> int:
    """Remove pictures that were made before; how many."""
    gone = session.execute(
        delete(ArrivalThumbnailRow)
        .where(ArrivalThumbnailRow.made_at < before)
        .returning(ArrivalThumbnailRow.arrival_id)
    )
    return len(gone.all())


def original_key(session: Session, study_uid: str, sop_uid: str) -> str | None:
    """Return the object that an instance's file became; None where it is in no case."""
    return session.scalar(
        select(StudyInstanceRow.original_key)
        .join(StudyIdentityRow, StudyIdentityRow.case_id == StudyInstanceRow.case_id)
        .where(
            StudyIdentityRow.study_uid == study_uid,
            StudyInstanceRow.sop_instance_uid == sop_uid,
        )
        .limit(1)
    )


def reasons_of(row: ImageVerdictRow) -> tuple[Reason, ...]:
    """Return why an image is not good. StorageDamaged where that cannot be read."""
    with faults.decoding("image_verdicts", str(row.arrival_id)):
        return quality.reasons_from(json.loads(row.reasons))


RANKS: dict[Verdict, int] = {verdict: rank for rank, verdict in enumerate(Verdict, start=1)}


_NO_IMAGE = "not_an_image"
"""What devices send with every study (dose reports): refused, and nobody's mistake."""


def is_refused() -> ColumnElement[bool]:
    """Return whether an arrival is in quarantine for something that can be corrected."""
    return and_(ArrivalRow.state == ArrivalState.REFUSED.value, ArrivalRow.code != _NO_IMAGE)


def rank() -> SQLCoreOperations[int]:
    """Return how bad an arrival is: 0 while it is not judged; what was refused or cannot be read is
    the worst."""
    return case(
        (or_(ArrivalRow.code == _NO_IMAGE, ImageVerdictRow.code == _NO_IMAGE), 0),
        (ArrivalRow.state == ArrivalState.REFUSED.value, len(RANKS) + 2),
        (ImageVerdictRow.code.is_not(None), len(RANKS) + 1),
        *((ImageVerdictRow.verdict == verdict.value, rank) for verdict, rank in RANKS.items()),
        else_=0,
    )


def _expired(now: datetime) -> ColumnElement[bool]:
    claimed = ImageVerdictRow.claimed_at
    # A clock that was set back must not keep a dead process's claim for ever.
    return and_(
        ImageVerdictRow.judged_at.is_(None), or_(claimed < now - TERM, claimed > now + TERM)
    )

"""Tables of what technologists see of single images: verdicts, small pictures, devices, retakes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from radraft.store.base import Base


class ImageVerdictRow(Base):
    """Identity: one arrival that is being judged, or was; `reasons` is JSON (`store.quality`)."""

    __tablename__ = "image_verdicts"
    __table_args__ = (
        # Images among which a retake is looked for.
        Index("ix_image_verdicts_study_uid", "study_uid"),
        Index("ix_image_verdicts_patient_id", "patient_id"),
    )

    arrival_id: Mapped[int] = mapped_column(
        ForeignKey("arrivals.arrival_id"), primary_key=True, autoincrement=False
    )
    # Whoever judges it; empty once it is judged.
    owner: Mapped[str] = mapped_column(String(64))
    claimed_at: Mapped[datetime]
    # How often judging it was begun.
    tries: Mapped[int]
    judged_at: Mapped[datetime | None]
    # What the page has one line for: an image of a radiograph, else all that is of one study.
    line: Mapped[str | None]
    study_uid: Mapped[str]
    series_uid: Mapped[str]
    patient_name: Mapped[str]
    patient_id: Mapped[str]
    accession: Mapped[str]
    modality: Mapped[str]
    body_part: Mapped[str]
    view: Mapped[str]
    laterality: Mapped[str]
    manufacturer: Mapped[str]
    model: Mapped[str]
    station: Mapped[str]
    # None where nothing could be judged: `code` says why.
    verdict: Mapped[str | None] = mapped_column(String(16))
    judged_by: Mapped[str | None] = mapped_column(String(16))
    reasons: Mapped[str]
    code: Mapped[str | None]


class ArrivalThumbnailRow(Base):
    """Identity: a small picture of an arrival as it came, kept for a day."""

    __tablename__ = "arrival_thumbnails"

    arrival_id: Mapped[int] = mapped_column(
        ForeignKey("arrivals.arrival_id"), primary_key=True, autoincrement=False
    )
    png: Mapped[bytes]
    made_at: Mapped[datetime] = mapped_column(index=True)


class ArrivalDeviceRow(Base):
    """Identity: a device from which images came, as it names itself, and when that was noted."""

    __tablename__ = "arrival_devices"

    site: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True)
    station: Mapped[str] = mapped_column(primary_key=True)
    seen_at: Mapped[datetime]


class ImageRetakeRow(Base):
    """Which arrival a retake replaces; append-only, its newest revision holds.

    No foreign keys: an arrival whose file was lost is forgotten, and this is not.
    """

    __tablename__ = "image_retakes"
    __table_args__ = (
        Index("ix_image_retakes_replaces", "replaces"),
        {"sqlite_with_rowid": False},
    )

    arrival_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    # 0: by rule; from 1 on people.
    revision: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    # None: it is no retake.
    replaces: Mapped[int | None]
    by: Mapped[str | None]
    by_account: Mapped[str | None] = mapped_column(String(64))
    at: Mapped[datetime]

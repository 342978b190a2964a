"""Tables of what comes in: arrivals, instances, quality, chosen key images, priors."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from radraft.store.base import Base


class ArrivalRow(Base):
    """Identity: one DICOM object that came by itself (network, watched folder, pull)."""

    __tablename__ = "arrivals"
    __table_args__ = (
        UniqueConstraint("sop_uid", "sha256"),
        Index("ix_arrivals_state_study_uid", "state", "study_uid"),
        Index("ix_arrivals_received_at", "received_at"),
        Index("ix_arrivals_repeated_at", "repeated_at"),
    )

    arrival_id: Mapped[int] = mapped_column(primary_key=True)
    sop_uid: Mapped[str]
    study_uid: Mapped[str]
    # Of the data set as it was encoded and its transfer syntax, without file meta information.
    sha256: Mapped[str] = mapped_column(String(64))
    # Name within `inbox/` while waiting, within `quarantine/` once refused; empty once taken.
    file: Mapped[str]
    # Calling AE title, or "watch" or "pull".
    source: Mapped[str]
    site: Mapped[str]
    received_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(16))
    # Of the refusal.
    code: Mapped[str | None]
    # How often the same bytes came again, and when last.
    repeats: Mapped[int] = mapped_column(default=0, server_default="0")
    repeated_at: Mapped[datetime | None]
    # Which inbox its file lies in (`pipeline.inbox`): each data folder has one of its own. Empty
    # where an older version received it.
    inbox: Mapped[str] = mapped_column(String(64), default="", server_default="")


class PatientKeyRow(Base):
    """Identity: what a patient's studies have in common, one row for each thing
    (`studies.priors.keys`)."""

    __tablename__ = "patient_keys"

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True, index=True)


class PriorLinkRow(Base):
    """An earlier study of the same patient, or one that a person said is another's."""

    __tablename__ = "prior_links"

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    prior_case_id: Mapped[str] = mapped_column(
        ForeignKey("cases.case_id"), primary_key=True, index=True
    )
    confidence: Mapped[float]
    reasons: Mapped[tuple[str, ...]]
    state: Mapped[str] = mapped_column(String(16))
    # None where it was linked without asking anybody.
    by: Mapped[str | None]
    at: Mapped[datetime]


class StudyInstanceRow(Base):
    """Identity: one image of a study as it came, and what de-identification made of it."""

    __tablename__ = "study_instances"

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    # In reading order, from 0.
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    instance_ref: Mapped[str]
    sop_instance_uid: Mapped[str]
    sop_class_uid: Mapped[str]
    series_uid: Mapped[str]
    original_key: Mapped[str]
    # JSON of `DeidInstance` without its path.
    deid: Mapped[str]


class KeyImageChoiceRow(Base):
    """The key images that a reader chose; append-only. `images` names frames, in order, as JSON."""

    __tablename__ = "key_image_choices"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - read once by SQLAlchemy

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    by: Mapped[str]
    by_account: Mapped[str | None] = mapped_column(String(64))
    at: Mapped[datetime]
    images: Mapped[str]


class CaseQualityRow(Base):
    """A study's verdict; `reasons` and `images` are JSON (`store.quality`)."""

    __tablename__ = "case_quality"

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    verdict: Mapped[str] = mapped_column(String(16))
    reasons: Mapped[str]
    images: Mapped[str]
    heads: Mapped[str | None] = mapped_column(String(64))
    judged_at: Mapped[datetime]


class AcquisitionRow(Base):
    """Identity of staff: which device took a study, and who worked at it, as sent."""

    __tablename__ = "acquisitions"

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    manufacturer: Mapped[str]
    model: Mapped[str]
    station: Mapped[str]
    operator: Mapped[str]


class QualityRefusalRow(Base):
    """Identity of staff: a study or file that never became a case, where and when."""

    __tablename__ = "quality_refusals"
    __table_args__ = (Index("ix_quality_refusals_site_refused_at", "site", "refused_at"),)

    refusal_id: Mapped[int] = mapped_column(primary_key=True)
    site: Mapped[str]
    refused_at: Mapped[datetime]
    code: Mapped[str]
    modality: Mapped[str]
    manufacturer: Mapped[str]
    model: Mapped[str]
    station: Mapped[str]
    operator: Mapped[str]

"""Tables. `patients` and `study_identities` hold identity; no other table may.

Signed reports, training pairs and report revisions are append-only: triggers (see `migrations/`)
refuse UPDATE, DELETE, REPLACE and TRUNCATE.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

from sqlalchemy import (
    DateTime,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    MetaData,
    String,
    Text,
    TypeDecorator,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

IDENTITY_TABLES = frozenset({"patients", "study_identities"})
IMMUTABLE_TABLES = ("signed_reports", "training_pairs", "report_revisions")

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: aware datetimes in, UTC out. ValueError for a naive datetime."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """SQLite forgets the zone; what was written was UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Strings(TypeDecorator[tuple[str, ...]]):
    """A tuple of strings as a JSON array."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> str | None:
        """To JSON."""
        return None if value is None else json.dumps(list(value), ensure_ascii=False)

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[str, ...] | None:
        """From JSON."""
        return None if value is None else tuple(json.loads(value))


class Base(DeclarativeBase):
    """All tables; text is unbounded unless said otherwise."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own name, read once by its metaclass
        str: Text,
        float: Double,
        datetime: UtcDateTime,
        tuple[str, ...]: Strings,
    }


class SiteRow(Base):
    """One row: which site secret this database's references were made with."""

    __tablename__ = "site"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    secret_check: Mapped[str]


class PatientRow(Base):
    """Identity: whose a `patient_ref` is."""

    __tablename__ = "patients"

    patient_ref: Mapped[str] = mapped_column(String(64), primary_key=True)
    patient_id: Mapped[str]


class StudyIdentityRow(Base):
    """Identity: a study as it was sent, its patient's name as that study had it."""

    __tablename__ = "study_identities"

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    study_uid: Mapped[str] = mapped_column(unique=True)
    patient_ref: Mapped[str] = mapped_column(ForeignKey("patients.patient_ref"), index=True)
    patient_name: Mapped[str]
    patient_sex: Mapped[str]
    birth_date: Mapped[date | None]
    accession: Mapped[str]
    # The modality's clock, mostly without a zone: kept as ISO 8601 text, exactly as it came.
    study_time: Mapped[str | None]
    description: Mapped[str]
    history: Mapped[str]
    age_years: Mapped[int | None]
    original_keys: Mapped[tuple[str, ...]]


class CaseRow(Base):
    """A study without identity."""

    __tablename__ = "cases"
    __table_args__ = (Index("ix_cases_state_received_at", "state", "received_at"),)

    case_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    patient_ref: Mapped[str] = mapped_column(String(64), index=True)
    site: Mapped[str]
    modality: Mapped[str]
    body_part: Mapped[str]
    view: Mapped[str]
    age_band: Mapped[str]
    sex: Mapped[str]
    history: Mapped[str]
    state: Mapped[str] = mapped_column(String(16))
    received_at: Mapped[datetime]
    issues: Mapped[tuple[str, ...]]


class KeyImageRow(Base):
    """One key image of a case; its pixels lie in object storage under `image_id`."""

    __tablename__ = "key_images"

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    image_id: Mapped[str] = mapped_column(String(64))
    instance_ref: Mapped[str]
    frame: Mapped[int]
    rows: Mapped[int]
    columns: Mapped[int]
    window_centre: Mapped[float]
    window_width: Mapped[float]
    score: Mapped[float]


class DraftRow(Base):
    """One draft as the model gave it; `content` is the canonical JSON of `Draft`."""

    __tablename__ = "drafts"

    draft_id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), index=True)
    coverage: Mapped[str] = mapped_column(String(16))
    content: Mapped[str]
    request_json: Mapped[str | None]
    encoder_id: Mapped[str | None]
    image_ids: Mapped[tuple[str, ...]]
    created_at: Mapped[datetime]


class ReportRow(Base):
    """A case's working report: where its lifecycle stands. Its content is in the revisions."""

    __tablename__ = "reports"

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    draft_id: Mapped[int] = mapped_column(ForeignKey("drafts.draft_id"))
    revision: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    editor: Mapped[str | None]
    saved_at: Mapped[datetime]
    base_version: Mapped[int]


class RevisionRow(Base):
    """One saved state of a working report; append-only."""

    __tablename__ = "report_revisions"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - read once by SQLAlchemy

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content: Mapped[str]
    editor: Mapped[str | None]
    saved_at: Mapped[datetime]


class SignedRow(Base):
    """One signed version; append-only. `content` is the canonical JSON of `SignedReport`."""

    __tablename__ = "signed_reports"
    # Without a rowid, INSERT OR REPLACE can only collide on columns the trigger looks at.
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - read once by SQLAlchemy

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content: Mapped[str]
    content_sha: Mapped[str] = mapped_column(String(64), unique=True)
    signed_at: Mapped[datetime]


class PairRow(Base):
    """One training pair; append-only. The signed report is referred to: its author stays there."""

    __tablename__ = "training_pairs"
    __table_args__ = (
        ForeignKeyConstraint(
            ["case_id", "version"], ["signed_reports.case_id", "signed_reports.version"]
        ),
        {"sqlite_with_rowid": False},
    )

    pair_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    case_id: Mapped[str] = mapped_column(String(64))
    version: Mapped[int]
    site: Mapped[str]
    request: Mapped[str]
    request_sha: Mapped[str | None] = mapped_column(String(64))
    template_sha: Mapped[str | None] = mapped_column(String(64))
    image_ids: Mapped[tuple[str, ...]]
    encoder_id: Mapped[str | None]
    draft: Mapped[str]
    stats: Mapped[str]
    split: Mapped[str] = mapped_column(String(16))


class TurnRow(Base):
    """One follow-up question and its answer."""

    __tablename__ = "turns"

    turn_id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), index=True)
    question: Mapped[str]
    answer: Mapped[str]
    lang: Mapped[str] = mapped_column(String(8))
    citations: Mapped[tuple[str, ...]]
    refused: Mapped[bool]
    asked_by: Mapped[str]
    asked_at: Mapped[datetime]

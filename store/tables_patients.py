"""Tables of patients' corrections and merges, as a hospital's ADT messages say them."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from radraft.store.base import Base


class PatientRecordRow(Base):
    """Identity: what messages say of one number of a site."""

    __tablename__ = "patient_records"
    __table_args__ = (
        Index("ix_patient_records_merged_into", "site", "merged_into"),
        Index("ix_patient_records_changed_at", "changed_at"),
    )

    site: Mapped[str] = mapped_column(primary_key=True)
    # `studies.priors.plain_number`.
    number: Mapped[str] = mapped_column(primary_key=True)
    # As it was sent.
    sent: Mapped[str]
    # None where no message said it.
    name: Mapped[str | None]
    birth_date: Mapped[date | None]
    sex: Mapped[str | None]
    # Of the newest message about it: who sent it (MSH-3, MSH-4), when it was entered by its own
    # clock (EVN-2, MSH-7), and when it came.
    said_by: Mapped[str | None]
    said_at: Mapped[datetime | None]
    heard_at: Mapped[datetime | None]
    # The plain number that this one is since; of the newest message about that, as above.
    merged_into: Mapped[str | None]
    merge_said_by: Mapped[str | None]
    merge_said_at: Mapped[datetime | None]
    merge_heard_at: Mapped[datetime | None]
    changed_at: Mapped[datetime]


class SentIdentityRow(Base):
    """Identity: how a study's header named its patient, where messages or people say otherwise."""

    __tablename__ = "sent_identities"
    __table_args__ = (Index("ix_sent_identities_number", "number"),)

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    # `studies.priors.plain_number` of `patient_id`.
    number: Mapped[str]
    patient_id: Mapped[str]
    patient_name: Mapped[str]
    patient_sex: Mapped[str]
    birth_date: Mapped[date | None]
    age_years: Mapped[int | None]
    # All names and numbers that the study ever had: texts may hold them.
    names: Mapped[tuple[str, ...]]
    numbers: Mapped[tuple[str, ...]]
    # Codes of `Doubt`; a person has to say where there are any.
    doubts: Mapped[tuple[str, ...]]
    # What a person said of it: `PatientAnswer`.
    answer: Mapped[str | None] = mapped_column(String(16))
    # The plain number that it was said of: another merge is another question.
    answer_about: Mapped[str | None]
    by: Mapped[str | None]
    by_account: Mapped[str | None] = mapped_column(String(64))
    answered_at: Mapped[datetime | None]
    changed_at: Mapped[datetime]


class PatientChangeRow(Base):
    """That a case's identity was changed: in what, when and by whose message; append-only, and
    nobody's identity."""

    __tablename__ = "patient_changes"

    change_id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), index=True)
    at: Mapped[datetime]
    # `PatientField`.
    fields: Mapped[tuple[str, ...]]
    # MSH-3 and MSH-4, or the name of a person.
    by: Mapped[str]

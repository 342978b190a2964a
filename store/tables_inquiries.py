"""Tables of what clinicians do with signed reports: questions to radiologists, what they think of
answers, and visits by a link of the hospital's system."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from radraft.store.base import Base


class InquiryRow(Base):
    """A question put to a radiologist as it stands (`reports.inquiry`); what was done with it is in
    its events."""

    __tablename__ = "inquiries"
    __table_args__ = (
        Index("ix_inquiries_case_id", "case_id", "state"),
        Index("ix_inquiries_state", "state", "case_id", "to_account"),
    )

    inquiry_id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"))
    turn_id: Mapped[int | None] = mapped_column(ForeignKey("turns.turn_id"))
    question: Mapped[str]
    lang: Mapped[str] = mapped_column(String(8))
    version: Mapped[int]
    asked_by: Mapped[str]
    asked_by_account: Mapped[str | None] = mapped_column(String(64))
    asked_at: Mapped[datetime]
    # None: any radiologist of the site.
    to_name: Mapped[str | None]
    to_account: Mapped[str | None] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))
    revision: Mapped[int]


class InquiryEventRow(Base):
    """One step with an inquiry; append-only."""

    __tablename__ = "inquiry_events"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - read once by SQLAlchemy

    inquiry_id: Mapped[int] = mapped_column(ForeignKey("inquiries.inquiry_id"), primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    move: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    by: Mapped[str]
    by_account: Mapped[str | None] = mapped_column(String(64))
    at: Mapped[datetime]
    # Of an answer; else empty.
    text: Mapped[str]
    version: Mapped[int]


class TurnMarkRow(Base):
    """What somebody thinks of an answer of the conversation; append-only, his newest counts."""

    __tablename__ = "turn_marks"

    mark_id: Mapped[int] = mapped_column(primary_key=True)
    turn_id: Mapped[int] = mapped_column(ForeignKey("turns.turn_id"), index=True)
    # `up`, `down`, or `none` where he took it back.
    verdict: Mapped[str] = mapped_column(String(8))
    # What he would have answered; empty where he says nothing.
    correction: Mapped[str]
    by: Mapped[str]
    by_account: Mapped[str | None] = mapped_column(String(64))
    at: Mapped[datetime]


class VisitRow(Base):
    """Identity: somebody whom the hospital's system let in by a link to the studies of one
    accession number. The link's id is unique: it is good for one visit."""

    __tablename__ = "visits"
    __table_args__ = (UniqueConstraint("link_id", name="uq_visits_link_id"),)

    # SHA-256 of what the browser holds.
    visit_sha: Mapped[str] = mapped_column(String(64), primary_key=True)
    visit_id: Mapped[str] = mapped_column(String(32))
    link_id: Mapped[str] = mapped_column(String(32))
    # By which token the link was made: revoked, it ends the visit too.
    token_id: Mapped[str] = mapped_column(String(32))
    # As the hospital's system calls him, and what stands for his number there.
    name: Mapped[str]
    person_ref: Mapped[str] = mapped_column(String(32))
    # Folded: `studies.name_search.number_key`.
    accession: Mapped[str]
    began_at: Mapped[datetime]
    ends_at: Mapped[datetime] = mapped_column(index=True)
    address: Mapped[str]

"""Tables of the worklist: what a study is listed, ordered and found by; saved views."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Mapped, mapped_column

from radraft.store.base import Base

BYTES = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
"""Text in the order of its bytes, as SQLite has it: whatever the database's language, what begins
alike lies together."""


def _waiting(name: str, *first: str) -> Index:
    """Return an index of what is not signed yet, in the order in which it is read."""
    columns = (*first, "signed", "rank", "received_at", "case_id")
    return Index(
        f"ix_worklist_entries_{name}",
        *columns,
        sqlite_where=text("signed = 0"),
        postgresql_where=text("NOT signed"),
    )


class WorklistEntryRow(Base):
    """Identity: one study as the worklist lists, orders and finds it.

    Everything here is said elsewhere too; triggers on those tables keep it (`worklist_triggers`),
    but who wrote and who reviewed what was signed, which the signature says.
    """

    __tablename__ = "worklist_entries"
    __table_args__ = (
        Index("ix_worklist_entries_order", "signed", "received_at", "case_id"),
        Index("ix_worklist_entries_site", "site", "signed", "received_at", "case_id"),
        Index("ix_worklist_entries_reading", "reading_site", "signed", "received_at", "case_id"),
        Index("ix_worklist_entries_modality", "modality", "signed", "received_at", "case_id"),
        Index("ix_worklist_entries_body_part", "body_part", "signed", "received_at", "case_id"),
        Index("ix_worklist_entries_verdict", "verdict", "signed", "received_at", "case_id"),
        Index("ix_worklist_entries_author", "author_account", "signed", "received_at", "case_id"),
        Index(
            "ix_worklist_entries_reviewer", "reviewer_account", "signed", "received_at", "case_id"
        ),
        # Whatever is counted by these is counted in the index alone.
        Index(
            "ix_worklist_entries_counted",
            "site",
            "modality",
            "body_part",
            "phase",
            "once_signed",
            "verdict",
            "priority",
            "reading_site",
        ),
        Index("ix_worklist_entries_name", "name", "phase", "site", "once_signed"),
        Index("ix_worklist_entries_day", "study_date", "signed", "received_at", "case_id"),
        _waiting("waiting"),
        _waiting("waiting_site", "site"),
        _waiting("waiting_reading", "reading_site"),
        _waiting("waiting_modality", "modality"),
        _waiting("waiting_body_part", "body_part"),
        _waiting("waiting_verdict", "verdict"),
        _waiting("waiting_author", "author_account"),
        _waiting("waiting_reviewer", "reviewer_account"),
        _waiting("waiting_day", "study_date"),
    )

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    site: Mapped[str]
    # The other site whose readers it is for, as `reading_assignments` says; empty: its own.
    reading_site: Mapped[str] = mapped_column(default="", server_default="")
    modality: Mapped[str]
    body_part: Mapped[str]
    # The report's state once a person has touched it, else the case's.
    phase: Mapped[str] = mapped_column(String(16))
    # Whether the report is signed as it stands.
    signed: Mapped[bool]
    # Whether a version of it was ever signed.
    once_signed: Mapped[bool]
    received_at: Mapped[datetime]
    priority: Mapped[str] = mapped_column(String(16), server_default="unknown")
    # 0 before 3: `values.RANKS`.
    rank: Mapped[int] = mapped_column(server_default="3")
    # Who writes it; of a signed one, who wrote and who reviewed what was signed.
    author: Mapped[str | None]
    author_account: Mapped[str | None] = mapped_column(String(64))
    reviewer: Mapped[str | None]
    reviewer_account: Mapped[str | None] = mapped_column(String(64))
    verdict: Mapped[str | None] = mapped_column(String(16))
    # As it was sent, no longer than an index takes.
    name: Mapped[str]
    # Folded: `studies.name_search.number_key`.
    number: Mapped[str] = mapped_column(BYTES, index=True)
    accession: Mapped[str] = mapped_column(BYTES, index=True)
    # By the modality's clock.
    study_date: Mapped[date | None]


class NameKeyRow(Base):
    """Identity: by which beginnings a name is found, once for all studies that have it."""

    __tablename__ = "name_keys"
    __table_args__ = (
        Index("ix_name_keys_key", "key", "name"),
        {"sqlite_with_rowid": False},
    )

    name: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(BYTES, primary_key=True)


class WorklistViewRow(Base):
    """What somebody wants listed, under a name of his own; `wanted` is JSON without a search."""

    __tablename__ = "worklist_views"
    __table_args__ = (UniqueConstraint("account_id", "name", name="uq_worklist_views_account_id"),)

    view_id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.account_id"))
    name: Mapped[str] = mapped_column(String(64))
    wanted: Mapped[str]
    saved_at: Mapped[datetime]


class WorklistColumnsRow(Base):
    """What somebody wants shown of each study: JSON list of `values.Column`."""

    __tablename__ = "worklist_columns"

    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.account_id"), primary_key=True)
    columns: Mapped[tuple[str, ...]]


class KeyBindingsRow(Base):
    """Which keys somebody has changed: a JSON object of the page's actions, each with its keys."""

    __tablename__ = "key_bindings"

    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.account_id"), primary_key=True)
    bindings: Mapped[str]


class WorklistFillingRow(Base):
    """One row: how far the studies that were taken in before are listed (`worklist_filling`)."""

    __tablename__ = "worklist_filling"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    # The case id up to which they are; None where none is left.
    after: Mapped[str | None] = mapped_column(String(64))
    # How many they are.
    studies: Mapped[int]

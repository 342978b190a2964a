"""Tables of orders: what came over HL7 or from a worklist, and which studies were made for it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from radraft.store.base import Base


class OrderRow(Base):
    """Identity: one order as it stands after the newest message about it."""

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("site", "name", name="uq_orders_site"),
        Index("ix_orders_accession", "site", "accession"),
        Index("ix_orders_filler", "site", "filler"),
        Index("ix_orders_placer", "site", "placer"),
        Index("ix_orders_study_uid", "study_uid"),
        Index("ix_orders_patient", "site", "patient"),
        Index("ix_orders_state", "site", "state", "received_at"),
        Index("ix_orders_changed_at", "changed_at"),
    )

    order_id: Mapped[int] = mapped_column(primary_key=True)
    site: Mapped[str]
    # `Order.name`.
    name: Mapped[str]
    state: Mapped[str] = mapped_column(String(16))
    # Folded, for finding it by: `studies.name_search.number_key`; empty where there is none.
    accession: Mapped[str]
    placer: Mapped[str]
    filler: Mapped[str]
    # `studies.priors.plain_number` of the patient's first number.
    patient: Mapped[str]
    study_uid: Mapped[str]
    # Canonical JSON of `reports.order.Order`.
    content: Mapped[str]
    # `hl7` or `worklist`.
    source: Mapped[str] = mapped_column(String(16))
    received_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    # Of the newest message about it: who sent it (MSH-3, MSH-4), when by its own clock (MSH-7),
    # and when it came. None of what no message said.
    said_by: Mapped[str | None]
    said_at: Mapped[datetime | None]
    heard_at: Mapped[datetime | None]


class OrderMessageRow(Base):
    """Identity: one HL7 message; what it said is kept until it was applied."""

    __tablename__ = "order_messages"
    __table_args__ = (
        UniqueConstraint("site", "sender", "control_id", "sha256", name="uq_order_messages_site"),
        Index("ix_order_messages_state", "state", "received_at"),
    )

    message_id: Mapped[int] = mapped_column(primary_key=True)
    site: Mapped[str]
    # MSH-3 and MSH-4; empty where no header could be read.
    sender: Mapped[str]
    # MSH-10.
    control_id: Mapped[str]
    # Of all its segments but MSH, where a sender writes the time of each try.
    sha256: Mapped[str] = mapped_column(String(64))
    # MSH-9.
    kind: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    code: Mapped[str | None]
    content: Mapped[bytes | None] = mapped_column(LargeBinary)
    # Whether its bytes were not of the character set that it names.
    mended: Mapped[bool]
    received_at: Mapped[datetime]
    repeats: Mapped[int]
    repeated_at: Mapped[datetime | None]


class OrderLinkRow(Base):
    """That a study was made for an order, may have been, or was not, as a person said."""

    __tablename__ = "order_links"
    __table_args__ = (Index("ix_order_links_state", "state"),)

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    order_id: Mapped[int] = mapped_column(
        ForeignKey("orders.order_id"), primary_key=True, index=True
    )
    state: Mapped[str] = mapped_column(String(16))
    reasons: Mapped[tuple[str, ...]]
    # None where it was linked without asking anybody.
    by: Mapped[str | None]
    by_account: Mapped[str | None] = mapped_column(String(64))
    at: Mapped[datetime]


class OrderedCaseRow(Base):
    """What a case's own header said before orders said more; both without identity."""

    __tablename__ = "ordered_cases"

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    priority: Mapped[str] = mapped_column(String(16))
    history: Mapped[str]

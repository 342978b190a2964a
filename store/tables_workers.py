"""Table of processes that draft."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from radraft.store.base import Base


class DraftWorkerRow(Base):
    """One process that drafts; of one that gives no sign of life any more it is of no use. Nothing
    is decided by it: which case is whose stands in `draft_leases`."""

    __tablename__ = "draft_workers"

    worker_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    # For people.
    host: Mapped[str]
    # By the database's clock.
    began_at: Mapped[datetime]
    beat_at: Mapped[datetime]
    beat: Mapped[int]
    # Seconds without a beat after which it counts as gone.
    term_s: Mapped[float]
    # How many cases it drafts at once.
    slots: Mapped[int]
    model: Mapped[str]
    # What its vLLM is doing (`llm.link.LlmState`), and the code of why it is down.
    llm: Mapped[str] = mapped_column(String(16))
    llm_code: Mapped[str | None] = mapped_column(String(64))

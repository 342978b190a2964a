"""Processes that draft, by the database's clock, for servers that do not draft themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from radraft.store.presence import clock
from radraft.store.sql import insert_new
from radraft.store.tables import DraftWorkerRow

KEPT = timedelta(hours=1)
"""How long a process without a sign of life is kept before it is forgotten."""


@dataclass(frozen=True)
class WorkerSign:
    """A sign of life of a process that drafts."""

    worker_id: str
    host: str
    term_s: float
    """Seconds without a further sign after which it counts as gone."""
    slots: int
    """How many cases it drafts at once."""
    model: str
    llm: str
    """What its vLLM is doing."""
    llm_code: str | None
    """Why its vLLM is down."""


@dataclass(frozen=True)
class DraftWorker:
    """A process that drafts, and since when."""

    sign: WorkerSign
    began_at: datetime


def beat(session: Session, sign: WorkerSign) -> None:
    """Note that the process lives; processes that are long gone are forgotten."""
    now = clock(session)
    told = {
        "beat_at": now,
        "term_s": sign.term_s,
        "slots": sign.slots,
        "model": sign.model,
        "llm": sign.llm,
        "llm_code": sign.llm_code,
    }
    known = session.execute(
        update(DraftWorkerRow)
        .where(DraftWorkerRow.worker_id == sign.worker_id)
        .values(beat=DraftWorkerRow.beat + 1, **told)
        .returning(DraftWorkerRow.worker_id)
        .execution_options(synchronize_session=False)
    )
    if known.first() is not None:
        return
    insert_new(
        session,
        DraftWorkerRow,
        worker_id=sign.worker_id,
        host=sign.host,
        began_at=now,
        beat=0,
        **told,
    )
    session.execute(
        delete(DraftWorkerRow)
        .where(DraftWorkerRow.beat_at < now - KEPT)
        .execution_options(synchronize_session=False)
    )


def end(session: Session, worker_id: str) -> None:
    """Forget a process that ends."""
    session.execute(
        delete(DraftWorkerRow)
        .where(DraftWorkerRow.worker_id == worker_id)
        .execution_options(synchronize_session=False)
    )


def living(session: Session) -> tuple[DraftWorker, ...]:
    """Return the processes that draft now, the one that runs longest first."""
    now = clock(session)
    rows = session.scalars(
        select(DraftWorkerRow).order_by(DraftWorkerRow.began_at, DraftWorkerRow.worker_id)
    )
    return tuple(
        DraftWorker(
            WorkerSign(
                worker_id=row.worker_id,
                host=row.host,
                term_s=row.term_s,
                slots=row.slots,
                model=row.model,
                llm=row.llm,
                llm_code=row.llm_code,
            ),
            row.began_at,
        )
        for row in rows
        if (now - row.beat_at).total_seconds() < row.term_s
    )

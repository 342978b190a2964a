"""What a retention rule asks of studies, what was done with their images, and what others need.

A study's images are dropped in two steps: the decision is recorded first, then they are removed and
that is recorded too. A run that was killed in between is finished by the next.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Row, func, select, text
from sqlalchemy.orm import Session, aliased

from radraft.core.errors import NotFound, RetentionError
from radraft.core.locks import alone
from radraft.reports.alerts import OPEN_STATES, AlertState
from radraft.reports.retention import SignedState, StudyFacts
from radraft.reports.values import ReportState
from radraft.store import faults
from radraft.store.sql import chunks, storable
from radraft.store.tables import (
    AlertRow,
    AuditRow,
    KeyImageRow,
    PairImageRow,
    PairRow,
    ReportRow,
    RetentionStepRow,
    SignedRow,
    WorklistEntryRow,
)

if TYPE_CHECKING:
    from radraft.store.database import Store

_AnyRow = Row[*tuple[Any, ...]]
AT_ONCE = 500
"""Studies that are looked at together."""
FROZEN_SPLIT = "held_out"
_ADVISORY_LOCK = 7_246_511_016
_CLOSED = tuple(state.value for state in AlertState if state not in OPEN_STATES)


class RetentionStep(StrEnum):
    """What was done with a study's images."""

    MOVED = "moved"
    """Originals and key images that no other study shows lie in the archive."""
    DROPPED = "dropped"
    """They are to be removed: nobody may rely on them any more."""
    REMOVED = "removed"
    """They are gone."""


@dataclass(frozen=True)
class DroppedImages:
    """That a study's images were dropped by the rule."""

    at: datetime
    rule: int
    """Number of the site's rule."""
    kept: tuple[str, ...]
    """Its key images that something else needs, so that they are there still."""


Place = tuple[datetime, str]
"""Where a page of studies ends: receipt and case id."""


@contextmanager
def only_run(store: Store, data_dir: Path) -> Iterator[None]:
    """Keep other runs out, on this machine and on others. RetentionError `retention_running`."""
    with alone(data_dir / "retention.lock") as first:
        if not first:
            raise RetentionError("retention_running")
        if store.engine.dialect.name != "postgresql":
            yield
            return
        engine = store.engine.execution_options(isolation_level="AUTOCOMMIT")
        with faults.translated(writing=True), engine.connect() as connection:
            locked = connection.scalar(text(f"SELECT pg_try_advisory_lock({_ADVISORY_LOCK})"))
            if not locked:
                raise RetentionError("retention_running")
            try:
                yield
            finally:
                connection.execute(text(f"SELECT pg_advisory_unlock({_ADVISORY_LOCK})"))


def studies(
    session: Session, site: str, state: SignedState, before: datetime, after: Place | None
) -> tuple[StudyFacts, ...]:
    """Return the next `AT_ONCE` studies of a site behind `after` that were received until `before`
    and whose images are there, by receipt."""
    entry = WorklistEntryRow
    dropped = select(RetentionStepRow.case_id).where(
        RetentionStepRow.case_id == entry.case_id,
        RetentionStepRow.step == RetentionStep.DROPPED.value,
    )
    wanted = (
        select(entry.case_id, entry.modality, entry.received_at)
        .where(
            entry.site == storable(site),
            entry.signed.is_(state is SignedState.SIGNED),
            entry.received_at <= before,
            ~dropped.exists(),
        )
        .order_by(entry.received_at, entry.case_id)
        .limit(AT_ONCE)
    )
    if after is not None:
        received_at, case_id = after
        behind = (entry.received_at == received_at) & (entry.case_id > case_id)
        wanted = wanted.where((entry.received_at > received_at) | behind)
    return _facts(session, session.execute(wanted).all())


def facts_of(session: Session, case_id: str) -> StudyFacts:
    """Return what a rule asks of one study. NotFound `case_not_found`."""
    entry = WorklistEntryRow
    rows = session.execute(
        select(entry.case_id, entry.modality, entry.received_at).where(entry.case_id == case_id)
    ).all()
    if not rows:
        raise NotFound("case_not_found", case_id=case_id)
    return _facts(session, rows)[0]


def record(
    session: Session,
    case_id: str,
    step: RetentionStep,
    *,
    rule: int,
    objects: int,
    size: int,
    by: str,
    now: datetime,
) -> None:
    """Write down what was done; the caller holds the case. `size` in bytes."""
    newest = session.scalar(
        select(func.max(RetentionStepRow.number)).where(RetentionStepRow.case_id == case_id)
    )
    session.add(
        RetentionStepRow(
            case_id=case_id,
            number=(newest or 0) + 1,
            step=step.value,
            rule=rule,
            objects=objects,
            bytes=size,
            by=storable(by),
            at=now,
        )
    )
    session.flush()


def dropped(session: Session, case_id: str) -> DroppedImages | None:
    """Return when a study's images were dropped; None where they were not."""
    row = session.scalar(
        select(RetentionStepRow)
        .where(
            RetentionStepRow.case_id == case_id,
            RetentionStepRow.step == RetentionStep.DROPPED.value,
        )
        .order_by(RetentionStepRow.number.desc())
        .limit(1)
    )
    if row is None:
        return None
    # What was kept for another study goes with that one.
    kept = sorted(needed_images(session, case_id, to_move=False))
    return DroppedImages(row.at, row.rule, tuple(kept))


def missing_image(session: Session, image_id: str) -> NotFound:
    """Return the error of a key image that is not there: `images_dropped` where a rule dropped it,
    else `image_not_found`."""
    case_ids = session.scalars(
        select(KeyImageRow.case_id).where(KeyImageRow.image_id == image_id).distinct()
    )
    times = [found.at for case_id in case_ids if (found := dropped(session, case_id)) is not None]
    return dropped_error(max(times)) if times else NotFound("image_not_found")


def dropped_error(at: datetime) -> NotFound:
    """Return the error of images that were dropped."""
    return NotFound("images_dropped", date=f"{at:%Y-%m-%d}")


def unfinished(session: Session) -> tuple[str, ...]:
    """Return the studies whose images were dropped and perhaps not all removed yet."""
    later = aliased(RetentionStepRow)
    removed = select(later.case_id).where(
        later.case_id == RetentionStepRow.case_id,
        later.number > RetentionStepRow.number,
        later.step == RetentionStep.REMOVED.value,
    )
    return tuple(
        session.scalars(
            select(RetentionStepRow.case_id)
            .where(RetentionStepRow.step == RetentionStep.DROPPED.value, ~removed.exists())
            .order_by(RetentionStepRow.case_id)
        )
    )


def any_moved(session: Session) -> bool:
    """Return whether the archive holds anything of this site's, or did."""
    wanted = select(RetentionStepRow.case_id).where(
        RetentionStepRow.step == RetentionStep.MOVED.value
    )
    return session.scalar(wanted.limit(1)) is not None


def image_ids(session: Session, case_id: str) -> tuple[str, ...]:
    """Return the ids of a study's key images, each once."""
    wanted = (
        select(KeyImageRow.image_id)
        .where(KeyImageRow.case_id == case_id)
        .order_by(KeyImageRow.position)
    )
    return tuple(dict.fromkeys(session.scalars(wanted)))


def needed_images(session: Session, case_id: str, *, to_move: bool) -> frozenset[str]:
    """Return those of a study's key images that a training pair was made with, or that another
    study shows whose images were not dropped, or `to_move` neither dropped nor moved."""
    mine = image_ids(session, case_id)
    steps = [RetentionStep.DROPPED.value] + [RetentionStep.MOVED.value] * to_move
    done = select(RetentionStepRow.case_id).where(
        RetentionStepRow.case_id == KeyImageRow.case_id, RetentionStepRow.step.in_(steps)
    )
    shown = select(KeyImageRow.image_id).where(
        KeyImageRow.image_id.in_(mine), KeyImageRow.case_id != case_id, ~done.exists()
    )
    trained = select(PairImageRow.image_id).where(PairImageRow.image_id.in_(mine))
    return frozenset(session.scalars(shown)) | frozenset(session.scalars(trained))


def hold_key_images(session: Session) -> None:
    """Let no key image be recorded before the transaction ends; the caller holds its case, as
    whoever records some does first. Who has recorded some may tie his study to this one meanwhile:
    a held case can be referred to."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("LOCK TABLE key_images IN SHARE ROW EXCLUSIVE MODE"))


def days_from_newest_event(session: Session, now: datetime) -> int:
    """Return how many days `now` is away from the audit's newest event."""
    newest = session.scalar(select(AuditRow.at).order_by(AuditRow.sequence.desc()).limit(1))
    return 0 if newest is None else abs(now - newest).days


def _facts(session: Session, rows: Sequence[_AnyRow]) -> tuple[StudyFacts, ...]:
    found: list[StudyFacts] = []
    for some in chunks(rows):
        ids = [row.case_id for row in some]
        newest = select(SignedRow.case_id, func.max(SignedRow.signed_at))
        newest = newest.where(SignedRow.case_id.in_(ids)).group_by(SignedRow.case_id)
        signed = {row.case_id: row[1] for row in session.execute(newest)}
        # By the report itself: the list's own column only says where to look.
        stand_signed = _those(
            session, ReportRow.case_id, ids, ReportRow.state == ReportState.SIGNED.value
        )
        # One whose state is damaged may be open.
        alerted = _those(session, AlertRow.case_id, ids, AlertRow.state.not_in(_CLOSED))
        frozen = _those(session, PairRow.case_id, ids, PairRow.split == FROZEN_SPLIT)
        done = {
            step: _those(session, RetentionStepRow.case_id, ids, RetentionStepRow.step == step)
            for step in (RetentionStep.MOVED.value, RetentionStep.DROPPED.value)
        }
        found += [
            StudyFacts(
                case_id=row.case_id,
                modality=row.modality,
                received_at=row.received_at,
                signed_at=signed.get(row.case_id) if row.case_id in stand_signed else None,
                open_alert=row.case_id in alerted,
                frozen=row.case_id in frozen,
                moved=row.case_id in done[RetentionStep.MOVED.value],
                dropped=row.case_id in done[RetentionStep.DROPPED.value],
            )
            for row in some
        ]
    return tuple(found)


def _those(
    session: Session, column: Any, case_ids: Collection[str], what: ColumnElement[bool]
) -> frozenset[str]:
    """Those of the cases of which there is a row as `what` says."""
    return frozenset(session.scalars(select(column).where(column.in_(case_ids), what).distinct()))

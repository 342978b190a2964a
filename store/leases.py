"""Leases: which process is drafting a case, so that no two ever do.

A lease lives while its owner counts its beat up. No clock is compared with another machine's, nor
with what the same machine's said before: whoever wants to take a case over watches the beat for the
lease's whole term by a clock that only goes forward (`pipeline.claims.LeaseWatch`), and then takes
it over only if the beat is still the one it watched.
"""

from __future__ import annotations

import secrets
import socket
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from radraft.core.errors import DraftingError
from radraft.store import cases
from radraft.store.tables import CaseRow, DraftLeaseRow
from radraft.store.values import CaseState

TERM_S = 60.0
"""Seconds without a beat after which a lease has expired."""


def _new_id() -> str:
    return secrets.token_hex(16)


@dataclass(frozen=True)
class Owner:
    """One process, or one part of it, that drafts."""

    owner_id: str = field(default_factory=_new_id)
    """Random: a process that is started again is another owner."""
    host: str = field(default_factory=socket.gethostname)
    """For people who look into the database."""
    term_s: float = TERM_S
    """Of its leases."""


@dataclass(frozen=True)
class Lease:
    """One case that is being drafted."""

    case_id: str
    owner_id: str
    host: str
    claimed_at: datetime
    beat: int
    beat_at: datetime
    term_s: float

    @property
    def key(self) -> str:
        """Return what is held."""
        return self.case_id


class LeaseLost(DraftingError):
    """Another process holds the case now, or has drafted it."""

    def __init__(self, case_id: str) -> None:
        super().__init__("draft_lease_lost", case_id=case_id)


def claim(session: Session, owner: Owner, *, limit: int) -> tuple[str, ...]:
    """Take up to `limit` received cases for drafting, oldest first. No two callers get the same."""
    waiting = (
        select(CaseRow.case_id)
        .where(CaseRow.state == CaseState.RECEIVED.value)
        .order_by(CaseRow.received_at, CaseRow.case_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    claimed = tuple(session.scalars(waiting))
    cases.set_state(session, claimed, CaseState.DRAFTING)
    _grant(session, claimed, owner)
    return claimed


def claim_case(session: Session, case_id: str, owner: Owner) -> bool:
    """Take one received case for drafting; False when it is not waiting."""
    taken = session.execute(
        update(CaseRow)
        .where(CaseRow.case_id == case_id, CaseRow.state == CaseState.RECEIVED.value)
        .values(state=CaseState.DRAFTING.value)
        .returning(CaseRow.case_id)
    )
    if taken.first() is None:
        return False
    _grant(session, (case_id,), owner)
    return True


def leases(session: Session) -> tuple[Lease, ...]:
    """Return all leases, by case."""
    rows = session.scalars(select(DraftLeaseRow).order_by(DraftLeaseRow.case_id))
    return tuple(
        Lease(
            case_id=row.case_id,
            owner_id=row.owner,
            host=row.host,
            claimed_at=row.claimed_at,
            beat=row.beat,
            beat_at=row.beat_at,
            term_s=row.term_s,
        )
        for row in rows
    )


def beat(session: Session, owner: Owner) -> frozenset[str]:
    """Say that the owner of these leases lives; the cases that it still holds."""
    still = session.scalars(
        update(DraftLeaseRow)
        .where(DraftLeaseRow.owner == owner.owner_id)
        .values(beat=DraftLeaseRow.beat + 1, beat_at=datetime.now(UTC))
        .returning(DraftLeaseRow.case_id)
        .execution_options(synchronize_session=False)
    )
    return frozenset(still)


def give_back(session: Session, case_id: str, owner: Owner) -> bool:
    """Let a case wait again whose drafting was broken off; False where it is not the owner's."""
    return _end(session, case_id, DraftLeaseRow.owner == owner.owner_id)


def take_back(session: Session, lease: Lease) -> bool:
    """Let the case of an expired lease wait again; False where its owner has moved meanwhile."""
    return _end(
        session,
        lease.case_id,
        DraftLeaseRow.owner == lease.owner_id,
        DraftLeaseRow.beat == lease.beat,
    )


def settle(session: Session, case_id: str, owner: Owner | None) -> None:
    """End the owner's lease on a case whose draft is being stored, in the same transaction.

    The case's row is locked already. LeaseLost where the owner does not hold it (any more), or
    where somebody else does and no `owner` is named.
    """
    holder = session.scalar(
        select(DraftLeaseRow.owner).where(DraftLeaseRow.case_id == case_id).with_for_update()
    )
    if holder != (owner.owner_id if owner else None):
        raise LeaseLost(case_id)
    session.execute(
        delete(DraftLeaseRow)
        .where(DraftLeaseRow.case_id == case_id)
        .execution_options(synchronize_session=False)
    )


def _grant(session: Session, case_ids: tuple[str, ...], owner: Owner) -> None:
    if not case_ids:
        return
    now = datetime.now(UTC)
    values = {
        "owner": owner.owner_id,
        "host": owner.host,
        "claimed_at": now,
        "beat": 0,
        "beat_at": now,
        "term_s": owner.term_s,
    }
    session.execute(insert(DraftLeaseRow), [{"case_id": case_id, **values} for case_id in case_ids])


def _end(session: Session, case_id: str, *conditions: object) -> bool:
    # The case before its lease, as `settle` has it.
    cases.lock(session, case_id)
    ended = session.execute(
        delete(DraftLeaseRow)
        .where(DraftLeaseRow.case_id == case_id, *conditions)  # type: ignore[arg-type]
        .returning(DraftLeaseRow.case_id)
        .execution_options(synchronize_session=False)
    )
    if ended.first() is None:
        return False
    cases.set_state(session, (case_id,), CaseState.RECEIVED)
    return True

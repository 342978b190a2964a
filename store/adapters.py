"""The adapters of all sites in the database: the only truth about what serves where.

Every function works in its caller's transaction. A site has at most one serving and one shadow
adapter; without a serving one the base model drafts. Moves at one site queue: each begins by
locking the site's rows.
"""

from __future__ import annotations

import hashlib

from sqlalchemy import select
from sqlalchemy.orm import Session

from radraft.core import canonical
from radraft.core.errors import AdapterError
from radraft.llm.adapter import (
    Adapter,
    AdapterChoice,
    AdapterMove,
    AdapterState,
    GateRecord,
    GateStage,
    Route,
)
from radraft.llm.adapter_lifecycle import Move, transition
from radraft.reports import codec
from radraft.store.adapter_rows import adapter_of, lock, note, row_of
from radraft.store.sql import insert_new
from radraft.store.tables import AdapterMoveRow, AdapterRow, GateRow

SHARES = 10_000
"""Steps in which a canary's share is counted."""


def register(session: Session, adapter: Adapter, *, by: str) -> Adapter:
    """Keep a new candidate; the registered one where the same is there already."""
    added = insert_new(
        session,
        AdapterRow,
        adapter_id=adapter.adapter_id,
        site=adapter.site,
        base=adapter.base,
        files=canonical.dumps(dict(adapter.files)),
        rank=adapter.rank,
        parent=adapter.parent,
        data_sha=adapter.data_sha,
        card=canonical.dumps(dict(adapter.card)),
        made_at=adapter.made_at,
        state=AdapterState.CANDIDATE.value,
        canary=0.0,
    )
    if added:
        key, site = adapter.adapter_id, adapter.site
        note(session, key, site, None, AdapterState.CANDIDATE, by, "registered")
    return get(session, adapter.adapter_id)


def get(session: Session, adapter_id: str) -> Adapter:
    """The adapter. AdapterError `adapter_unknown`."""
    return adapter_of(row_of(session, adapter_id))


def find(session: Session, adapter_id: str) -> Adapter | None:
    """The adapter; None where there is none."""
    row = session.get(AdapterRow, adapter_id)
    return None if row is None else adapter_of(row)


def adapters(
    session: Session, site: str | None = None, *, state: AdapterState | None = None
) -> tuple[Adapter, ...]:
    """All adapters, or one site's, or those in one state, newest first."""
    query = select(AdapterRow).order_by(AdapterRow.made_at.desc(), AdapterRow.adapter_id)
    if site is not None:
        query = query.where(AdapterRow.site == site)
    if state is not None:
        query = query.where(AdapterRow.state == state.value)
    return tuple(map(adapter_of, session.scalars(query)))


def ancestors(session: Session, adapter: Adapter) -> tuple[Adapter, ...]:
    """The adapters of this registry that it was trained on from, or merged of, and theirs."""
    found: dict[str, Adapter] = {}
    waiting = _parents(adapter)
    while waiting:
        name = waiting.pop()
        known = find(session, name)
        # Where an imported one comes from is not known here.
        if known is not None and name not in found and name != adapter.adapter_id:
            found[name] = known
            waiting += _parents(known)
    return tuple(found.values())


def route(session: Session, site: str) -> Route:
    """What drafts at `site` now."""
    rows = session.scalars(
        select(AdapterRow).where(
            AdapterRow.site == site,
            AdapterRow.state.in_((AdapterState.SERVING.value, AdapterState.SHADOW.value)),
        )
    )
    found = {adapter.state: adapter for adapter in map(adapter_of, rows)}
    return Route(found.get(AdapterState.SERVING), found.get(AdapterState.SHADOW))


def choose(route: Route, case_id: str) -> AdapterChoice:
    """What drafts the case: the same for the same case while nothing moves. A canary's cases have
    the serving adapter draft beside it."""
    digest = hashlib.sha256(f"canary:{case_id}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") % SHARES
    if route.shadow is not None and place < route.shadow.canary * SHARES:
        return AdapterChoice(visible=route.shadow, hidden=route.serving)
    return AdapterChoice(visible=route.serving, hidden=route.shadow)


def record(session: Session, decision: GateRecord) -> None:
    """Keep a decision of the gate; one about an adapter moves it.

    A shadow that passes again stays one; the one before it is retired. AdapterError
    `adapter_unknown`, or `adapter_move_refused` for one that serves or is retired.
    """
    # First of all: PostgreSQL locks the adapter's row for the new one that refers to it.
    lock(session, decision.site)
    session.add(
        GateRow(
            adapter_id=decision.adapter_id,
            site=decision.site,
            passed=decision.passed,
            content=canonical.dumps(decision),
            decided_at=decision.decided_at,
        )
    )
    session.flush()
    if decision.adapter_id is None or decision.stage is not GateStage.ADAPTER:
        return
    by = decision.confirmed_by or "gate"
    if not decision.passed:
        reason = ", ".join(check.code for check in decision.failed)
        _move(session, decision.adapter_id, Move.FAIL, by, reason)
        return
    shadow = route(session, decision.site).shadow
    if shadow is not None and shadow.adapter_id == decision.adapter_id:
        return
    if shadow is not None:
        _move(session, shadow.adapter_id, Move.REPLACE, by, decision.adapter_id)
    _move(session, decision.adapter_id, Move.PASS, by, "")


def records(
    session: Session, *, site: str | None = None, adapter_id: str | None = None
) -> tuple[GateRecord, ...]:
    """Decisions of the gate, oldest first."""
    query = select(GateRow.content).order_by(GateRow.record_id)
    if site is not None:
        query = query.where(GateRow.site == site)
    if adapter_id is not None:
        query = query.where(GateRow.adapter_id == adapter_id)
    return tuple(codec.stored(GateRecord, content) for content in session.scalars(query))


def may_serve(session: Session, adapter_id: str) -> Adapter:
    """The adapter, if it could be promoted now; AdapterError as `promote`."""
    adapter = get(session, adapter_id)
    transition(adapter.state, Move.PROMOTE)
    serving = route(session, adapter.site).serving
    against = serving.adapter_id if serving else None
    decisions = [
        record
        for record in records(session, adapter_id=adapter_id)
        if record.stage is GateStage.ADAPTER
    ]
    if not decisions or not decisions[-1].passed or decisions[-1].serving_id != against:
        raise AdapterError("adapter_not_through_gate", adapter=adapter_id)
    return adapter


def promote(session: Session, adapter_id: str, *, by: str) -> Adapter:
    """Have a shadow serve its site; what served there is retired.

    AdapterError `adapter_not_through_gate` unless its newest decision let it through against what
    serves now, `adapter_move_refused` for one that is no shadow.
    """
    site = get(session, adapter_id).site
    lock(session, site)
    may_serve(session, adapter_id)
    serving = route(session, site).serving
    _move(session, adapter_id, Move.PROMOTE, by, "")
    # After the new one: a serving adapter that leaves with none before it leaves the base model.
    if serving is not None:
        _move(session, serving.adapter_id, Move.REPLACE, by, adapter_id)
    return get(session, adapter_id)


def before(session: Session, site: str) -> str | None:
    """Id of what served at `site` before what serves now; None for the base model.

    Rolling back takes away what came later, so that going back twice goes back two steps.
    AdapterError `adapter_nothing_to_roll_back` where the base model serves.
    """
    if route(session, site).serving is None:
        raise AdapterError("adapter_nothing_to_roll_back", site=site)
    stack: list[str] = []
    for move in moves(session, site=site):
        if move.after is AdapterState.SERVING and move.before is AdapterState.RETIRED:
            while stack[-1] != move.adapter_id:
                stack.pop()
        elif move.after is AdapterState.SERVING:
            stack.append(move.adapter_id)
        elif move.before is AdapterState.SERVING and move.adapter_id == stack[-1]:
            # Nothing came in its place: back to the base model.
            stack.clear()
    return stack[-2] if len(stack) > 1 else None


def roll_back(session: Session, site: str, *, by: str, reason: str) -> Adapter | None:
    """Have serve what served before; None for the base model. AdapterError as `before`."""
    lock(session, site)
    target = before(session, site)
    serving = route(session, site).serving
    assert serving is not None
    if target is not None:
        _move(session, target, Move.ROLL_BACK, by, reason)
    _move(session, serving.adapter_id, Move.REPLACE, by, reason)
    return None if target is None else get(session, target)


def discard(session: Session, adapter_id: str, *, by: str, reason: str) -> Adapter:
    """Give up a candidate or a shadow. AdapterError as the transition table."""
    lock(session, get(session, adapter_id).site)
    _move(session, adapter_id, Move.DISCARD, by, reason)
    return get(session, adapter_id)


def reopen(session: Session, adapter_id: str, *, by: str, reason: str) -> Adapter:
    """Make a retired adapter a candidate again, such as one rolled back by mistake.

    AdapterError `adapter_stopped` for one that the gate stopped: asked often enough, chance lets
    anything through. `adapter_move_refused` for one that is not retired.
    """
    lock(session, get(session, adapter_id).site)
    transition(get(session, adapter_id).state, Move.REOPEN)
    decisions = records(session, adapter_id=adapter_id)
    if decisions and not decisions[-1].passed:
        raise AdapterError("adapter_stopped", adapter=adapter_id)
    _move(session, adapter_id, Move.REOPEN, by, reason)
    return get(session, adapter_id)


def set_canary(session: Session, adapter_id: str, share: float) -> Adapter:
    """Have a shadow draft `share` (0 to 1) of its site's cases in sight.

    AdapterError `adapter_share_invalid`, `adapter_move_refused` for one that is no shadow.
    """
    lock(session, get(session, adapter_id).site)
    row = row_of(session, adapter_id)
    if not 0 <= share <= 1:
        raise AdapterError("adapter_share_invalid")
    if row.state != AdapterState.SHADOW:
        raise AdapterError("adapter_move_refused", state=row.state, move="canary")
    row.canary = share
    session.flush()
    return adapter_of(row)


def moves(
    session: Session, *, site: str | None = None, adapter_id: str | None = None
) -> tuple[AdapterMove, ...]:
    """What became of adapters, oldest first."""
    query = select(AdapterMoveRow).order_by(AdapterMoveRow.move_id)
    if site is not None:
        query = query.where(AdapterMoveRow.site == site)
    if adapter_id is not None:
        query = query.where(AdapterMoveRow.adapter_id == adapter_id)
    return tuple(
        AdapterMove(
            adapter_id=row.adapter_id,
            site=row.site,
            before=None if row.before is None else AdapterState(row.before),
            after=AdapterState(row.after),
            by=row.by,
            reason=row.reason,
            moved_at=row.moved_at,
        )
        for row in session.scalars(query)
    )


def _parents(adapter: Adapter) -> list[str]:
    named = adapter.card.get("parents", ())
    several = [str(name) for name in named] if isinstance(named, list | tuple) else []
    return [*several, *([adapter.parent] if adapter.parent else [])]


def _move(session: Session, adapter_id: str, move: Move, by: str, reason: str) -> None:
    row = row_of(session, adapter_id)
    state = AdapterState(row.state)
    after = transition(state, move)
    row.state, row.canary = after.value, 0.0
    session.flush()
    note(session, adapter_id, row.site, state, after, by, reason)

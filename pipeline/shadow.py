"""Shadow mode: a second draft of the same case, out of sight, to compare with what was signed.

It goes last: nothing waits for it, and no fault of its reaches the draft in sight.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean
from typing import TYPE_CHECKING

from radraft.core.errors import RadraftError
from radraft.llm.adapter import Adapter, AdapterState
from radraft.pipeline import draft as draft_steps
from radraft.pipeline.eligibility import Barred
from radraft.reports.assertion import asserted_report, taught_languages
from radraft.reports.draft import Draft
from radraft.reports.edits import report_distance
from radraft.reports.values import Coverage
from radraft.store import adapters, cases, drafts, shadow
from radraft.store.signatures import read as read_signatures

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.pipeline.adapter_router import Router
    from radraft.pipeline.draft import Drafter
    from radraft.store.database import Store

log = logging.getLogger("radraft.pipeline.shadow")


@dataclass(frozen=True)
class Compared:
    """One adapter's drafts and those made beside them, against what was signed.

    Distances are normalised Levenshtein by character, the mean of both languages: 0 same, 1 nothing
    in common. The reader began with the draft in sight, which favours it.
    """

    seen: bool
    """Whether the adapter's drafts were the ones in sight (a canary's)."""
    cases: int
    own: float | None
    """Mean distance of the adapter's drafts; None without cases."""
    other: float | None
    """Mean distance of the drafts beside them, on the same cases."""


class ShadowDrafter:
    """One shadow draft at a time, only while nothing is drafted in sight. Lives in one event loop.

    What could not be drafted is not tried again before the next start.
    """

    def __init__(self, store: Store, router: Router) -> None:
        self._store = store
        self._router = router
        self._task: asyncio.Task[bool] | None = None
        self._tried: set[str] = set()

    @property
    def tasks(self) -> set[asyncio.Task[bool]]:
        """The draft in progress, if there is one: to be waited for."""
        return set() if self._task is None or self._task.done() else {self._task}

    def go_on(self, base: Callable[[], Awaitable[Drafter]]) -> None:
        """Settle a draft that ended, and begin the next one that is missing.

        `base` gives the model without an adapter; it is asked only when there is work.
        """
        if self._task is not None:
            if not self._task.done():
                return
            self._settle(self._task)
        with self._store.read() as session:
            missing = waiting(session, limit=len(self._tried) + 1)
        case_id = next((case_id for case_id in missing if case_id not in self._tried), None)
        if case_id is not None:
            self._tried.add(case_id)
            self._task = asyncio.create_task(self._draft(case_id, base), name=case_id)

    async def give_way(self) -> None:
        """Break a draft in progress off; it is begun anew later."""
        if self._task is not None:
            if not self._task.done():
                self._tried.discard(self._task.get_name())
                self._task.cancel()
                await asyncio.wait({self._task})
            self._settle(self._task)

    async def _draft(self, case_id: str, base: Callable[[], Awaitable[Drafter]]) -> bool:
        return await draft(case_id, store=self._store, router=self._router, base=await base())

    def _settle(self, task: asyncio.Task[bool]) -> None:
        self._task = None
        if not task.cancelled() and (error := task.exception()) is not None:
            # The type only: a message may quote what it choked on.
            log.error("shadow of case %s broke: %s", task.get_name(), type(error).__name__)


def waiting(session: Session, *, limit: int) -> tuple[str, ...]:
    """Cases drafted since their site's shadow adapter became one that have no draft beside the one
    in sight, oldest first."""
    found: list[str] = []
    shadows = adapters.adapters(session, state=AdapterState.SHADOW)
    for adapter in sorted(shadows, key=lambda adapter: adapter.site):
        serving = adapters.route(session, adapter.site).serving
        pair = [each.adapter_id for each in (serving, adapter) if each is not None]
        since = _since(session, adapter)
        found += shadow.undrafted(session, adapter.site, pair, since=since, limit=limit)
    return tuple(found[:limit])


async def draft(case_id: str, *, store: Store, router: Router, base: Drafter) -> bool:
    """Draft the case again with what did not draft it in sight, and keep that apart.

    False where nothing was kept: no such adapter now, one that cannot draft, or a failed draft.
    """
    adapter = await asyncio.to_thread(_unseen, store, case_id)
    if adapter is None:
        return False
    drafter = await router.drafter(adapter, base)
    if drafter.adapter_id is None:
        return False
    try:
        result = await _again(case_id, store, drafter)
    except RadraftError as error:
        log.warning("case %s has no shadow draft: %s", case_id, error.code)
        return False
    if result is None or result.coverage is not Coverage.DRAFTED:
        return False
    with store.begin() as session:
        shadow.add(session, result)
    return True


def compare(session: Session, adapter: Adapter) -> tuple[Compared, Compared]:
    """The adapter out of sight, then in sight, on every signed case that has both drafts.

    Held against the newest signed version, where all of the case's hold; the draft in sight is the
    one the report began as.
    """
    unseen: list[tuple[float, float]] = []
    seen: list[tuple[float, float]] = []
    made = shadow.of_site(session, adapter.site)
    newest = {(draft.case_id, draft.adapter_id): draft for draft in made}
    for beside in newest.values():
        found = read_signatures(session, beside.case_id)
        if found.broken:
            log.error(str(found.broken[0].error()))
            continue
        signed = found.held
        basis = drafts.basis(session, beside.case_id)
        if not signed or basis is None or basis.draft.coverage is not Coverage.DRAFTED:
            continue
        final, langs = asserted_report(signed[-1]), taught_languages(signed[-1])
        apart = report_distance(beside.report, final, langs)
        shown = report_distance(basis.draft.report, final, langs)
        if beside.adapter_id == adapter.adapter_id:
            unseen.append((apart, shown))
        elif basis.draft.adapter_id == adapter.adapter_id:
            seen.append((shown, apart))
    return _compared(False, unseen), _compared(True, seen)


async def _again(case_id: str, store: Store, drafter: Drafter) -> Draft | None:
    request = await draft_steps.prepared(case_id, store=store, drafter=drafter)
    if isinstance(request, Barred):
        return None
    return await draft_steps.ask(
        request,
        store=store,
        profile=drafter.profile,
        endpoint=drafter.endpoint,
        client=drafter.client,
        timeout_s=drafter.timeout_s,
    )


def _unseen(store: Store, case_id: str) -> Adapter | None:
    """Of the site's serving and shadow adapters, the one that the newest draft is not by."""
    with store.read() as session:
        route = adapters.route(session, cases.get_case(session, case_id).site)
        stored = drafts.latest(session, case_id)
    if route.shadow is None or stored is None or stored.draft.coverage is not Coverage.DRAFTED:
        return None
    by_shadow = stored.draft.adapter_id == route.shadow.adapter_id
    return route.serving if by_shadow else route.shadow


def _since(session: Session, adapter: Adapter) -> datetime:
    """When the adapter became a shadow."""
    return max(
        move.moved_at
        for move in adapters.moves(session, adapter_id=adapter.adapter_id)
        if move.after is AdapterState.SHADOW
    )


def _compared(seen: bool, pairs: list[tuple[float, float]]) -> Compared:
    if not pairs:
        return Compared(seen, 0, None, None)
    own, other = zip(*pairs, strict=True)
    return Compared(seen, len(pairs), fmean(own), fmean(other))

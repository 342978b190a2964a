"""What a worklist shows beside its lines: how many there are, what one can ask for, saved views."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from radraft.reports.roles import Permission
from radraft.reports.values import ReportState
from radraft.store import accounts, key_bindings, worklist_pages, worklist_views
from radraft.store.values import CaseState, Column, Stage, WorklistCounts, WorklistFilter
from radraft.studies.quality.values import Verdict
from radraft.studies.values import StudyPriority

if TYPE_CHECKING:
    from radraft.reports.turnround import TurnroundClock
    from radraft.store.database import Store
    from radraft.store.key_bindings import Bindings
    from radraft.store.worklist_pages import Visible
    from radraft.store.worklist_views import WorklistView

KEPT_TIMES = 20
"""A count is good for so many times as long as it took: counting takes at most a twentieth of one
core's time for each thing that people ask for."""
KEPT_S = 10.0
"""And for no longer."""
MOST = 256
"""Counts that are kept at a time."""


_PHASES = tuple(
    dict.fromkeys(
        state.value for state in (*CaseState, *ReportState) if state is not CaseState.ARCHIVED
    )
)
"""What a listed study may be at: past studies of the archive are not listed."""


@dataclass(frozen=True)
class Choices:
    """What one may ask the worklist for."""

    modalities: tuple[str, ...]
    body_parts: tuple[str, ...]
    phases: tuple[str, ...]
    """All that a report and its case may be in."""
    verdicts: tuple[str, ...]
    priorities: tuple[str, ...]
    """Both the whole of what they may be."""
    sites: tuple[str, ...]
    people: tuple[tuple[str, str], ...]
    """Account and name of those who write there."""


@dataclass
class _Kept:
    """A count, and until when it is good."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    counts: WorklistCounts | None = None
    until: float = 0.0
    """By the monotonic clock, in seconds."""


class Listing:
    """How much there is to list. Thread-safe; of what it keeps nothing names a patient."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[tuple[WorklistFilter, Visible], _Kept] = {}
        self._lock = threading.Lock()

    def counts(
        self, wanted: WorklistFilter, visible: Visible, clock: TurnroundClock
    ) -> WorklistCounts:
        """Return how many studies there are of each phase, at most `KEPT_S` seconds ago.

        Of two that ask for the same at once one counts, and the other gets what was counted before;
        what is searched for is counted each time.
        """
        every = replace(wanted, stage=Stage.ALL)
        if every.search:
            return self._count(every, visible, clock)
        kept = self._of(every, visible)
        before = kept.counts
        if not kept.lock.acquire(blocking=before is None):
            assert before is not None
            return before
        try:
            began = time.monotonic()
            if kept.counts is None or began >= kept.until:
                kept.counts = self._count(every, visible, clock)
                ended = time.monotonic()
                kept.until = ended + min(KEPT_S, KEPT_TIMES * (ended - began))
            return kept.counts
        finally:
            kept.lock.release()

    def choices(self, visible: Visible) -> Choices:
        """Return what there is to choose from, for somebody who sees these sites."""
        seen = visible.sites, visible.signed_sites
        named = None if None in seen else frozenset().union(*filter(None, seen))
        with self._store.read() as session:
            sites = worklist_pages.sites(session)
            if named is not None:
                named |= worklist_pages.read_for(session, visible.sites or frozenset())
            modalities, body_parts = worklist_pages.kinds(session, visible)
            return Choices(
                modalities=modalities,
                body_parts=body_parts,
                phases=_PHASES,
                verdicts=tuple(verdict.value for verdict in Verdict),
                priorities=tuple(priority.value for priority in StudyPriority),
                sites=tuple(site for site in sites if named is None or site in named),
                people=tuple(
                    (account.account_id, account.name)
                    for account in accounts.every(session)
                    if any(
                        account.may(Permission.WRITE, site)
                        for site in sites
                        if visible.sites is None or site in visible.sites
                    )
                ),
            )

    def views(self, account_id: str) -> tuple[WorklistView, ...]:
        """Return somebody's saved views by name."""
        with self._store.read() as session:
            return worklist_views.of_account(session, account_id)

    def save_view(self, account_id: str, name: str, wanted: WorklistFilter) -> WorklistView:
        """Keep a view, in place of one of that name. ReportError `view_name_invalid`,
        `views_full`."""
        with self._store.begin() as session:
            return worklist_views.save(session, account_id, name, wanted, datetime.now(UTC))

    def remove_view(self, account_id: str, view_id: int) -> None:
        """Forget one of somebody's own views. NotFound `view_not_found`."""
        with self._store.begin() as session:
            worklist_views.remove(session, account_id, view_id)

    def columns(self, account_id: str) -> tuple[Column, ...]:
        """Return what somebody wants shown of each study."""
        with self._store.read() as session:
            return worklist_views.columns(session, account_id)

    def choose_columns(self, account_id: str, chosen: Collection[Column]) -> tuple[Column, ...]:
        """Keep what somebody wants shown of each study, and return it in its order."""
        with self._store.begin() as session:
            return worklist_views.choose_columns(session, account_id, chosen)

    def keys(self, account_id: str) -> Bindings:
        """Return which keys somebody has changed."""
        with self._store.read() as session:
            return key_bindings.of_account(session, account_id)

    def choose_keys(self, account_id: str, bindings: Bindings) -> None:
        """Keep which keys somebody has changed, in place of what was kept before."""
        with self._store.begin() as session:
            key_bindings.choose(session, account_id, bindings)

    def _count(
        self, wanted: WorklistFilter, visible: Visible, clock: TurnroundClock
    ) -> WorklistCounts:
        with self._store.read() as session:
            return worklist_pages.counts(session, wanted, visible, clock)

    def _of(self, wanted: WorklistFilter, visible: Visible) -> _Kept:
        with self._lock:
            kept = self._kept.pop((wanted, visible), None) or _Kept()
            # The one that was asked for longest ago stands first.
            self._kept[wanted, visible] = kept
            while len(self._kept) > MOST:
                del self._kept[next(iter(self._kept))]
            return kept

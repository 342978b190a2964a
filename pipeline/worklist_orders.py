"""Orders that a DICOM modality worklist has: asked for where a study came without one, and for the
whole day from time to time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from radraft.core.errors import StorageError, StorageUnavailable
from radraft.exchange.modality_worklist import WorklistServer, ask_orders, server_of
from radraft.exchange.values import PacsError
from radraft.pipeline.orders import match_missed, take_order
from radraft.store import orders
from radraft.store.orders import OrderSource
from radraft.studies.name_search import number_key

if TYPE_CHECKING:
    from radraft.core.settings import Settings
    from radraft.reports.order import Order
    from radraft.store.database import Store

_LOG = logging.getLogger("radraft.orders")

TICK_S = 10.0
MATCH_TICKS = 6
"""After how many ticks orders are matched again."""
ASKED_FOR = timedelta(hours=24)
"""Studies that came no longer ago are asked about."""
AGAIN = (timedelta(0), timedelta(minutes=5), timedelta(hours=1))
"""After how long a study without an order is asked about, again and for the last time."""


_DOWN = "worklist_unreachable"
_PATTERNS = frozenset("*?\\")
"""An accession with one of these would ask for others' too (PS3.4 C.2.2.2.4), or for several."""


class WorklistOrders:
    """Asks a worklist for orders. Two servers may do so beside each other: the same entry gives the
    same order."""

    def __init__(
        self,
        store: Store,
        server: WorklistServer,
        *,
        site: str,
        every: timedelta,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`every`: between two times that the day is asked for; none where it is 0."""
        self._store = store
        self._server = server
        self._site = site
        self._every = every
        self._clock = clock
        self._asked: dict[str, tuple[int, datetime]] = {}
        """By case: how often, and when first."""
        self._day_at: datetime | None = None

    def look(self) -> int:
        """Ask for what is due; how many orders are new or changed.

        PacsError, and StorageError: what was not asked for is due the next time. An answer that is
        no use for one study does not keep the others from being asked for.
        """
        now = self._clock()
        taken = 0
        problems: list[PacsError] = []
        if self._every and (self._day_at is None or now - self._day_at >= self._every):
            before, self._day_at = self._day_at, now
            try:
                found = ask_orders(self._server, site=self._site, day=now.astimezone().date())
                taken += self._take(found, now)
            except PacsError as error:
                if error.code == _DOWN:
                    self._day_at = before
                    raise
                problems.append(error)
        with self._store.read() as session:
            without = orders.unordered(session, now - ASKED_FOR)
        self._asked = {case: asked for case, asked in self._asked.items() if case in without}
        for case_id, (site, accession) in without.items():
            if not _PATTERNS.isdisjoint(accession):
                continue
            times, first = self._asked.get(case_id, (0, now))
            if times >= len(AGAIN) or now - first < AGAIN[times]:
                continue
            # Before it is asked: one that breaks the server is given up like the others.
            self._asked[case_id] = (times + 1, first)
            try:
                found = ask_orders(self._server, site=site, accession=accession)
                taken += self._take(_of(found, accession), now)
            except PacsError as error:
                if error.code == _DOWN:
                    # Nobody was asked.
                    self._asked[case_id] = (times, first)
                    raise
                problems.append(error)
        if problems:
            raise problems[0]
        return taken

    def _take(self, found: tuple[Order, ...], now: datetime) -> int:
        changed = 0
        for order in found:
            try:
                with self._store.begin() as session:
                    changed += take_order(session, order, OrderSource.WORKLIST, now).changed
            except StorageUnavailable:
                raise
            except Exception as error:  # noqa: BLE001 - the type only: its text may quote the entry
                _LOG.error("an order of the worklist could not be kept: %s", type(error).__name__)
        return changed


def _of(found: tuple[Order, ...], accession: str) -> tuple[Order, ...]:
    """Return the orders of the accession: some servers answer with whatever they have."""
    key = number_key(accession)
    accessions = ((order, order.accession) for order in found)
    return tuple(
        order for order, own in accessions if own is not None and number_key(own.number) == key
    )


class WorklistLook(threading.Thread):
    """Has a worklist asked from time to time, until `stop` is called."""

    def __init__(self, worklist: WorklistOrders, store: Store) -> None:
        super().__init__(name="radraft-worklist-orders", daemon=True)
        self._worklist = worklist
        self._store = store
        self._stop_event = threading.Event()
        self._told = ""

    def run(self) -> None:
        """Thread body."""
        ticks = 0
        while not self._stop_event.wait(TICK_S):
            problem = self._look()
            if ticks % MATCH_TICKS == 0:
                problem = self._match() or problem
            ticks += 1
            if problem != self._told:
                # Once, and not every few seconds for as long as it is down.
                _LOG.warning("asking the worklist: %s", problem or "answered again")
            self._told = problem

    def _look(self) -> str:
        """Ask for what is due; what kept that from being done, empty where nothing did."""
        try:
            self._worklist.look()
        except PacsError as error:
            return error.code
        except Exception as error:  # noqa: BLE001 - the type only; the thread goes on
            return type(error).__name__
        return ""

    def _match(self) -> str:
        """Match the newest orders again; as `_look`."""
        try:
            match_missed(self._store, datetime.now(UTC))
        except (StorageError, SQLAlchemyError) as error:
            return type(error).__name__
        return ""

    def stop(self) -> None:
        """End after what is being asked."""
        self._stop_event.set()
        self.join()


@contextmanager
def asking_worklist(settings: Settings, store: Store) -> Iterator[None]:
    """Ask the worklist that the settings name until the end of the context."""
    server = server_of(settings.mwl, settings.dicom_aet)
    every = timedelta(minutes=settings.mwl_minutes)
    look = WorklistLook(WorklistOrders(store, server, site=settings.site, every=every), store)
    look.start()
    try:
        yield
    finally:
        look.stop()

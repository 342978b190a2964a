"""Works on a backfill: takes studies as far as readers and rate allow, does them, settles them.

Any number of processes on any number of machines do this on one database, started by the command
line or by Ray (`pipeline.backfill_ray`); none knows of another but by its beat.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from radraft.core.errors import NotFound, RadraftError, StorageDamaged, StorageError
from radraft.pipeline.backfill_works import IMAGES_GONE, LeftOut
from radraft.pipeline.claims import BEATS, LeaseWatch
from radraft.reports import edits
from radraft.store import backfills
from radraft.store.backfills import BackfillWorker, Doing, HoldLost, ItemState
from radraft.store.leases import Owner

if TYPE_CHECKING:
    from radraft.pipeline.backfill_works import Keep, Worked
    from radraft.store.database import Store

log = logging.getLogger("radraft.pipeline.backfill")

TICK_S = 0.5
"""Seconds between two looks for something to do."""
PAUSE_S = 5.0
"""Seconds that work rests when the database fails."""
BROKEN = "backfill_broken"
"""Code of what no step expected."""


class Backfiller:
    """One process's share of a backfill. `run` returns once it has ended, or after `stop`."""

    def __init__(
        self,
        store: Store,
        number: int,
        work: Worked,
        *,
        at_once: int,
        owner: Owner | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`at_once`: studies in work here at a time. `clock` finds out whose lease has expired."""
        self._store = store
        self._number = number
        self._work = work
        self._at_once = at_once
        self._owner = owner or Owner()
        self._watch: LeaseWatch[BackfillWorker] = LeaseWatch(clock)
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._doing = Doing.WORKING

    @property
    def doing(self) -> Doing:
        """What it does, or waits for."""
        return self._doing

    def stop(self) -> None:
        """End soon; what is in work waits again, at no cost to it."""
        self._stopping.set()

    def run(self) -> None:
        """Work until the backfill has ended, was cancelled, or this is stopped. NotFound
        `backfill_not_found`."""
        # Here, so that no draft waits for them within a transaction.
        edits.load_rules()
        keeper = threading.Thread(target=self._keep, name="radraft-backfill-beat", daemon=True)
        keeper.start()
        try:
            while not self._stopping.is_set() and self._doing is not Doing.ENDED:
                try:
                    self._enter()
                    asyncio.run(self._loop())
                except (StorageDamaged, NotFound):
                    raise
                except (StorageError, SQLAlchemyError) as error:
                    log.error("backfill paused: %s", type(error).__name__)
                    self._doing = Doing.DATABASE
                    self._stopping.wait(PAUSE_S)
        finally:
            self._ended.set()
            keeper.join()
            with suppress(StorageError, SQLAlchemyError), self._store.begin() as session:
                backfills.leave(session, self._owner)

    def _enter(self) -> None:
        with self._store.begin() as session:
            # What an error of the database left in hand waits again.
            backfills.leave(session, self._owner)
            backfills.get(session, self._number)
            backfills.enter(session, self._number, self._owner)

    def _keep(self) -> None:
        while not self._ended.wait(self._owner.term_s / BEATS):
            try:
                with self._store.begin() as session:
                    backfills.beat(session, self._owner, self._doing)
            except (StorageError, SQLAlchemyError) as error:
                # Whether something was lost is asked when it is settled.
                log.warning("a backfill's lease could not be kept: %s", type(error).__name__)

    async def _loop(self) -> None:
        running: set[asyncio.Task[None]] = set()
        self._doing = Doing.WORKING
        async with self._work:
            try:
                await self._list_all()
                while not self._stopping.is_set():
                    taken = await self._take(self._at_once - len(running))
                    self._doing = taken.doing
                    if taken.doing is Doing.ENDED:
                        break
                    running |= {
                        asyncio.create_task(self._do(case_id)) for case_id in taken.case_ids
                    }
                    await _until_one(running)
                    for task in [task for task in running if task.done()]:
                        running.discard(task)
                        task.result()
            finally:
                for task in running:
                    task.cancel()
                await asyncio.gather(*running, return_exceptions=True)

    async def _list_all(self) -> None:
        while not self._stopping.is_set() and not await asyncio.to_thread(self._list_more):
            continue

    def _list_more(self) -> bool:
        with self._store.begin() as session:
            return backfills.list_more(session, self._number)

    async def _take(self, free: int) -> backfills.Taken:
        await asyncio.to_thread(self._take_over)
        if not await self._work.ready():
            # A cancelled one ends without vLLM too.
            ended = await asyncio.to_thread(self._closed)
            return backfills.Taken(Doing.ENDED if ended else Doing.LLM)
        return await asyncio.to_thread(self._take_now, free)

    def _closed(self) -> bool:
        with self._store.read() as session:
            return backfills.get(session, self._number).state not in backfills.OPEN

    def _take_now(self, free: int) -> backfills.Taken:
        with self._store.begin() as session:
            return backfills.take(session, self._number, self._owner, limit=free)

    def _take_over(self) -> None:
        with self._store.read() as session:
            found = backfills.workers(session, self._number)
        others = [worker for worker in found if worker.owner_id != self._owner.owner_id]
        for gone in self._watch.look(others):
            with self._store.begin() as session:
                if backfills.take_over(session, gone):
                    log.warning("the backfill's process %s is gone", gone.owner_id[:8])

    async def _do(self, case_id: str) -> None:
        try:
            keep = await self._work.make(case_id)
        except StorageDamaged as error:
            await asyncio.to_thread(self._failed, case_id, error.code)
        except StorageError:
            raise
        except RadraftError as error:
            await self._not_made(case_id, error)
        except Exception as error:  # noqa: BLE001 - one study must not end the others
            # The type only: a message may quote what it choked on.
            log.error("case %s broke the backfill: %s", case_id, type(error).__name__)
            await asyncio.to_thread(self._failed, case_id, BROKEN)
        else:
            await asyncio.to_thread(self._keep_made, case_id, keep)

    async def _not_made(self, case_id: str, error: RadraftError) -> None:
        if isinstance(error, LeftOut) or error.code in IMAGES_GONE:
            await asyncio.to_thread(self._settled, case_id, ItemState.SKIPPED, error.code)
        elif await self._work.blames(error):
            log.warning("case %s: the backfill failed: %s", case_id, error.code)
            await asyncio.to_thread(self._failed, case_id, error.code)
        else:
            await asyncio.to_thread(self._give_back, case_id)

    def _keep_made(self, case_id: str, keep: Keep) -> None:
        try:
            with self._store.begin() as session:
                keep(session)
                backfills.settle(session, self._number, case_id, self._owner, ItemState.DONE)
        except HoldLost:
            log.warning("case %s: the backfill's hold was lost", case_id)
        except LeftOut as why:
            self._settled(case_id, ItemState.SKIPPED, why.code)
        except StorageError:
            raise
        except RadraftError as error:
            self._failed(case_id, error.code)
        except ValueError as error:
            log.error("case %s: what was made cannot be kept: %s", case_id, type(error).__name__)
            self._failed(case_id, BROKEN)

    def _settled(self, case_id: str, state: ItemState, code: str) -> None:
        with suppress(HoldLost), self._store.begin() as session:
            backfills.settle(session, self._number, case_id, self._owner, state, code)

    def _failed(self, case_id: str, code: str) -> None:
        with suppress(HoldLost), self._store.begin() as session:
            backfills.fail(session, self._number, case_id, self._owner, code)

    def _give_back(self, case_id: str) -> None:
        with suppress(HoldLost), self._store.begin() as session:
            backfills.give_back(session, self._number, case_id, self._owner)


async def _until_one(running: set[asyncio.Task[None]]) -> None:
    """Wait until one of them is done, or so long."""
    if running:
        await asyncio.wait(running, timeout=TICK_S, return_when=asyncio.FIRST_COMPLETED)
    else:
        await asyncio.sleep(TICK_S)

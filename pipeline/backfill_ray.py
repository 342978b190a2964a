"""A backfill on every node of a Ray cluster: Ray starts the processes, the database decides.

Each node has one actor, which runs what `radraft backfill go` runs (`pipeline.backfill_here`):
claim, work, settle against the same PostgreSQL. Ray Data is not used: it keeps in its own memory
which blocks are done, begins blocks of a lost node anew, and would be a second record beside the
database.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from radraft.core.errors import SettingsError
from radraft.store import backfills
from radraft.store.database import open_store

if TYPE_CHECKING:
    from radraft.core.settings import Settings

log = logging.getLogger("radraft.pipeline.backfill_ray")

LOOK_S = 2.0
"""Seconds between two looks at the nodes."""
SAY_S = 10.0


def go(
    settings: Settings,
    number: int,
    at_once: int,
    *,
    address: str,
    on_progress: Callable[[], None],
) -> None:
    """Work on a backfill on all nodes of the cluster at `address` until it has ended; nodes that
    come later work too, and the work of one that is lost goes to the others.

    SettingsError `backfill_ray_missing`, `backfill_ray_sqlite`; NotFound `backfill_not_found`.
    """
    if find_spec("ray") is None:
        raise SettingsError("backfill_ray_missing")
    if not settings.database_url.startswith("postgresql"):
        raise SettingsError("backfill_ray_sqlite")
    import ray

    ray.init(address=address, log_to_driver=False, namespace="radraft")
    store = open_store(settings)
    nodes = _Nodes(ray, number, at_once)
    try:
        said = time.monotonic()
        while True:
            with store.read() as session:
                if backfills.get(session, number).state not in backfills.OPEN:
                    return
            nodes.look()
            if time.monotonic() - said >= SAY_S:
                said = time.monotonic()
                on_progress()
            time.sleep(LOOK_S)
    finally:
        nodes.stop()
        store.close()
        ray.shutdown()


class _Nodes:
    """One actor for each living node."""

    def __init__(self, ray: Any, number: int, at_once: int) -> None:
        self._ray = ray
        self._number = number
        self._at_once = at_once
        self._running: dict[str, tuple[Any, Any]] = {}
        """Node -> actor, and what its work ends as."""

    def look(self) -> None:
        """Start an actor wherever there is none, and forget those that ended."""
        alive = {node["NodeID"] for node in self._ray.nodes() if node["Alive"]}
        for node, (_, work) in list(self._running.items()):
            done, _ = self._ray.wait([work], timeout=0)
            if node not in alive or done:
                del self._running[node]
                self._report(node, work if done and node in alive else None)
        for node in alive - self._running.keys():
            self._running[node] = self._start(node)

    def stop(self) -> None:
        """Have all end; what they hold waits again."""
        for actor, _ in self._running.values():
            actor.stop.remote()
        works = [work for _, work in self._running.values()]
        if works:
            self._ray.wait(works, num_returns=len(works), timeout=LOOK_S * 3)

    def _start(self, node: str) -> tuple[Any, Any]:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        actor = (
            self._ray.remote(NodeWork)
            .options(
                num_cpus=1,
                # Its own attempt to stop comes while it works.
                max_concurrency=2,
                scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
            )
            .remote(self._number, self._at_once)
        )
        return actor, actor.run.remote()

    def _report(self, node: str, work: Any) -> None:
        if work is None:
            log.warning("the node %s is gone", node[:8])
            return
        try:
            self._ray.get(work)
        except self._ray.exceptions.RayError as error:
            # The type only: a message may quote what it choked on.
            log.warning("the work on node %s ended: %s", node[:8], type(error).__name__)


class NodeWork:
    """The work of one node, by its own settings: none of them travels through Ray."""

    def __init__(self, number: int, at_once: int) -> None:
        self._number = number
        self._at_once = at_once
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End soon."""
        self._stopping.set()

    def run(self) -> None:
        """Work until the backfill has ended."""
        from radraft.core import settings as settings_module
        from radraft.llm.profiles import load_profile
        from radraft.pipeline.backfill_here import worker

        settings = settings_module.load()
        store = open_store(settings)
        try:
            with store.read() as session:
                work = backfills.get(session, self._number).work
            profile = load_profile(settings.profile)
            with worker(store, settings, profile, self._number, work, self._at_once) as found:
                ended = threading.Event()

                def watch() -> None:
                    while not ended.wait(LOOK_S / 4):
                        if self._stopping.is_set():
                            found.stop()

                threading.Thread(target=watch, daemon=True).start()
                try:
                    found.run()
                finally:
                    ended.set()
        finally:
            store.close()

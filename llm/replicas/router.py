"""Which of several vLLMs is asked next: the one with the least to write, among those that can."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from radraft.core.errors import DraftingError, RadraftError
from radraft.llm import question
from radraft.llm.endpoint import HEALTH_S, Endpoint
from radraft.llm.replicas.drained import DrainedFile
from radraft.llm.replicas.look import Finding, Looker, lookers

if TYPE_CHECKING:
    from radraft.core.settings import Settings
    from radraft.llm.profiles import Profile
    from radraft.llm.question import ModelCard

log = logging.getLogger("radraft.llm.replicas")

NOT_THERE = frozenset(
    {
        "llm_unreachable", "llm_no_answer", "llm_bad_answer", "llm_other_model", "llm_other_base",
    }
)  # fmt: skip
"""Codes of a draft after which its vLLM is asked for nothing before it was looked at again. After
others it is looked at too, and goes on meanwhile: they may be the draft's own fault."""
LOST_LOOKS = 2
"""Looks in a row without an answer after which what a vLLM is writing is written by another: a
busy machine may be slow to answer once."""


class ReplicaState(StrEnum):
    """What a vLLM of several can be asked for."""

    STARTING = "starting"
    """It was not looked at yet."""
    READY = "ready"
    WITHOUT_ADAPTER = "without_adapter"
    """It could not be given an adapter that serves: it is asked only where no other is ready."""
    OUT = "out"
    """It does not answer, or not as it should."""
    DRAINED = "drained"
    """An administrator took it out."""


@dataclass(frozen=True)
class ReplicaStatus:
    """How one vLLM is, as this process knows."""

    number: int
    """Its place in `RADRAFT_LLM_URL`, from 1."""
    state: ReplicaState
    problem: RadraftError | None
    """Why it is not ready."""
    adapters: frozenset[str]
    lacks: frozenset[str]
    """Adapters that serve and that it could not be given."""
    outstanding_tokens: int
    """Of what this process asked it for and has not got: prompts and most tokens written."""
    drafts: int


@dataclass(frozen=True)
class Timing:
    """How often vLLMs are looked at; in seconds."""

    pause: float = 2.0
    """Between two looks at one that is well."""
    longest_pause: float = 30.0
    """Back-off of one that is not, doubled each time."""
    patience: float = HEALTH_S
    """How long one question of a look may take."""


@dataclass
class _Replica:
    number: int
    looker: Looker
    state: ReplicaState = ReplicaState.STARTING
    problem: RadraftError | None = None
    endpoint: Endpoint | None = None
    base: ModelCard | None = None
    """As it was when it was first ready: what serves behind an address does not change its root."""
    adapters: frozenset[str] = frozenset()
    lacks: frozenset[str] = frozenset()
    outstanding: int = 0
    drafts: int = 0
    faults: int = 0
    """Drafts that failed there since one succeeded."""
    failed_looks: int = 0
    doubted: bool = False
    """A draft failed there since the last look."""
    losses: int = 0
    """How often it was given up with all that it was writing."""
    wake: threading.Event = field(default_factory=threading.Event)


class Use:
    """One draft at one vLLM, from its first question to its end."""

    def __init__(self, router: Replicas, replica: _Replica, endpoint: Endpoint) -> None:
        self._router = router
        self._replica = replica
        self._losses = replica.losses
        self.endpoint = endpoint
        self.number = replica.number

    def lost(self) -> bool:
        """Return whether its vLLM was given up since: what it writes is not taken."""
        return self._replica.losses != self._losses

    def check(self, model: ModelCard) -> None:
        """DraftingError `llm_other_base` unless that is the base that serves there since the vLLM
        was first ready."""
        self._router.check_base(self._replica, model)

    @property
    def looker(self) -> Looker:
        """Return what asks this vLLM."""
        return self._replica.looker

    def failed(self, code: str) -> None:
        """Say that the draft failed by this code: its vLLM is looked at again."""
        self._router.note_fault(self._replica, code)

    def without(self, adapter_id: str, error: RadraftError) -> None:
        """Say that its vLLM could not be given an adapter."""
        self._router.note_lack(self._replica, adapter_id, error)

    def succeeded(self, adapter_id: str | None) -> None:
        """Say that it wrote a draft."""
        self._router.note_success(self._replica, adapter_id)


Adapters = Callable[[], Mapping[str, Path]]
"""Name -> checked folder of each adapter that serves at some site. RadraftError where that cannot
be told now."""


class Replicas:
    """Several vLLMs, each looked at by a thread of its own until `stop`: one that hangs keeps none
    of the others waiting. Threads and event loops may share one."""

    def __init__(
        self,
        settings: Settings,
        profile: Profile,
        adapters: Adapters = dict,
        timing: Timing | None = None,
    ) -> None:
        self._timing = timing or Timing()
        self._adapters = adapters
        self._wanted: Mapping[str, Path] = {}
        self._drained = DrainedFile(settings.data_dir)
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._known = threading.Event()
        asked = lookers(settings, profile, self._timing.patience)
        self._replicas = tuple(_Replica(number, looker) for number, looker in asked.items())
        self._threads = tuple(
            threading.Thread(
                target=self._watch, args=(each,), name=f"radraft-vllm-{each.number}", daemon=True
            )
            for each in self._replicas
        )

    def __len__(self) -> int:
        return len(self._replicas)

    def start(self) -> None:
        """Begin to look; returns at once."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Look no more. A look in progress is not waited for: nothing is lost with it."""
        self._stopping.set()
        for replica in self._replicas:
            replica.wake.set()

    def wait_known(self, patience_s: float) -> bool:
        """Return once one is ready or all were looked at; False after `patience_s` seconds."""
        return self._known.wait(patience_s)

    def endpoint(self) -> Endpoint | None:
        """Return the one with the least to do; None where none can be asked."""
        with self._lock:
            found = self._choose(None, frozenset())
            return None if found is None else found.endpoint

    def can_ask(self, but: Collection[int]) -> bool:
        """Return whether one that is not numbered `but` can be asked now."""
        with self._lock:
            return self._choose(None, but) is not None

    def serving(self) -> int:
        """Return how many are asked for drafts now."""
        with self._lock:
            ready = [each for each in self._replicas if each.state is ReplicaState.READY]
            return len(ready or self._fallback())

    def status(self) -> tuple[ReplicaStatus, ...]:
        """Return how each is, in their order."""
        with self._lock:
            return tuple(
                ReplicaStatus(
                    each.number,
                    each.state,
                    each.problem,
                    each.adapters,
                    each.lacks,
                    each.outstanding,
                    each.drafts,
                )
                for each in self._replicas
            )

    def problem(self) -> RadraftError | None:
        """Return what an administrator should know: `llm_replicas_out` where some are not asked
        though nobody took them out, `llm_no_replica` where none can be asked; None else."""
        return problem_of(self.status())

    @contextmanager
    def use(
        self, adapter_id: str | None, tokens: int, but: Collection[int] = ()
    ) -> Iterator[Use | None]:
        """Yield the vLLM to draft with, `tokens` counted as its to write until the end; None where
        none but those numbered `but` can be asked.

        One that has the adapter goes before those that would have to load it.
        """
        with self._lock:
            found = self._choose(adapter_id, but)
            if found is not None:
                found.outstanding += tokens
                found.drafts += 1
        if found is None:
            yield None
            return
        try:
            assert found.endpoint is not None
            yield Use(self, found, found.endpoint)
        finally:
            with self._lock:
                found.outstanding -= tokens
                found.drafts -= 1

    def check_base(self, replica: _Replica, model: ModelCard) -> None:
        """`Use.check`."""
        with self._lock:
            known = replica.base
        if known is not None and (known.name, known.root) != (model.name, model.root):
            raise DraftingError("llm_other_base")

    def note_fault(self, replica: _Replica, code: str) -> None:
        """`Use.failed`."""
        with self._lock:
            replica.faults += 1
            replica.doubted = True
            if code in NOT_THERE:
                replica.state, replica.problem = ReplicaState.OUT, DraftingError(code)
                replica.lacks = frozenset()
        log.warning("vLLM %d: a draft failed there: %s", replica.number, code)
        replica.wake.set()

    def note_lack(self, replica: _Replica, adapter_id: str, error: RadraftError) -> None:
        """`Use.without`."""
        with self._lock:
            replica.lacks |= {adapter_id}
            if replica.state is ReplicaState.READY:
                replica.state, replica.problem = ReplicaState.WITHOUT_ADAPTER, error
        log.warning("vLLM %d has no adapter %s: %s", replica.number, adapter_id, error.code)

    def note_success(self, replica: _Replica, adapter_id: str | None) -> None:
        """`Use.succeeded`."""
        with self._lock:
            replica.faults = 0
            if adapter_id is not None:
                replica.adapters |= {adapter_id}

    def _choose(self, adapter_id: str | None, but: Collection[int]) -> _Replica | None:
        ready = [
            each
            for each in self._replicas
            if each.state is ReplicaState.READY and each.number not in but
        ]
        fallback = [each for each in self._fallback() if each.number not in but]
        if adapter_id is not None:
            with_it = [each for each in (*ready, *fallback) if adapter_id in each.adapters]
            ready = [each for each in with_it if each in ready] or with_it or ready
        usable = ready or fallback
        return min(
            usable, key=lambda each: (each.outstanding, each.drafts, each.number), default=None
        )

    def _fallback(self) -> list[_Replica]:
        """Return those that answer and lack an adapter: one that no vLLM takes ends no drafting."""
        return [each for each in self._replicas if each.state is ReplicaState.WITHOUT_ADAPTER]

    def _watch(self, replica: _Replica) -> None:
        while not self._stopping.is_set():
            replica.wake.clear()
            self._look(replica)
            self._say_known()
            woken = replica.wake.wait(self._pause(replica.failed_looks))
            if woken and replica.state is ReplicaState.OUT and replica.faults > 1:
                # How often drafts failed there says how soon it is believed again.
                self._stopping.wait(self._pause(replica.faults - 1))

    def _pause(self, failures: int) -> float:
        timing = self._timing
        return min(timing.pause * 2.0 ** min(failures, 10), timing.longest_pause)

    def _look(self, replica: _Replica) -> None:
        if self._drained.holds(replica.looker.url):
            # What an administrator puts back may be another machine, with another folder.
            replica.base = None
            self._settle(replica, ReplicaState.DRAINED, DraftingError("llm_replica_drained"))
            return
        with self._lock:
            doubted, replica.doubted = replica.doubted, False
        try:
            finding = asyncio.run(_looked(replica.looker, self._now_wanted(), doubted))
            self.check_base(replica, finding.listing.base)
        except RadraftError as error:
            self._failed_look(replica, error)
            return
        except Exception as error:  # noqa: BLE001 - a dead thread would say "ready" for ever
            # The type only: a message may quote what it choked on.
            log.error("the look at vLLM %d failed: %s", replica.number, type(error).__name__)
            self._failed_look(replica, DraftingError("llm_link_broken"))
            return
        refused = finding.refused
        state = ReplicaState.WITHOUT_ADAPTER if refused else ReplicaState.READY
        with self._lock:
            if replica.doubted:
                # A draft failed there meanwhile: what was seen may be older than that.
                return
            replica.failed_looks = 0
            replica.endpoint = replace(finding.endpoint, replicas=self)
            replica.base = replica.base or finding.listing.base
            replica.adapters = finding.listing.adapters - refused.keys()
            replica.lacks = frozenset(refused)
        self._settle(replica, state, next(iter(refused.values()), None))

    def _now_wanted(self) -> Mapping[str, Path]:
        """Return the adapters that serve, as they were where that cannot be told now: a database
        that restarts is no fault of a vLLM's."""
        try:
            self._wanted = self._adapters()
        except Exception as error:  # noqa: BLE001 - whatever the store's trouble is, the look goes on
            log.warning("which adapters serve is not known now: %s", type(error).__name__)
        return self._wanted

    def _failed_look(self, replica: _Replica, error: RadraftError) -> None:
        with self._lock:
            replica.failed_looks += 1
            if error.code == "llm_other_base" or replica.failed_looks == LOST_LOOKS:
                replica.losses += 1
            replica.adapters = replica.lacks = frozenset()
        self._settle(replica, ReplicaState.OUT, error)

    def _settle(self, replica: _Replica, state: ReplicaState, problem: RadraftError | None) -> None:
        with self._lock:
            before = (replica.state, replica.problem and replica.problem.code)
            replica.state, replica.problem = state, problem
        if before != (state, problem and problem.code):
            why = f": {problem.code}" if problem is not None else ""
            log.warning("vLLM %d is %s%s", replica.number, state.value, why)

    def _say_known(self) -> None:
        with self._lock:
            states = [each.state for each in self._replicas]
        if ReplicaState.READY in states or ReplicaState.STARTING not in states:
            self._known.set()


def problem_of(found: tuple[ReplicaStatus, ...]) -> RadraftError | None:
    """Return what `Replicas.problem` says of vLLMs in this state."""
    if any(each.state is ReplicaState.STARTING for each in found):
        return None
    out = [each for each in found if each.state not in {ReplicaState.READY, ReplicaState.DRAINED}]
    which = ", ".join(
        f"{each.number}: {each.problem.code if each.problem else each.state.value}" for each in out
    )
    can = {ReplicaState.READY, ReplicaState.WITHOUT_ADAPTER}
    if not any(each.state in can for each in found):
        drained = ", ".join(
            f"{each.number}: drained" for each in found if each.state is ReplicaState.DRAINED
        )
        which = ", ".join(filter(None, (which, drained)))
        return DraftingError("llm_no_replica", total=len(found), which=which)
    if out:
        return DraftingError("llm_replicas_out", out=len(out), total=len(found), which=which)
    return None


async def _looked(looker: Looker, wanted: Mapping[str, Path], try_base: bool) -> Finding:
    async with question.client() as client:
        return await looker.look(client, wanted, try_base=try_base)


def wait_while_starting(replicas: Replicas, patience_s: float) -> Endpoint:
    """Return where the first of them can be asked. DraftingError `llm_no_replica` after
    `patience_s` seconds, or once none can be."""
    ends = time.monotonic() + patience_s
    replicas.wait_known(patience_s)
    while (endpoint := replicas.endpoint()) is None:
        problem = replicas.problem()
        if problem is not None or time.monotonic() >= ends:
            raise problem or DraftingError("llm_no_replica", total=len(replicas), which="-")
        time.sleep(0.05)
    return endpoint

"""The service's link to vLLM: brings it up in the background and knows whether it answers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from radraft.core.errors import DraftingError, RadraftError
from radraft.llm.endpoint import HEALTH_S, Endpoint, Probe, served_model
from radraft.llm.record import RecordFile
from radraft.llm.replicas.router import Adapters, Replicas, Timing
from radraft.llm.server import ManagedServer

if TYPE_CHECKING:
    from radraft.core.settings import Settings
    from radraft.llm.profiles import Profile

log = logging.getLogger("radraft.llm.link")

LOOK_S = 2.0
"""Seconds between two looks at vLLM."""


class LlmState(StrEnum):
    """What the service can expect of vLLM."""

    READY = "ready"
    SLOWER = "slower"
    """Of several vLLMs some draft, and others that should do not."""
    STARTING = "starting"
    DOWN = "down"
    OFF = "off"
    """The service runs without one."""
    NO_WORKER = "no_worker"
    """Other processes are to draft, and none of them runs."""

    @property
    def drafts(self) -> bool:
        """Whether a vLLM can be asked now."""
        return self in {LlmState.READY, LlmState.SLOWER}


@dataclass(frozen=True)
class Look:
    """What the last look at vLLM found."""

    state: LlmState
    endpoint: Endpoint | None = None
    """None while it does not answer."""
    problem: RadraftError | None = None
    """Why it is down, or slower."""


class LlmLink(threading.Thread):
    """Starts vLLM, or finds the one at `RADRAFT_LLM_URL`, and looks at it until `stop`. With
    `starts` False it starts none, and finds the one that another process of this data folder runs.

    What it tells is of the last look and comes at once, so nothing waits on a hung server. The
    thread outlives every fault of a look: its state would otherwise stay what it was for ever.

    Of several at `RADRAFT_LLM_URL` each is looked at by itself (`llm.replicas`).
    """

    def __init__(
        self,
        settings: Settings,
        profile: Profile,
        on_progress: Callable[[str, float], None] | None = None,
        *,
        starts: bool = True,
        adapters: Adapters = dict,
        pause_s: float = LOOK_S,
        patience_s: float = HEALTH_S,
    ) -> None:
        """`pause_s` lies between two looks; each of a look's questions may take `patience_s`.
        `adapters` tells what each of several vLLMs has to serve before it is asked."""
        super().__init__(name="radraft-llm-link", daemon=True)
        self._settings = settings
        self._profile = profile
        self._on_progress = on_progress
        self._pause_s = pause_s
        self._patience_s = patience_s
        managed = starts and not settings.llm_url
        self._server = ManagedServer(settings, profile) if managed else None
        several = len(settings.llm_urls) > 1
        timing = Timing(pause=pause_s, patience=patience_s)
        self.replicas = Replicas(settings, profile, adapters, timing) if several else None
        """None where there are not several."""
        self._stopping = threading.Event()
        self._start_problem: RadraftError | None = None
        self._last = Look(LlmState.STARTING)

    def state(self) -> LlmState:
        """Return what the last look found."""
        return self._last.state

    def endpoint(self) -> Endpoint | None:
        """Return where vLLM answered at the last look; None while it does not. Of several the one
        with the least to do now."""
        return self._last.endpoint if self.replicas is None else self.replicas.endpoint()

    def problem(self) -> RadraftError | None:
        """Return why vLLM was down, or slower, at the last look; None where it was neither."""
        return self._last.problem

    def run(self) -> None:
        """Thread body."""
        if self._server is not None:
            self._start(self._server)
        if self.replicas is not None:
            self.replicas.start()
        while not self._stopping.is_set():
            self._last = self._look()
            self._stopping.wait(self._pause_s)

    def stop(self) -> None:
        """Stop looking, and the server where it is ours."""
        self._stopping.set()
        if self.replicas is not None:
            self.replicas.stop()
        if self._server is not None:
            self._server.stop()
            # Nothing is lost with a thread that only waits for somebody else's vLLM to answer.
            self.join()
            # One that was still being built when the first stop came has started since.
            self._server.stop()

    def _start(self, server: ManagedServer) -> None:
        try:
            server.start(self._on_progress)
            server.wait_ready(self._on_progress)
        except RadraftError as error:
            log.error("vLLM did not start: %s", error.code)
            self._start_problem = error
        except Exception as error:  # noqa: BLE001 - a dead thread would say "starting" for ever
            log.error("vLLM did not start: %s", type(error).__name__)
            self._start_problem = DraftingError("llm_link_broken")
        if not self._stopping.is_set():
            server.watch()

    def _look(self) -> Look:
        if self.replicas is not None:
            return _of_several(self.replicas)
        try:
            endpoint = self._answering()
        except RadraftError as error:
            problem: RadraftError = error
        except Exception as error:  # noqa: BLE001 - a dead thread would say "ready" for ever
            # The type only: a message may quote what it choked on.
            log.error("the look at vLLM failed: %s", type(error).__name__)
            problem = DraftingError("llm_link_broken")
        else:
            self._start_problem = None
            return Look(LlmState.READY, endpoint)
        if self._last.problem is None or self._last.problem.code != problem.code:
            log.warning("vLLM is down: %s", problem.code)
        return Look(LlmState.DOWN, None, problem)

    def _answering(self) -> Endpoint:
        """Return where vLLM answers now. RadraftError with the reason where it does not."""
        if self._server is not None:
            if not self._server.alive():
                raise self._start_problem or DraftingError("llm_unreachable")
            return self._server.endpoint
        endpoint = self._external() if self._settings.llm_url else self._beside()
        if not Probe(endpoint, self._patience_s).healthy():
            raise DraftingError("llm_unreachable")
        return endpoint

    def _external(self) -> Endpoint:
        """Return the vLLM at `RADRAFT_LLM_URL`. DraftingError."""
        url, key = self._settings.llm_url, self._settings.llm_key.get_secret_value()
        return Endpoint(url, key, served_model(url, key, self._profile.name, self._patience_s))

    def _beside(self) -> Endpoint:
        """Return the vLLM that another process of this data folder runs. DraftingError
        `llm_elsewhere` where there is none."""
        found = RecordFile(self._settings.data_dir).read()
        if found is None or not found.running():
            raise DraftingError("llm_elsewhere")
        return Endpoint(f"http://127.0.0.1:{found.port}", found.key, self._profile.name)


def _of_several(replicas: Replicas) -> Look:
    problem, endpoint = replicas.problem(), replicas.endpoint()
    if endpoint is None:
        return Look(LlmState.STARTING if problem is None else LlmState.DOWN, None, problem)
    return Look(LlmState.READY if problem is None else LlmState.SLOWER, endpoint, problem)

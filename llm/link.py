"""The service's link to vLLM: brings it up in the background and knows whether it answers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from radraft.core.errors import DraftingError
from radraft.llm.endpoint import Endpoint, Probe, served_model
from radraft.llm.server import ManagedServer

if TYPE_CHECKING:
    from radraft.core.settings import Settings
    from radraft.llm.profiles import Profile
    from radraft.pipeline.service import LlmState

log = logging.getLogger("radraft.llm.link")

LOOK_S = 2.0
"""Seconds between two looks at vLLM."""


class LlmLink(threading.Thread):
    """Starts vLLM, or finds the one at `RADRAFT_LLM_URL`, and looks at it until `stop`.

    `state` and `endpoint` answer at once from the last look, so nothing waits on a hung server.
    """

    def __init__(
        self,
        settings: Settings,
        profile: Profile,
        on_progress: Callable[[str, float], None] | None = None,
    ) -> None:
        super().__init__(name="radraft-llm-link", daemon=True)
        self._settings = settings
        self._profile = profile
        self._on_progress = on_progress
        self._server = None if settings.llm_url else ManagedServer(settings, profile)
        self._stopping = threading.Event()
        self._state: LlmState = "starting"
        self._endpoint: Endpoint | None = None

    def state(self) -> LlmState:
        """As it was at the last look."""
        return self._state

    def endpoint(self) -> Endpoint | None:
        """Where vLLM answered at the last look; None while it does not."""
        return self._endpoint

    def run(self) -> None:
        """Thread body."""
        if self._server is not None:
            self._start(self._server)
        while not self._stopping.is_set():
            self._endpoint = self._look()
            self._state = "ready" if self._endpoint is not None else "down"
            self._stopping.wait(LOOK_S)

    def stop(self) -> None:
        """Stop looking, and the server where it is ours."""
        self._stopping.set()
        if self._server is not None:
            self._server.stop()
        self.join()
        if self._server is not None:
            # One that was still being built when the first stop came has started since.
            self._server.stop()

    def _start(self, server: ManagedServer) -> None:
        try:
            server.start(self._on_progress)
            server.wait_ready(self._on_progress)
        except DraftingError as error:
            log.error("vLLM did not start: %s", error.code)
        if not self._stopping.is_set():
            server.watch()

    def _look(self) -> Endpoint | None:
        if self._server is not None:
            return self._server.endpoint if self._server.alive() else None
        url, key = self._settings.llm_url, self._settings.llm_key.get_secret_value()
        try:
            endpoint = Endpoint(url, key, served_model(url, key, self._profile.name))
        except DraftingError:
            return None
        return endpoint if Probe(endpoint).healthy() else None

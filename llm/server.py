"""vLLM as a managed child process: started, watched, restarted, handed over and stopped."""

from __future__ import annotations

import logging
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from os import environ
from subprocess import Popen

from radraft.core import canonical
from radraft.core.errors import DraftingError, RadraftError
from radraft.core.settings import Settings
from radraft.llm import launch, process, record
from radraft.llm.checkpoint import Progress
from radraft.llm.endpoint import Endpoint, Probe, served_model
from radraft.llm.failures import start_failure
from radraft.llm.profiles import Profile
from radraft.llm.replicas.router import Replicas, wait_while_starting

__all__ = ["Endpoint", "ManagedServer", "Timing", "connect"]

log = logging.getLogger("radraft.llm")


@contextmanager
def connect(
    settings: Settings, profile: Profile, on_progress: Progress | None = None
) -> Iterator[Endpoint]:
    """Yield a vLLM that is ready to draft.

    The one at `settings.llm_url` where that is set, of several there the one with the least to do,
    which names them all; else the one another radraft process runs for the same profile and data
    folder; else one of our own, stopped on exit. Raises DraftingError: `llm_unreachable`,
    `llm_no_replica`, `llm_not_installed`, `llm_start_failed`, or the starter's own.
    """
    if len(settings.llm_urls) > 1:
        replicas = Replicas(settings, profile)
        replicas.start()
        try:
            yield wait_while_starting(replicas, settings.start_timeout_s)
        finally:
            replicas.stop()
        return
    if settings.llm_url:
        url, key = settings.llm_url, settings.llm_key.get_secret_value()
        yield Endpoint(url, key, served_model(url, key, profile.name))
        return
    server = ManagedServer(settings, profile)
    try:
        server.start(on_progress)
        server.wait_ready(on_progress)
        yield server.endpoint
    finally:
        server.stop()


@dataclass(frozen=True)
class Timing:
    """How patient a `ManagedServer` is; all in seconds."""

    poll: float = 0.5
    """Between two looks at a starting server."""
    check: float = 5.0
    """Between two looks at a running one."""
    probe: float = 60.0
    """Between two tokens asked of a running one, and how long one may take."""
    first_delay: float = 1.0
    longest_delay: float = 60.0
    """Back-off between two restarts, doubled each time."""
    calm: float = 600.0
    """After this long without a fault the back-off begins anew."""


@dataclass
class _Running:
    """The server in use. `child` is None for one that another process started."""

    record: record.Record
    owned: bool
    child: Popen[bytes] | None = field(default=None, repr=False)


class ManagedServer:
    """One vLLM for one profile, started here or taken over from a radraft that is gone.

    A server whose owner still lives is used and left alone; one whose owner was killed becomes
    ours. Port and key stay the same over restarts, so an `Endpoint` stays good.
    """

    def __init__(self, settings: Settings, profile: Profile, timing: Timing | None = None) -> None:
        self._settings = settings
        self._profile = profile
        self._timing = timing or Timing()
        self._file = record.RecordFile(settings.data_dir)
        self._log = settings.data_dir / "logs" / "vllm.log"
        self._key = secrets.token_urlsafe(32)
        self._port = 0
        self._running: _Running | None = None
        self._stopping = threading.Event()
        self._watcher: threading.Thread | None = None

    @property
    def endpoint(self) -> Endpoint:
        """Where it answers. DraftingError `llm_unreachable` before `start`."""
        if self._running is None:
            raise DraftingError("llm_unreachable")
        return self._endpoint_of(self._running)

    @property
    def pid(self) -> int | None:
        """vLLM's process, None before `start`."""
        return self._running.record.pid if self._running else None

    def start(self, on_progress: Progress | None = None) -> None:
        """Adopt a running server or start one; build the starter first where that is needed.

        Returns before vLLM is ready. Raises DraftingError as `connect` does.
        """
        python = launch.vllm_python(self._settings)
        model = launch.model_path(self._profile, self._settings.cache_dir, on_progress)
        wanted = self._hash(launch.command(self._profile, python=python, model=model, port=0))
        with self._file.lock():
            if self._stopping.is_set():
                raise DraftingError("llm_start_failed", reason="stopped")
            found = self._file.read()
            if found is not None and found.running() and found.profile_hash == wanted:
                self._adopt(found)
                return
            foreign = found is not None and found.running() and found.owned()
            if found is not None and not foreign:
                process.stop(found.pid, found.created)
            self._spawn(wanted, model, recorded=not foreign)

    def wait_ready(self, on_progress: Progress | None = None) -> None:
        """Return once vLLM answers and has compiled the report's schema.

        Raises DraftingError `llm_start_failed` with the reason's category; the log has the rest.
        """
        report = on_progress or (lambda step, fraction: None)
        began = time.monotonic()
        while not (probe := Probe(self.endpoint)).healthy():
            elapsed = time.monotonic() - began
            report("vllm", min(elapsed / 90.0, 0.95))
            self._check_start(elapsed)
            if self._stopping.wait(self._timing.poll):
                raise DraftingError("llm_start_failed", reason="stopped")
        report("schema", 0.95)
        if not probe.warm_up(self._profile, self._settings.start_timeout_s):
            raise DraftingError("llm_start_failed", reason="no_answer")
        report("ready", 1.0)

    def alive(self) -> bool:
        """Return whether it answers right now."""
        running = self._running
        return running is not None and running.record.running() and Probe(self.endpoint).healthy()

    def watch(self) -> None:
        """Restart a dead or hung server from now on, in a thread that `stop` ends."""
        self._watcher = threading.Thread(target=self._watch, name="vllm-watch", daemon=True)
        self._watcher.start()

    def stop(self) -> None:
        """Stop watching, and the server with all its processes where it is ours."""
        self._stopping.set()
        # First: whoever waits for an answer of a hung server has one then.
        self._end()
        if self._watcher is not None:
            self._watcher.join()
            self._watcher = None
        self._end()

    def _endpoint_of(self, running: _Running) -> Endpoint:
        found = running.record
        return Endpoint(f"http://127.0.0.1:{found.port}", found.key, self._profile.name)

    def _hash(self, words: list[str]) -> str:
        return canonical.sha256([self._profile.profile_hash, words])

    def _adopt(self, found: record.Record) -> None:
        ours = not found.owned()
        if ours:
            owner_pid, owner_created = record.me()
            found = replace(found, owner_pid=owner_pid, owner_created=owner_created)
            self._file.write(found)
        log.info("using the vLLM that runs already (process %d)", found.pid)
        self._running = _Running(found, owned=ours)

    def _spawn(self, wanted: str, model: str, *, recorded: bool) -> None:
        python = launch.vllm_python(self._settings)
        self._port = self._port if _free(self._port) else _free_port()
        child = process.spawn(
            launch.command(self._profile, python=python, model=model, port=self._port),
            launch.environment(self._profile, self._key, python=python, base=environ),
            self._log,
        )
        owner_pid, owner_created = record.me()
        made = record.Record(
            pid=child.pid,
            created=record.created(child.pid),
            port=self._port,
            key=self._key,
            profile_hash=wanted,
            owner_pid=owner_pid,
            owner_created=owner_created,
        )
        if recorded:
            self._file.write(made)
        log.info("started vLLM (process %d), log in %s", child.pid, self._log)
        self._running = _Running(made, owned=True, child=child)

    def _check_start(self, elapsed: float) -> None:
        """Raise when the starting server has died or takes too long."""
        running = self._running
        if running is None:
            raise DraftingError("llm_start_failed", reason="stopped")
        if running.child is not None:
            running.child.poll()
        age = max(elapsed, time.time() - running.record.created)
        if running.record.running() and age < self._settings.start_timeout_s:
            return
        reason = "timeout" if running.record.running() else start_failure(self._log)
        self._end()
        raise DraftingError("llm_start_failed", reason=reason)

    def _end(self) -> None:
        running, self._running = self._running, None
        if running is None or not running.owned:
            return
        with self._file.lock():
            current = self._file.read()
            if current is not None and current.pid == running.record.pid:
                if (current.owner_pid, current.owner_created) != record.me():
                    return
                self._file.remove(current.pid)
            if not process.stop(running.record.pid, running.record.created):
                log.error("vLLM (process %d) could not be stopped", running.record.pid)
        if running.child is not None:
            running.child.wait()

    def _watch(self) -> None:
        delay, since, probed = self._timing.first_delay, time.monotonic(), time.monotonic()
        while not self._stopping.wait(self._timing.check):
            now = time.monotonic()
            probing = now - probed >= self._timing.probe
            if self._sound(probing):
                probed = now if probing else probed
                continue
            if now - since > self._timing.calm:
                delay = self._timing.first_delay
            log.warning("vLLM is dead or hangs; restarting it in %.0f s", delay)
            delay = self._restart(delay)
            since = probed = time.monotonic()

    def _sound(self, probing: bool) -> bool:
        running = self._running
        if running is None or not running.record.running():
            return False
        probe = Probe(self._endpoint_of(running))
        # A busy machine may be slow to answer once; a dead engine never answers again.
        healthy = any(probe.healthy() for _ in range(3))
        return healthy and not (probing and probe.stuck(self._timing.probe))

    def _restart(self, delay: float) -> float:
        """Restart until it works or `stop` is called; return the next delay."""
        while not self._stopping.wait(delay):
            delay = min(delay * 2, self._timing.longest_delay)
            try:
                self._end()
                self.start()
                self.wait_ready()
            except RadraftError as error:
                log.warning("vLLM did not restart (%s)", error.code)
            except OSError as error:
                # A full disk, say: the watch goes on, and so does the next try.
                log.warning("vLLM did not restart (%s)", type(error).__name__)
            else:
                break
        return delay


def _free(port: int) -> bool:
    if not port:
        return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

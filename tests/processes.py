"""Processes of radraft as an administrator starts them: `radraft serve`, `radraft worker`."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx

PROFILE = "qwen3-vl-8b-instruct"
"""Takes pixels, so nothing is loaded but radraft itself."""
COMMAND = (sys.executable, "-c", "from radraft.cli import main; main()")
END_S = 30
"""How long an orderly end may take on a busy machine; `test_shutdown` has the promise."""


def free_port() -> int:
    """Return a port of the loopback address that nobody listens at now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(condition: Callable[[], bool], *, alive: Callable[[], bool] = lambda: True) -> None:
    """Wait for what a process does; the test's own time limit ends a vain wait."""
    pause = threading.Event()
    while not condition():
        assert alive()
        pause.wait(0.05)


class Program:
    """One process, which can be killed and started again."""

    def __init__(
        self, folder: Path, arguments: tuple[str, ...], settings: Mapping[str, str | Path]
    ) -> None:
        """`folder`: its data folder. `settings` without `RADRAFT_` and in small letters."""
        self.folder = folder
        self.command = (*COMMAND, *arguments)
        self.output = folder.with_suffix(".out")
        port = settings.get("port") or settings.get("worker_port") or 0
        self.url = f"http://127.0.0.1:{port}"
        """Where it tells its health, if it has such a port."""
        self._environment = {
            **os.environ,
            "RADRAFT_DATA_DIR": str(folder),
            "RADRAFT_PROFILE": PROFILE,
            **{f"RADRAFT_{name.upper()}": str(value) for name, value in settings.items()},
        }
        self.child: subprocess.Popen[bytes] | None = None
        self.starts = 0

    def start(self) -> None:
        """Start it; it is not waited for."""
        assert self.child is None
        with self.output.open("ab") as out:
            self.child = subprocess.Popen(
                self.command, env=self._environment, stdout=out, stderr=out
            )
        self.starts += 1

    @property
    def is_alive(self) -> bool:
        """Whether it was started and has not ended."""
        return self.child is not None and self.child.poll() is None

    def kill(self) -> None:
        """End it by SIGKILL, where it runs."""
        if self.child is not None:
            self.child.kill()
            self.child.wait()
            self.child = None

    def end(self) -> int:
        """End it by SIGTERM; its exit status."""
        assert self.child is not None
        self.child.send_signal(signal.SIGTERM)
        status = self.child.wait(END_S)
        self.child = None
        return status

    def said(self) -> str:
        """Return what it printed, over all its starts."""
        return self.output.read_text(encoding="utf-8", errors="replace")


def answers(url: str) -> bool:
    """Whether `url` is answered with 200."""
    try:
        return httpx.get(url, timeout=10, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False

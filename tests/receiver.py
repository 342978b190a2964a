"""A hospital's receiver as a process of its own, which can be killed at any moment and goes on with
what it kept."""

from __future__ import annotations

import socket
import sqlite3
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.processes import free_port, until

ROOT = Path(__file__).parents[1]


@dataclass
class Receiver:
    """A program `python -m MODULE PORT FILE OPTIONS` that keeps what it takes in a SQLite file."""

    module: str
    file: Path
    options: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    kills: int = 0

    def __post_init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it is not waited for."""
        assert self._child is None
        command = [sys.executable, "-m", self.module, str(self.port), str(self.file)]
        with self.file.with_suffix(".out").open("ab") as out:
            self._child = subprocess.Popen(
                [*command, *self.options], cwd=ROOT, stdout=out, stderr=out
            )

    def wait(self) -> None:
        """Wait until it listens."""
        until(self._listens, alive=lambda: self._child is not None and self._child.poll() is None)

    def kill(self) -> None:
        """End it by SIGKILL, where it runs."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None
            self.kills += 1

    def said(self) -> str:
        """Return what it complained of, over all its starts."""
        return self.file.with_suffix(".out").read_text(encoding="utf-8", errors="replace")

    def rows(self, query: str, *values: object) -> list[Any]:
        """Return what it kept, whether it runs or not; nothing before its first start."""
        if not self.file.exists():
            return []
        # To be read, what a kill left half written is undone first.
        connection = sqlite3.connect(f"file:{self.file}?mode=rw", uri=True, timeout=30)
        try:
            return connection.execute(query, values).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise
        finally:
            connection.close()

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
        except OSError:
            return False
        return True

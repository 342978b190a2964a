"""`radraft serve` as a process that others reach, with somebody who can sign in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from radraft.core import passwords
from radraft.core.settings import Settings
from radraft.reports.roles import EVERY_SITE, Membership, Role
from radraft.store import accounts
from radraft.store.database import open_store

PASSWORD = "a made-up password of the tests"


@dataclass(frozen=True)
class Served:
    """A running workstation."""

    process: subprocess.Popen[bytes]
    data: Path
    printed: Path
    log: Path
    """What it wrote to standard error: its log, in lines of JSON."""

    def lines(self, until: str = "") -> list[dict[str, Any]]:
        """The log, each line an object, from the moment it holds what became of the request of
        that number: the answer reaches its asker before the line is written."""
        pause = threading.Event()
        for _ in range(600):
            text = self.log.read_text(encoding="utf-8")
            told = [json.loads(line) for line in text.splitlines()]
            if not until or any(
                line.get("request") == until and line["message"] == "request" for line in told
            ):
                return told
            pause.wait(0.05)
        raise AssertionError(f"no line of request {until}")


def add_person(data: Path, login: str, name: str, *roles: Role) -> None:
    """Make an account whose person signs in with `PASSWORD`, in an installation that exists or
    not."""
    store = open_store(Settings(data_dir=data))
    with store.begin() as session:
        accounts.add(
            session,
            login=login,
            name=name,
            memberships=[Membership(EVERY_SITE, role) for role in roles],
            now=datetime.now(UTC),
            password_hash=passwords.hashed(PASSWORD),
        )
    store.close()


def environment(data: Path, **settings: object) -> dict[str, str]:
    """The environment of a `radraft` with these settings and no others."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("RADRAFT_")}
    named = {f"RADRAFT_{name.upper()}": str(value) for name, value in settings.items()}
    return {**others, "RADRAFT_DATA_DIR": str(data), **named}


@contextmanager
def serving(folder: Path, data: Path, **settings: object) -> Iterator[Served]:
    """`radraft serve --no-llm`, from the moment it accepts connections."""
    printed, log = folder / "printed", folder / "log"
    with printed.open("wb") as out, log.open("wb") as errors:
        child = subprocess.Popen(
            [sys.executable, "-c", "from radraft.cli import main; main()", "serve", "--no-llm"],
            env=environment(data, log_format="json", log_to="stderr", **settings),
            stdout=out,
            stderr=errors,
        )
    try:
        pause = threading.Event()
        while b"Workstation:" not in printed.read_bytes():
            assert child.poll() is None, log.read_text(encoding="utf-8")
            pause.wait(0.05)
        yield Served(child, data, printed, log)
    finally:
        child.terminate()
        child.wait(30)

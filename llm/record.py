"""The note about a running vLLM, by which another process of radraft finds and uses it."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from radraft.core.locks import locked


@dataclass(frozen=True)
class Record:
    """Who serves what, where, and for whom. Times are seconds since the epoch, as psutil gives
    them."""

    pid: int
    created: float
    port: int
    key: str = field(repr=False)
    profile_hash: str
    owner_pid: int
    """The radraft process that stops it."""
    owner_created: float

    def running(self) -> bool:
        """Return whether that very process runs: a process number that was given anew does not
        count."""
        return is_running(self.pid, self.created)

    def owned(self) -> bool:
        """Return whether a living process will stop it."""
        return is_running(self.owner_pid, self.owner_created)


class RecordFile:
    """`data_dir/run/vllm.json`, readable by its user only, and the lock that guards it."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "run" / "vllm.json"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Held while a server is looked for, started or taken over; other processes wait."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(self._path.with_suffix(".lock")):
            yield

    def read(self) -> Record | None:
        """Return the record, if there is one that can be read."""
        try:
            values = json.loads(self._path.read_text(encoding="utf-8"))
            record = Record(**values)
        except (OSError, ValueError, TypeError):
            return None
        numbers = (record.pid, record.port, record.owner_pid)
        return record if all(isinstance(n, int) and n > 0 for n in numbers) else None

    def write(self, record: Record) -> None:
        """Replace the record as one step."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = self._path.with_suffix(f".{secrets.token_hex(4)}")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(record), file)
        partial.replace(self._path)

    def remove(self, pid: int) -> None:
        """Remove the record when it is about process `pid`."""
        record = self.read()
        if record is not None and record.pid == pid:
            self._path.unlink(missing_ok=True)


def me() -> tuple[int, float]:
    """Return this process, as (pid, when it began)."""
    return os.getpid(), created(os.getpid())


def created(pid: int) -> float:
    """When process `pid` began. psutil.NoSuchProcess when it is gone."""
    return psutil.Process(pid).create_time()


def is_running(pid: int, began: float) -> bool:
    """Return whether process `pid` runs and began at `began`; a zombie does not run."""
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - began) < 0.1
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False

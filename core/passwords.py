"""Hashing of people's passwords: argon2id, by pwdlib, with the parameters of its authors."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pwdlib import PasswordHash

AT_ONCE = 2
"""Hashes that are made at once: each takes 64 MiB and all cores for some hundredths of a second."""
REST = 3.0
"""After a wrong password no hash begins for so many times as long as that took: whoever guesses
gets at most a quarter of the processor, wherever he guesses from."""


def hashed(password: str) -> str:
    """Return the salted hash by which `password` is known again."""
    with _turns.taken():
        return _hasher().hash(password)


def matches(password: str, kept: str | None) -> tuple[bool, str | None]:
    """Return whether `password` is the one whose hash was kept, and its hash anew where today's
    parameters are others.

    Without a hash the same work is done in vain, so that the time tells nobody whether there is
    an account.
    """
    with _turns.taken():
        began = time.monotonic()
        same, anew = _hasher().verify_and_update(password, kept or _nobodys())
        if not (same and kept is not None):
            _turns.rest(REST * (time.monotonic() - began))
    return same and kept is not None, anew if kept is not None else None


def resting() -> float:
    """Return for how many seconds no hash begins."""
    return _turns.left()


class _Turns:
    """Who hashes now, and until when nobody begins."""

    def __init__(self, at_once: int) -> None:
        self._free = threading.BoundedSemaphore(at_once)
        self._lock = threading.Lock()
        self._until = 0.0
        """By the monotonic clock, in seconds."""

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold a turn, once there is one."""
        with self._free:
            time.sleep(self.left())
            yield

    def left(self) -> float:
        """Return for how many seconds nobody begins."""
        with self._lock:
            return max(0.0, self._until - time.monotonic())

    def rest(self, seconds: float) -> None:
        """Let nobody begin for so long."""
        with self._lock:
            self._until = max(self._until, time.monotonic()) + seconds


_turns = _Turns(AT_ONCE)


@cache
def _hasher() -> PasswordHash:
    from pwdlib import PasswordHash
    from pwdlib.hashers.argon2 import Argon2Hasher

    return PasswordHash((Argon2Hasher(),))


@cache
def _nobodys() -> str:
    import secrets

    return _hasher().hash(secrets.token_urlsafe(32))

"""Hashing of people's passwords: argon2id, by pwdlib, with the parameters of its authors."""

from __future__ import annotations

import threading
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pwdlib import PasswordHash

AT_ONCE = 2
"""Hashes that are made at once: each takes 64 MiB and a core for some hundredths of a second."""
_turns = threading.BoundedSemaphore(AT_ONCE)


def hashed(password: str) -> str:
    """Return the salted hash by which `password` is known again."""
    with _turns:
        return _hasher().hash(password)


def matches(password: str, kept: str | None) -> tuple[bool, str | None]:
    """Return whether `password` is the one whose hash was kept, and its hash anew where today's
    parameters are others.

    Without a hash the same work is done in vain, so that the time tells nobody whether there is
    an account.
    """
    with _turns:
        same, anew = _hasher().verify_and_update(password, kept or _nobodys())
    return same and kept is not None, anew if kept is not None else None


@cache
def _hasher() -> PasswordHash:
    from pwdlib import PasswordHash
    from pwdlib.hashers.argon2 import Argon2Hasher

    return PasswordHash((Argon2Hasher(),))


@cache
def _nobodys() -> str:
    import secrets

    return _hasher().hash(secrets.token_urlsafe(32))

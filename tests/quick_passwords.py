"""Passwords hashed as the product does, with the least work that argon2 can be asked for."""

from __future__ import annotations

from functools import cache

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from radraft.core import passwords

full = passwords._hasher
"""Gives the product's own hasher."""


@cache
def least() -> PasswordHash:
    """Give the hasher of little work."""
    return PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))


def use() -> None:
    """Have this process hash so from now on."""
    passwords._hasher = least

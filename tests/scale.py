"""How far a test goes: a small number in `make test`, the full one in `make stress`."""

from __future__ import annotations

import os

FULL = os.environ.get("RADRAFT_TEST_SCALE") == "full"
"""Whether tests marked `scaled`, and hypothesis's, run at full scale: in `make stress`."""


def scaled(quick: int, *, full: int) -> int:
    """How many of something a test makes; its mark `scaled` has `make stress` find it."""
    return full if FULL else quick

"""UIDs of what this program makes itself: the same names give the same UID."""

from __future__ import annotations

import uuid

_NAMESPACE = uuid.UUID("b3b1b2a4-58f9-4f63-9a56-0f6a3a7f6f0d")
"""Any fixed UUID."""


def named_uid(*names: str) -> str:
    """Return the UID that `names` stand for: `2.25.` and a UUID of version 5 (PS3.5 B.2)."""
    return f"2.25.{uuid.uuid5(_NAMESPACE, '/'.join(names)).int}"

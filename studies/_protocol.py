"""Messages between the parent and a worker: a JSON object and a block of bytes.

Plain data only: nothing a hostile file made the worker say can run code in the parent.
"""

from __future__ import annotations

import json
import struct
from typing import Any

PREFIX = struct.Struct(">II")
"""Length of the JSON text, length of the bytes after it."""
MAX_JSON = 16 << 20
MAX_BLOB = 64 << 20


def pack(message: dict[str, Any], blob: bytes = b"") -> bytes:
    """Return one message as bytes."""
    text = json.dumps(message).encode("ascii")
    return PREFIX.pack(len(text), len(blob)) + text + blob


def lengths(prefix: bytes) -> tuple[int, int]:
    """Lengths of JSON and bytes. ValueError where they are more than a worker may say."""
    text, blob = PREFIX.unpack(prefix)
    if text > MAX_JSON or blob > MAX_BLOB:
        raise ValueError("message too long")
    return text, blob


def unpack(text: bytes) -> dict[str, Any]:
    """Return the JSON object of a message. ValueError where it is none."""
    message = json.loads(text)
    if not isinstance(message, dict):
        raise ValueError("not a JSON object")
    return message

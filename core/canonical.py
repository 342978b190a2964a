"""Canonical hashes: anyone with the same values computes the same SHA-256.

JSON with sorted keys, no white space, UTF-8, no NaN; dataclasses as objects, enums as their values,
tuples as arrays (the subset of RFC 8785 that plain strings, integers and finite floats need).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from datetime import date, datetime
from enum import Enum
from typing import Any


def plain(value: Any) -> Any:
    """`value` as JSON-ready plain values. TypeError for what has no canonical form."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"no canonical form for {type(value).__name__}")


def dumps(value: Any) -> str:
    """Canonical JSON text of `value`."""
    return dumps_plain(plain(value))


def dumps_plain(value: Any) -> str:
    """Canonical JSON text of what `json.loads` gave: the same text, without looking for other
    kinds of values."""
    return json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    )


def sha256(value: Any) -> str:
    """Hex SHA-256 of the canonical JSON of `value`."""
    return hashlib.sha256(dumps(value).encode("utf-8")).hexdigest()

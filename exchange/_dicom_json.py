"""The DICOM JSON of answers (PS3.18 F), of which nothing is believed until it was looked at."""

from __future__ import annotations

import json
from typing import Any

from radraft.exchange.values import PacsError


def loaded(body: bytes) -> Any:
    """Return what the body holds. PacsError `pacs_bad_answer` where it is no JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise PacsError("pacs_bad_answer") from None


def values_of(data_set: Any, tag: str) -> list[Any]:
    """Return the values of an element, or the items of a sequence; none where it is not there."""
    # Some servers wrap the data set in an array.
    if isinstance(data_set, list) and data_set:
        data_set = data_set[0]
    element = data_set.get(tag) if isinstance(data_set, dict) else None
    values = element.get("Value") if isinstance(element, dict) else None
    return values if isinstance(values, list) else []


def text_of(data_set: Any, tag: str) -> str:
    """Return the first value of an element without its padding; empty where it is no text."""
    values = values_of(data_set, tag)
    return values[0].strip(" \0") if values and isinstance(values[0], str) else ""


def number_of(data_set: Any, tag: str) -> int:
    """Return the first value of an element as a whole number; 0 where it is none."""
    values = values_of(data_set, tag)
    number = values[0] if values else 0
    if isinstance(number, bool):
        return 0
    # Some servers write whole numbers as text.
    if isinstance(number, int):
        return number
    return int(number) if isinstance(number, str) and number.strip().isdecimal() else 0

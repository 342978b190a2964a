"""New values for old ones, each checked: what does not fit its VR goes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta

_CODE = re.compile(r"[A-Z0-9_ ]{1,16}")
_DECIMAL = re.compile(r"[+-]?(?:\d{1,12}(?:\.\d{0,14})?|\.\d{1,14})(?:[eE][+-]?\d{1,3})?")
_DATE = re.compile(r"(\d{4})[.:-]?(\d{2})[.:-]?(\d{2})")
_TIME = re.compile(r"\d{2}:?(?:\d{2}:?(?:\d{2}(?:\.\d{1,6})?)?)?")
_ZONE = re.compile(r"[+-]\d{4}")
_AGE = re.compile(r"(\d{1,3})([DWMY])")
_OLDEST = 90
"""Years from which ages are one: 45 CFR 164.514(b)(2)(i)(C)."""
_MANY_DIGITS = re.compile(r"\d{5}")


def shifted(values: Sequence[str], back: timedelta) -> list[str] | None:
    """Dates (DA) or dates with times (DT) moved back; None where one is neither."""
    found = [_shifted(value, back) for value in values]
    return None if None in found else [value for value in found if value is not None]


def times(values: Sequence[str]) -> list[str] | None:
    """Times (TM) as they are; None where one is no time."""
    return list(values) if all(map(_TIME.fullmatch, values)) else None


def age(values: Sequence[str]) -> list[str] | None:
    """Return an age (AS), 90 years at most; None where it is none."""
    found = _AGE.fullmatch(values[0].upper()) if values else None
    if not found:
        return None
    number, unit = int(found[1]), found[2]
    years = number if unit == "Y" else number // {"D": 365, "W": 52, "M": 12}[unit]
    return [f"{_OLDEST:03d}Y" if years >= _OLDEST else f"{number:03d}{unit}"]


def codes(values: Sequence[str]) -> list[str] | None:
    """Code strings (CS) as they are; None where one is no code string or holds a long number."""
    upper = [value.upper() for value in values]
    fits = all(_CODE.fullmatch(value) and not _MANY_DIGITS.search(value) for value in upper)
    return upper if fits else None


def decimals(values: Sequence[str]) -> list[str] | None:
    """Numbers as text (DS, IS) as they are; None where one is no number."""
    fits = all(len(value) <= 16 and _DECIMAL.fullmatch(value) for value in values)
    return list(values) if fits else None


def _shifted(value: str, back: timedelta) -> str | None:
    found = _DATE.match(value)
    rest = value[found.end() :] if found else ""
    zone = _ZONE.search(rest)
    clock = rest[: zone.start()] if zone else rest
    if not found or (clock and not _TIME.fullmatch(clock)) or (zone and zone.end() != len(rest)):
        return None
    try:
        day = date(int(found[1]), int(found[2]), int(found[3])) - back
    except (ValueError, OverflowError):
        return None
    return f"{day:%Y%m%d}".rjust(8, "0") + rest

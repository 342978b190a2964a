"""Values of an outgoing HL7 message (chapters 2 and 2A of version 2.5.1), over `hl7_text`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from radraft.reports.hl7_text import USUAL, escaped, one_line, segment_text


def plain(text: str) -> str:
    """Return `text` as a value of one line."""
    return escaped(one_line(text))


def components(*texts: str) -> str:
    """Return texts as one value of components, those at the end left out where empty."""
    return joined(USUAL.component, *map(plain, texts))


def subcomponents(*texts: str) -> str:
    """Return texts as one component of subcomponents."""
    return joined(USUAL.subcomponent, *map(plain, texts))


def joined(separator: str, *values: str) -> str:
    """Return values that are escaped already with `separator` between them, none at the end."""
    return separator.join(values).rstrip(separator)


def segment(name: str, fields: Mapping[int, str]) -> str:
    """Return a segment with its end, of escaped values by their field numbers; MSH-1 and MSH-2 are
    given by it."""
    first = 3 if name == "MSH" else 1
    last = max((number for number, value in fields.items() if value), default=0)
    return segment_text(name, *(fields.get(number, "") for number in range(first, last + 1)))


def timestamp(moment: datetime, time_zone: str = "") -> str:
    """Return a time (TS) as it stands where it has no zone, else with its offset, on the clock of
    `time_zone` (IANA; empty: UTC): a receiver that overlooks the offset shows the hospital's own
    time."""
    if moment.tzinfo is None:
        return f"{moment:%Y%m%d%H%M%S}"
    local = moment.astimezone(ZoneInfo(time_zone) if time_zone else UTC)
    return f"{local:%Y%m%d%H%M%S}.{local.microsecond // 1000:03d}{local:%z}"


def number(value: float) -> str:
    """Return a number (NM): digits and a point, no exponent."""
    return f"{value:.4f}".rstrip("0").rstrip(".")

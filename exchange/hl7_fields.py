"""Fields that orders and patient messages have in common: names, times, numbers (HL7 v2.5.1,
chapters 2 and 3)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, tzinfo

from radraft.reports.hl7_text import Message, Segment
from radraft.studies import _text

SEXES = frozenset({"M", "F", "O"})
"""Of table 0001, those that DICOM has too."""
_CLOCKS_APART = timedelta(hours=1)
_TIME = re.compile(r"(\d{4})(\d{2})?(\d{2})?(?:(\d{2})(\d{2})?(\d{2})?(?:\.\d{1,6})?)?([+-]\d{4})?")


def sent_at(message: Message, zone: tzinfo | None = None) -> datetime | None:
    """Return when a message was sent by its sender's clock (MSH-7) in UTC; None where it does not
    say, or names a time to come."""
    sent = moment(message.header.text(7), zone)
    return None if sent is None or sent > datetime.now(UTC) + _CLOCKS_APART else sent


def person_name(segment: Segment, number: int) -> str:
    """Return an XPN field as DICOM's PN (PS3.5 6.2.1): alphabetic=ideographic."""
    names = []
    for value in segment.repetitions(number):
        # Family name, given, further given, prefix, suffix: XPN and PN order the last two
        # differently.
        parts = [clean(segment.part(value, part)) for part in (1, 2, 3, 5, 4)]
        name = "^".join(parts).rstrip("^")
        if name:
            names.append(name)
    alphabetic = next((name for name in names if name.isascii()), "")
    other = next((name for name in names if not name.isascii()), "")
    return f"{alphabetic}={other}" if alphabetic and other else alphabetic or other


def moment(text: str, zone: tzinfo | None) -> datetime | None:
    """Return a time stamp (DTM) in UTC; None where there is none or it is no time."""
    found = _TIME.match(text)
    if found is None or found.group(3) is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    try:
        local = datetime(year, month, day, hour, minute, min(second, 59))
        if found.group(7):
            stamp = f"{local:%Y%m%d%H%M%S}{found.group(7)}"
            return datetime.strptime(stamp, "%Y%m%d%H%M%S%z").astimezone(UTC)
        return (local.replace(tzinfo=zone) if zone else local).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def birth_day(text: str) -> date | None:
    """Return the day of a time stamp (PID-7); None where there is none or it is no day."""
    found = _TIME.match(text)
    if found is None or found.group(3) is None:
        return None
    try:
        return date(*(int(part) for part in found.groups()[:3]))
    except ValueError:
        return None


def joined(parts: Iterable[str], by: str = " ") -> str:
    """Return those of `parts` that say something, `by` between them."""
    return by.join(filter(None, map(clean, parts)))


def clean(text: str) -> str:
    """Return `text` without characters that cannot be seen, no longer than a text of DICOM."""
    return _text.tidy(text)

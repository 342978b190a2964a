"""The vertical bar encoding of HL7 version 2 (chapter 2 of version 2.5.1): escapes, components,
segments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

ENCODING_CHARACTERS = "^~\\&"
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_ESCAPES = {
    "\\": "\\E\\",
    "|": "\\F\\",
    "^": "\\S\\",
    "&": "\\T\\",
    "~": "\\R\\",
    **{chr(code): f"\\X{code:02X}\\" for code in (*range(0x20), 0x7F)},
}
"""Beside the delimiters the control characters, by their hexadecimal values (2.7.6): at them a
receiver that works by lines or by the frames of MLLP would cut the message."""
_TABLE = str.maketrans(_ESCAPES)


def escaped(text: str, line_break: str = " ") -> str:
    """Return `text` as a value; each line break becomes `line_break`."""
    return line_break.join(line.translate(_TABLE) for line in _LINE_BREAK.split(text))


def formatted(text: str) -> str:
    """Return `text` as formatted text (FT), its line breaks as `.br` (2.7.7)."""
    return escaped(text, "\\.br\\")


def components(*parts: str) -> str:
    """Return plain texts as one value of components, those at the end left out where empty."""
    return joined("^", *map(escaped, parts))


def subcomponents(*parts: str) -> str:
    """Return plain texts as one component of subcomponents."""
    return joined("&", *map(escaped, parts))


def joined(delimiter: str, *parts: str) -> str:
    """Return values that are escaped already with `delimiter` between them, none at the end."""
    return delimiter.join(parts).rstrip(delimiter)


def segment(name: str, fields: Mapping[int, str]) -> str:
    """Return a segment of escaped values by their field numbers, without its carriage return."""
    last = max((number for number, value in fields.items() if value), default=0)
    values = [fields.get(number, "") for number in range(1, last + 1)]
    return "|".join((name, *values))


def timestamp(moment: datetime) -> str:
    """Return a time (TS), in UTC with its zone where it has one, as it stands where it has none."""
    if moment.tzinfo is None:
        return f"{moment:%Y%m%d%H%M%S}"
    moment = moment.astimezone(UTC)
    return f"{moment:%Y%m%d%H%M%S}.{moment.microsecond // 1000:03d}+0000"


def number(value: float) -> str:
    """Return a number (NM): digits and a point, no exponent."""
    return f"{value:.4f}".rstrip("0").rstrip(".")

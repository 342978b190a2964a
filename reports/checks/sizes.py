"""Sizes and measures: possible at all, and the same in both sections and in the prior."""

from __future__ import annotations

import re

# The unit may follow after more factors: both numbers of "1.2 x 3.4 cm" are centimetres.
_NUMBER = re.compile(
    r"(?<![\d.])(?P<number>\d+(\.\d+)?)"
    r"(?P<cm>(?=(\s*[x×*]\s*\d+(\.\d+)?)*\s*(cm|厘米|公分)))?",
    re.IGNORECASE,
)


def numbers(text: str) -> frozenset[float]:
    """Return the numbers written in digits; lengths in centimetres as millimetres."""
    found = set()
    for match in _NUMBER.finditer(text):
        value = float(match["number"])
        found.add(round(value * 10, 6) if match["cm"] is not None else value)
    return frozenset(found)

"""Dates and ages as devices write them: read where they can mean one thing, else left unknown.

An adult is never taken for a child: of an age without its unit, of zero, and of one that the birth
date contradicts, nothing is believed.
"""

from __future__ import annotations

import re
from datetime import date

_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:[T ]?\d{2,6}(?:\.\d+)?)?")
"""DA or DT (PS3.5 6.2)."""
_DIVIDED = re.compile(
    r"(\d{4})([-/.:年])(\d{1,2})(?:\2|月)(\d{1,2})日?(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?"
)
"""Also the dotted form of old ACR-NEMA files."""
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})")
_AGE = re.compile(
    r"(\d{1,4})(?:\.\d+)?\s*"
    r"(?:(?P<Y>Y|YRS?|YEARS?|岁|周岁|年)|(?P<M>M|MOS?|MTHS?|MONTHS?|个?月)|"
    r"(?P<W>W|WKS?|WEEKS?|周)|(?P<D>D|DAYS?|天|日))(?:\s?OLD)?\.?",
    re.IGNORECASE,
)
_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
"""Full-width characters to their ASCII forms."""
_PER_YEAR = {"Y": 1, "M": 12, "W": 52, "D": 365}
_OLDEST = 120
_NO_BIRTH = frozenset({date(1, 1, 1), date(1800, 1, 1), date(1900, 1, 1)})
"""Stand for a birth date that is not known."""


def date_of(text: str) -> date | None:
    """Return the date that `text` says; None where it says none, or could say two."""
    plain = " ".join(text.translate(_WIDE).split())
    if whole := _COMPACT.fullmatch(plain):
        return _valid(int(whole[1]), int(whole[2]), int(whole[3]))
    if divided := _DIVIDED.fullmatch(plain):
        return _valid(int(divided[1]), int(divided[3]), int(divided[4]))
    if last := _YEAR_LAST.fullmatch(plain):
        first, second, year = int(last[1]), int(last[3]), int(last[4])
        both = {_valid(year, first, second), _valid(year, second, first)} - {None}
        return both.pop() if len(both) == 1 else None
    return None


def age_in_years(text: str, born: date | None, taken: date | None) -> int | None:
    """Return the age on the day of the study in whole years, from Patient's Age (PS3.5 6.2, AS:
    nnnD, nnnW, nnnM, nnnY, or as people write it) and from the dates; None where it is not known,
    or the two contradict each other."""
    said, counted = _said(text), _counted(born, taken)
    if said is None or counted is None:
        return counted if said is None else said
    return said if abs(said - counted) <= 1 else None


def _said(text: str) -> int | None:
    plain = " ".join(text.translate(_WIDE).split())
    found = _AGE.fullmatch(plain)
    if found is None or found.lastgroup is None:
        return None
    number = int(found[1])
    years = number // _PER_YEAR[found.lastgroup]
    # Devices write zero where nothing was entered.
    return years if number and years <= _OLDEST else None


def _counted(born: date | None, taken: date | None) -> int | None:
    if born is None or taken is None or born in _NO_BIRTH or taken < born:
        return None
    years = taken.year - born.year - ((taken.month, taken.day) < (born.month, born.day))
    return years if years <= _OLDEST else None


def _valid(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None

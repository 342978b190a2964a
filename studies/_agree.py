"""In what two studies' identities agree and differ, field by field."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from radraft.studies import _names
from radraft.studies._names import Name


class Reason(StrEnum):
    """What two identities agree or differ in."""

    NUMBER_SAME_SITE = "number_same_site"
    NUMBER_SAME = "number_same"
    NUMBER_DIFFERS = "number_differs"
    NAME_SAME = "name_same"
    NAME_SOUND = "name_sound"
    """One in characters, one in letters; or both in letters."""
    NAME_ORDER = "name_order"
    NAME_HOMOPHONE = "name_homophone"
    """Other characters of the same sound: 王小明, 王晓明."""
    NAME_ONE_OFF = "name_one_off"
    NAME_DIFFERS = "name_differs"
    NAME_MISSING = "name_missing"
    BIRTH_SAME = "birth_same"
    BIRTH_SWAPPED = "birth_swapped"
    """Day and month exchanged."""
    BIRTH_YEAR_OFF = "birth_year_off"
    BIRTH_TYPO = "birth_typo"
    BIRTH_YEAR = "birth_year"
    """Same year, and one of them 1 January: often only the year was known."""
    BIRTH_DIFFERS = "birth_differs"
    BIRTH_MISSING = "birth_missing"
    AGE_FITS = "age_fits"
    AGE_DIFFERS = "age_differs"
    SEX_SAME = "sex_same"
    SEX_DIFFERS = "sex_differs"
    SEX_MISSING = "sex_missing"


@dataclass(frozen=True)
class Person:
    """Who a study says was examined, and where. Never leaves `studies/` and the store."""

    site: str
    number: str = field(repr=False)
    """Patient ID (0010,0020) as sent."""
    name: str = field(repr=False)
    birth_date: date | None = field(repr=False)
    sex: str = field(repr=False)
    born: tuple[int, int] | None = field(default=None, repr=False)
    """First and last year of birth that an age leaves open; for a study without a birth date."""


def agreements(a: Person, b: Person) -> tuple[Reason, ...]:
    """Return one reason for each field that says something: numbers, name, birth, sex."""
    reasons = (*_names_agree(a, b), _births_agree(a, b), _sexes_agree(a, b))
    return (*_numbers_agree(a, b, reasons), *reasons)


def usable_number(number: str) -> bool:
    """Return whether a Patient ID can name one patient among all: 0, 99999 and the like cannot."""
    plain = known_number(number)
    return len(plain) >= 2 and len(set(plain)) > 1 and plain not in "0123456789"


def known_number(number: str) -> str:
    """Return a Patient ID in its plain form, empty where it is a word for none (UNKNOWN)."""
    plain = plain_number(number)
    return plain if plain.casefold() not in _NO_NUMBER and any(map(str.isalnum, plain)) else ""


_NAMED = frozenset({Reason.NAME_SAME, Reason.NAME_SOUND, Reason.NAME_HOMOPHONE})
_NO_NUMBER = frozenset(
    [
        *("unknown", "anonymous", "anon", "none", "null", "nil", "test", "na", "n/a", "tbd"),
        *("temp", "default", "patient", "无", "未知", "不详", "匿名", "测试"),
    ]
)


def _names_agree(a: Person, b: Person) -> Iterator[Reason]:
    one, other = _names.parse(a.name), _names.parse(b.name)
    if not one.known or not other.known:
        yield Reason.NAME_MISSING
    elif one.family and other.family:
        yield _characters(one, other)
    elif one.sounds & other.sounds:
        yield Reason.NAME_SOUND
    elif any(_turned(x, y) for x in one.sounds for y in other.sounds) or _within(one, other):
        yield Reason.NAME_SOUND
        yield Reason.NAME_ORDER
    elif any(_one_letter_off(x, y) for x in one.sounds for y in other.sounds):
        yield Reason.NAME_ONE_OFF
    else:
        yield Reason.NAME_DIFFERS


def _characters(one: Name, other: Name) -> Reason:
    """Compare two names in Chinese characters."""
    if one.han == other.han:
        return Reason.NAME_SAME
    if one.sounds & other.sounds:
        return Reason.NAME_HOMOPHONE
    same_form = one.family == other.family and len(one.given) == len(other.given) >= 2
    off = sum(x != y for x, y in zip(one.given, other.given, strict=False))
    return Reason.NAME_ONE_OFF if same_form and off == 1 else Reason.NAME_DIFFERS


def _turned(x: str, y: str) -> bool:
    """Return whether `y` is `x` with its last part put first: given name before surname."""
    return len(x) == len(y) >= 4 and x in y + y


def _within(one: Name, other: Name) -> bool:
    """Return whether one name in letters has all the words of the other, and a middle name
    besides."""
    pairs = ((set(x), set(y)) for x in one.romans for y in other.romans)
    return any(min(len(x), len(y)) >= 2 and (x <= y or y <= x) for x, y in pairs)


def _one_letter_off(x: str, y: str) -> bool:
    """Return whether one letter was typed wrong, left out or added in a name of some length."""
    if min(len(x), len(y)) < 7 or abs(len(x) - len(y)) > 1:
        return False
    start = next((at for at, (p, q) in enumerate(zip(x, y, strict=False)) if p != q), None)
    if start is None:
        return True
    rests = (
        x[start + 1 :] == y[start + 1 :],
        x[start:] == y[start + 1 :],
        x[start + 1 :] == y[start:],
    )
    return any(rests)


def _births_agree(a: Person, b: Person) -> Reason:
    one, other = birth(a), birth(b)
    if one is None or other is None:
        return _ages_agree(a, b)
    if one == other:
        return Reason.BIRTH_SAME
    if (one.year, one.month, one.day) == (other.year, other.day, other.month):
        return Reason.BIRTH_SWAPPED
    same_day = (one.month, one.day) == (other.month, other.day)
    if same_day and abs(one.year - other.year) == 1:
        return Reason.BIRTH_YEAR_OFF
    if one.year == other.year and (1, 1) in {(one.month, one.day), (other.month, other.day)}:
        return Reason.BIRTH_YEAR
    wrong = sum(x != y for x, y in zip(f"{one:%Y%m%d}", f"{other:%Y%m%d}", strict=True))
    return Reason.BIRTH_TYPO if wrong == 1 else Reason.BIRTH_DIFFERS


def _ages_agree(a: Person, b: Person) -> Reason:
    one, other = _years(a), _years(b)
    if one is None or other is None:
        return Reason.BIRTH_MISSING
    apart = max(one[0], other[0]) - min(one[1], other[1])
    if apart <= 1:
        return Reason.AGE_FITS
    return Reason.AGE_DIFFERS if apart > 3 else Reason.BIRTH_MISSING


def _years(person: Person) -> tuple[int, int] | None:
    born = birth(person)
    return person.born if born is None else (born.year, born.year)


def birth(person: Person) -> date | None:
    """Return the birth date; None for 1 January 1900 and 1 January 1, which stand for no date."""
    born = person.birth_date
    return None if born in {date(1900, 1, 1), date(1, 1, 1)} else born


def _sexes_agree(a: Person, b: Person) -> Reason:
    if not {a.sex, b.sex} <= {"M", "F"}:
        return Reason.SEX_MISSING
    return Reason.SEX_SAME if a.sex == b.sex else Reason.SEX_DIFFERS


def _numbers_agree(a: Person, b: Person, reasons: tuple[Reason, ...]) -> Iterator[Reason]:
    """Yield at two sites the same number says something only beside a name or a birth date: most
    sites count from one."""
    if not (usable_number(a.number) and usable_number(b.number)):
        return
    same = plain_number(a.number) == plain_number(b.number)
    if a.site == b.site:
        yield Reason.NUMBER_SAME_SITE if same else Reason.NUMBER_DIFFERS
    elif same and (_NAMED & set(reasons) or Reason.BIRTH_SAME in reasons):
        yield Reason.NUMBER_SAME


def plain_number(sent: str) -> str:
    """Return a Patient ID without white space, in capitals; leading zeros are some interfaces'
    padding."""
    plain = "".join(unicodedata.normalize("NFKC", sent).upper().split())
    return plain.lstrip("0") if plain.isdecimal() else plain


def is_resident_id(number: str) -> bool:
    """Return whether it is a Chinese resident identity number: its check character is right (GB
    11643)."""
    if not re.fullmatch(r"[1-9][0-9]{16}[0-9X]", number):
        return False
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(int(digit) * weight for digit, weight in zip(number, weights, strict=False))
    return number[17] == "10X98765432"[total % 11]

"""What a text states of values: numbers with units, sides, changes, dates and times.

Both languages at once, by notation alone: it is asked whether a known value stands in a short
answer, not what a report means.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from radraft.eval.asking.values import ExpectedValue


def normal(text: str) -> str:
    """`text` in compatibility form (full-width signs become plain ones), case folded, with single
    spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def states(value: ExpectedValue, text: str) -> bool:
    """Whether `text` states every part of `value`."""
    return (
        (value.numbers is None or _has_numbers(value.numbers, value.unit, text))
        and (value.side is None or value.side in sides(text))
        and (value.change is None or bool(_SAME_CHANGE[value.change] & changes(text)))
        and (value.date is None or any(date.fits(value.date) for date in dates(text)))
        and (value.time is None or value.time in times(text))
        and (not value.any_of or any(_has_term(term, text) for term in value.any_of))
    )


def rivals(value: ExpectedValue, text: str, question: str) -> bool:
    """Whether `text` states another side or change than `value`, or another number in its unit,
    that the question did not name."""
    if value.side is not None:
        return bool(sides(text) - sides(question) - {value.side})
    if value.change is not None:
        return bool(changes(text) - changes(question) - _SAME_CHANGE[value.change])
    if value.numbers is not None and value.unit is not None:
        known = {(number.value, number.unit) for number in numbers(question)}
        found = [n for n in numbers(text) if n.unit == value.unit]
        return any((number.value, number.unit) not in known for number in found)
    return False


@dataclass(frozen=True)
class StatedNumber:
    """A number in figures; of `8 x 6 mm` both carry the unit."""

    value: float
    unit: str | None

    @property
    def millimetres(self) -> float | None:
        """Its length; None where it is none."""
        factor = {"mm": 1.0, "cm": 10.0}.get(self.unit or "")
        return None if factor is None else self.value * factor


def numbers(text: str) -> list[StatedNumber]:
    """Every number in figures that is not part of a name such as T12 or L4."""
    plain = normal(text)
    found: list[StatedNumber] = []
    for match in reversed(list(_NUMBER.finditer(plain))):
        unit = _unit(plain[match.end() :])
        if unit is None and found and _TIMES.match(plain[match.end() :]):
            unit = found[-1].unit
        found.append(StatedNumber(float(match["figures"]), unit))
    return found[::-1]


def levels(text: str) -> set[str]:
    """Names of one or two letters and a number: T12, L4, IV is none."""
    return {match.group() for match in _LEVEL.finditer(normal(text))}


def sides(text: str) -> set[str]:
    """`left`, `right`, and `bilateral` for a word of that meaning or for both sides."""
    plain = normal(text)
    found = {side for side, words in _SIDES.items() if words.search(plain)}
    if "bilateral" in found:
        found |= {"left", "right"}
    elif {"left", "right"} <= found:
        found.add("bilateral")
    return found


def changes(text: str) -> set[str]:
    """The changes whose words stand in `text`."""
    plain = normal(text)
    found = set()
    for change, words in _CHANGES:
        if words.search(plain):
            found.add(change)
            plain = words.sub(" ", plain)
    return found


@dataclass(frozen=True)
class StatedDate:
    """A day as a text gives it; year and day may be missing."""

    year: int | None
    month: int
    day: int | None

    def fits(self, iso: str) -> bool:
        """Whether it is the date `2025-12-15`, or a day in the month `2025-12`."""
        parts = [int(part) for part in iso[:10].split("-")]
        return (
            self.year in (None, parts[0])
            and self.month == parts[1]
            and (len(parts) < 3 or self.day == parts[2])
        )


def dates(text: str) -> list[StatedDate]:
    """The dates in `text`: ISO, Chinese, and English with the month's name."""
    plain = normal(text)
    found = []
    for pattern in _DATES:
        for match in pattern.finditer(plain):
            parts = match.groupdict()
            month = parts["month"]
            number = int(month) if month.isdigit() else 1 + _MONTHS.index(month[:3])
            if 1 <= number <= 12:
                found.append(StatedDate(_int(parts.get("year")), number, _int(parts.get("day"))))
        plain = pattern.sub(" ", plain)
    return found


def times(text: str) -> set[str]:
    """The times of day in `text` as `22:31`."""
    found = set()
    for match in _CLOCK.finditer(normal(text)):
        hour, minute = int(match["hour"]), int(match["minute"] or 0)
        if match["half"] == "p" and hour < 12:
            hour += 12
        found.add(f"{hour:02d}:{minute:02d}")
    return found


def without_dates(text: str) -> str:
    """`text`, normal, without its dates and times: what is left are other numbers."""
    plain = normal(text)
    for pattern in (_CLOCK, *_DATES):
        plain = pattern.sub(" ", plain)
    return plain


def _has_numbers(wanted: tuple[float, ...], unit: str | None, text: str) -> bool:
    found = numbers(text)
    spelled = _spelled(text)
    for number in wanted:
        if unit in ("mm", "cm"):
            length = StatedNumber(number, unit).millimetres
            fits = any(n.millimetres is not None and _same(n.millimetres, length) for n in found)
        elif unit is None:
            fits = any(_same(n.value, number) for n in found) or any(
                level.lstrip("abcdefghijklmnopqrstuvwxyz") == f"{number:g}"
                for level in levels(text)
            )
        else:
            fits = any(_same(n.value, number) and n.unit == normal(unit) for n in found)
        if not fits and not (number in spelled and (unit is None or _unit_stands(unit, text))):
            return False
    return True


def _same(first: float, second: float | None) -> bool:
    return second is not None and abs(first - second) < 1e-6


def _spelled(text: str) -> set[float]:
    plain = normal(text)
    chinese = {float(_CHINESE[sign]) for sign in plain if sign in _CHINESE}
    words = {float(_ENGLISH[word]) for word in re.findall(r"[a-z]+", plain) if word in _ENGLISH}
    roman = unicodedata.normalize("NFKC", text)
    grades = {float(_ROMAN[word]) for word in re.findall(r"[IVX]+", roman) if word in _ROMAN}
    return chinese | words | grades


def _unit_stands(unit: str, text: str) -> bool:
    plain = normal(text)
    return any(word in plain for word, known in _UNITS.items() if known == normal(unit))


def _unit(rest: str) -> str | None:
    match = _UNIT.match(rest)
    return None if match is None else _UNITS[match["unit"]]


def _has_term(term: str, text: str) -> bool:
    wanted, plain = normal(term), normal(text)
    before = r"(?<![a-z0-9])" if re.match(r"[a-z0-9]", wanted) else ""
    after = r"(?![a-z0-9])" if re.search(r"[a-z0-9]$", wanted) else ""
    return re.search(before + re.escape(wanted) + after, plain) is not None


def _int(text: str | None) -> int | None:
    return int(text) if text else None


_NUMBER = re.compile(r"(?:(?<![a-z\d.])|(?<=\dx))(?P<figures>\d+(?:\.\d+)?)(?!\d)")
_LEVEL = re.compile(r"(?<![a-z\d])[a-z]{1,2}\d{1,2}(?!\d)")
_TIMES = re.compile(r"\s*(?:x|×|\*|-|~|至|to|by)\s*\d")
_UNITS = {
    "mm": "mm", "毫米": "mm", "millimetres": "mm", "millimeters": "mm", "millimetre": "mm",
    "millimeter": "mm", "cm": "cm", "厘米": "cm", "公分": "cm", "centimetres": "cm",
    "centimeters": "cm", "centimetre": "cm", "centimeter": "cm", "%": "%", "percent": "%",
    "per cent": "%", "ml": "ml", "毫升": "ml", "millilitres": "ml", "milliliters": "ml",
    "hu": "hu", "度": "°", "°": "°", "degrees": "°", "degree": "°", "deg": "°",
}  # fmt: skip
_UNIT = re.compile(
    rf"\s*-?(?P<unit>{'|'.join(map(re.escape, sorted(_UNITS, key=len, reverse=True)))})(?![a-z])"
)
_SIDES = {
    "bilateral": re.compile(r"双侧|两侧|双肺|两肺|双|左右|bilateral|\bboth\b"),
    "left": re.compile(r"左|\b(?:left|lt)\b"),
    "right": re.compile(r"右|\b(?:right|rt)\b"),
}
_CHANGES = (
    (
        "unchanged",
        re.compile(
            r"(?:无|未见|没有)(?:明显|显著)?(?:变化|改变|增大|缩小)|变化不(?:大|明显|著)|"
            r"不变|同前|稳定|相仿|相同|"
            r"\b(?:unchanged|stable|as before|the same|similar|not changed|"
            r"(?:no|without)(?: significant| definite| obvious)? "
            r"(?:change|growth|interval change))\b"
        ),
    ),
    (
        "better",
        re.compile(
            r"吸收好转|好转|改善|减轻|(?:部分|逐渐|正在|有所)吸收|吸收(?=期|中)|"
            r"\b(?:better|improv\w*|resolving|clearing|healing)\b"
        ),
    ),
    (
        "resolved",
        re.compile(
            r"消失|消退|吸收|愈合|治愈|恢复正常|居中|复位|消散|未再|不再|已无|"
            r"\b(?:resolved|gone|healed|absorbed|disappeared|cleared|united|no longer|"
            r"back to normal|has healed|midline|returned to)\b"
        ),
    ),
    (
        "moved",
        re.compile(
            r"移位|移动|移至|退出|后退|回缩|位置(?:改变|变化|调整)|"
            r"\b(?:moved|migrated|displaced|withdrawn|advanced|repositioned|slipped|pulled back)\b"
        ),
    ),
    ("new", re.compile(r"新(?:发|出现|增|见)|\b(?:new|newly)\b")),
    ("worse", re.compile(r"加重|恶化|进展|变差|\b(?:worse|worsened|progress\w*)\b")),
    (
        "larger",
        re.compile(
            r"增大|增多|增加|变大|增厚|增宽|扩大|长大|"
            r"\b(?:larger|increas\w*|grown|growth|enlarged|bigger|more|up from|wider|thicker)\b"
        ),
    ),
    (
        "smaller",
        re.compile(
            r"缩小|减少|变小|减小|变薄|变窄|"
            r"\b(?:smaller|decreas\w*|shrunk|shrank|reduced|less|fewer|down from|thinner)\b"
        ),
    ),
)
_SAME_CHANGE = {
    "new": {"new"},
    "larger": {"larger", "worse"},
    "worse": {"larger", "worse"},
    "smaller": {"smaller", "better"},
    "better": {"smaller", "better"},
    "unchanged": {"unchanged"},
    "resolved": {"resolved"},
    "moved": {"moved"},
}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    r"sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_DATES = (
    re.compile(r"(?P<year>(?:19|20)\d\d)[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})(?!\d)"),
    re.compile(
        rf"{_YEAR} ?年 ?(?P<month>\d{{1,2}}) ?月(?: ?(?P<day>\d{{1,2}}) ?[日号])?"
    ),
    re.compile(r"(?<!\d)(?P<month>\d{1,2}) ?月 ?(?P<day>\d{1,2}) ?[日号]"),
    re.compile(rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)? (?:of )?{_MONTH},? ?{_YEAR}?\b"),
    re.compile(rf"\b{_MONTH} (?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?!\d),? ?(?P<year>(?:19|20)\d\d)?"),
    re.compile(rf"\b{_MONTH},? (?P<year>(?:19|20)\d\d)\b"),
    re.compile(r"(?P<year>(?:19|20)\d\d)[-/](?P<month>\d{1,2})(?!\d)"),
)  # fmt: skip
_CLOCK = re.compile(
    r"(?<!\d)(?P<hour>[01]?\d|2[0-3])(?: ?: ?|[时点])(?P<minute>[0-5]\d)?(?: ?分)?"
    r"(?: ?(?P<half>[ap])\.?m\b)?(?!\d)"
)
_CHINESE = {"一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8,
            "九": 9, "十": 10}  # fmt: skip
_ENGLISH = {
    word: number
    for number, names in enumerate(
        ("one first single", "two second both", "three third", "four fourth", "five fifth",
         "six sixth", "seven seventh", "eight eighth", "nine ninth", "ten tenth",
         "eleven eleventh", "twelve twelfth"),
        start=1,
    )
    for word in names.split()
}  # fmt: skip
_ROMAN = {"I": 1, "II": 2, "III": 3, "IV": 4, "V": 5, "VI": 6, "VII": 7, "VIII": 8, "IX": 9,
          "X": 10}  # fmt: skip

"""Numbers that a sentence gives, in either language, made comparable."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from radraft.reports.values import Lang


class Quantity(StrEnum):
    """What a number measures, as far as its unit says."""

    LENGTH = "length"
    """In millimetres."""
    VOLUME = "volume"
    """In millilitres."""
    TIME = "time"
    """In days; a month has 30, a year 360."""
    SHARE = "share"
    """In percent."""
    PLAIN = "plain"


@dataclass(frozen=True)
class WrittenNumber:
    """A number of a text."""

    value: float
    quantity: Quantity
    spelled: bool
    """Written as a word (two, 两枚, fourth, 半): the other language may have no number for it."""
    start: int
    """Characters of the text."""
    end: int


def written_numbers(text: str, lang: Lang) -> tuple[WrittenNumber, ...]:
    """Return the numbers of `text`, by where they start."""
    plain = _same_length(text)
    found = [*_digits(plain), *(_chinese(plain) if lang == "zh" else _english(plain))]
    return tuple(sorted(found, key=lambda number: number.start))


_UNITS: tuple[tuple[str, Quantity, float], ...] = (
    (r"mm|millimet(?:er|re)s?|毫米", Quantity.LENGTH, 1),
    (r"cm|centimet(?:er|re)s?|厘米|公分|㎝", Quantity.LENGTH, 10),
    (r"ml|cc|millilit(?:er|re)s?|毫升|cm3|cm³|立方厘米", Quantity.VOLUME, 1),
    (r"l(?=\W|$)|lit(?:er|re)s?|升", Quantity.VOLUME, 1000),
    (r"%|percent|per cent|％", Quantity.SHARE, 1),
    (r"days?|天|日", Quantity.TIME, 1),
    (r"weeks?|wks?|周|个?星期|个?礼拜", Quantity.TIME, 7),
    (r"months?|mos?(?=\W|$)|个多?月", Quantity.TIME, 30),
    (r"years?|yrs?|y/?o|年|岁", Quantity.TIME, 360),
)
_UNIT = {i: (quantity, factor) for i, (_, quantity, factor) in enumerate(_UNITS)}
_UNIT_GROUPS = "|".join(f"(?P<u{i}>{pattern})" for i, (pattern, _, _) in enumerate(_UNITS))
# What may stand between two numbers that share the unit of the last.
_JOIN = r"\s*-?\s*(?:[x×*✕~～至到及和\-–—、/]|by|to|and|or|或)\s*"
# A comma before it may end a clause: "结节，6mm".
_FIGURE = re.compile(r"(?<!\d)(?<!\d[.,])\d+(?:[.,]\d+)?")
_TAIL = re.compile(
    rf"(?:{_JOIN}\d+(?:\.\d+)?|\s*[x×*]\s*\d+(?:\.\d+)?)*[\s-]*(?:{_UNIT_GROUPS})(?![a-wyz])",
    re.IGNORECASE,
)
# Digits that are part of a name.
_NAME = re.compile(
    r"covid-?\s?19|sars-cov-2|cov-2|co2|h1n1|cd\d+|vitamin b12|[23]d\b|tc-?99m?|f-?18|i-?131|"
    r"[a-z]{3,}\d+(?![a-z])|"
    r"(?<![a-z0-9])t[12](?:wi|-?weighted|[ -]?flair|加权|\*|[低高等稍长短]{0,2}信号|像|相|压脂|"
    r"序列|\s*(?:hyper|hypo|iso|signal|bright|dark|low|high|sequence|image))",
    re.IGNORECASE,
)
_MONTHS = {
    name: i
    for i, names in enumerate(
        (
            "january jan", "february feb", "march mar", "april apr", "may", "june jun",
            "july jul", "august aug", "september sept sep", "october oct", "november nov",
            "december dec",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_MONTH = re.compile(
    r"\b(?:(?P<after>\d{1,2})(?:st|nd|rd|th)?(?: of)?[ .,/-]+)?"
    rf"(?P<month>{'|'.join(sorted(_MONTHS, key=len, reverse=True))})\b"
    r"(?P<before>\.?[ ,/-]+\d{1,4})?",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"(?<!\d)(?:\d{4}[-/.年]\s?\d{1,2}[-/.月]\s?\d{1,2}日?|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})|"
    r"\d{4}年(?:\d{1,2}月(?:\d{1,2}[日号])?)?|\d{1,2}月\d{1,2}[日号])(?!\d)"
)
_ROMAN = {
    roman: i
    for i, roman in enumerate(
        ["i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii"], start=1
    )
}
_GRADED = re.compile(
    r"\b(?:type|grade|stage|class|segment|zone|degree|level|category)s?\s+"
    r"(?P<en>viii|vii|vi|v|iv|iii|ii|ix|i|xii|xi|x)(?=[abc]?\b)"
    r"|(?P<sign>[\u2160-\u216b\u2170-\u217b])"
    r"|(?<![a-z])(?P<zh>viii|vii|vi|v|iv|iii|ii|ix|i|xii|xi|x)(?:[abc])?(?:型|度|级|期|区|段|类)",
    re.IGNORECASE,
)


def _same_length(text: str) -> str:
    """Return `text` half width and in lower case, each character in its place."""
    return text.lower() if text.isascii() else "".join(map(_plain, text))


@lru_cache(maxsize=8192)
def _plain(character: str) -> str:
    if character in "㎝㎜³":
        return character
    changed = unicodedata.normalize("NFKC", character).lower()
    return (
        changed
        if len(changed) == 1
        else character.lower()
        if len(character.lower()) == 1
        else character
    )


def _digits(text: str) -> Iterator[WrittenNumber]:
    taken = [match.span() for match in _NAME.finditer(text)]
    for match in _DATE.finditer(text):
        taken.append(match.span())
        yield from _date(match)
    for match in _FIGURE.finditer(text):
        start, end = match.span()
        if any(a <= start < b for a, b in taken):
            continue
        written = match[0]
        # A comma before exactly three digits parts thousands, otherwise the decimals.
        if "," in written:
            whole, part = written.split(",")
            written = whole + part if len(part) == 3 else f"{whole}.{part}"
        quantity, factor = _unit(text, end)
        value = float(written)
        if quantity is Quantity.PLAIN and 1900 <= value < 2100:
            value = _year(written)
        yield WrittenNumber(round(value * factor, 6), quantity, False, start, end)
    for match in _GRADED.finditer(text):
        name = next(name for name in ("en", "zh", "sign") if match[name] is not None)
        # The signs stand in one row in Unicode, small and capital.
        value = (
            float((ord(match[name]) - 0x2160) % 16 + 1)
            if name == "sign"
            else float(_ROMAN[match[name]])
        )
        yield WrittenNumber(value, Quantity.PLAIN, False, match.start(name), match.end(name))


def _date(match: re.Match[str]) -> Iterator[WrittenNumber]:
    for part in re.finditer(r"\d+", match[0]):
        start = match.start() + part.start()
        yield WrittenNumber(_year(part[0]), Quantity.PLAIN, False, start, start + len(part[0]))


def _year(written: str) -> float:
    """Return a part of a date; a year by its last two digits, as some write it."""
    return float(int(written) % 100 if len(written) == 4 else int(written))


def _unit(text: str, end: int) -> tuple[Quantity, float]:
    match = _TAIL.match(text, end)
    if match is None:
        return Quantity.PLAIN, 1
    return next(_UNIT[i] for i in _UNIT if match[f"u{i}"] is not None)


_ZH_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
_ZH_COUNTED = (
    "个處处枚根条支块节椎段叶类级度期型次周天日月年岁倍层张片幅颗只例肋星时小支腰胸颈骶个月"
)
_ZH_NUMBER = re.compile(
    r"第(?P<ordinal>[一二三四五六七八九十]+)"
    r"|(?P<part>[一二三四五六七八九十]+)分之(?P<parts>[一二三四五六七八九十]+)"
    r"|百分之(?P<percent>[一二三四五六七八九十]+)"
    rf"|(?<![之进统同唯])(?P<counted>[一二两三四五六七八九十]+)(?=[{_ZH_COUNTED}])(?!指肠|般|致|侧|些|定|度|片|期|日|支气管|级支|叶草)"
    r"|(?P<half>半)(?=年|个?月|数)"
    r"|(?P<several>[一二两三四五六七八九十]{2,})(?!指肠|致|般)"
)
# The lungs, the kidneys: a side, not a count.
_ZH_PAIRED = re.compile(r"(?:两|双)(?:侧|肺|肾|膝|肩|髋|上|下|乳|叶)|两个?肺")


def _chinese(text: str) -> Iterator[WrittenNumber]:
    paired = {match.start() for match in _ZH_PAIRED.finditer(text)}
    for match in _ZH_NUMBER.finditer(text):
        if match.start() in paired:
            continue
        for name in ("ordinal", "part", "parts", "percent", "counted", "several"):
            if match[name] is None:
                continue
            value = _zh_value(match[name])
            if value is None:
                continue
            quantity, factor = _unit(text, match.end(name))
            if name == "percent":
                quantity, factor = Quantity.SHARE, 1
            if name == "ordinal":
                quantity, factor = Quantity.PLAIN, 1
            yield WrittenNumber(value * factor, quantity, True, match.start(name), match.end(name))
        if match["half"] is not None:
            quantity, factor = _unit(text, match.end("half"))
            yield WrittenNumber(0.5 * factor, quantity, True, match.start(), match.end())


def _zh_value(written: str) -> float | None:
    """Return the value of Chinese numerals up to 99; None where they make no number."""
    if "十" in written:
        tens, _, ones = written.partition("十")
        if len(tens) > 1 or len(ones) > 1 or "十" in ones:
            return None
        return float(_ZH_DIGITS.get(tens, 1) * 10 + _ZH_DIGITS.get(ones, 0))
    return float(_ZH_DIGITS[written]) if len(written) == 1 else None


_EN_WORDS = {
    word: i
    for i, words in enumerate(
        (
            "zero", "one first", "two second twice couple pair double dual", "three third triple",
            "four fourth", "five fifth", "six sixth", "seven seventh", "eight eighth",
            "nine ninth", "ten tenth", "eleven eleventh", "twelve twelfth", "thirteen thirteenth",
            "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
        )
    )
    for word in words.split()
}  # fmt: skip
_EN_TENS = {
    word: (i + 2) * 10
    for i, word in enumerate(
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
    )
}
_EN_PLURALS = r"(?P<thirds>thirds|quarters|fourths|fifths)"
_EN_NUMBER = re.compile(
    rf"\b(?:(?P<tens>{'|'.join(_EN_TENS)})(?:[ -](?P<ones>{'|'.join(_EN_WORDS)}))?"
    rf"|(?P<word>{'|'.join(sorted(_EN_WORDS, key=len, reverse=True))})|{_EN_PLURALS}"
    r"|(?P<half>half(?:\s+an?)?(?=[\s-]+(?:year|month|day)))|(?P<quarter>quarter))\b"
)
_NO_NUMBER = re.compile(r"\b(?:no one|one of|one or|at first|second look|any one)\b")


def _english(text: str) -> Iterator[WrittenNumber]:
    taken = [match.span() for match in _NO_NUMBER.finditer(text)]
    for match in _MONTH.finditer(text):
        # "may" is a month only beside a day or a year.
        if match["after"] is None and match["before"] is None:
            continue
        start, end = match.span("month")
        yield WrittenNumber(
            float(_MONTHS[match["month"].lower()]), Quantity.PLAIN, False, start, end
        )
    for match in _EN_NUMBER.finditer(text):
        if any(a <= match.start() < b for a, b in taken):
            continue
        if match["tens"] is not None:
            value = float(_EN_TENS[match["tens"]] + _EN_WORDS.get(match["ones"] or "", 0))
        elif match["word"] is not None:
            value = float(_EN_WORDS[match["word"]])
        elif match["half"] is not None:
            value = 0.5
        else:
            part = match["thirds"] or "quarters"
            value = {"thirds": 3.0, "fifths": 5.0}.get(part, 4.0)
        quantity, factor = _unit(text, match.end())
        yield WrittenNumber(value * factor, quantity, True, match.start(), match.end())

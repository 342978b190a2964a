"""Finds in free text what a study's header knows: names, numbers and the date of birth.

A name that is also a word of reports (No, Small, 清楚, 高密 in 高密度) counts only where what
stands around it says that it is the name; a short number only behind a label, and day and month of
birth only as a date: redaction must not turn findings into others.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import Enum
from functools import cache, lru_cache
from itertools import permutations
from typing import Any

from radraft.studies import _names
from radraft.studies.deid import chinese
from radraft.studies.deid.profile import profile
from radraft.studies.deid.recognisers import HAN, Span, read_lists
from radraft.studies.deid.segment import words

WIDE: dict[int, int | None] = {
    code: code - 0xFEE0
    for code in range(0xFF01, 0xFF5F)
    if chr(code - 0xFEE0).isalnum() or chr(code - 0xFEE0) in "-/.@+#"
}
"""Full-width letters, digits and joiners to their ASCII forms; Chinese punctuation stays."""
WIDE |= dict.fromkeys([0xAD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF])
"""Characters without width, which hide what they stand in, are dropped."""
_GAP = r"[\s,，、.·•^_=-]*"
_CLOSE = r"[\s·^_=-]{1,2}(?:[A-Z](?:\.\s*|\s))?"
"""Between two parts of a name in the order in which they are spoken, an initial too."""
_SURE_NUMBER = 5
"""Characters from which a number is nobody's measurement or vertebra."""
_UNIT = r"(?!\s*(?:[mc]m|m[lg]|hu|cc|kg|%|级|椎|肋|类|分|度|岁|年|天|月龄|[×*]))"
_BORN = (
    r"(?:生日|出生(?:年月日?|日期|于)?|生于|(?<![a-z])(?:dob|d\.o\.b\.?|date of birth|"
    r"birth ?da(?:y|te)|born(?: on| in)?))\s*[:：]?\s*"
)
_NUMBER_LABEL = (
    r"(?:(?<![a-z])(?:id|mrn|pid|acc(?:ession)?(?: ?(?:no|number|#))?|number|num|patient|pt|case|"
    r"record|chart|file|(?:no|nr)(?=\s*[.:#]))|号码?|编号|病历|病案|患者|病人|№|#)"
    r"\s*(?:[.:：#=]|为|是|is(?![a-z]))?\s*"
)
_TITLE = (
    r"(?<![A-Za-z])(?:(?:Mrs?|Ms|Miss|Mx|Dr|Prof|Professor|Doctor|Sir|Madam)\.?|(?:MR|MS|DR)\.|MRS\.?|"
    r"MISS|PROF\.?)\s*"
)
_NAME_LABEL = r"(?i:(?:sur|given |family |first |last )?name|姓名)\s*[:：=]?\s*"
_PATIENT_LABEL = r"(?i:(?<![A-Za-z])(?:patient|pt)|患者|病人)\s*[:：]?\s*"
_NAME_ENDS = r"(?=\s*(?:[,，;；/^=(（]|$|[男女]|[MF]\b|\d+\s*(?:岁|y)))"
_HAN_LABEL = r"(?:姓名|名字|名叫|患者|病人)\s*[:：]?\s*"
_HAN_ENDS = r"(?=\s*(?:[，,。；;、:：(（]|$|[男女]|\d+\s*岁))"
_HAN_TITLE = "(?=先生|女士|小姐|太太|同志|老师|医生|医师|大夫|主任|教授|护士)"


class _Over(Enum):
    """What a pattern is looked for in."""

    FOLDED = "folded"
    """Lower case without accents."""
    WRITTEN = "written"
    """Without accents, capitals as they are: `No` is a name where `no` is not."""
    HAN = "han"
    """As FOLDED, and not where it only runs over the words of a report."""


@dataclass(frozen=True)
class _Known:
    pattern: re.Pattern[str]
    over: _Over


@dataclass(frozen=True)
class KnownPatterns:
    """How what a header knows stands in texts."""

    patterns: tuple[_Known, ...]

    def find(self, text: str) -> Iterator[Span]:
        """Yield where it stands in `text`, in any order, overlapping or not."""
        if not self.patterns:
            return
        plain = unaccented(text)
        folded = "".join(char.lower()[:1] or char for char in plain)
        for known in self.patterns:
            written = known.over is _Over.WRITTEN
            for match in known.pattern.finditer(plain if written else folded):
                start, end = match.span("v" if match.groupdict().get("v") else 0)
                if known.over is not _Over.HAN or not _runs_over_words(text, start, end):
                    yield start, end


@lru_cache(maxsize=1000)
def known(people: tuple[str, ...], numbers: tuple[str, ...], born: date | None) -> KnownPatterns:
    """Return the patterns of names, numbers and a date of birth."""
    patterns = [pattern for name in people for pattern in _of_name(name)]
    patterns += [
        (_of_number(number), _Over.FOLDED) for number in numbers if len(number.strip()) > 2
    ]
    if born is not None:
        patterns += [(pattern, _Over.FOLDED) for pattern in _of_birth(born)]
    return KnownPatterns(
        tuple(_Known(re.compile(pattern), over) for pattern, over in dict.fromkeys(patterns))
    )


def unaccented(text: str) -> str:
    """Return the text without accents, of the same length."""
    if text.isascii():
        return text
    return "".join(unicodedata.normalize("NFD", char)[0] for char in text)


def _fold(value: str) -> str:
    plain = unaccented(" ".join(value.translate(WIDE).split()))
    return "".join(char.lower()[:1] or char for char in plain)


def _of_number(number: str) -> str:
    folded = _fold(number)
    plain = _bounded(re.escape(folded))
    if len(folded) >= _SURE_NUMBER:
        return plain
    return rf"{_NUMBER_LABEL}(?P<v>{plain}){_UNIT}|{plain}(?=\s*号(?![椎肋]))"


def _of_birth(born: date) -> Iterator[str]:
    """Yield the year, and day and month in both orders where they are a date: with 月 or 日, beside
    the year, or beside a word for being born. `C5/6` and `5.6 cm` are none."""
    year, month, day = born.year, born.month, born.day
    yield rf"(?<!\d){year}(?!\d|\s*(?:[mc]m|m[lg]|hu)(?![a-z]))"
    for first, second in ((month, day), (day, month)):
        yield rf"(?<!\d)0?{first}\s*月\s*0?{second}(?!\d)\s*[日号]?"
        pair = rf"0?{first}\s*[-/.]\s*0?{second}(?!\d)"
        alone = rf"(?<![\da-z第./-])(?<!rads )(?<!rads-){pair}"
        yield rf"{_BORN}(?P<v>{pair}\s*[日号]?)"
        yield rf"{alone}\s*[日号](?!后|内|起)"
        yield rf"{alone}\s*(?:出生|生日|生(?=[,，。)）]|$))"
        yield rf"{alone}(?:\s*[-/.,，]\s*|\s+)(?:{year}|{year % 100:02})(?!\d){_UNIT}"
        yield rf"(?<![\da-z第./-])(?:{year}|{year % 100:02})\s*[-/.年]\s*{pair}{_UNIT}"


def _of_name(name: str) -> Iterator[tuple[str, _Over]]:
    for representation in _fold(name).split("="):
        parts = [part for part in re.split(r"[\^\s,，·]+", representation) if part]
        for part in parts:
            yield from _of_part(part, alone=len(parts) == 1)
        if 2 <= len(parts) <= 5:
            for first, second in permutations(range(len(parts)), 2):
                in_order = first < second or "^" not in representation
                yield from _of_pair(parts[first], parts[second], in_order=in_order)
    yield from _other_forms(name)


def _other_forms(name: str) -> Iterator[tuple[str, _Over]]:
    """Yield a Chinese name in simplified and traditional characters, and in pinyin in both
    orders."""
    parsed = _names.parse(name)
    if not parsed.given:
        return
    for form in (parsed.han, _traditional(parsed.han)):
        yield from _of_whole_han(form)
    for family, syllables in parsed.readings:
        given = _GAP.join(syllables)
        word = all(map(_is_word, syllables))
        if word and _is_word(family):
            # 何安, he an: what stands in sentences.
            yield from _of_pair(family, "".join(syllables), in_order=True)
            yield from _of_pair("".join(syllables), family, in_order=False)
            continue
        yield _bounded(f"{family}{_GAP}{given}"), _Over.FOLDED
        yield _bounded(f"{given}{_GAP}{family}"), _Over.FOLDED
        if len(syllables) > 1:
            yield _bounded("".join(syllables) if word else given), _Over.FOLDED


def _traditional(simplified: str) -> str:
    converted: str = _opencc().convert(simplified)
    return converted


@cache
def _opencc() -> Any:
    from opencc import OpenCC

    return OpenCC("s2t")


def _of_part(part: str, *, alone: bool) -> Iterator[tuple[str, _Over]]:
    """Yield one component.

    A single Chinese character is too often a word (高, 白): never on its own.
    """
    if re.fullmatch(rf"[{HAN}]+", part):
        if len(part) >= 2:
            yield from _of_whole_han(part) if alone else _of_given_han(part)
        if alone and len(part) in {3, 4}:
            # Family and given name in one component: the given name is used alone as well.
            yield from _of_given_han(part[len(part) - 2 :])
    elif _is_word(part):
        written = _as_name(part)
        ends = "(?![A-Za-z0-9])"
        yield rf"{_TITLE}(?P<v>{written}){ends}", _Over.WRITTEN
        yield rf"{_NAME_LABEL}(?P<v>{written}){ends}", _Over.WRITTEN
        yield rf"{_PATIENT_LABEL}(?P<v>{written}){ends}{_NAME_ENDS}", _Over.WRITTEN
    elif len(part) >= 2:
        yield _bounded(re.escape(part)), _Over.FOLDED


def _of_pair(first: str, second: str, *, in_order: bool) -> Iterator[tuple[str, _Over]]:
    """Yield two components beside one another. `in_order`: as the header has them, where a comma
    may stand between."""
    if any(re.fullmatch(rf"[{HAN}]+", part) for part in (first, second)):
        if first + second in _han_words():
            yield from _labelled_han(first + second)
        else:
            yield _GAP.join(map(re.escape, (first, second))), _Over.HAN
        return
    if not (_is_word(first) or _is_word(second)):
        yield _bounded(_GAP.join(map(re.escape, (first, second)))), _Over.FOLDED
        return
    sure = not (_is_word(first) and _is_word(second))
    if sure:
        yield _bounded(re.escape(first + second)), _Over.FOLDED
    gap = rf"(?:{_CLOSE}|\s?[,^]\s?)" if in_order else _CLOSE
    words_of = [_as_name(part) if _is_word(part) else _any_case(part) for part in (first, second)]
    yield _bounded(gap.join(words_of), letters="A-Za-z0-9"), _Over.WRITTEN
    if sure:
        # Written small all through: `john small`.
        yield (
            _bounded(gap.join(map(re.escape, (first, second))), letters="A-Za-z0-9"),
            _Over.WRITTEN,
        )


def _of_whole_han(name: str) -> Iterator[tuple[str, _Over]]:
    if name in _han_words():
        yield from _labelled_han(name)
    else:
        yield _GAP.join(name), _Over.HAN


def _of_given_han(given: str) -> Iterator[tuple[str, _Over]]:
    """Yield a part of a Chinese name by itself: only called a name where words have it in them."""
    if _is_part_of_word(given):
        yield from _labelled_han(given)
    else:
        yield _GAP.join(given), _Over.HAN


def _labelled_han(name: str) -> Iterator[tuple[str, _Over]]:
    yield rf"{_HAN_LABEL}(?P<v>{name}){_HAN_ENDS}", _Over.FOLDED
    yield rf"{name}{_HAN_TITLE}", _Over.FOLDED


def _runs_over_words(text: str, start: int, end: int) -> bool:
    """Return whether what stands there is no name but words of a report: within one (高密 in
    高密度), or from the end of one into others (张未见 in 扩张未见异常)."""
    before = re.search(rf"[{HAN}]*$", text[:start])
    after = re.match(rf"[{HAN}]*", text[end:])
    offset = len(before[0]) if before else 0
    run = text[start - offset : end + (len(after[0]) if after else 0)]
    spans = [
        (found.start() + place, found.start() + place + len(word), word)
        for found in chinese.RUN.finditer(run)
        for place, (word, _) in chinese.cut(found[0]).tags.items()
    ]
    first, last = offset, offset + end - start
    listed = [
        (begin, stop) for begin, stop, word in spans if len(word) > 1 and _is_of_reports(word)
    ]
    if any(
        begin <= first and last <= stop and (begin, stop) != (first, last) for begin, stop in listed
    ):
        return True
    entered = next((stop for begin, stop in listed if begin < first < stop), None)
    if entered is None:
        return False
    following = [begin for begin, stop in listed if begin >= entered and begin < last]
    return bool(following)


def _is_of_reports(word: str) -> bool:
    """Return whether a word is in one of reports, or two of them: 未见异常."""
    return _is_part_of_word(word) or any(
        {word[:place], word[place:]} <= _han_words() for place in range(2, len(word) - 1)
    )


def _is_part_of_word(part: str) -> bool:
    return any(part in word for word in _han_words())


def _is_word(part: str) -> bool:
    return part.strip(".") in _latin_words() or len(part) == 1


@cache
def _latin_words() -> frozenset[str]:
    given = {word.lower() for word in read_lists("names_en.txt")["given"]}
    listed = {*read_lists("name_words.txt")["en"], *profile().lists.words_en.split()}
    return frozenset(listed - given)


@cache
def _han_words() -> frozenset[str]:
    listed = {*read_lists("name_words.txt")["zh"], *profile().lists.words_zh.split(), *words()}
    return frozenset(word for word in listed if len(word) > 1)


def _as_name(part: str) -> str:
    return f"(?:{re.escape(part.capitalize())}|{re.escape(part.upper())})"


def _any_case(part: str) -> str:
    return f"(?i:{re.escape(part)})"


def _bounded(pattern: str, *, letters: str = "a-z0-9") -> str:
    return rf"(?<![{letters}]){pattern}(?![{letters}])"

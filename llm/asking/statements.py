"""What one sentence states: known words with polarity, side, place and level."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from radraft.llm.asking.lexicon import Lexicon, Word, lexicon
from radraft.llm.asking.values import Polarity, SourceSentence


@dataclass(frozen=True)
class Stated:
    """One word of a sentence, and what is said of it."""

    concepts: frozenset[str]
    """Findings and devices; empty for a place of which nothing known is said."""
    places: frozenset[str]
    polarity: Polarity
    sides: frozenset[str]
    spots: frozenset[str]
    """Levels, lobes, segments and ribs, as `kind:name`."""


_CHINESE_END = re.compile(r"[；;。，,：:]|但")
_LATIN_END = re.compile(
    r"[;:]|\.(?!\d)|,?\s\bbut\b|,(?=\s*(?:no|not|none|without|left|right|the"
    r"|with)\b)|\band (?=no\b|the (?:left|right)\b)"
)
_NO_ZH = re.compile(r"未见|未发现|未显示|未及|没有|未(?!包括|置换|测|检查)|无(?!法)|不伴")
_NO_AFTER_ZH = re.compile(
    r"(?:均|亦|也)未见|未见$|(?:已)?(?:完全)?消失|已(?:完全)?吸收|^吸收$|未再|已恢复|不再"
)
_NO_EN = re.compile(r"\b(?:no|not|without|neither|nor|none|never|free of|absence of)\b")
_NO_AFTER_EN = re.compile(
    r"\b(?:has|have) (?:gone|resolved)\b(?! in part)|resolved completely"
    r"|no longer|(?:is|are) (?:not|absent)\b"
    r"|\bnot (?:seen|visible|enlarged|thickened|dilated|clearly compressed|united|joined)|\bnone\b"
)
_MAYBE = re.compile(
    r"不能(?:完全)?除外|不除外|待除外|需除外|待排|可疑|疑似|可能|考虑|性质待定|待定"
    r"|\bpossib|\bprobabl|\bsuspe|\bsuspici|\blikely\b|cannot be excluded"
    r"|not excluded|to be excluded|\bmay\b"
    r"|questionable|\bvs\b|indeterminate|\bsuggests?\b"
    r"|提示|[^、，]或[^、，]|(?<!left)(?<!right) or (?!ten|more)"
)
_SURE_ENOUGH = re.compile(
    r"考虑(?:陈旧|良性)|considered (?:old|benign)|提示活动|not related|probably old"
)
_NOT_EXCLUDED = re.compile(
    r"不能(?:完全)?除外|不除外|待除外|需除外|cannot be excluded|not excluded|to be excluded"
)
LIMITED = re.compile(
    r"无法(?:评价|判断)|不能评价|未包括|显示不清|未检查|未测|受.{0,6}影响"
    r"|cannot be (?:judged|assessed)|not (?:fully )?included"
    r"|not (?:been )?examined|not assessable|not measured|obscured"
)


@lru_cache(maxsize=4096)
def stated(sentence: SourceSentence) -> tuple[Stated, ...]:
    """Return what both languages of a sentence state."""
    return (*_stated(sentence.zh, _CHINESE_END), *_stated(sentence.en, _LATIN_END))


def _stated(text: str, end: re.Pattern[str]) -> tuple[Stated, ...]:
    if not text:
        return ()
    words = lexicon()
    found: list[Stated] = []
    places: frozenset[str] = frozenset()
    sides: frozenset[str] = frozenset()
    spots: frozenset[str] = frozenset()
    lower = text.lower()
    maybe_all = _NOT_EXCLUDED.search(lower) is not None
    for start, stop in _clauses(lower, end):
        clause = lower[start:stop]
        here = words.find(clause)
        own = frozenset(c for w in here for c in w.concepts if c in words.places)
        places = own or places
        sides = sides_of(clause) or sides
        spots = spots_of(clause) or spots
        found += _words(clause, here, places, sides, spots, maybe_all, words)
    return tuple(found)


def _words(
    clause: str,
    here: tuple[Word, ...],
    places: frozenset[str],
    sides: frozenset[str],
    spots: frozenset[str],
    maybe_all: bool,
    words: Lexicon,
) -> list[Stated]:
    cue = _NO_ZH.search(clause) or _NO_EN.search(clause)
    after = _NO_AFTER_ZH.search(clause) or _NO_AFTER_EN.search(clause)
    maybe = maybe_all or (_MAYBE.search(clause) is not None and _SURE_ENOUGH.search(clause) is None)
    found = []
    for word in here:
        concepts = word.concepts - words.places
        absent = word.absent or after is not None or (cue is not None and cue.start() <= word.start)
        polarity = Polarity.ABSENT if absent else Polarity.PRESENT
        if maybe and not word.absent and (maybe_all or not absent):
            polarity = Polarity.UNCERTAIN
        here_sides = _sides_before(clause, word.start) or sides
        found.append(
            Stated(concepts, places | (word.concepts & words.places), polarity, here_sides, spots)
        )
    if not here and spots:
        found.append(Stated(frozenset(), places, Polarity.PRESENT, sides, spots))
    return found


def _sides_before(clause: str, at: int) -> frozenset[str]:
    """Return the side that stands last before a word."""
    last = max(
        (
            (match.start(), name)
            for name, pattern in _SIDES
            for match in pattern.finditer(clause, 0, at + 1)
        ),
        default=None,
    )
    return frozenset({last[1]}) if last is not None else frozenset()


def _clauses(text: str, end: re.Pattern[str]) -> list[tuple[int, int]]:
    ends = [match.start() for match in end.finditer(text)]
    starts = [0, *(match.end() for match in end.finditer(text))]
    return [
        (start, stop)
        for start, stop in zip(starts, [*ends, len(text)], strict=True)
        if stop > start
    ]


def denies(sentence: SourceSentence) -> bool:
    """Return whether a sentence has nothing but denials."""
    if sentence.zh:
        return _NO_ZH.search(sentence.zh) is not None
    return _NO_EN.search(sentence.en.lower()) is not None


_SIDES = (
    ("bilateral", re.compile(r"双|两侧|两肺|左右|\bboth\b|bilateral|\beither\b|\bneither\b")),
    (
        "left",
        re.compile(r"(?<![往向偏])左(?!右|移|弯)|\bleft\b|\blt\b|\bl(?:ul|ll)\b(?!\d)|\blij\b"),
    ),
    (
        "right",
        re.compile(
            r"(?<![往向偏左])右(?!移|弯)|\bright\b(?!,? ?\?)|\brt\b|\br(?:ul|ll|ml)\b|\brij\b"
        ),
    ),
    ("left", re.compile(r"左移|[往向偏]左|左弯|to the left")),
    ("right", re.compile(r"右移|[往向偏]右|右弯|to the right")),
)


def sides_of(text: str) -> frozenset[str]:
    """Return the sides that a text names; a direction stands for itself alone."""
    lower = re.sub(r"(?:is|are|was|much|many) left\b|left (?:over|on)\b", " ", text.lower())
    directed = {name for name, pattern in _SIDES[3:] if pattern.search(lower)}
    if directed:
        return frozenset(directed)
    return frozenset(name for name, pattern in _SIDES[:3] if pattern.search(lower))


_ORDINAL = {
    "first": "1", "second": "2", "third": "3", "fourth": "4", "fifth": "5", "sixth": "6",
    "seventh": "7", "eighth": "8", "ninth": "9", "tenth": "10", "eleventh": "11", "twelfth": "12",
}  # fmt: skip
_SPOTS = (
    ("lobe:upper", re.compile(r"上叶|上肺|upper (?:lobe|zone)|\b[rl]ul\b")),
    ("lobe:middle", re.compile(r"中叶|中肺|middle (?:lobe|zone)|\brml\b")),
    ("lobe:lower", re.compile(r"下叶|下肺|lower (?:lobe|zone)|\b[rl]ll\b")),
)
_LEVEL = re.compile(r"(?<![a-z\d])([ctls])(\d{1,2})(?:\s*[/-]\s*[ctls]?(\d{1,2}))?(?![\d.])")
_LEVEL_ZH = re.compile(r"([颈胸腰骶])(\d{1,2})")
_SEGMENT = re.compile(r"(?:\bseg(?:ment)?s?\.? ?)(\d)|(?<![a-z\d/])s([2-8])(?=段|[^\d/]|$)")
_RIB = re.compile(r"第(\d{1,2})(?:后|前)?肋(?!间)|(\d{1,2})(?:st|nd|rd|th) rib|\b(\w+) rib\b")
_SPACE = re.compile(r"第(\d{1,2})肋间|(\d{1,2})(?:st|nd|rd|th) (?:inter\w*)|\b(\w+) interspace")


def spots_of(text: str) -> frozenset[str]:
    """Return the levels, lobes, segments, ribs and spaces that a text names."""
    lower = text.lower()
    found = {name for name, pattern in _SPOTS if pattern.search(lower)}
    for letter, first, second in _LEVEL.findall(lower):
        if letter != "s" or second or "椎" in lower:
            found.add(f"level:{letter}{first}/{second}" if second else f"level:{letter}{first}")
    for name, number in _LEVEL_ZH.findall(lower):
        found.add(f"level:{'ctls'['颈胸腰骶'.index(name)]}{number}")
    found |= {f"segment:{a or b}" for a, b in _SEGMENT.findall(lower)}
    for kind, pattern in (("rib", _RIB), ("space", _SPACE)):
        for groups in pattern.findall(lower):
            number = next(one for one in groups if one)
            number = _ORDINAL.get(number, number)
            if number.isdigit():
                found.add(f"{kind}:{number}")
    return frozenset(found)

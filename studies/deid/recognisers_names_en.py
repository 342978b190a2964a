"""Person names in Latin letters: with a title or label, beside a telling word, as DICOM writes them
(`SMITH^JOHN`), after a usual given name, and Chinese names in pinyin in both orders."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache

from radraft.studies.deid.recognisers import Kind, Needs, Recogniser, Span, by_patterns, read_lists

_UPPER = "A-ZÀ-ÖØ-ÞŁŚŠŽČĆŘĐİ"
_WORD = rf"(?:[{_UPPER}][\w'’-]*)"
_PARTICLE = r"(?:van|von|de|del|der|den|di|da|la|le|el|al|bin|ibn)\s"
_TOKEN = rf"(?:{_PARTICLE}){{0,2}}{_WORD}\.?"
_NAME = rf"(?P<v>{_WORD}\.?(?:,?[ ]{_TOKEN}){{0,3}})"
_TITLE = r"(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Doctor|Sir|Madam|Nurse|Sister|MR|MRS|DR|PROF)"
_LABEL = (
    r"(?i:patient(?:'s)? name|pt\.? name|name of patient|name|referring (?:physician|doctor|"
    r"provider|clinician)|"
    r"(?:ordering|requesting|consulting|primary|attending) (?:physician|doctor|provider|"
    r"clinician)|attending|radiologist|"
    r"technologist|technician|tech|consultant|resident|fellow|surgeon|physician|operator|"
    r"contact person|next of kin|guardian|"
    r"emergency contact|(?:electronically )?signed by|dictated by|reported by|read by|"
    r"interpreted by|reviewed by|"
    r"transcribed by|performed by|approved by|verified by|authori[sz]ed by|supervised by|"
    r"prepared by)"
)
_KIN = (
    r"(?i:wife|husband|son|daughter|mother|father|brother|sister|friend|neighbou?r|caregiver|"
    r"carer|guardian|partner|spouse|"
    r"aunt|uncle|grandson|granddaughter|nephew|niece|patient)"
)
_CUE = (
    rf"(?<![A-Za-z])(?:{_KIN}|by|By|with|With|to|told|informed|notified|paged|called|[Pp]er|of|for|"
    r"and|from|see|[Cc]ontact)"
)
_DEGREE = r"(?:M\.?D|D\.?O|R\.?N|N\.?P|Ph\.?D|PA-C|MBBS|FRCR|FRCP|MBChB|RT\(R\)|RRT|DDS)\b\.?"
_SYLLABLE = (
    "(?:zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw])?(?:iang|iong|uang|ueng|ang|eng|ing|ong|ian|iao|uai|uan|"
    "ai|an|ao|ei|en|er|ia|ie|in|iu|ou|ua|ue|ui|un|uo|ve|a|e|i|o|u|v)"
)
_PINYIN = re.compile(rf"{_SYLLABLE}(?:[-'’ ]?{_SYLLABLE}){{0,2}}", re.IGNORECASE)
_PAIR = re.compile(
    r"(?<![\w^])(?P<a>[A-Z][A-Za-z'’-]+)(?P<s>,? )(?P<b>[A-Z][A-Za-z'’-]+)(?P<c> "
    r"[A-Z][a-z]+)?(?![\w^])"
)


@cache
def _lists() -> dict[str, frozenset[str]]:
    """Words of each part of names_en.txt, in lower case."""
    parts = read_lists("names_en.txt")
    return {key: frozenset(word.lower() for word in words) for key, words in parts.items()}


def _no_name(word: str) -> bool:
    return word.strip(".,'’").lower().removesuffix("'s") in _lists()["not_names"]


def _usual(word: str) -> bool:
    return word.strip(".,").lower() in _lists()["given"]


def _cut(text: str, start: int, end: int) -> int:
    """Return where the name that starts at `start` ends: before a word that names nobody. A text in
    capitals does not show where, so a surname there is one word, or follows a given name."""
    words = list(re.finditer(r"\S+", text[start:end]))
    stop = start
    shouted = len(words) > 1 and words[0][0].isupper() and len(words[0][0].strip(".,")) > 1
    for place, word in enumerate(words):
        if _no_name(word[0]):
            break
        after = words[place - 1][0] if place else ""
        if place and after.endswith(".") and len(after.strip(".")) > 2:
            break
        if (
            shouted
            and place
            and not (
                _usual(after)
                or after.endswith(",")
                or len(after.strip(".")) == 1
                or len(word[0].strip(".")) == 1
            )
        ):
            break
        stop = start + word.end()
    while stop > start and text[stop - 1] in ".,":
        stop -= 1
    return stop


def _after(
    pattern: str, sure: Callable[[str], bool] | None = None
) -> Callable[[str], Iterator[Span]]:
    compiled = re.compile(pattern + _NAME)

    def find(text: str) -> Iterator[Span]:
        for match in compiled.finditer(text):
            start = match.start("v")
            end = _cut(text, start, match.end("v"))
            if end > start + 1 and (sure is None or sure(text[start:end])):
                yield start, end

    return find


def _two(name: str) -> bool:
    """Return whether what stands beside a telling word is a name: two words with a capital, or one
    usual given name."""
    words = name.replace(",", " ").split()
    if len(words) == 1:
        return _usual(words[0])
    if all(word.isupper() for word in words):
        return any(_usual(word) for word in words)
    return not any(word.isupper() and len(word.strip(".")) > 1 for word in words)


def _given_first(text: str) -> Iterator[Span]:
    """Steven Campbell, CAMPBELL, STEVEN: a usual given name beside another word with a capital."""
    lists = _lists()
    for match in re.finditer(rf"(?<![\w^'’-]){_WORD}(?:,? {_TOKEN}){{1,3}}", text):
        words = [(match.start() + word.start(), word[0]) for word in re.finditer(r"\S+", match[0])]
        for place, (start, word) in enumerate(words):
            folded = word.strip(".,").lower()
            sure, seldom = folded in lists["given"], folded in lists["given_words"]
            if not (sure or seldom) or (seldom and word.isupper()):
                continue
            begin = words[place - 1][0] if place and words[place - 1][1].endswith(",") else start
            end = _cut(text, begin, match.end())
            if len(text[begin:end].split()) > 1 and (sure or _usual(text[begin:end].split()[-1])):
                yield begin, end


def _pinyin(text: str) -> Iterator[Span]:
    lists = _lists()
    for match in _PAIR.finditer(text):
        one, two = match["a"], match["b"]
        if one.isupper() != two.isupper() or not (_sounds(one) and _sounds(two)):
            continue
        folded = {one.lower(), two.lower()}
        other = folded - lists["not_pinyin"]
        if not other or (len(other) < len(folded) and one.isupper() and max(map(len, other)) < 4):
            continue
        if (folded & lists["pinyin"] or _chinese(one, two)) and not (
            _bars(one, two) or _bars(two, one)
        ):
            end = match.end("b")
            third = (match["c"] or "").strip()
            if third and _sounds(third) and len(third) <= 6 and not _no_name(third):
                end = match.end("c")
            yield match.start(), end


def _chinese(one: str, two: str) -> bool:
    """Return whether one of them is spelled as hardly anything but pinyin is."""
    return any(_ONLY_PINYIN.match(word) for word in (one, two)) and max(len(one), len(two)) > 3


_ONLY_PINYIN = re.compile(
    r"(?:zh[aeiou]|x[iu]|q[iu](?!ick|iet|it)|[jlnz]i[ao]|[ghk]u[ao])", re.IGNORECASE
)


def _bars(word: str, other: str) -> bool:
    """Return whether a word of reports keeps the other from being a name; he, an, you are
    surnames."""
    return _no_name(word) and (
        word.lower() not in {"he", "an", "you"} or len(other) < 4 or _no_name(other)
    )


def _sounds(word: str) -> bool:
    return _PINYIN.fullmatch(word) is not None


RECOGNISERS = (
    Recogniser(
        "name with a title",
        Kind.PERSON,
        _after(rf"(?<![A-Za-zÀ-ɏ\d_]){_TITLE}(?![\w])\.?\s*"),
        Needs.LATIN,
    ),
    Recogniser(
        "name by label",
        Kind.PERSON,
        _after(rf"(?<![A-Za-zÀ-ɏ\d_]){_LABEL}(?:\s*[:#]\s*|\s+|\s*-\s+)"),
        Needs.LATIN,
    ),
    Recogniser(
        "name beside a telling word", Kind.PERSON, _after(rf"{_CUE}\s+", _two), Needs.LATIN, 0.7
    ),
    Recogniser("usual given name", Kind.PERSON, _given_first, Needs.LATIN, 0.7),
    Recogniser("name in pinyin", Kind.PERSON, _pinyin, Needs.LATIN, 0.7),
    by_patterns(
        "name with a degree",
        Kind.PERSON,
        rf"(?<![A-Za-zÀ-ɏ\d_])(?P<v>{_WORD}(?:\s(?:[{_UPPER}]\.|{_WORD})){{0,3}}),?\s{_DEGREE}",
        needs=Needs.LATIN,
        flags=0,
    ),
    by_patterns(
        "name as in DICOM",
        Kind.PERSON,
        r"[^\W\d_][^\W\d_'’-]+(?:\^[^\W\d_][\w'’. -]*?)+(?=[\s,，。;；:：)=]|$)(?:=[^\s,，。]+)?",
        needs=r"\^",
    ),
)

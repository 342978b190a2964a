"""A question read into one value that no longer depends on its language."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby

from radraft.llm.asking import kinds
from radraft.llm.asking.kinds import SUBJECTLESS
from radraft.llm.asking.lexicon import Word, lexicon
from radraft.llm.asking.places import sides_of, spots_of
from radraft.llm.asking.values import Kind, MetadataField
from radraft.reports.findings.concepts import Vocabulary
from radraft.reports.findings.extract import extract
from radraft.reports.values import Lang

CONTEXT_TURNS = 3
"""Earlier turns that a question may lean on."""


@dataclass(frozen=True)
class When:
    """The earlier examination that a question names."""

    previous: bool = False
    first: bool = False
    year: int | None = None
    month: int | None = None
    day: int | None = None
    hour: int | None = None

    @property
    def dated(self) -> bool:
        """Whether it names a date or an hour."""
        return bool(self.month or self.year or self.day or self.hour is not None)

    @property
    def named(self) -> bool:
        """Whether it names one at all."""
        return self.previous or self.first or self.dated


@dataclass(frozen=True)
class Subject:
    """One thing that a question names."""

    concepts: frozenset[str]
    """Findings and devices, any of which it may be; empty for a word that no list has."""
    literal: str = ""
    """The word itself, lower case, where no list has it."""
    predicate: bool = False
    """Whether it is said of another thing that the question names."""
    definite: bool = False
    """Whether the question takes it for there: "the nodule", 那个结节."""


@dataclass(frozen=True)
class Asked:
    """A question, read."""

    text: str
    kind: Kind
    subjects: tuple[Subject, ...] = ()
    places: frozenset[str] = frozenset()
    sides: frozenset[str] = frozenset()
    spots: frozenset[str] = frozenset()
    measures: frozenset[str] = frozenset()
    fields: tuple[MetadataField, ...] = ()
    presumes: bool = False
    """Whether it takes for granted that what it names is there, or is as it says."""
    attribute: bool = False
    """Whether it wants a value, a property or to be agreed with, rather than yes or no."""
    exists: bool = False
    """Whether it asks openly if something is there."""
    change: str | None = None
    """A change that it takes for true or asks for: larger, smaller, resolved, unchanged, new."""
    negated: bool = False
    """Whether it takes for true that the change has not come yet."""
    neutral: bool = False
    """Whether it asks how something changed, taking no change for true."""
    sizes: tuple[float, ...] = ()
    """Sizes and grades that it names, in millimetres where a length."""
    count: int | None = None
    when: When = When()
    compares: bool = False
    normal: bool = False
    """Whether it asks if something is in order."""
    one_side: bool = False
    turned: bool = False
    """Whether it asks of another side what the question before asked."""
    any_of: bool = False
    """Whether it lists things, any of which answers."""
    tag: bool = False
    """Whether it states something and only wants to be agreed with."""
    denies: bool = False
    """Whether it takes for true that something is not there."""
    sure: bool = False
    """Whether it takes for certain what it names."""
    content: str = ""
    """The words of it that name something, in order, without those of its grammar."""

    @property
    def has_subject(self) -> bool:
        """Whether it names anything to look for."""
        return bool(self.subjects or self.places or self.measures or self.spots)

    @property
    def known(self) -> tuple[Subject, ...]:
        """The subjects that a list has."""
        return tuple(one for one in self.subjects if one.concepts)

    @property
    def unknown(self) -> tuple[Subject, ...]:
        """The subjects that no list has."""
        return tuple(one for one in self.subjects if not one.concepts)

    @property
    def things(self) -> tuple[Subject, ...]:
        """The subjects of which something is asked; all where each is said of a place alone."""
        return tuple(one for one in self.subjects if not one.predicate) or self.subjects


_I = re.IGNORECASE
_PREVIOUS = re.compile(
    r"上一?(?:次|张|回|份)|前一?(?:次|片|张|份)|之前(?:那|的|一)|原来|既往|以前|旧片|老片"
    r"|昨天|术前|前天|last (?:time|report|film|scan|study|year|month|week|wk|ct|mri?|x-?ray|spring"
    r"|summer|autumn|winter|exam\w*)|previous|\bprior\b|before the op|before surgery|preop"
    r"|pre-op|yesterday|earlier (?:film|report|scan|ct|study|exam)|那张|那次|那时|那会儿"
    r"|the film of"
    r"|film before|scan before",
    _I,
)
_FIRST = re.compile(
    r"第一(?:次|张|回|份)(?:ct|mr|片|检查|超声|b超|报告)|最初|最早那|当天|首次(?:ct|检查|片)"
    r"|刚诊断|初诊|最开始那?|at (?:baseline|diagnosis|presentation)|\boriginal\b|(?:first|initial"
    r"|baseline|original) (?:ct|mri?|scan|film|x-?ray|radiograph|exam\w*|study|report|ultrasound"
    r"|mammogram)",
    _I,
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH_NAMES = (
    "january|february|march|april|may|june|july|august|september|october|november|december"
    "|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec"
)
_MONTH_EN = re.compile(
    rf"(?:(?:in|of|since|on|last|from|the|by|and|until|to|vs|than)\s+|(?<!\d)(\d{{1,2}})(?:st|nd"
    rf"|rd|th)?\s+(?:of\s+)?)({_MONTH_NAMES})\b"
    r"(?:\s+(\d{1,2})(?!\d))?",
    _I,
)
_MONTH_ZH = re.compile(r"(\d{1,2}|[一二三四五六七八九十]{1,2})月(?:份)?(?:(\d{1,2})[日号])?(?!后)")
_ISO = re.compile(r"(20\d\d)-(\d{1,2})(?:-(\d{1,2}))?")
_YEAR = re.compile(r"(20\d\d)")
_HOUR = re.compile(
    r"(下午|晚上|傍晚)?(\d{1,2}|[一二两三四五六七八九十]{1,2})点(?=那|的|做|拍|照|扫)"
    r"|\bat (\d{1,2}) ?([ap])\.?m\b"
)
_ZH = {c: n for n, c in enumerate("零一二三四五六七八九十")} | {"两": 2}
_EN = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "both": 2}
_COUNT = re.compile(
    r"(?<!第)([一两二三四五六七八九十]|(?<![\d.])\d{1,2})(?:个|枚|颗|根|处|条)(?!月|星期|小时"
    r"|径)|\b(two|three|four|five"
    r"|six|both)\b(?! (?:weeks|months|years|days|hours|dimensions|sides|ends|planes"
    r"|scans|films|cts|exams|studies|reports))"
)
_QUANTITY = re.compile(
    r"(?<![\d./×xX*])(\d+(?:\.\d+)?)\s*(mm|cm|毫米|厘米|公分|deg\w*|度|%|hu\b|ml|毫升)", _I
)
_ASKING = re.compile(
    r"第几(?:前|后)?肋(?:间)?|多厚|多宽|多大|厚度|多少|几毫米|几个|几级|大小|位置|(?:how|which"
    r"|what|where|when|who) |片子上|影像"
    r"|心超|怎么样|排除"
)
_EXCEPTED = re.compile(
    r"[（(]?(?:不算|除了|不包括|except|excluding|apart from)[^）)，,]*[)）]?", _I
)
_SPACES = frozenset({"subdural", "epidural", "subarachnoid"})
"""Whoever asks after one of these means the bleeding there."""
_EXTENT = frozenset({"enlargement", "dilatation", "thickening", "narrowing", "growth"})
_IDLE = frozenset(
    [
        "normal",
        "phase",
        "vessel",
        "removed",
        "growth",
        "stable",
        "resolved",
        "multiple",
        "complete",
        "blood_flow",
        "measure",
        "sign",
        "echo",
        "density",
        "abnormality",
        "residual",
        "prominence",
        "expansion",
        "shape",
        "cause",
        "extended",
    ]
)


def language(text: str) -> Lang:
    """`zh` where there are more Chinese characters than Latin words, else `en`."""
    chinese = len(re.findall(r"[\u4e00-\u9fff]", text))
    return "zh" if chinese > len(re.findall(r"[A-Za-z]+", text)) else "en"


def read_question(text: str, earlier: Sequence[str] = ()) -> Asked:
    """Read a question; what it leaves out it takes from the nearest of `earlier` (oldest first)."""
    asked = _read(text)
    if asked.kind is Kind.DECISION:
        asked = _beside_decision(text) or asked
    if asked.kind in SUBJECTLESS:
        return asked
    for before in reversed(earlier[-CONTEXT_TURNS:]):
        old = read_question(before, ()) if before else asked
        if old.has_subject:
            return _leaning(asked, old, text)
    return asked


_PART_END = re.compile(
    r"[，,。；;？?!！]|\.\s|\s[-–—]\s|\s(?:so|and|but|before|because)\s|(?<=[\u4e00-\u9fff])\s+", _I
)


def _beside_decision(text: str) -> Asked | None:
    """Return what a question asks of the report beside a decision that it asks for: "is the tip in
    the stomach, can I feed". None where it asks nothing else."""
    kept = [
        part
        for part in map(str.strip, _PART_END.split(text))
        if part and kinds.kind_of(part.lower(), ()) is not Kind.DECISION
    ]
    asking = [part for part in kept if not kinds.states(part.lower()) or kinds.tagged(part.lower())]
    if not asking:
        return None
    asked = _read(" ".join(kept))
    named = bool(asked.known or asked.places or asked.spots)
    return asked if named and asked.kind not in SUBJECTLESS else None


_OTHER = re.compile(r"other|对侧|另一?(?:边|侧)|另", _I)
_POINTING = re.compile(
    r"\b(?:it|its|that|they|them|this|one|there)\b|它|那个|这个|呢|旁边|残留|还剩|largest"
    r"|biggest|最大",
    _I,
)


def _leaning(asked: Asked, old: Asked, text: str) -> Asked:
    """Return a question with what it leaves to the one before."""
    bare = not asked.subjects and not asked.places and not asked.measures
    if not bare and not (
        asked.subjects and all(one.predicate for one in asked.subjects) and not asked.places
    ):
        # What follows stays on the side that was spoken of, where it names a part alone.
        return asked
    if not bare and not _POINTING.search(text) and asked.kind is Kind.PRESENCE and asked.exists:
        return asked
    says_nothing = asked.kind is Kind.PRESENCE and not (asked.exists or asked.sides or asked.spots)
    if bare and says_nothing and not (_POINTING.search(text) or _OTHER.search(text)):
        # Nothing of it was understood: it need not be about what came before.
        return asked
    kind = asked.kind
    if kind is Kind.PRESENCE and old.kind not in SUBJECTLESS and bare:
        kind = old.kind
    spots = asked.spots or old.spots
    sides = asked.sides or _turned(text, old)
    return replace(
        asked,
        kind=kind,
        subjects=old.things + tuple(one for one in asked.subjects if one not in old.things),
        places=asked.places or old.places,
        spots=spots,
        sides=sides,
        turned=bool(asked.sides or asked.spots or _OTHER.search(text)),
        measures=asked.measures or (old.measures if kind is old.kind else frozenset()),
        presumes=asked.presumes
        or (kind is old.kind and old.presumes and kind is not Kind.PRESENCE),
        exists=asked.exists or (bare and old.exists),
    )


def _turned(text: str, old: Asked) -> frozenset[str]:
    if _OTHER.search(text):
        if len(old.sides) == 1:
            return frozenset({"right" if "left" in old.sides else "left"})
        return frozenset()
    return old.sides


_JOINED = re.compile(
    r"(?<=[\u4e00-\u9fff])(?=[A-Za-z]{4})|(?<=(?<![A-Za-z])[A-Za-z]{4})(?=[\u4e00-\u9fff])"
    r"|(?<=[A-Za-z]{5})(?=[\u4e00-\u9fff])"
)
"""Where an English word stands in a Chinese text without a space: "right腋下"."""


def _read(text: str) -> Asked:
    mended = lexicon().mended(_JOINED.sub(" ", text))
    lower = mended.lower()
    fields = kinds.fields_of(lower)
    kind = kinds.kind_of(lower, fields)
    plain = _ASKING.sub(
        lambda m: " " * len(m.group()), _EXCEPTED.sub(lambda m: " " * len(m.group()), lower)
    )
    words = lexicon().find(plain)
    places = frozenset(p for w in words for p in w.places)
    subjects = _subjects(lower, plain, words)
    said_of = any(one.predicate for one in subjects) and any(not one.predicate for one in subjects)
    sizes, count = _sizes(lower), _count(lower)
    predicates = any(one.concepts & lexicon().predicates for one in subjects)
    asserts = (kinds.states(lower) and bool(sizes or count)) or (
        kinds.says_it_is_so(lower) and predicates
    )
    if not subjects and places & _SPACES:
        subjects = (Subject(frozenset({"hemorrhage"})),)
    tag = kinds.tagged(lower) or asserts
    exists = kinds.asks_existence(lower, alone=not said_of) and not tag
    change = kinds.change_of(lower)
    neutral = kinds.neutral_change(lower)
    attribute = (
        tag
        or kind in (Kind.SIZE, Kind.NUMBER, Kind.SIDE, Kind.PLACE, Kind.SERIES)
        or kinds.asks_property(lower)
    )
    presumes = (
        attribute
        or (kind is Kind.CHANGE and change is not None and not neutral and not exists)
        or (said_of and not exists)
        or any(one.definite for one in subjects)
        or (bool(subjects) and _places_it(lower))
    )
    if kind in (Kind.SIZE, Kind.CHANGE, Kind.SERIES) and (places or said_of):
        # How wide, and whether wider: the sentence gives the width, not the word.
        subjects = tuple(one for one in subjects if not one.concepts or not one.concepts <= _EXTENT)
    return Asked(
        mended,
        kind,
        subjects,
        lexicon().specific(places),
        sides_of(lower),
        spots_of(lower),
        frozenset(name for name, pattern in lexicon().measures.items() if pattern.search(lower)),
        fields,
        presumes=presumes,
        attribute=attribute,
        exists=exists,
        change=change,
        neutral=neutral,
        negated=kinds.negates_change(lower),
        sizes=sizes,
        count=count,
        when=_when(lower),
        compares=kinds.compares(lower) or change is not None,
        normal=kinds.asks_for_normal(lower),
        any_of=kinds.lists(lower),
        tag=tag,
        denies=kinds.denies(lower),
        sure=(tag or attribute) and kinds.takes_for_sure(lower),
        content=_content(plain, words),
        one_side=re.search(r"只在|仅|\bonly\b|单侧|只有", lower) is not None,
    )


def _places_it(lower: str) -> bool:
    """Return whether a question asks if something lies in a place that it names."""
    match = re.search(r"在([^，。]{1,6})吗", lower)
    return match is not None and any(w.places for w in lexicon().find(match.group(1)))


_THE = re.compile(
    r"\b(?:the|that|this|his|her|those|these)(?:\s+[\w-]+){0,3}\s*$"
    r"|[那这](?:[个根块条颗片处枚只]|一[个根块条颗片处枚])[\u4e00-\u9fff]{0,4}$"
)


_AFTER = re.compile(
    r"(?:[放插置装拔下](?:完|了)|\b(?:after|following|since|post|from)(?: the"
    r"| a)?(?: new)?[ -])\s*$"
)
"""Before a device that is put in or taken out: it says when, not what."""


def _subjects(lower: str, plain: str, words: Sequence[Word]) -> tuple[Subject, ...]:
    known = lexicon()
    found: dict[frozenset[str], Subject] = {}
    for word in words:
        concepts = known.specific(word.findings - _IDLE)
        if not concepts or word.absent:
            continue
        if concepts & known.devices and _AFTER.search(lower[: word.start]):
            continue
        definite = (
            not concepts <= known.predicates
            and _THE.search(lower[max(0, word.start - 40) : word.start]) is not None
        )
        found.setdefault(concepts, Subject(concepts, definite=definite))
    for concepts in _read_by_vocabulary(lower, words):
        if not any(concepts & known.lineage(c) for one in found for c in one):
            found.setdefault(concepts, Subject(concepts))
    literals = [
        Subject(frozenset(), literal) for literal in _unknown(kinds.without_changes(plain), words)
    ]
    subjects = [*found.values(), *literals]
    whole = {c for one in subjects for c in one.concepts}
    subjects = [
        one for one in subjects
        if one.definite or not one.concepts or not all(
            any(c in known.lineage(o) - {o} for o in whole) for c in one.concepts
        )
    ]  # fmt: skip
    devices = not any(w.places for w in words) and any(
        one.concepts & known.devices for one in subjects
    )
    said = known.predicates | (frozenset({"fracture"}) if devices else frozenset())
    things = [one for one in subjects if one.literal or not one.concepts <= said]
    if devices:
        subjects = [
            replace(one, concepts=one.concepts - {"fracture"} or one.concepts) for one in subjects
        ]
        things = [one for one in subjects if one.literal or not one.concepts <= said]
    named = [one for one in things if one.concepts]
    things = named or things
    if things and len(things) < len(subjects):
        subjects = [replace(one, predicate=True) if one not in things else one for one in subjects]
    return tuple(subjects)


def _read_by_vocabulary(lower: str, words: Sequence[Word]) -> Iterator[frozenset[str]]:
    """Yield the findings that the finding reader sees in a question where no word is known."""
    for mention in extract(lower, language(lower)):
        if any(w.start < mention.end and mention.start < w.end for w in words):
            continue
        concepts = lexicon().specific(lexicon().of_code(mention.code) - _IDLE)
        if concepts:
            yield concepts


_DATES = re.compile(
    r"(?:\d{1,2}|[一二三四五六七八九十]{1,2})月份?(?:\d{1,2}[日号])?|\d{1,2}[日号点]"
)
_MEASURE_WORDS = re.compile(r"[a-z]+-?rads|k-l|suv\w*|t1wi|t2wi|flair")


def _unknown(plain: str, words: Sequence[Word]) -> Iterator[str]:
    """Yield the words of a question that are neither known nor function words."""
    for word in reversed(words):
        plain = plain[: word.start] + " " * (word.end - word.start) + plain[word.end :]
    plain = _MEASURE_WORDS.sub(" ", _DATES.sub(" ", plain))
    for pattern in lexicon().measures.values():
        plain = pattern.sub(" ", plain)
    for token in re.findall(r"[a-z][a-z0-9'-]*[a-z0-9]|[a-z]", plain):
        if not _functional(token) and len(token) > 2 and not re.fullmatch(r"[ctls]\d{1,2}", token):
            yield token
    chinese = re.sub(r"[^\u4e00-\u9fff]+", " ", plain)
    chinese = lexicon().idle_zh.sub(" ", chinese)
    for run in chinese.split():
        rest = vocabulary().without_function_words(run)
        if len(rest) > 1:
            yield rest


_TOKEN = re.compile(r"[a-z][a-z0-9'-]*|\d+(?:\.\d+)?|[\u4e00-\u9fff]+")


def _content(plain: str, words: Sequence[Word]) -> str:
    """Return the words of a question that are known, figures, and those that are no function
    words."""
    known = {at for word in words for at in range(word.start, word.end)}
    found = []
    for match in _TOKEN.finditer(plain):
        token = match.group()
        if token[0].isdigit() or (token.isascii() and match.start() in known):
            found.append(token)
        elif token.isascii():
            if not _functional(token):
                found.append(token)
        else:
            at = match.start()
            pieces = groupby(range(at, match.end()), key=lambda place: place in known)
            text = ""
            for is_known, places in pieces:
                piece = "".join(plain[place] for place in places)
                text += piece if is_known else "".join(_named_in(piece))
            if text:
                found.append(text)
    return " ".join(found)


def _named_in(chinese: str) -> Iterator[str]:
    for run in lexicon().idle_zh.sub(" ", chinese).split():
        yield vocabulary().without_function_words(run)


def _functional(token: str) -> bool:
    idle, stem = lexicon().idle_en, re.sub(r"(?:'s|s)$", "", token)
    return token in idle or stem in idle or token in vocabulary().function_en


@cache
def vocabulary() -> Vocabulary:
    """Function words, and the words that findings go by."""
    return Vocabulary.load()


def _sizes(lower: str) -> tuple[float, ...]:
    plain = re.sub(r"[（(][^）)]*[)）]", " ", lower)
    return tuple(
        float(number) * (10 if unit in ("cm", "厘米", "公分") else 1)
        for number, unit in _QUANTITY.findall(plain)
    )


def _count(lower: str) -> int | None:
    match = _COUNT.search(lower)
    if match is None or re.search(r"第\s*$", lower[: match.start()]):
        return None
    if re.search(r"(?:那|这|哪)\s*$", lower[: match.start()]) or match.group().startswith("一"):
        return None
    word = match.group(1) or match.group(2)
    return _ZH.get(word) or _EN.get(word) or (int(word) if word.isdigit() else None)


def _of_day(after_noon: str | None, zh: str | None, en: str | None, half: str | None) -> int:
    """Return the hour, 0 to 23, that a clock time names."""
    if zh is not None:
        hour = int(zh) if zh.isdigit() else sum(_ZH[c] for c in zh)
        return hour + 12 if after_noon and hour < 12 else hour
    return int(en or 0) % 12 + (12 if half == "p" else 0)


def _when(lower: str) -> When:
    iso = _ISO.search(lower)
    previous, first = _PREVIOUS.search(lower) is not None, _FIRST.search(lower) is not None
    if iso:
        day = int(iso.group(3)) if iso.group(3) else None
        return When(previous, first, int(iso.group(1)), int(iso.group(2)), day)
    year = _YEAR.search(lower)
    month, day = None, None
    chinese, english = _MONTH_ZH.search(lower), _MONTH_EN.search(lower)
    if chinese:
        word = chinese.group(1)
        month = int(word) if word.isdigit() else sum(_ZH[c] for c in word)
        day = int(chinese.group(2)) if chinese.group(2) else None
    elif english:
        month = _MONTHS.index(english.group(2)[:3]) + 1
        said = english.group(1) or english.group(3)
        day = int(said) if said else None
    hour = _HOUR.search(lower)
    return When(
        previous,
        first,
        int(year.group(1)) if year else None,
        month if month and 1 <= month <= 12 else None,
        day,
        None if hour is None else _of_day(*hour.groups()),
    )

"""Findings that sentences name outside the project's vocabulary.

The finding reader gives codes of the vocabulary. Here a sentence is read by the words of
`languages.yaml`, which know many more findings and organs, and by endings that only names of
illnesses have (-oma, -itis, 瘤, 炎). Each name has its side, its organs and whether it is denied.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

from radraft.core.yaml_files import Strict
from radraft.reports.checks.bilingual import named_terms
from radraft.reports.checks.lexicon import Term, WordGroup, alike, language_data, lexicon
from radraft.reports.checks.nouns import nouns
from radraft.reports.checks.pointing import words_of
from radraft.reports.checks.side_words import side_words
from radraft.reports.checks.stated import BOTH, levels_of_words
from radraft.reports.checks.values import Pointer, ReadReport, ReadSentence
from radraft.reports.findings.values import Mention
from radraft.reports.values import Certainty, Lang, Laterality, Section

_KEPT = 8192
_BY_ENDING = "="
"""Begins the name of a finding that no list has."""


class _NamedWords(Strict):
    unread: frozenset[str]
    conclusions: frozenset[str]
    important: frozenset[str]
    important_in_organ: frozenset[str]
    need_organ: frozenset[str]
    families: tuple[frozenset[str], ...]
    request_families: tuple[frozenset[str], ...]
    organ_families: tuple[frozenset[str], ...]


@cache
def _words() -> _NamedWords:
    """Return how the names hang together. ValueError where one is no name of `languages.yaml`."""
    path = files("radraft.reports.checks").joinpath("named.yaml")
    words = _NamedWords.from_yaml(path.read_text(encoding="utf-8"))
    known = lexicon().concepts.keys()
    families = (*words.families, *words.request_families, *words.organ_families)
    names = words.unread | words.conclusions | words.important | words.need_organ
    names |= words.important_in_organ
    names = names.union(*families)
    if unknown := {name for name in names if not name.startswith(_BY_ENDING)} - known:
        raise ValueError(f"named.yaml: no concept {sorted(unknown)}")
    return words


@dataclass(frozen=True)
class NamedFinding:
    """A finding by its name in `languages.yaml`, or by itself where it has only an ending of
    illnesses."""

    read: ReadSentence
    lang: Lang
    name: str
    polarity: Certainty
    sides: frozenset[Laterality]
    organs: frozenset[str]
    """By their names in `languages.yaml`; empty where the clause names none."""
    levels: frozenset[str]
    start: int
    """Characters of the sentence."""
    end: int

    @property
    def text(self) -> str:
        """The sentence in the finding's language."""
        return self.read.sentence.text(self.lang)

    @property
    def words(self) -> str:
        """The words that name it."""
        return self.text[self.start : self.end]

    @property
    def pointer(self) -> Pointer:
        """Where it stands."""
        return words_of(self.read, self.lang, self.start, self.end)

    @property
    def present(self) -> bool:
        """Whether it is stated as there."""
        return self.polarity is Certainty.PRESENT

    @property
    def absent(self) -> bool:
        """Whether it is denied."""
        return self.polarity is Certainty.ABSENT

    @property
    def important(self) -> bool:
        """Whether an impression ought to name it."""
        words = _words()
        return self.name in words.important or (
            self.name in words.important_in_organ and bool(self.organs)
        )

    @property
    def places(self) -> bool:
        """Return whether the sentence says of what it is: an organ, or a noun that no list has."""
        return bool(self.organs or _other_nouns(self))

    @property
    def concluded(self) -> bool:
        """Whether it is what one concludes from findings of other names."""
        return self.name in _words().conclusions or self.name == _SURGERY

    @property
    def needs_organ(self) -> bool:
        """Whether it says little without its organ: thickening, enlargement, calcification."""
        return self.name in _words().need_organ or _is_weak(self.name)


def named(read: ReadReport, lang: Lang, section: Section) -> Iterator[NamedFinding]:
    """Yield the findings that a section names in one language, in reading order."""
    for sentence in read.by_section[section]:
        yield from names_of(sentence, lang)


def names_of(sentence: ReadSentence, lang: Lang) -> Iterator[NamedFinding]:
    """Yield the findings that one sentence names in one language, in reading order."""
    text = sentence.sentence.text(lang)
    if text.strip():
        for found in _in_text(text, lang, sentence.mentions.get(lang, ())):
            yield NamedFinding(sentence, lang, *found)


def asked_by(asked: str, name: str) -> bool:
    """Return whether a report may call by `name` what a request calls `asked`."""
    if asked == name:
        return True
    return any(asked in family and name in family for family in _words().request_families)


def one_name(one: NamedFinding, other: NamedFinding) -> bool:
    """Return whether two names are of one finding, of organs that may be one."""
    if one.name != other.name and not _one_within(one, other):
        return False
    if one.organs and other.organs:
        return any(alike(ours, theirs) for ours in one.organs for theirs in other.organs)
    return not one.needs_organ or bool(_other_nouns(one) & _other_nouns(other))


def _one_within(one: NamedFinding, other: NamedFinding) -> bool:
    """Return whether the words of one hold those of the other and both may mean one thing."""
    within = one.words in other.words or other.words in one.words
    return within and alike(one.name, other.name)


def _other_nouns(one: NamedFinding) -> frozenset[str]:
    """Return the nouns of a finding's sentence beside its own: an organ that no list has."""
    return nouns(one.text, one.lang) - nouns(one.words, one.lang)


def organs_meet(one: NamedFinding, other: NamedFinding) -> bool:
    """Return whether two findings may be of one organ: one has none, or they share one."""
    if not one.organs or not other.organs:
        return True
    return any(_one_organ(ours, theirs) for ours in one.organs for theirs in other.organs)


def places_of_names_meet(one: NamedFinding, other: NamedFinding) -> bool:
    """Return whether no side and no level sets two findings apart."""
    if one.sides and other.sides and not one.sides & other.sides:
        return False
    return not one.levels or not other.levels or bool(one.levels & other.levels)


def kin(one: str, other: str) -> bool:
    """Return whether one section may mean by a name what the other means by another."""
    return any(
        alike(ours, theirs)
        or any(ours in family and theirs in family for family in _words().families)
        for ours in _with_broader(one)
        for theirs in _with_broader(other)
    )


@cache
def _with_broader(name: str) -> frozenset[str]:
    """Return a name with the broader ones that a report may use for it: tumour for thymoma."""
    broader: Mapping[str, list[str]] = language_data()["broader"]
    return frozenset({name, *(broad for broad, narrow in broader.items() if name in narrow)})


def _one_organ(one: str, other: str) -> bool:
    if alike(one, other):
        return True
    return any(one in family and other in family for family in _words().organ_families)


@cache
def _is_weak(name: str) -> bool:
    concept = lexicon().concepts.get(name)
    return concept is not None and concept.weak


_Found = tuple[str, Certainty, frozenset[Laterality], frozenset[str], frozenset[str], int, int]
_CLAUSES: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(r"[,;:]|\.(?=\s|$)|\b(?:but|while|whereas)\b"),
    "zh": re.compile("[，,；;：:。]"),
}
_ENDINGS: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(
        r"\b[a-z]{2,}(?:omas?|omata|itis|ectasi[as]|celes?|plegia|paresis|paralys[ie]s|aly[sz]ed|pals(?:y|ies)|"
        r"lysis|rrhage|pathy|megaly|malacia|trophy|plasia|odynia|cardia|anomal(?:y|ies)|atresia|ectomy)\b|"
        r"\bpals(?:y|ies)\b|\bparalys(?:is|ed)\b|\bresect(?:ion|ed)\b|\bpost-?(?:operative|surgical)\b|\bsurgery\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(
        "[一-鿿]{1,2}(?:瘤|癌|炎(?!性)|(?<!并发)(?<!合并)(?<!后遗)症(?!状|候)|麻痹|瘘|畸形|综合征)|麻痹|瘫痪|切除|术后|骨岛"
    ),
}
_NO_ILLNESS = re.compile(
    r"^(?:stoma|coma|stroma|trauma|diploma|aroma|analysis|dialysis|therapy|apathy)", re.IGNORECASE
)
_SURGERY = "=surgery"
_OPERATION = re.compile(r"ectomy|resect|surg|operat|切除|术后")
_PARALYSIS = re.compile(r"paraly|pals|plegi|麻痹")
_HEDGES: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(
        r"\b(?:possibl\w+|probabl\w+|likely|may|might|could|suspect\w*|suspicious|question\w*|"
        r"versus|vs|or|exclude\w*|suggest\w*|unclear|favou?r\w*|consider\w*|differential)\b|\?",
        re.IGNORECASE,
    ),
    "zh": re.compile("可能|考虑|疑|待排|或|除外|倾向|不能|建议|请|[?？]"),
}
_DENYING: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(r"\b(?:no|not|without|never|absent|negative|free of|excluded?)\b", re.I),
    "zh": re.compile("未|无|没|排除|除外|否认"),
}


@lru_cache(maxsize=_KEPT)
def _in_text(text: str, lang: Lang, mentions: tuple[Mention, ...]) -> tuple[_Found, ...]:
    terms = named_terms(text, lang).terms
    clauses = _clauses(text, lang)
    all_sides = _sides(text, lang)
    found: list[_Found] = []
    names = [
        (
            term.concept.name,
            _polarity(term, mentions, _clause(text, clauses, term.start), lang),
            term.start,
            term.end,
        )
        for term in terms
        if term.concept.group is WordGroup.FINDING
        and not term.concept.general
        and term.concept.name not in _words().unread
    ]
    names += _by_ending(text, lang, terms, clauses)
    for name, polarity, start, end in names:
        clause = next((c for c in clauses if c[0] <= start < c[1]), (0, len(text)))
        words = text[clause[0] : clause[1]]
        sides = _sides(words, lang) or (all_sides if all_sides != BOTH else frozenset())
        organs = _organs(terms, clause) or _organs(terms, (0, len(text)))
        found.append((name, polarity, sides, organs, levels_of_words(words, lang), start, end))
    return tuple(sorted(found, key=lambda each: each[-2]))


def _name_of_ending(word: str) -> str:
    if _PARALYSIS.search(word):
        return "=paralysis"
    return _SURGERY if _OPERATION.search(word) else f"={word}"


def _clauses(text: str, lang: Lang) -> list[tuple[int, int]]:
    ends = [match.start() for match in _CLAUSES[lang].finditer(text)]
    return list(zip([0, *ends], [*ends, len(text)], strict=True))


def _clause(text: str, clauses: list[tuple[int, int]], at: int) -> str:
    return next((text[start:end] for start, end in clauses if start <= at < end), text)


def _sides(text: str, lang: Lang) -> frozenset[Laterality]:
    found: set[Laterality] = set()
    for word in side_words(text, lang):
        found |= BOTH if word.side is Laterality.BILATERAL else {word.side}
    return frozenset(found)


def _organs(terms: tuple[Term, ...], span: tuple[int, int]) -> frozenset[str]:
    return frozenset(
        term.concept.name
        for term in terms
        if term.concept.group is WordGroup.ORGAN and span[0] <= term.start < span[1]
    )


def _polarity(term: Term, mentions: tuple[Mention, ...], clause: str, lang: Lang) -> Certainty:
    """Return what the finding reader, whose scopes are finer, says of the words where it reads
    them. A hedge of another clause is not about them."""
    polarity = next(
        (m.polarity for m in mentions if term.start < m.end and m.start < term.end), term.polarity
    )
    if polarity is Certainty.UNCERTAIN and not _HEDGES[lang].search(clause):
        return Certainty.PRESENT
    return polarity


def _by_ending(
    text: str, lang: Lang, terms: tuple[Term, ...], clauses: list[tuple[int, int]]
) -> list[tuple[str, Certainty, int, int]]:
    """Return names that no list knows, by endings that only illnesses have."""
    found = []
    for match in _ENDINGS[lang].finditer(text):
        if _NO_ILLNESS.search(match[0]) or any(
            term.start < match.end() and match.start() < term.end
            for term in terms
            if term.concept.group is WordGroup.FINDING
        ):
            continue
        name = _name_of_ending(match[0].lower())
        start = next((a for a, b in clauses if a <= match.start() < b), 0)
        denied = _DENYING[lang].search(text[start : match.start()])
        polarity = Certainty.ABSENT if denied else Certainty.PRESENT
        found.append((name, polarity, match.start(), match.end()))
    return found

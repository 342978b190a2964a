"""The words of the English rules, ready to be looked up."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from importlib.resources import files
from typing import Any

from radraft.reports.findings._trie import PhraseTrie
from radraft.reports.findings.terms import english_terms
from radraft.reports.findings.values import Change
from radraft.reports.values import Laterality


class Cue:
    """What a word does to the findings around it, as bits.

    Plain integers: the operators of `IntFlag` took a third of the reading time.
    """

    ABSENT_BEFORE = 1 << 0
    ABSENT_AFTER = 1 << 1
    NEITHER = 1 << 2
    UNCERTAIN_BEFORE = 1 << 3
    UNCERTAIN_AFTER = 1 << 4
    STATED = 1 << 5
    BREAK = 1 << 6
    UNREAD = 1 << 7
    RECOMMENDED = 1 << 8
    EXAMINATION = 1 << 9
    VERB = 1 << 10
    FINITE = 1 << 11
    STARTS_ANEW = 1 << 12
    PREPOSITION = 1 << 13
    COMMA = 1 << 14
    AND = 1 << 15
    OR = 1 << 16
    WITH = 1 << 17
    SEEN = 1 << 18
    BORDERLINE = 1 << 19
    FAVORED = 1 << 20
    SUGGESTED = 1 << 21
    DIFFERENTIAL = 1 << 22
    LIKELY = 1 << 23
    LIKELY_AFTER = 1 << 24
    ALTERNATIVE = 1 << 27
    PART = 1 << 25
    EXCLUDE = 1 << 26
    UNABLE = 1 << 28
    CHANGE = 1 << 29
    UNREAD_NEXT = 1 << 30


class Hedge(IntEnum):
    """How a statement is hedged, the least doubtful first: label sets differ in what counts."""

    NONE = 0
    LIKELY = 1
    """Probable, likely."""
    BORDERLINE = 2
    FAVORED = 3
    ALTERNATIVE = 4
    """One of several: or, versus, a stroke."""
    SUGGESTED = 5
    """Suggestive of, suggests."""
    POSSIBLE = 6
    """May, possible, concerning for, cannot be excluded."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a word names next to a tag: findings, or findings that it rules out."""

    codes: tuple[str, ...]
    absent: bool = False


@dataclass(frozen=True, slots=True)
class Word:
    """A word that names a finding together with a place or a quality."""

    name: str
    state: bool
    """Said of a thing (enlarged, clear), and not itself the thing (nodule)."""
    of: dict[str, Outcome]
    """By tag, the deciding one first."""
    default: Outcome | None


@dataclass(slots=True)
class Entry:
    """Everything that one phrase can mean."""

    codes: tuple[str, ...] = ()
    word: Word | None = None
    tags: tuple[str, ...] = ()
    side: Laterality | None = None
    anatomy: str | None = None
    change: Change | None = None
    cue: int = 0


@dataclass(slots=True)
class Lexicon:
    """Phrases of the rules and the plain forms of their words."""

    phrases: PhraseTrie[Entry]
    prior: PhraseTrie[bool]
    """True: compares with an earlier examination; False: has such words and does not."""
    plain: dict[str, str]
    """Plural or variant spelling -> the form that the lists have."""
    combined: list[tuple[str, frozenset[str]]]
    """Tags that stand for several others together."""
    measured: frozenset[str]
    """Words before which "increased" is a quality and not a change ("increased opacity")."""


_CUES = {
    "absent_before": Cue.ABSENT_BEFORE,
    "absent_after": Cue.ABSENT_AFTER,
    "neither": Cue.NEITHER,
    "uncertain_before": Cue.UNCERTAIN_BEFORE,
    "uncertain_after": Cue.UNCERTAIN_AFTER,
    "stated": Cue.STATED,
    "breaks": Cue.BREAK,
    "unread": Cue.UNREAD,
    "unread_next": Cue.UNREAD_NEXT,
    "recommended": Cue.RECOMMENDED,
    "borderline": Cue.BORDERLINE,
    "favored": Cue.FAVORED,
    "suggested": Cue.SUGGESTED,
    "likely": Cue.LIKELY,
    "differential": Cue.DIFFERENTIAL,
    "likely_after": Cue.LIKELY_AFTER,
    "alternative": Cue.ALTERNATIVE,
    "exclude": Cue.EXCLUDE,
    "unable": Cue.UNABLE,
    "change_nouns": Cue.CHANGE,
}
_LISTS = {
    "examinations": Cue.EXAMINATION,
    "verbs": Cue.VERB,
    "finite": Cue.FINITE,
    "seen": Cue.SEEN,
    "parts": Cue.PART,
    "starts_anew": Cue.STARTS_ANEW,
    "prepositions": Cue.PREPOSITION,
}
_MARKS = {
    ",": Cue.COMMA,
    "(": Cue.COMMA,
    ")": Cue.COMMA,
    ";": Cue.BREAK,
    ":": Cue.BREAK,
    "and": Cue.AND,
    "or": Cue.OR,
    "/": Cue.OR,
    "versus": Cue.OR,
    "vs": Cue.OR,
    "with": Cue.WITH,
}
_MODALS = frozenset(["may", "might", "could", "can", "would"])
_SPLIT = re.compile(r"\d+\.\d+|[a-z0-9']+|[,;:()/]")


@cache
def lexicon() -> Lexicon:
    """The lists of `terms_en.yaml` and `rules_en.yaml`."""
    terms = english_terms()
    rules = _yaml("radraft.reports.findings", "rules_en.yaml")
    return _Builder(rules).build(terms, rules)


class _Builder:
    """Gathers what each phrase means before the phrases go into the trie."""

    def __init__(self, rules: dict[str, Any]) -> None:
        self.entries: dict[tuple[str, ...], Entry] = {}
        self.plain: dict[str, str] = dict(rules["spellings"])

    def build(self, terms: dict[str, Any], rules: dict[str, Any]) -> Lexicon:
        listed = [*terms["phrases"].values(), *(word["words"] for word in terms["words"].values())]
        places = [place["words"] for place in rules["places"].values()]
        self._plurals([*_strings(listed), *_strings(places)])
        self._findings(terms)
        self._places(rules)
        self._cues(rules)
        phrases: PhraseTrie[Entry] = PhraseTrie()
        for words, entry in self.entries.items():
            phrases.add(words, entry)
        prior: PhraseTrie[bool] = PhraseTrie()
        for phrase in (p for change in rules["change"].values() for p in change):
            prior.add(self._words(phrase), True)
        for phrase in rules["prior"]:
            prior.add(self._words(phrase), True)
        for phrase in [*rules["no_change"], *rules["no_prior"]]:
            prior.add(self._words(phrase), False)
        combined = [(tag, frozenset(of)) for tag, of in rules["combined"].items()]
        return Lexicon(phrases, prior, self.plain, combined, frozenset(rules["measured"]))

    def _plurals(self, nouns: list[str]) -> None:
        known = {word for phrase in nouns for word in _SPLIT.findall(phrase)}
        for word in known:
            if len(word) < 3 or not word.isalpha():
                continue
            if word.endswith("ss"):
                plural = word + "es"
            elif word.endswith("s"):
                continue
            elif word.endswith("y"):
                plural = word[:-1] + "ies"
            elif word.endswith(("x", "ch", "sh")):
                plural = word + "es"
            else:
                plural = word + "s"
            if plural not in known:
                self.plain.setdefault(plural, word)

    def _words(self, phrase: str) -> tuple[str, ...]:
        return tuple(self.plain.get(word, word) for word in _SPLIT.findall(phrase))

    def _entry(self, phrase: str) -> Entry:
        return self.entries.setdefault(self._words(phrase), Entry())

    def _findings(self, terms: dict[str, Any]) -> None:
        for code, phrases in terms["phrases"].items():
            for phrase in phrases:
                self._entry(phrase).codes = () if code == "none" else (code,)
        for name, value in terms["words"].items():
            of = {tag: _outcome(outcome) for tag, outcome in value["of"].items()}
            word = Word(name, value["is"] == "state", of, _outcome(value["default"]) or None)
            for phrase in value["words"]:
                self._entry(phrase).word = word

    def _places(self, rules: dict[str, Any]) -> None:
        for tag, place in rules["places"].items():
            for phrase in place["words"]:
                entry = self._entry(phrase)
                entry.tags = (*entry.tags, tag)
                entry.anatomy = place.get("anatomy")
        for tag, phrases in rules["qualities"].items():
            for phrase in phrases:
                entry = self._entry(phrase)
                entry.tags = (*entry.tags, tag)
        for side, phrases in rules["sides"].items():
            for phrase in phrases:
                self._entry(phrase).side = Laterality(side)
        for phrase, (side, tag) in rules["sided_places"].items():
            entry = self._entry(phrase)
            entry.side, entry.tags = Laterality(side), (tag,)
            entry.anatomy = rules["places"][tag].get("anatomy")

    def _cues(self, rules: dict[str, Any]) -> None:
        for name, cue in _CUES.items():
            for phrase in rules["cues"][name]:
                self._entry(phrase).cue |= cue
        for phrase in rules["cues"]["uncertain_before"]:
            if phrase.split()[0] in _MODALS:
                # What may be is listed with commas; "possible" is said of the next thing.
                self._entry(phrase).cue |= Cue.DIFFERENTIAL
        for name, cue in _LISTS.items():
            for phrase in rules[name]:
                self._entry(phrase).cue |= cue
        for mark, cue in _MARKS.items():
            self._entry(mark).cue |= cue
        for change, phrases in rules["change"].items():
            for phrase in phrases:
                self._entry(phrase).change = Change(change)


def _outcome(value: Any) -> Outcome:
    """BaseLoader reads every value as text, so that `no` stays a word; null is then "null"."""
    absent = isinstance(value, dict)
    codes = value["absent"] if absent else value
    if codes == "null":
        codes = ()
    return Outcome((codes,) if isinstance(codes, str) else tuple(codes), absent)


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value
    return [string for part in parts for string in _strings(part)]


def _yaml(package: str, name: str) -> Any:
    import yaml

    path = files(package).joinpath(name)
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)

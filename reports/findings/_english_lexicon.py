"""The words of the English rules, ready to be looked up."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from itertools import product
from typing import Any

from radraft.core.once import once
from radraft.reports.findings._english_cues import CUES, LISTS, MARKS, MODALS, TOGETHER, Cue, Denial
from radraft.reports.findings._english_typos import Corrections
from radraft.reports.findings._trie import PhraseTrie
from radraft.reports.findings.terms import english_terms
from radraft.reports.findings.values import Change
from radraft.reports.findings.vocabulary import Region, vocabulary
from radraft.reports.values import Laterality


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
    default: Outcome
    """Where no place is near and the body part is the one the code belongs to, or not known."""
    regions: dict[Region, Outcome]
    """Where no place is near, by the body part that the text is about."""
    home: Region | None
    """Body part whose places leave the default as it is."""


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
    inner: tuple[str, ...] = ()
    """Places within a finding's own words: "rupture of the thoracic aorta"."""
    nor: bool = False
    """Joins what is denied together: "neither pleural nor pericardial"."""


@dataclass(slots=True)
class Lexicon:
    """Phrases of the rules and the plain forms of their words."""

    phrases: PhraseTrie[Entry]
    prior: PhraseTrie[bool]
    """True: compares with an earlier examination; False: has such words and does not."""
    plain: Corrections
    """Plural, variant or wrong spelling -> the form that the lists have."""
    combined: list[tuple[str, frozenset[str]]]
    """Tags that stand for several others together."""
    regions: dict[str, Region]
    """Tag -> body part of the place."""
    normal: dict[str, Outcome]
    """Tag -> what is ruled out where its place is called normal."""
    measured: frozenset[str]
    """Words before which "increased" is a quality and not a change ("increased opacity")."""
    negators: PhraseTrie[Denial]
    """Words that deny, counted where several are about one thing."""
    denying: frozenset[str]
    """First words of `negators`."""
    knowing: frozenset[str]
    """Words of finding out: two negations around one leave a doubt."""
    implied: dict[str, str]
    """Code -> tag of the organ that it is a finding of."""
    reporting: frozenset[str]
    """Words that lead to a statement: "that", "say"."""

    def split(self, text: str) -> list[str]:
        """Return the words and marks of a text in lower case, as the lists split theirs."""
        return _SPLIT.findall(text)


_SPLIT = re.compile(r"\d+[.,]\d+|[a-z0-9']+|[,;:()/]")


# After a modal, these leave open what is there.
_PLAIN_MODAL = frozenset(["be", "also", "well", "easily", "have"])


_LINKS = ("", " that", " whether", " if")


@once
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
        self.names: set[str] = {"evidence"}
        """Words of findings and places, whose misspellings are understood."""

    def build(self, terms: dict[str, Any], rules: dict[str, Any]) -> Lexicon:
        listed = [
            *terms["phrases"].values(),
            *(word["words"] for word in terms["words"].values()),
            *terms["compounds"].values(),
        ]
        places = [place["words"] for place in rules["places"].values()]
        self._plurals([*_strings(listed), *_strings(places)])
        for phrase in _strings(rules["qualities"]):
            self.names.update(_SPLIT.findall(phrase))
        self._findings(terms)
        self._places(terms, rules)
        self._cues(rules)
        phrases: PhraseTrie[Entry] = PhraseTrie()
        for words, entry in self.entries.items():
            phrases.add(words, entry)
        self._inner(phrases)
        prior: PhraseTrie[bool] = PhraseTrie()
        for phrase in (p for change in rules["change"].values() for p in change):
            prior.add(self._words(phrase), True)
        for phrase in rules["prior"]:
            prior.add(self._words(phrase), True)
        for phrase in [*rules["no_change"], *rules["no_prior"]]:
            prior.add(self._words(phrase), False)
        negators: PhraseTrie[Denial] = PhraseTrie()
        denying: set[str] = set()
        for kind in Denial:
            for phrase in rules["negators"][kind]:
                negators.add(self._words(phrase), kind)
                denying.add(self._words(phrase)[0])
        combined = [(tag, frozenset(of)) for tag, of in rules["combined"].items()]
        regions = {
            tag: Region(place["region"])
            for tag, place in rules["places"].items()
            if "region" in place
        }
        return Lexicon(
            phrases,
            prior,
            Corrections(self.plain, self.names, _listed(self.entries), rules["real_words"]),
            combined,
            regions,
            {tag: _outcome(said) for tag, said in terms["words"]["normal"]["of"].items()},
            frozenset(rules["measured"]),
            negators,
            frozenset(denying),
            frozenset(rules["knowing"]),
            {code: tag for tag, codes in rules["implied"].items() for code in codes},
            frozenset(rules["reporting"]),
        )

    def _inner(self, phrases: PhraseTrie[Entry]) -> None:
        """Note the places that stand behind `of` or `in` in the findings' phrases."""
        for words, entry in self.entries.items():
            at = next((at for at, word in enumerate(words) if word in ("of", "in")), 0)
            if not entry.codes or at == 0:
                continue
            for _, _, place in phrases.find(words[at + 1 :]):
                if place.tags and not place.codes:
                    entry.inner = place.tags

    def _plurals(self, nouns: list[str]) -> None:
        known = {word for phrase in nouns for word in _SPLIT.findall(phrase)}
        self.names |= known
        for word in known:
            if len(word) < 3 or not word.isalpha():
                continue
            if word.endswith("ss"):
                plural = word + "es"
            elif word.endswith("s"):
                continue
            elif word.endswith("y") and word[-2] not in "aeo":
                plural = word[:-1] + "ies"
            elif word.endswith(("x", "ch", "sh")):
                plural = word + "es"
            else:
                plural = word + "s"
            self.plain.setdefault(plural, word)

    def _words(self, phrase: str) -> tuple[str, ...]:
        return tuple(self.plain.get(word, word) for word in _SPLIT.findall(phrase))

    def _entry(self, phrase: str) -> Entry:
        return self.entries.setdefault(self._words(phrase), Entry())

    def _findings(self, terms: dict[str, Any]) -> None:
        for code, phrases in terms["phrases"].items():
            for phrase in phrases:
                self._entry(phrase).codes = () if code == "none" else (code,)
        for code, parts in terms["compounds"].items():
            for words in product(*parts):
                self._entry(" ".join(words)).codes = (code,)
        for name, value in terms["words"].items():
            of = {tag: _outcome(outcome) for tag, outcome in value["of"].items()}
            default = _outcome(value["default"])
            regions = {
                Region(region): _outcome(outcome)
                for region, outcome in value.get("regions", {}).items()
            }
            home = vocabulary()[default.codes[0]].region if default.codes else None
            word = Word(name, value["is"] == "state", of, default, regions, home)
            for phrase in value["words"]:
                self._entry(phrase).word = word

    def _places(self, terms: dict[str, Any], rules: dict[str, Any]) -> None:
        for tag, place in rules["places"].items():
            for phrase in place["words"]:
                entry = self._entry(phrase)
                entry.tags = (*entry.tags, tag)
                entry.anatomy = place.get("anatomy")
        for tag, phrases in rules["qualities"].items():
            for phrase in phrases:
                entry = self._entry(phrase)
                entry.tags = (*entry.tags, tag)
        # Where it is no device's, a bronchus stays the place of what else lies in it.
        for words in product(*terms["compounds"]["malpositioned_device"]):
            entry = self._entry(" ".join(words))
            entry.tags = entry.tags or ("bronchus",)
        for side, phrases in rules["sides"].items():
            for phrase in phrases:
                self._entry(phrase).side = Laterality(side)
        for phrase, (side, tag) in rules["sided_places"].items():
            entry = self._entry(phrase)
            entry.side, entry.tags = Laterality(side), (tag,)
            entry.anatomy = rules["places"][tag].get("anatomy")

    def _unsaid(self, rules: dict[str, Any]) -> None:
        """Add the ways to say that something was not found out, and not excluded."""
        unsaid = [f"{a} {b}" for a, b in product(*rules["unsaid"].values())]
        for phrase in [*rules["cues"]["doubted"], *unsaid]:
            for before, after in product(("", "is ", "remains ", "was "), _LINKS):
                self._entry(f"{before}{phrase}{after}").cue |= Cue.DOUBTED
        for verb, proven in product(*rules["unproven"].values()):
            self._entry(f"{verb} {proven}").cue |= Cue.UNCERTAIN_AFTER
        for phrase in rules["cues"]["absent_after"]:
            if "excluded" in phrase or "ruled out" in phrase:
                self._entry(phrase).cue |= Cue.EXCLUDE
        for name, cue in TOGETHER.items():
            for parts in product(*rules[name].values()):
                self._entry(" ".join(parts)).cue |= cue

    def _cues(self, rules: dict[str, Any]) -> None:
        for change, phrases in rules["change"].items():
            for phrase in phrases:
                self._entry(phrase).change = Change(change)
        for name, cue in CUES.items():
            for phrase in rules["cues"][name]:
                self._entry(phrase).cue |= cue
        for phrase in rules["cues"]["resolution"]:
            before = phrase.endswith(" of")
            self._entry(phrase).cue |= Cue.ABSENT_BEFORE if before else Cue.ABSENT_AFTER
        self._unsaid(rules)
        for noun in rules["cues"]["change_nouns"]:
            self._entry(noun).cue |= Cue.CHANGE
            for preposition in ("of", "in", "to", "from"):
                entry = self._entry(f"{noun} {preposition}")
                entry.cue |= Cue.CHANGE | Cue.PREPOSITION
                entry.change = entry.change or self._entry(noun).change
        for blind, senses in product(rules["blind"]["verbs"], rules["blind"]["senses"]):
            self._entry(f"{blind} {senses}").cue |= Cue.ABSENT_BEFORE
        for phrase in rules["cues"]["uncertain_before"]:
            if phrase.endswith(("exclude", "rule out")):
                self._entry(phrase).cue |= Cue.EXCLUDE
            if phrase.split()[0] in MODALS:
                # What may be is listed with commas; "possible" is said of the next thing.
                self._entry(phrase).cue |= Cue.DIFFERENTIAL
                if _PLAIN_MODAL.issuperset(phrase.split()[1:]):
                    self._entry(phrase).cue |= Cue.MODAL
        for words in product(*rules["missing"].values()):
            self._entry(" ".join(words)).cue |= Cue.ABSENT_BEFORE | Cue.MISSING
        for name, cue in LISTS.items():
            for phrase in rules[name]:
                self._entry(phrase).cue |= cue
        self._entry("nor").nor = True
        for mark, cue in MARKS.items():
            self.entries.setdefault(tuple(mark.split()), Entry()).cue |= cue


def _listed(phrases: Iterable[tuple[str, ...]]) -> set[str]:
    return {word for phrase in phrases for word in phrase}


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
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    return yaml.load(path.read_text(encoding="utf-8"), Loader=loader)

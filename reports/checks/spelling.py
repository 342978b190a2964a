"""Likely typing errors: English misspellings of the field's words, Chinese characters of the same
sound or of the same look (`_chinese_typos`). Nothing is changed unasked: each issue says what would
mend it.

An English word is doubted only beside a word of the field that it nearly is: one letter lost,
doubled, exchanged or swapped (Damerau 1964). What the project's terms, `languages.yaml` and
`spelling.yaml` hold is right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from radraft.reports.checks._chinese_typos import SURE_GAIN, Likeness, wrong_characters
from radraft.reports.checks.pointing import issue_at, words_of
from radraft.reports.checks.values import Check, Issue, ReadReport, Severity
from radraft.reports.findings.terms import english_terms
from radraft.reports.findings.vocabulary import anatomy, vocabulary
from radraft.reports.values import Lang


@dataclass(frozen=True)
class Typo:
    """A likely typing error in a text."""

    start: int
    """Characters of the text."""
    end: int
    code: str
    """Of the check that names it."""
    right: str
    """What is meant."""
    certain: bool
    """Whether little else can be meant."""


class EnglishSpelling:
    """An English word that is a misspelling of one of the field's words."""

    code = "typo_spelling"
    severity = Severity.WARN

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each such word."""
        yield from _issues(self, read, "en")


class Homophones:
    """A Chinese word with a character of the same sound in place of its own."""

    code = "typo_homophone"
    severity = Severity.WARN

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each such word."""
        yield from _issues(self, read, "zh")


class Lookalikes:
    """A Chinese word with a character that looks like its own."""

    code = "typo_lookalike"
    severity = Severity.WARN

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each such word."""
        yield from _issues(self, read, "zh")


def _issues(check: Check, read: ReadReport, lang: Lang) -> Iterator[Issue]:
    for sentence in read.sentences:
        text = sentence.sentence.text(lang)
        for typo in typos(text, lang):
            if typo.code == check.code:
                yield issue_at(
                    check,
                    sentence,
                    lang,
                    words_of(sentence, lang, typo.start, typo.end),
                    severity=None if typo.certain else Severity.HINT,
                    mend=typo.right,
                    details={"written": text[typo.start : typo.end], "right": typo.right},
                )


@lru_cache(maxsize=4096)
def typos(text: str, lang: Lang) -> tuple[Typo, ...]:
    """Return the likely typing errors of a text, by where they start."""
    return tuple(_chinese(text) if lang == "zh" else _english(text))


# English

_WORD = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")
_LEAST = 3
"""Letters of the shortest word that is doubted, and that may be meant: shorter ones are too near to
each other. Of three letters only a swap of two is doubted."""
_SURE = 7
"""Letters of a word that little else can be meant by."""
_ENDINGS = ("'s", "s", "es", "d", "ed", "ing", "ly", "like")
_LOSES_E = ("ed", "ing")
"""Endings before which a word loses its last e."""
_VERBAL = ("ed", "ing", "ly", "ires")
_BESIDE = 4
"""Words on each side in which the word has to stand that makes a confusion certain."""


@dataclass(frozen=True)
class _EnglishLexicon:
    right: frozenset[str]
    """Words that are not doubted."""
    near: Mapping[str, tuple[str, ...]]
    """Words of the field by themselves and by each form that lacks one letter."""
    confused: Mapping[str, tuple[tuple[str, frozenset[str]], ...]]


def _english(text: str) -> Iterator[Typo]:
    lexicon = _english_lexicon()
    matches = list(_WORD.finditer(text))
    words = [match[0].lower() for match in matches]
    for i, match in enumerate(matches):
        word = words[i]
        right = _confused(words, i, lexicon)
        if right is not None:
            yield Typo(
                match.start(), match.end(), EnglishSpelling.code, _cased(right, match[0]), True
            )
            continue
        if len(word) < _LEAST or word in lexicon.right or _is_name(match, text):
            continue
        if _is_form(word, lexicon.right):
            continue
        candidates = _near(word, lexicon)
        if candidates:
            best = min(
                candidates, key=lambda candidate: (abs(len(candidate) - len(word)), candidate)
            )
            sure = len(best) >= _SURE and len({candidate[:4] for candidate in candidates}) == 1
            yield Typo(
                match.start(), match.end(), EnglishSpelling.code, _cased(best, match[0]), sure
            )


def _confused(words: list[str], i: int, lexicon: _EnglishLexicon) -> str | None:
    for right, beside in lexicon.confused.get(words[i], ()):
        around = {*words[max(0, i - _BESIDE) : i], *words[i + 1 : i + 1 + _BESIDE]}
        if not beside or beside & around:
            return right
    return None


def _is_name(match: re.Match[str], text: str) -> bool:
    """Return whether a word is written as a name or an abbreviation is."""
    written = match[0]
    if written.islower():
        return False
    if len(written) > 1 and not written[1:].islower():
        # A whole text in capitals is only written so.
        return not text.isupper()
    before = text[: match.start()].rstrip(" \"'(")
    return bool(before) and before[-1] not in ".:;!?\n-"


def _is_form(word: str, right: frozenset[str]) -> bool:
    """Return whether `word` is a right word with an ending, a prefix or in British spelling."""
    for ending in _ENDINGS:
        stem = word.removesuffix(ending)
        if ending == "d" and not stem.endswith("e"):
            continue
        # Shorthand has a plural in s and no other ending.
        if len(stem) < _LEAST and ending not in ("'s", "s"):
            continue
        if stem != word and (stem in right or (ending in _LOSES_E and stem + "e" in right)):
            return True
    if word.endswith("ies") and word[:-3] + "y" in right:
        return True
    american = word.replace("ae", "e").replace("oe", "e").replace("our", "or")
    american = re.sub(r"is(?=e|ing|ation)", "iz", american)
    if american != word and (american in right or american.removesuffix("s") in right):
        return True
    for prefix in (
        "non",
        "sub",
        "peri",
        "para",
        "intra",
        "extra",
        "inter",
        "supra",
        "infra",
        "post",
    ):
        if word.startswith(prefix) and word.removeprefix(prefix) in right:
            return True
    return False


def _near(word: str, lexicon: _EnglishLexicon) -> set[str]:
    """Return the words of the field that are one edit away from `word`."""
    found: set[str] = set()
    for form in {word, *_shorter(word)}:
        found.update(lexicon.near.get(form, ()))
    return {
        candidate
        for candidate in found
        if _one_edit(word, candidate)
        and (len(candidate) > _LEAST or sorted(candidate) == sorted(word))
    }


def is_near_field(word: str) -> bool:
    """Return whether a word stands one letter beside a word of the field that may be meant."""
    return bool(_near(word, _english_lexicon()))


def _shorter(word: str) -> Iterator[str]:
    for i in range(len(word)):
        yield word[:i] + word[i + 1 :]


def _one_edit(one: str, other: str) -> bool:
    from rapidfuzz.distance import OSA

    return OSA.distance(one, other, score_cutoff=1) == 1


def _cased(right: str, written: str) -> str:
    if written.isupper():
        return right.upper()
    return right.capitalize() if written[0].isupper() else right


@cache
def _english_lexicon() -> _EnglishLexicon:
    data = _data()["en"]
    field = {*data["words"].split(), *data["common"].split()}
    terms = english_terms()
    phrases = [phrase for words in terms["phrases"].values() for phrase in words]
    phrases += [word for head in terms["words"].values() for word in head["words"]]
    phrases += [finding.en.lower() for finding in vocabulary().values()]
    phrases += [name.lower() for _, name in anatomy().values()]
    of_terms = {word for phrase in phrases for word in re.findall(r"[a-z]+", phrase)}
    general = {word for line in _language_words("en") for word in line.split()}
    known = {*field, *of_terms, *general, *data["known"].split(), *_everyday()}
    # A word of a term may be one of everyday English (ground, function): only long ones are taken.
    # Participles and adverbs of terms are too: "shattered" stands beside "scattered".
    targets = field | {
        word for word in of_terms if len(word) > _SURE and not word.endswith(_VERBAL)
    }
    near: dict[str, set[str]] = {}
    for word in targets:
        if len(word) >= _LEAST:
            for form in (word, *_shorter(word)):
                near.setdefault(form, set()).add(word)
    confused: dict[str, list[tuple[str, frozenset[str]]]] = {}
    for wrong, right, beside in data["confused"]:
        confused.setdefault(wrong, []).append((right, frozenset(beside.split())))
    return _EnglishLexicon(
        frozenset(known),
        {form: tuple(sorted(words)) for form, words in near.items()},
        {wrong: tuple(rights) for wrong, rights in confused.items()},
    )


# Chinese


def _chinese(text: str) -> Iterator[Typo]:
    for found in wrong_characters(text):
        shape = found.likeness is Likeness.SHAPE
        code = Lookalikes.code if shape else Homophones.code
        yield Typo(found.start, found.end, code, found.right, found.gain >= SURE_GAIN)


# Both


def _everyday() -> list[str]:
    """Return everyday words that stand one letter beside a word of the field."""
    text = files("radraft.reports.checks").joinpath("everyday_en.txt").read_text(encoding="utf-8")
    return [word for line in text.splitlines() if line[:1] != "#" for word in line.split()]


@cache
def _data() -> dict[str, Any]:
    return _yaml("spelling.yaml")


def _language_words(lang: Lang) -> list[str]:
    """Return the words of `languages.yaml` in one language."""
    data = _yaml("languages.yaml")
    return [
        word
        for group in ("findings", "organs", "qualities")
        for entry in data[group].values()
        for key in (lang, f"less_{lang}")
        for word in entry.get(key, ())
    ]


def _yaml(name: str) -> dict[str, Any]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = files("radraft.reports.checks").joinpath(name).read_text(encoding="utf-8")
    data: dict[str, Any] = yaml.load(text, Loader=loader)
    return data

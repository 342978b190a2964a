"""A sentence said in the other language by rules: only where every word of it was understood.

Nothing is guessed. A sentence is looked up among sentence pairs that the site knows; else it is
taken apart into clauses, each of which has to be a known phrase, or findings by their names with
nothing beside them that was not read (`following.yaml`). What comes out is offered only where it
reads back as exactly the same findings, sides, certainty and numbers, and the checks of languages
have nothing to say of the two.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache, lru_cache
from importlib.resources import files

from radraft.core.yaml_files import Strict
from radraft.reports.checks.bilingual import read_text
from radraft.reports.checks.bilingual_denials import negations_apart
from radraft.reports.checks.bilingual_findings import findings_apart
from radraft.reports.checks.languages import numbers_apart, sides_apart
from radraft.reports.composing import compose, states_exactly
from radraft.reports.findings._places import of_lung, places_of
from radraft.reports.findings.extract import extract
from radraft.reports.findings.values import Mention
from radraft.reports.findings.vocabulary import Region, vocabulary
from radraft.reports.site_languages import other_language
from radraft.reports.values import LANGS, Certainty, Lang

Pairs = Mapping[tuple[Lang, str], str]
"""By a language and the key of a text in it (`pair_key`), the text in the other language."""


class FollowSource(StrEnum):
    """What a followed text was made by."""

    MODEL = "model"
    PAIR = "pair"
    """People of this site signed it as this sentence in the other language."""
    TEMPLATE = "template"
    COMPOSED = "composed"
    """Said by the finding vocabulary."""


@dataclass(frozen=True)
class FollowedText:
    """What a sentence says in the other language, by a machine."""

    lang: Lang
    text: str = field(repr=False)
    source: FollowSource


def composed_text(text: str, lang: Lang, region: Region | None = None) -> FollowedText | None:
    """Return what `text`, written in `lang`, says in the other language; None where a word of it is
    not understood. `region` is the examination's body part."""
    clauses = [clause for clause in _clauses(text, lang) if clause]
    said = [_said(clause, lang, region) for clause in clauses]
    found = [clause for clause in said if clause is not None]
    if not found or len(found) < len(said):
        return None
    other = other_language(lang)
    whole = _joined(found, other)
    # Clauses may mean something else together than each for itself ("no effusion, pneumothorax").
    if not states_exactly(whole, other, extract(text, lang, region), region):
        return None
    return FollowedText(other, whole, FollowSource.COMPOSED) if agree(text, lang, whole) else None


def paired_text(text: str, lang: Lang, known: Pairs, source: FollowSource) -> FollowedText | None:
    """Return what `text` is in the other language among `known` pairs; None where it is not there,
    or where the checks of languages object."""
    found = known.get((lang, pair_key(text)))
    if found is None or not agree(text, lang, found):
        return None
    return FollowedText(other_language(lang), found, source)


def agree(text: str, lang: Lang, other: str, region: Region | None = None) -> bool:
    """Return whether the checks of languages find nothing, not even a doubt, between `text` in
    `lang` and `other` in the other language."""
    zh, en = (text, other) if lang == "zh" else (other, text)
    if sides_apart(zh, en) is not None or numbers_apart(zh, en) is not None:
        return False
    read = [
        read_text(each, its, extract(each, its, region))
        for each, its in zip((zh, en), LANGS, strict=True)
    ]
    return negations_apart(*read) is None and findings_apart(*read) is None


def pair_key(text: str) -> str:
    """Return `text` as it is looked up: without the white space, capitals and the last stop that
    make no other sentence of it."""
    return " ".join(text.split()).casefold().rstrip("。.;； ")


# A clause.


_STOPS: dict[Lang, re.Pattern[str]] = {
    # A size belongs to what it is of.
    "zh": re.compile(r"[，,](?!\s*(?:大小|直径|长径|最大径|约|\d))|[。；;]|\.(?!\d)"),
    "en": re.compile(r"[.;](?!\d)|, (?=and |but )"),
}


def _clauses(text: str, lang: Lang) -> list[str]:
    pieces = _STOPS[lang].split(text)
    return [_without_lead_in(piece.strip(), lang) for piece in pieces]


def _without_lead_in(clause: str, lang: Lang) -> str:
    match = _lead_in(lang).match(clause)
    return clause[match.end() :].strip(" ，,") if match else clause


@cache
def _lead_in(lang: Lang) -> re.Pattern[str]:
    ending = "" if lang == "zh" else r"(?=\s|,|$)"
    return re.compile(f"(?:(?:{_either(_words().lead_ins[lang])}){ending}[，, ]*)+", re.IGNORECASE)


def _said(clause: str, lang: Lang, region: Region | None) -> str | None:
    """Return one clause in the other language, without its stop."""
    other = other_language(lang)
    key = pair_key(clause)
    phrase = _phrases(lang).get(key) or _normal(key, lang) or _denied(key, lang)
    if phrase is not None:
        return phrase
    mentions = extract(clause, lang, region)
    if not mentions or not _understood(clause, lang, mentions):
        return None
    text = compose(mentions, other, region)
    return None if text is None else text.rstrip("。.")


@cache
def _phrases(lang: Lang) -> Mapping[str, str]:
    other = other_language(lang)
    return {
        pair_key(text): phrase[other][0] for phrase in _words().phrases for text in phrase[lang]
    }


def _normal(key: str, lang: Lang) -> str | None:
    """Return a clause that calls some things normal in the other language; None for another."""
    words = _words()
    predicate = _match(key, f"(?:{_either(words.predicates[lang])})$", at_end=True)
    if predicate is None:
        return None
    subjects = _listed(key[: predicate.start()], _subjects(lang), lang)
    if subjects is None:
        return None
    if lang == "en":
        return "、".join(dict.fromkeys(subject.zh[0] for subject in subjects)) + "正常"
    names = list(dict.fromkeys(subject.en[0] for subject in subjects))
    many = len(names) > 1 or subjects[0].many
    return f"the {_and(names, 'and')} {'are' if many else 'is'} normal"


def _denied(key: str, lang: Lang) -> str | None:
    """Return a clause that denies some things in the other language; None for another."""
    denying = _words().denying[lang]
    before = _match(key, "(?:" + _either(denying.before) + ")" + _EDGE[lang])
    if before is None:
        return None
    rest = key[before.end() :]
    after = _match(rest, "(?:" + _either(filter(None, denying.after)) + ")$", at_end=True)
    things = _listed(rest if after is None else rest[: after.start()], _things(lang), lang)
    if things is None:
        return None
    if lang == "en":
        return "未见" + "、".join(thing.zh[0] for thing in things)
    return "no " + _and([thing.en[0] for thing in things], "or")


_EDGE: dict[Lang, str] = {"zh": "", "en": r"(?=\s)"}
_BETWEEN: dict[Lang, str] = {
    "zh": "、|和|或|以及|及",
    "en": r",\s*(?:and|or)\s+|,\s*|\s+(?:and|or)\s+",
}


def _listed(text: str, known: Mapping[str, _Words], lang: Lang) -> list[_Words] | None:
    """Return what `text` lists, as it is known; None where something is not."""
    text = text.strip()
    if text in known:
        return [known[text]]
    named = [known.get(piece.strip()) for piece in re.split(_BETWEEN[lang], text)]
    found = [words for words in named if words is not None]
    return found if found and len(found) == len(named) else None


def _match(text: str, pattern: str, *, at_end: bool = False) -> re.Match[str] | None:
    return re.search(pattern, text) if at_end else re.match(pattern, text)


def _and(names: Sequence[str], word: str) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"


@cache
def _subjects(lang: Lang) -> Mapping[str, _Words]:
    return {pair_key(text): words for words in _words().subjects for text in words.of(lang)}


@cache
def _things(lang: Lang) -> Mapping[str, _Words]:
    return {pair_key(text): words for words in _words().denied for text in words.of(lang)}


def _joined(clauses: Iterable[str], lang: Lang) -> str:
    if lang == "zh":
        return "，".join(clause.replace("。", "，") for clause in clauses) + "。"
    return " ".join(f"{clause[:1].upper()}{clause[1:]}." for clause in clauses)


# Whether everything in a clause was read.


def _understood(clause: str, lang: Lang, mentions: tuple[Mention, ...]) -> bool:
    """Return whether `clause` is the names of its findings and words of what was read of them."""
    lowered = clause.lower()
    if len(lowered) != len(clause) or any(mention.change for mention in mentions):
        return False
    left = list(lowered)
    for mention in mentions:
        name = lowered[mention.start : mention.end]
        if pair_key(name) not in _names(mention.code, lang):
            return False
        left[mention.start : mention.end] = " " * (mention.end - mention.start)
    rest = "".join(left)
    if any(mention.size_mm for mention in mentions):
        rest = _MEASURE.sub(" ", rest)
    allowed = _either(_allowed(lang, mentions))
    pattern = f"(?:{allowed}|\\s)*" if lang == "zh" else f"(?:(?:{allowed})(?![a-z0-9])|[\\s,-])*"
    return re.fullmatch(pattern, rest) is not None


_LENGTH = r"\d+(?:\.\d+)?\s*(?:mm|cm|毫米|厘米)?\s*"
_MEASURE = re.compile(rf"{_LENGTH}(?:(?:x|×|\*|by)\s*{_LENGTH})*(?<=[m米])(?![a-z])\s*")


def _allowed(lang: Lang, mentions: tuple[Mention, ...]) -> Iterator[str]:
    """Yield the words that may stand beside the names of `mentions`."""
    words = _words()
    yield from words.fillers[lang]
    if any(mention.polarity is Certainty.ABSENT for mention in mentions):
        yield from words.absent[lang]
    if any(mention.polarity is Certainty.UNCERTAIN for mention in mentions):
        yield from words.uncertain[lang]
    if any(mention.laterality for mention in mentions):
        yield from words.sides[lang]
    if any(mention.size_mm for mention in mentions):
        yield from words.sized[lang]
    if all(of_lung(mention.code) for mention in mentions):
        yield from words.of_lung[lang]
    for mention in mentions:
        if mention.anatomy in places_of(mention.code):
            yield from words.places.get(mention.anatomy, {}).get(lang, ())


@lru_cache(maxsize=1024)
def _names(code: str, lang: Lang) -> frozenset[str]:
    finding = vocabulary()[code]
    display = finding.zh if lang == "zh" else finding.en
    return frozenset(map(pair_key, (display, *_words().names.get(code, {}).get(lang, ()))))


def _either(words: Iterable[str]) -> str:
    return "|".join(map(re.escape, sorted(set(words), key=lambda word: (-len(word), word))))


class _Words(Strict):
    zh: tuple[str, ...]
    en: tuple[str, ...]
    many: bool = False

    def of(self, lang: Lang) -> tuple[str, ...]:
        return self.zh if lang == "zh" else self.en


class _Denying(Strict):
    before: tuple[str, ...]
    after: tuple[str, ...]


class _FollowingWords(Strict):
    subjects: tuple[_Words, ...]
    predicates: dict[Lang, tuple[str, ...]]
    denied: tuple[_Words, ...]
    denying: dict[Lang, _Denying]
    phrases: tuple[dict[Lang, tuple[str, ...]], ...]
    lead_ins: dict[Lang, tuple[str, ...]]
    fillers: dict[Lang, tuple[str, ...]]
    absent: dict[Lang, tuple[str, ...]]
    uncertain: dict[Lang, tuple[str, ...]]
    sides: dict[Lang, tuple[str, ...]]
    sized: dict[Lang, tuple[str, ...]]
    of_lung: dict[Lang, tuple[str, ...]]
    places: dict[str, dict[Lang, tuple[str, ...]]]
    names: dict[str, dict[Lang, tuple[str, ...]]]


@cache
def _words() -> _FollowingWords:
    path = files("radraft.reports").joinpath("following.yaml")
    return _FollowingWords.from_yaml(path.read_text(encoding="utf-8"))

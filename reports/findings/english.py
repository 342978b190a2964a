"""English reports: mentions of findings by rules. `docs/findings.md` defines what counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from radraft.reports.findings import _english_attributes, _english_text
from radraft.reports.findings._english_lexicon import Cue, Hedge, Lexicon, Outcome, lexicon
from radraft.reports.findings._english_places import compose
from radraft.reports.findings._english_scope import (
    Item,
    clauses,
    mark_recommendations,
    set_polarity,
)
from radraft.reports.findings._english_study import whole_study
from radraft.reports.findings._places import places_of
from radraft.reports.findings.values import Mention
from radraft.reports.findings.vocabulary import Kind, Region, vocabulary
from radraft.reports.values import Certainty, Laterality


@dataclass(frozen=True, slots=True)
class Statement:
    """A mention, and the hedge of its words."""

    mention: Mention
    hedge: Hedge


def read(text: str, region: Region | None = None) -> tuple[Mention, ...]:
    """Mentions of a report, by where they start. Sections that only ask are not read."""
    return tuple(statement.mention for statement in statements(text))


def statements(text: str) -> tuple[Statement, ...]:
    """The mentions with how each is hedged, for label sets that need it."""
    words = lexicon()
    lowered = _english_text.lower(text)
    found: list[Statement] = []
    for passage in _english_text.passages(text):
        if not passage.read:
            continue
        for sentence in _english_text.sentences(lowered, passage.start, passage.end):
            found += _sentence(lowered, sentence, words)
    found.sort(key=lambda statement: (statement.mention.start, statement.mention.end))
    return tuple(found)


def claims_prior(text: str) -> bool:
    """Whether the text names an earlier examination, or states a change since one."""
    words = lexicon()
    lowered = _english_text.lower(text)
    for passage in _english_text.passages(text):
        if not passage.read and not passage.comparison:
            continue
        for sentence in _english_text.sentences(lowered, passage.start, passage.end):
            plain = [words.plain.get(word, word) for word in sentence.words]
            if passage.comparison and _names_examination(plain):
                return True
            if any(claims for _, _, claims in words.prior.find(plain)):
                return True
    return False


def _names_examination(words: list[str]) -> bool:
    return bool(words) and not {"none", "no", "unavailable", "not", "xxxx"} & set(words)


def _sentence(lowered: str, sentence: _english_text.Sentence, words: Lexicon) -> list[Statement]:
    plain = [words.plain.get(word, word) for word in sentence.words]
    items = [
        Item(
            first,
            last,
            entry,
            entry.cue,
            names=bool(entry.codes or entry.word),
            counted=any(word[0].isdigit() for word in plain[max(0, first - 2) : first]),
        )
        for first, last, entry in words.phrases.find(plain)
    ]
    if not any(item.names for item in items):
        return []
    found: list[tuple[Item, Mention]] = []
    parts = clauses(items)
    recommends = any(item.cue & Cue.RECOMMENDED for item in items)
    named = [_name(part, plain, words) for part in parts]
    for part in parts:
        set_polarity(part, asked=sentence.question)
    if recommends:
        mark_recommendations(items)
    for part, names in zip(parts, named, strict=True):
        found += _mentions(part, names, sentence, plain, words)
    return _with_sizes(lowered, sentence, found)


def _name(
    clause: list[Item], plain: list[str], words: Lexicon
) -> dict[int, list[tuple[Outcome, Item | None]]]:
    """What each naming item of the clause names; items that name nothing here lose their mark."""
    found: dict[int, list[tuple[Outcome, Item | None]]] = {}
    for index, item in enumerate(clause):
        if not item.names:
            continue
        if item.entry.codes:
            found[index] = [(Outcome(item.entry.codes), None)]
        elif item.entry.word is not None and item.entry.word.name == "abnormality":
            found[index] = whole_study(clause, index, plain) or compose(clause, index, words)
        else:
            found[index] = compose(clause, index, words)
    for index, outcomes in found.items():
        clause[index].names = bool(outcomes)
    return {index: outcomes for index, outcomes in found.items() if outcomes}


def _mentions(
    clause: list[Item],
    named: dict[int, list[tuple[Outcome, Item | None]]],
    sentence: _english_text.Sentence,
    plain: list[str],
    words: Lexicon,
) -> Iterator[tuple[Item, Mention]]:
    sides: dict[int, Laterality | None] = {}
    for index, outcomes in named.items():
        item = clause[index]
        preceding, following = _english_attributes.located(clause, index)
        sides[index] = _english_attributes.side(preceding, following)
        if sides[index] is None and _english_attributes.shared_side(clause, index) is not None:
            sides[index] = sides.get(index - 2)
        if item.unread:
            continue
        change = _english_attributes.change(clause, index, plain, words)
        places = [i.entry.anatomy for i in [*preceding, *following]]
        for outcome, by in outcomes:
            polarity = item.polarity
            if outcome.absent:
                if polarity is Certainty.ABSENT:
                    continue
                polarity = Certainty.ABSENT
            by = by or item
            first, last = min(item.first, by.first), max(item.last, by.last)
            for code in outcome.codes:
                adding = places_of(code)
                yield (
                    item,
                    Mention(
                        code,
                        Certainty.PRESENT if code == "no_finding" else polarity,
                        sides[index],
                        next((p for p in [by.entry.anatomy, *places] if p in adding), None),
                        None if outcome.absent else change,
                        start=sentence.starts[first],
                        end=sentence.ends[last - 1],
                    ),
                )


def _with_sizes(
    lowered: str, sentence: _english_text.Sentence, found: list[tuple[Item, Mention]]
) -> list[Statement]:
    mentions = [mention for _, mention in found]
    start, end = sentence.starts[0], sentence.ends[-1]
    if not mentions or ("mm" not in lowered[start:end] and "cm" not in lowered[start:end]):
        return [Statement(mention, item.hedge) for item, mention in found]
    measurable = [
        index for index, mention in enumerate(mentions) if mention.code not in _unmeasured()
    ]
    for begin, stop, values in _english_attributes.sizes(lowered, start, end):
        if not measurable:
            break
        after = [i for i in measurable if 0 <= mentions[i].start - stop <= 40]
        before = [i for i in measurable if mentions[i].start < begin]
        between = lowered[stop : mentions[after[0]].start] if after else ""
        if after and not {",", ";"} & set(between) and " and " not in between:
            chosen = after[0]
        elif before:
            chosen = before[-1]
        else:
            continue
        mentions[chosen] = replace(mentions[chosen], size_mm=mentions[chosen].size_mm + values)
    return [
        Statement(mention, item.hedge) for (item, _), mention in zip(found, mentions, strict=True)
    ]


@cache
def _unmeasured() -> frozenset[str]:
    """Codes that a length in the sentence is not the size of."""
    return frozenset(
        code for code, finding in vocabulary().items() if finding.kind is not Kind.FINDING
    )

"""Clauses of an English sentence: what its negations and doubts may reach."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from radraft.reports.findings._english_cues import Cue, Hedge
from radraft.reports.findings._english_lexicon import Entry
from radraft.reports.findings.values import Change
from radraft.reports.values import Certainty

_SPLITTERS = Cue.COMMA | Cue.AND
_PARTING = _SPLITTERS | Cue.BREAK | Cue.COLON | Cue.ANSWER


@dataclass(slots=True, eq=False)
class Item:
    """A phrase of the rules found in a sentence."""

    first: int
    """Index of its first word in the sentence."""
    last: int
    """One past its last word."""
    entry: Entry
    cue: int
    clause: int = 0
    names: bool = False
    """Names a finding, by itself or with a tag."""
    polarity: Certainty = Certainty.PRESENT
    unread: bool = False
    hedge: Hedge = Hedge.NONE
    change: Change | None = None
    closing: bool = False
    """Nothing follows it but a mark or the end."""
    counted: bool = False
    """A number stands right before it, or before its unit."""
    plural: bool = False
    measured: bool = False
    """A length stands right behind it."""


def cues_of(items: list[Item]) -> int:
    """Return every cue that one of the items has."""
    cues = 0
    for item in items:
        cues |= item.cue
    return cues


def clauses(items: list[Item]) -> list[list[Item]]:
    """Items of each clause. Marks, conjunctions and words like `but` begin a new one.

    A comma or `and` does so only where both sides have a verb of their own, or a negation before
    it: "the heart is enlarged, lungs are clear", but not "no effusion, pneumothorax or nodule is
    seen".
    """
    if not cues_of(items) & _PARTING:
        return [list(items)]
    found: list[list[Item]] = [[]]
    answered = False
    for index, item in enumerate(items):
        cue = item.cue
        if (
            (cue & Cue.BREAK and _begins(items, index, found[-1]))
            or (cue & _SPLITTERS and found[-1] and _divides(items, index, found[-1]))
            or (answered and any(is_noun(other) for other in items[index:]))
        ):
            found.append([])
        elif cue & Cue.COLON:
            item.cue &= ~Cue.BREAK
        answered = bool(cue & Cue.ANSWER)
        item.clause = len(found) - 1
        found[-1].append(item)
    return found


def _begins(items: list[Item], index: int, before: list[Item]) -> bool:
    """Whether a breaking word begins a clause: not `there is` after a mere place.

    A colon or a dash only parts two findings: "Left effusion: small", "Left base: atelectasis".
    """
    item = items[index]
    if item.cue & Cue.FINITE and not any(other.names for other in before):
        return False
    reported = item.cue & Cue.FINITE and before and before[-1].last == item.first
    if reported and before[-1].cue & (Cue.THAT | Cue.DOUBTED):
        # "... does not mean that there is no stone".
        return False
    if item.cue & Cue.COLON:
        after = itertools.takewhile(lambda other: not other.cue & Cue.BREAK, items[index + 1 :])
        return any(map(is_noun, before)) and any(map(is_noun, after))
    return bool(before)


def is_noun(item: Item) -> bool:
    """Whether it names a finding, and is not said of one."""
    return item.names and not (item.entry.word is not None and item.entry.word.state)


def _divides(items: list[Item], index: int, before: list[Item]) -> bool:
    # "Except for a granuloma on the left, both lungs are clear."
    complete = bool(before[0].cue & (Cue.EXCEPTION | Cue.CONCESSION))
    negated = named = False
    verb = -1
    for item in before:
        cue = item.cue
        if cue & Cue.THAT and item.first == verb:
            # "The film shows that heart and lungs are normal": only what it shows is a statement.
            complete = named = False
        if cue & (Cue.FINITE | Cue.VERB | Cue.SEEN):
            verb = item.last
        complete = complete or bool(cue & Cue.FINITE)
        negated = negated or bool(cue & Cue.ABSENT_BEFORE)
        named = named or item.names or bool(item.entry.tags)
    if not (complete or negated) or not (named or complete):
        return False
    subject = False
    for item in items[index + 1 :]:
        cue = item.cue
        if cue & (Cue.OR | Cue.BREAK):
            return False
        if cue & _SPLITTERS:
            if not subject:
                # ", and": what follows decides.
                if cue & Cue.AND and item is items[index + 1]:
                    continue
                return False
            return False
        if cue & Cue.FINITE:
            return subject and (complete or not _perceives(items, item))
        begins = item.names or item.entry.tags or cue & (Cue.ABSENT_BEFORE | Cue.STARTS_ANEW)
        if begins or (complete and item.entry.side is not None):
            subject = True
    return False


def _perceives(items: list[Item], verb: Item) -> bool:
    """Whether the verb goes on with seen, identified, ...: it may end a negated list."""
    for item in items:
        if item.first >= verb.last:
            return bool(item.cue & Cue.SEEN)
    return False

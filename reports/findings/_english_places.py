"""What a word names together with the places around it."""

from __future__ import annotations

from dataclasses import dataclass

from radraft.reports.findings._english_clauses import Item
from radraft.reports.findings._english_cues import Cue
from radraft.reports.findings._english_lexicon import Lexicon, Outcome, Word
from radraft.reports.findings.vocabulary import Kind, Region, vocabulary

NOTHING = Outcome(())
_DEVICE = "device"
"""Stands in `of` for a device beside the word."""
_LEADING_STOP = Cue.WITH | Cue.ABSENT_AFTER | Cue.COMMA | Cue.AND | Cue.OR
_STOP = Cue.FINITE | Cue.BREAK | Cue.WITH | Cue.STATED | Cue.UNREAD
_BEFORE_STOP = _STOP | (Cue.PREPOSITION | Cue.ABSENT_BEFORE)
_AFTER_STOP = _STOP | (
    Cue.ABSENT_BEFORE | Cue.ABSENT_AFTER | Cue.UNCERTAIN_BEFORE | Cue.UNCERTAIN_AFTER
)


@dataclass(frozen=True, slots=True)
class Context:
    """What the words around a sentence say of where it is."""

    tags: frozenset[str] = frozenset()
    """Places that the heading names."""
    organ: Region | None = None
    """Body part of the heading's organ."""
    region: Region | None = None
    """Body part of the section or the examination."""
    partial: bool = False
    """One of several body parts that the text has sections of."""


def before(clause: list[Item], index: int, *, series: bool) -> list[Item]:
    """Tagged and sided items that stand before a noun as its qualities, nearest first.

    With `series`, across commas too, as the subjects of a predicate are listed.
    """
    found: list[Item] = []
    at = index - 1
    while at >= 0:
        item = clause[at]
        cue = item.cue
        if cue & _BEFORE_STOP and not _located(item):
            break
        if item.names and not _located(item):
            break
        if cue & Cue.COMMA and not series:
            break
        if cue & (Cue.AND | Cue.OR) and not (
            at > 0 and (series or (found and _located(clause[at - 1])))
        ):
            break
        if _located(item):
            found.append(item)
        at -= 1
    return found


def after(clause: list[Item], index: int, *, adjective: bool) -> list[Item]:
    """Tagged and sided items after a noun or adjective, up to the next finding or verb."""
    found: list[Item] = []
    for at in range(index + 1, len(clause)):
        item = clause[at]
        cue = item.cue
        if cue & _AFTER_STOP and not (item.entry.side or item.entry.tags):
            break
        follows = clause[at + 1] if at + 1 < len(clause) else None
        if item.names:
            # Adjectives of one noun: "a calcified and tortuous aorta".
            if adjective and item.entry.word is not None and item.entry.word.state and not found:
                continue
            if adjective and found and item.first == found[-1].last:
                # "A large hilar mass": the place is the mass's.
                found.clear()
            break
        if cue & (Cue.COMMA | Cue.AND | Cue.OR):
            if follows is None:
                break
            joins = (
                _located(follows)
                or _another_side(clause, at)
                or bool(follows.cue & Cue.PREPOSITION)
                or (
                    adjective
                    and not found
                    and follows.entry.word is not None
                    and follows.entry.word.state
                )
            )
            if not joins:
                break
            if cue & Cue.COMMA and found and not (follows.entry.side or _another_side(clause, at)):
                break
            continue
        if _located(item):
            if not adjective and _qualifies_next(clause, at):
                break
            found.append(item)
    return found


def _another_side(clause: list[Item], at: int) -> bool:
    """Whether the same finding's other side follows: "..., small on the left"."""
    for item in clause[at + 1 :]:
        if item.entry.side:
            return not _qualifies_next(clause, clause.index(item))
        if item.names or item.change or not item.cue & (Cue.STARTS_ANEW | Cue.PREPOSITION):
            return False
        if item.cue & (_AFTER_STOP & ~Cue.PREPOSITION):
            return False
    return False


def _qualifies_next(clause: list[Item], at: int) -> bool:
    """Whether a place belongs to the finding after it: "... and left base atelectasis"."""
    joined = bool(clause[at - 1].cue & (Cue.AND | Cue.OR | Cue.COMMA))
    for item in clause[at + 1 :]:
        if item.names:
            return joined
        if not _located(item):
            return False
    return False


def subject(clause: list[Item], index: int) -> list[Item]:
    """Tagged and sided items before the verb that leads to a predicate, nearest first."""
    at = index - 1
    while at >= 0 and not clause[at].cue & Cue.FINITE:
        item = clause[at]
        if item.names and not (item.entry.word is not None and item.entry.word.state):
            return []
        if item.cue & (Cue.BREAK | Cue.WITH):
            return []
        at -= 1
    if at > 0 and clause[at - 1].cue & Cue.AND:
        # "The aorta shows calcification and is tortuous": two verbs of one subject.
        verb = next((i for i in range(at - 2, -1, -1) if clause[i].cue & Cue.FINITE), 0)
        at = verb or at
    found: list[Item] = []
    for item in reversed(clause[: max(at, 0)]):
        if item.cue & (Cue.BREAK | Cue.WITH):
            break
        if item.names and not item.entry.tags:
            break
        if _located(item):
            found.append(item)
    return found


def _located(item: Item) -> bool:
    entry = item.entry
    return bool(entry.tags) or entry.side is not None


def tags_of(items: list[Item], lexicon: Lexicon) -> dict[str, Item]:
    """Tag -> the item that has it, nearest first; with the tags that stand for several."""
    found: dict[str, Item] = {}
    for item in items:
        for tag in item.entry.tags:
            found.setdefault(tag, item)
    for tag, of in lexicon.combined:
        if of <= found.keys():
            found[tag] = found[min(of)]
    return found


def compose(
    clause: list[Item], index: int, context: Context, lexicon: Lexicon
) -> list[tuple[Outcome, Item | None]]:
    """Return what the word at `index` names, each with the place item that decided it."""
    word = clause[index].entry.word
    if word is None:
        return []
    if not word.state:
        found = _noun(clause, index, word, context, lexicon)
        return [found] if found is not None and found[0].codes else []
    for group in _state_groups(clause, index):
        tags = tags_of(group, lexicon)
        named = [(word.of[tag], tags[tag]) for tag in tags if tag in word.of]
        if named:
            return [(outcome, place) for outcome, place in named if outcome.codes]
    if not _organs(clause, lexicon):
        for tag in context.tags:
            if tag in word.of:
                return [(word.of[tag], None)] if word.of[tag].codes else []
    return [(word.default, None)] if word.default.codes else []


def _noun(
    clause: list[Item], index: int, word: Word, context: Context, lexicon: Lexicon
) -> tuple[Outcome, Item | None] | None:
    """Return what the noun names by the organ in reach, or else by that of the text around it."""
    item = clause[index]
    following = after(clause, index, adjective=False)
    near = before(clause, index, series=False) + following
    tags = tags_of(near, lexicon)
    for tag in item.entry.tags:
        tags.setdefault(tag, item)
    if _DEVICE in word.of and _of_device(clause, index):
        return word.of[_DEVICE], None
    for tag, outcome in word.of.items():
        if tag in tags:
            return outcome, tags[tag] if outcome != word.default else None
    region = _region(near[: len(near) - len(following)] + _firm(clause, index, following), lexicon)
    if region is not None:
        return _elsewhere(word, region), None
    for group in (subject(clause, index), leading(clause, index), _shared(clause, index)):
        region = _region(group, lexicon)
        if region is not None and (region is not word.home or not word.default.codes):
            tags = tags_of(group, lexicon)
            for tag, outcome in word.of.items():
                if tag in tags:
                    return outcome, tags[tag]
            return _elsewhere(word, region), None
        if region is not None:
            return word.default, None
    for tag, outcome in word.of.items():
        if tag in context.tags:
            return outcome, None
    return _elsewhere(word, context.organ or context.region), None


def _shared(clause: list[Item], index: int) -> list[Item]:
    """Places that a list ends with: "no mass, infarct or hemorrhage in the brain"."""
    last = index
    for at in range(index + 1, len(clause)):
        item = clause[at]
        if item.names:
            last = at
        elif not item.cue & (Cue.COMMA | Cue.OR | Cue.AND) and not _located(item):
            break
    if last == index or last + 1 == len(clause) or not clause[last + 1].cue & Cue.WITHIN:
        return []
    return after(clause, last, adjective=False)


def _of_device(clause: list[Item], index: int) -> bool:
    """Whether it is said of a device beside it: "fractured wires", "fracture of the lead"."""
    here = clause[index]
    after = next((item for item in clause[index + 1 :] if item.names), None)
    if after is not None and is_device(after) and after.first - here.last <= 2:
        return True
    before = clause[index - 1] if index else None
    return before is not None and is_device(before) and before.last == here.first


def is_device(item: Item) -> bool:
    """Return whether the item names a device."""
    codes = item.entry.codes
    return bool(codes) and vocabulary()[codes[0]].kind is Kind.DEVICE


def _elsewhere(word: Word, region: Region | None) -> Outcome:
    """Return what the word names in a body part: nothing where that part has no code for it."""
    if region is None or region is word.home:
        return word.default
    return word.regions.get(region, NOTHING)


def _region(items: list[Item], lexicon: Lexicon) -> Region | None:
    """Return the body part of the nearest organ among `items`."""
    for item in items:
        for tag in item.entry.tags:
            if tag in lexicon.regions:
                return lexicon.regions[tag]
    return None


def _organs(clause: list[Item], lexicon: Lexicon) -> bool:
    return any(tag in lexicon.regions for item in clause for tag in item.entry.tags)


def _firm(clause: list[Item], index: int, following: list[Item]) -> list[Item]:
    """Return the places after a noun that it lies in, and not only next to."""
    found: list[Item] = []
    for item in clause[index + 1 :]:
        if item.cue & Cue.LOOSE:
            break
        if item in following:
            found.append(item)
    return found


def leading(clause: list[Item], index: int) -> list[Item]:
    """Places at the head of the clause: "in the left lower lobe is a nodule"."""
    found: list[Item] = []
    for item in reversed(clause[:index]):
        if item.names or item.cue & _LEADING_STOP:
            break
        if _located(item):
            found.append(item)
    return found


def _state_groups(clause: list[Item], index: int) -> list[list[Item]]:
    following = after(clause, index, adjective=True)
    attributive = bool(following) and not any(
        item.cue & (Cue.PREPOSITION | Cue.COMMA)
        for item in clause[index + 1 : clause.index(following[0])]
    )
    led = subject(clause, index) or leading(clause, index)
    preceding = before(clause, index, series=True)
    if attributive:
        return [following, preceding, led]
    return [preceding, led, following]

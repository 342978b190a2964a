"""The other side of a finding, said without its name: "on the right, absent on the left"."""

from __future__ import annotations

from dataclasses import dataclass

from radraft.reports.findings._english_clauses import Item
from radraft.reports.findings._english_cues import Cue
from radraft.reports.findings._english_places import is_located
from radraft.reports.findings.values import Change
from radraft.reports.values import Certainty, Laterality

_JOINT = Cue.COMMA | Cue.AND | Cue.BREAK
_ABSENT = Cue.ABSENT_AFTER | Cue.ABSENT_BEFORE
_SAID = _ABSENT | Cue.UNCERTAIN_AFTER | Cue.SEEN


# Words of no list that may stand beside a side.
_BESIDE = frozenset(
    [
        *("the", "one", "it", "a", "now", "but", "any", "side", "such", "still", "having", "that"),
        *("only", "those", "also", "there", "while", "this", "marked", "well"),
    ]
)
_NUMBERS = frozenset(["one", "two", "three", "four", "five", "several", "some"])
_AMOUNT = Cue.STARTS_ANEW | Cue.FINITE | Cue.VERB


@dataclass(frozen=True, slots=True)
class Contrast:
    """What the rest of a clause says of the finding before it, on another side."""

    polarity: Certainty
    side: Laterality | None
    change: Change | None
    tags: tuple[str, ...]
    """Places that it names."""
    another: bool
    """It speaks of another one: "the one on the left is new"."""
    first: int
    last: int
    """Words of the sentence that say so, the last excluded."""


def part(
    clauses: list[list[Item]], words: list[str]
) -> tuple[list[list[Item]], list[Contrast | None]]:
    """Return the clauses without such rests, and the rest that belongs to each."""
    kept: list[list[Item]] = []
    found: list[Contrast | None] = []
    for clause in clauses:
        if kept and found[-1] is None and clause[0].cue & Cue.EXCEPTION:
            spared = _spared(kept[-1], clause)
            if spared is not None:
                found[-1] = spared
                continue
        if kept and found[-1] is None and _speaks_of_side(kept[-1]):
            rest = _contrast(kept[-1], clause, words)
            if rest is not None:
                found[-1] = rest
                continue
        kept.append(clause)
        found.append(None)
        for index in range(1, len(clause)):
            if clause[index].cue & _JOINT and _speaks_of_side(clause[:index]):
                if _calls_normal(clause[index + 1 :]):
                    kept[-1] = clause[:index]
                    break
                rest = _contrast(clause[:index], clause[index + 1 :], words)
                if rest is not None:
                    kept[-1], found[-1] = clause[:index], rest
                    break
    return kept, found


def _spared(head: list[Item], rest: list[Item]) -> Contrast | None:
    """Return the one that an exception leaves: "no nodule other than the one on the right"."""
    nouns = [item for item in head if item.names and not _is_state(item)]
    if len(nouns) != 1 or not any(item.cue & Cue.ABSENT_BEFORE for item in head):
        return None
    if any(item.names for item in rest) or not any(is_located(item) for item in rest):
        return None
    sides = {item.entry.side for item in rest if item.entry.side is not None}
    side = sides.pop() if len(sides) == 1 else None
    tags = tuple(tag for item in rest for tag in item.entry.tags)
    return Contrast(Certainty.PRESENT, side, None, tags, False, rest[0].first, rest[-1].last)


def _calls_normal(rest: list[Item]) -> bool:
    """Whether only the other side is called normal: "cyst on the left, normal on the right"."""
    if len(rest) < 2 or not rest[0].names or not _is_state(rest[0]):
        return False
    word = rest[0].entry.word
    return (
        word is not None
        and word.name in ("normal", "clear")
        and all(item.entry.side or item.cue & Cue.PREPOSITION for item in rest[1:])
    )


_ZONES = frozenset(
    [
        *("apex", "lung_base", "upper_zone", "middle_zone", "lower_zone", "lung"),
        *("upper_lobe", "middle_lobe", "lower_lobe", "pleura"),
    ]
)


def _bare(rest: list[Item], words: list[str]) -> bool:
    """Whether words of no list are none but those that a side comes with."""
    at = rest[0].first
    for item in rest:
        if not (_BESIDE | _NUMBERS).issuperset(words[at : item.first]):
            return False
        at = item.last
    return True


def _speaks_of_side(clause: list[Item]) -> bool:
    """Whether the clause states a finding on one side."""
    named = any(item.names and not _is_state(item) for item in clause)
    return named and any(item.entry.side in _ONE_SIDE for item in clause)


_ONE_SIDE = (Laterality.LEFT, Laterality.RIGHT)


def _is_state(item: Item) -> bool:
    return item.entry.word is not None and item.entry.word.state


def _contrast(head: list[Item], rest: list[Item], words: list[str]) -> Contrast | None:
    """Return what `rest` says where it has a verdict and a side, and names nothing.

    A place is that of the finding before: "persists at the left base, having cleared at the right
    base".
    """
    if not rest or any(item.names for item in rest):
        return None
    places = {tag for item in head for tag in item.entry.tags}
    if not places.isdisjoint(_ZONES):
        places |= _ZONES
    if any(not places.issuperset(item.entry.tags) for item in rest):
        return None
    if not _bare(rest, words):
        return None
    sides = {item.entry.side for item in rest if item.entry.side is not None}
    if len(sides) != 1 or not sides <= set(_ONE_SIDE):
        return None
    cues = 0
    change = None
    for item in rest:
        if item.cue & (Cue.UNREAD | Cue.RECOMMENDED):
            return None
        cues |= item.cue
        change = change or item.change
    denied = any(item.cue & _ABSENT or item.change is Change.RESOLVED for item in head)
    counted = not _NUMBERS.isdisjoint(words[rest[0].first - 2 : rest[-1].last])
    if not (cues & _SAID or change is not None or (denied and (cues & _AMOUNT or counted))):
        return None
    if cues & _ABSENT or change is Change.RESOLVED:
        polarity = Certainty.ABSENT
    else:
        polarity = Certainty.UNCERTAIN if cues & Cue.UNCERTAIN_AFTER else Certainty.PRESENT
    heads = {item.entry.side for item in head if item.entry.side is not None}
    another = "one" in words[rest[0].first - 1 : rest[-1].last] and heads.isdisjoint(sides)
    if polarity is Certainty.PRESENT and not denied and not (another and change is not None):
        return None
    if polarity is Certainty.ABSENT and change is not Change.RESOLVED:
        change = None
    return Contrast(polarity, sides.pop(), change, (), another, rest[0].first, rest[-1].last)

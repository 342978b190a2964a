"""Negations that take each other back, and resolutions that did not happen.

Settled before the scopes run: what remains marked as a negation afterwards is one.
"""

from __future__ import annotations

import itertools

from radraft.reports.findings._english_clauses import Item
from radraft.reports.findings._english_cues import Cue
from radraft.reports.findings.values import Change

_NEGATION = Cue.ABSENT_BEFORE | Cue.ABSENT_AFTER
_TAKES_BACK = Cue.PARTIAL | Cue.UNDONE | Cue.ABSENT_BEFORE
_LISTING = Cue.COMMA | Cue.AND | Cue.OR | Cue.BREAK


def settle(clause: list[Item]) -> None:
    """Drop the negations of a clause that another one takes back."""
    _exclusions(clause)
    _resolutions(clause)
    _denied_changes(clause)
    _doubled(clause)


def _exclusions(clause: list[Item]) -> None:
    """Turn "cannot be entirely excluded" and its like into doubt."""
    for index, item in enumerate(clause):
        if not item.cue & Cue.EXCLUDE or item.cue & (Cue.UNCERTAIN_BEFORE | Cue.EXCEPTION):
            continue
        for other in reversed(clause[max(0, index - 5) : index]):
            if other.names:
                break
            if other.cue & Cue.UNABLE:
                other.cue &= ~_NEGATION
                item.cue = Cue.UNCERTAIN_BEFORE | Cue.UNCERTAIN_AFTER | Cue.EXCLUDE
                break


def _resolutions(clause: list[Item]) -> None:
    """Keep what has not, or not wholly, gone: "has not resolved", "incomplete clearing of"."""
    for index, item in enumerate(clause):
        if not item.cue & Cue.RESOLUTION:
            continue
        takers = _before(clause, index)
        if not takers and not item.cue & Cue.ABSENT_BEFORE:
            takers = _over(clause, index)
        follows = clause[index + 1] if index + 1 < len(clause) else None
        if not takers and follows is not None and follows.cue & Cue.PARTIAL_AFTER:
            takers = [follows]
        if takers:
            denied = any(taker.cue & (Cue.ABSENT_BEFORE | Cue.UNDONE) for taker in takers)
            for taker in takers:
                taker.cue &= ~_NEGATION
            item.cue &= ~_NEGATION
            item.change = Change.STABLE if denied else Change.DECREASED


def _before(clause: list[Item], index: int) -> list[Item]:
    """Return the words right before that take the resolution back, past verbs."""
    found: list[Item] = []
    for other in reversed(clause[max(0, index - 4) : index]):
        if other.cue & _TAKES_BACK and not other.names:
            found.append(other)
        elif other.names or other.cue & _LISTING or not other.cue & (Cue.VERB | Cue.FINITE):
            break
    return found


def _over(clause: list[Item], index: int) -> list[Item]:
    """Return the negation over finding and verb: "no evidence that the effusion has cleared"."""
    named = False
    for other in reversed(clause[:index]):
        if other.cue & _LISTING:
            return []
        if other.cue & Cue.ABSENT_BEFORE:
            return [other] if named else []
        named = named or other.names
    return []


def _denied_changes(clause: list[Item]) -> None:
    """Turn "no improvement in" and "has not increased" into a stable finding."""
    for index, item in enumerate(clause):
        if index == 0 or not (item.cue & Cue.CHANGE or item.change in _DIRECTIONS):
            continue
        negation = clause[index - 1]
        if not negation.cue & Cue.ABSENT_BEFORE or negation.names:
            continue
        noun = item.cue & Cue.CHANGE and (
            item.cue & Cue.PREPOSITION or _leads(clause, index) or index + 1 == len(clause)
        )
        verb = not item.cue & Cue.CHANGE and any(other.names for other in clause[: index - 1])
        if noun or (verb and not any(other.names for other in clause[index:])):
            negation.cue &= ~_NEGATION
            item.change = Change.STABLE


_DIRECTIONS = (Change.INCREASED, Change.DECREASED)


def _leads(clause: list[Item], index: int) -> bool:
    return bool(clause[index + 1].cue & Cue.PREPOSITION) if index + 1 < len(clause) else False


def _doubled(clause: list[Item]) -> None:
    """Two negations of one thing leave it there: "not without", "not free of"."""
    for index, item in enumerate(clause):
        if item.cue & Cue.UNTRUE:
            _taken_back(item, clause[index + 1 :])
    # "Not entirely without effusion": the degree takes nothing back.
    said = [item for item in clause if not item.cue & Cue.PARTIAL or item.names]
    for first, second in itertools.pairwise(said):
        if (
            first.cue & Cue.ABSENT_BEFORE
            and second.cue & Cue.ABSENT_BEFORE
            and not (first.names or second.names)
            and second.first - first.last <= 2
        ):
            first.cue &= ~_NEGATION
            unlikely = second.cue & Cue.ABSENT_AFTER and not second.cue & Cue.RESOLUTION
            second.cue &= ~_NEGATION
            if unlikely:
                second.cue |= Cue.UNCERTAIN_BEFORE | Cue.UNCERTAIN_AFTER


def _taken_back(untrue: Item, following: list[Item]) -> None:
    """Drop "not true that" with the negation it denies: "it is not true that there is no ..."."""
    for item in following:
        if item.names:
            return
        if item.cue & Cue.ABSENT_BEFORE:
            untrue.cue &= ~_NEGATION
            item.cue &= ~_NEGATION
            return

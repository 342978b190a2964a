"""Negations that take each other back, and resolutions that did not happen.

Settled before the scopes run: what remains marked as a negation afterwards is one.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from radraft.reports.findings._english_clauses import Item, cues_of, is_noun
from radraft.reports.findings._english_cues import Cue, Denial, Hedge
from radraft.reports.findings._english_lexicon import Lexicon
from radraft.reports.findings.values import Change

_NEGATION = Cue.ABSENT_BEFORE | Cue.ABSENT_AFTER
_TAKES_BACK = Cue.PARTIAL | Cue.UNDONE | Cue.ABSENT_BEFORE
_LEAVES_OPEN = frozenset(["unlikely", "improbable", "against"])
"""Denied, these rule nothing in."""
_LISTING = Cue.COMMA | Cue.AND | Cue.OR | Cue.BREAK


def settle(clause: list[Item], words: list[str], span: tuple[int, int], lexicon: Lexicon) -> None:
    """Drop the negations of a clause that another one takes back.

    `span` holds the clause's words, the last excluded: also those before its first phrase.
    """
    cues = cues_of(clause)
    if cues & Cue.EXCLUDE:
        _exclusions(clause)
    if cues & Cue.RESOLUTION:
        _resolutions(clause)
    if cues & Cue.ABSENT_BEFORE:
        _denied_changes(clause)
    if cues & (Cue.ABSENT_BEFORE | Cue.UNTRUE):
        _doubled(clause, words)
    _paired(clause, words, span, lexicon)


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
        none = other.cue & Cue.ABSENT_AFTER and not other.cue & (Cue.RESOLUTION | Cue.ANSWER)
        if (other.cue & _TAKES_BACK or none) and not other.names:
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
        if other.cue & (Cue.ABSENT_BEFORE | Cue.UNDONE):
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


def _doubled(clause: list[Item], words: list[str]) -> None:
    """Two negations of one thing leave it there: "not without", "not free of"."""
    for index, item in enumerate(clause):
        if item.cue & Cue.UNTRUE:
            _taken_back(item, clause[index + 1 :])
    if sum(1 for item in clause if item.cue & Cue.ABSENT_BEFORE) < 2:
        return
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
            unlikely = not _LEAVES_OPEN.isdisjoint(words[second.first : second.last])
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


_PARTING = Cue.COMMA | Cue.AND | Cue.WITH
# Phrases whose negation is settled elsewhere, or denies no finding.
_SETTLED = (
    *(Cue.RESOLUTION | Cue.PARTIAL | Cue.UNDONE | Cue.UNCERTAIN_BEFORE | Cue.UNCERTAIN_AFTER,),
    *(Cue.DOUBTED | Cue.NEITHER | Cue.UNTRUE | Cue.EXCEPTION | Cue.CONDITION | Cue.UNREAD,),
)
_NOT_COUNTED = _SETTLED[0] | _SETTLED[1]
_INABILITY = frozenset(
    ["cannot", "can't", "cant", "couldn't", "could", "can", "unable", "impossible"]
)
_GRANTING = frozenset(["deny", "denies", "denied", "denying", "doubt", "doubts", "doubted"])
_PREDICATE = 3
"""Words between two negations that are both said of what stands before them, at most."""
_REACH = 12
"""Words between two negations of one thing, at most."""


@dataclass(frozen=True, slots=True)
class _Negator:
    """A word that denies, and the phrase that it stands in."""

    first: int
    last: int
    kind: Denial
    item: Item | None


def _paired(clause: list[Item], words: list[str], span: tuple[int, int], lexicon: Lexicon) -> None:
    """Drop two negations that one thing is under, over any words: "no film fails to show".

    What they leave is there; it is in doubt where the one says that it is not ruled out ("nothing
    disproves") or that it was not found out ("nobody can be sure that ... is not").
    """
    found = _negators(clause, words, span, lexicon)
    at = 0
    while at + 1 < len(found):
        first, second = found[at], found[at + 1]
        target = _under_both(clause, words, first, second, lexicon)
        if target is None:
            at += 1
            continue
        for negator in (first, second):
            if negator.item is not None:
                negator.item.cue &= ~_NEGATION
        for item in clause:
            if first.last <= item.first < second.first and not item.names:
                # "Nobody could deny": the doubt is denied with it. "Neither CT nor MRI fails to".
                dropped = _NEGATION | (item.cue & Cue.MODAL and Cue.MODAL | Cue.UNCERTAIN_BEFORE)
                item.cue &= ~dropped
        more = at + 2 < len(found) and found[at + 2].last <= target.first
        asked = words[first.first : max(second.last, target.first)]
        unable = not _INABILITY.isdisjoint(words[max(0, first.first - 1) : first.last])
        granted = not _GRANTING.isdisjoint(words[second.first : second.last])
        if unable and not granted and not lexicon.reporting.isdisjoint(asked):
            target.hedge = Hedge.POSSIBLE
        if (
            more
            or not lexicon.knowing.isdisjoint(asked)
            or Denial.EXCLUDING in (first.kind, second.kind)
        ):
            target.hedge = Hedge.POSSIBLE
            if more and found[at + 2].item is not None:
                found[at + 2].item.cue &= ~_NEGATION  # type: ignore[union-attr]
        at += 3 if more else 2


def _negators(
    clause: list[Item], words: list[str], span: tuple[int, int], lexicon: Lexicon
) -> list[_Negator]:
    """Return the words of the clause that deny, but for those that another rule has settled."""
    here = words[span[0] : span[1]]
    denying = lexicon.denying
    if denying.isdisjoint(here) or sum(1 for word in here if word in denying) < 2:
        return []
    found: list[_Negator] = []
    for start, end, kind in lexicon.negators.find(here):
        first, last = start + span[0], end + span[0]
        item = next((item for item in clause if item.first < last and first < item.last), None)
        if item is not None:
            settled = item.entry.cue & _NEGATION and not item.cue & _NEGATION
            if item.names or item.change or item.cue & _NOT_COUNTED or settled:
                continue
            if found and found[-1].item is item:
                continue
        found.append(_Negator(first, last, kind, item))
    return found


def _under_both(
    clause: list[Item], words: list[str], first: _Negator, second: _Negator, lexicon: Lexicon
) -> Item | None:
    """Return the finding that both negations are about."""
    if second.first - first.last > _REACH:
        return None
    between = [item for item in clause if first.last <= item.first < second.first]
    end = next((item.first for item in between if is_noun(item)), second.first)
    gap = words[first.last : end]
    if any(item.cue & _PARTING for item in between):
        return None
    named = [item for item in between if is_noun(item)]
    reported = not lexicon.reporting.isdisjoint(gap)
    if named:
        return _under_report(named, words, first, second, reported=reported)
    if not reported and first.kind is Denial.PLAIN:
        opened = any(item.cue & Cue.BREAK for item in between)
        if opened or words[second.first] == "no":
            # "Although not ideal, there is no effusion."
            return None
    for item in clause:
        if item.first >= second.last:
            if item.names:
                return item
            if item.cue & _PARTING:
                break
    if second.first - first.last > _PREDICATE or first.kind is not Denial.PLAIN:
        return None
    before = [item for item in clause if item.last <= first.first]
    for item in reversed(before):
        if is_noun(item):
            return item
        if item.cue & _PARTING:
            break
    return None


def _under_report(
    named: list[Item], words: list[str], first: _Negator, second: _Negator, *, reported: bool
) -> Item | None:
    """Return the finding between two negations where they are about one statement.

    "The claim of no fracture is mistaken", "nothing to suggest that the bleed is not acute", "not
    stone free".
    """
    if second.kind is Denial.FALSITY:
        return named[0]
    if words[second.first] == "free":
        return named[-1] if named[-1].last == second.first else None
    predicate = words[second.first] == "not" or second.kind is Denial.SENSE
    return named[0] if reported and predicate else None

"""Clauses of a sentence, and how far negation and doubt reach in them."""

from __future__ import annotations

from dataclasses import dataclass

from radraft.reports.findings._english_lexicon import Cue, Entry, Hedge
from radraft.reports.values import Certainty

_SPLITTERS = Cue.COMMA | Cue.AND
# Likely and suggested findings are present.
_AFTER = Cue.ABSENT_AFTER | Cue.UNCERTAIN_AFTER | Cue.LIKELY_AFTER
_DOUBTS = (Hedge.BORDERLINE, Hedge.FAVORED, Hedge.ALTERNATIVE, Hedge.POSSIBLE)


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
    counted: bool = False
    """A number stands right before it, or before its unit."""


def clauses(items: list[Item]) -> list[list[Item]]:
    """Items of each clause. Marks, conjunctions and words like `but` begin a new one.

    A comma or `and` does so only where both sides have a verb of their own, or a negation before
    it: "the heart is enlarged, lungs are clear", but not "no effusion, pneumothorax or nodule is
    seen".
    """
    found: list[list[Item]] = [[]]
    for index, item in enumerate(items):
        cue = item.cue
        if (cue & Cue.BREAK and _begins(item, found[-1])) or (
            cue & _SPLITTERS and found[-1] and _divides(items, index, found[-1])
        ):
            found.append([])
        item.clause = len(found) - 1
        found[-1].append(item)
    return found


def _begins(item: Item, before: list[Item]) -> bool:
    """Whether a breaking word begins a clause: not `there is` after a mere place."""
    if item.cue & Cue.FINITE and not any(other.names for other in before):
        return False
    return bool(before)


def _divides(items: list[Item], index: int, before: list[Item]) -> bool:
    complete = negated = named = False
    for item in before:
        cue = item.cue
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
        if item.names or item.entry.tags or cue & (Cue.ABSENT_BEFORE | Cue.STARTS_ANEW):
            subject = True
    return False


def _perceives(items: list[Item], verb: Item) -> bool:
    """Whether the verb goes on with seen, identified, ...: it may end a negated list."""
    for item in items:
        if item.first >= verb.last:
            return bool(item.cue & Cue.SEEN)
    return False


def set_polarity(clause: list[Item], *, asked: bool) -> None:
    """Marks the naming items of a clause absent or uncertain, or as not read."""
    _exclusions(clause)
    _forward(clause)
    _backward(clause)
    _alternatives(clause)
    for item in clause:
        if asked:
            item.hedge = Hedge.POSSIBLE
        if item.hedge in _DOUBTS and item.polarity is not Certainty.ABSENT:
            item.polarity = Certainty.UNCERTAIN


def _exclusions(clause: list[Item]) -> None:
    """Turns "cannot be entirely excluded" and its like into doubt."""
    for index, item in enumerate(clause):
        if not item.cue & Cue.EXCLUDE:
            continue
        for other in reversed(clause[max(0, index - 5) : index]):
            if other.names:
                break
            if other.cue & Cue.UNABLE:
                other.cue &= ~(Cue.ABSENT_BEFORE | Cue.ABSENT_AFTER)
                item.cue = Cue.UNCERTAIN_BEFORE | Cue.UNCERTAIN_AFTER
                break


def _forward(clause: list[Item]) -> None:
    absent = unread = unread_next = named = open_list = False
    hedge = Hedge.NONE
    for index, item in enumerate(clause):
        cue = item.cue
        if cue:
            if cue & Cue.NEITHER or (absent and _of_change(clause, index)):
                absent = False
            elif cue & Cue.ABSENT_BEFORE and not _looks_back(clause, index):
                absent, hedge = True, Hedge.NONE
            unread = unread or bool(cue & Cue.UNREAD)
            if cue & (Cue.WITH | Cue.COMMA | Cue.AND):
                unread_next = False
            unread_next = unread_next or bool(cue & Cue.UNREAD_NEXT)
            if cue & Cue.WITH:
                absent = False
                # "Could be a combination of pneumonia with atelectasis."
                if not open_list or clause[index - 1].cue & Cue.COMMA:
                    hedge = Hedge.NONE
            if cue & Cue.COMMA and not _list_goes_on(clause, index, open_list=open_list):
                hedge = Hedge.NONE
            if cue & (Cue.COMMA | Cue.AND) and absent and _starts_anew(clause, index):
                absent = False
            said = _hedge(clause, index)
            if said is Hedge.POSSIBLE or (said and hedge is not Hedge.POSSIBLE):
                # "May be due to": the doubt stays until a finding was named.
                hedge, named = said, False
            elif cue & Cue.STATED and (named or hedge is not Hedge.POSSIBLE):
                hedge = said
            open_list = open_list or bool(cue & Cue.DIFFERENTIAL)
        if item.names:
            named = True
            item.unread = unread or unread_next
            if absent:
                item.polarity = Certainty.ABSENT
            else:
                item.hedge = max(item.hedge, hedge)


def _hedge(clause: list[Item], index: int) -> Hedge:
    """The hedge of what follows the cue at `index`."""
    cue = clause[index].cue
    if cue & Cue.UNCERTAIN_BEFORE and not (
        cue & Cue.UNCERTAIN_AFTER and _looks_back(clause, index)
    ):
        if cue & Cue.BORDERLINE:
            return Hedge.BORDERLINE
        if cue & Cue.FAVORED:
            return Hedge.FAVORED
        return Hedge.ALTERNATIVE if cue & (Cue.OR | Cue.ALTERNATIVE) else Hedge.POSSIBLE
    if cue & Cue.SUGGESTED:
        return Hedge.SUGGESTED
    return Hedge.LIKELY if cue & Cue.LIKELY else Hedge.NONE


def _looks_back(clause: list[Item], index: int) -> bool:
    """Whether a cue that can work either way works on what stands before it."""
    cue = clause[index].cue
    if not cue & (Cue.ABSENT_AFTER | Cue.UNCERTAIN_AFTER):
        return False
    if not any(item.names for item in clause[:index]):
        return False
    for item in clause[index + 1 :]:
        if item.names:
            return False
        if item.cue & (Cue.COMMA | Cue.WITH | Cue.AND | Cue.PREPOSITION):
            return True
    return True


def _starts_anew(clause: list[Item], index: int) -> bool:
    """Whether the list of a negation has ended: "no effusion, small nodule on the left"."""
    after = clause[index + 1 :]
    if not after:
        return False
    first = after[1] if after[0].cue & Cue.AND and len(after) > 1 else after[0]
    if not first.cue & Cue.STARTS_ANEW and not first.counted:
        return False
    return not any(item.cue & Cue.OR for item in after)


def _list_goes_on(clause: list[Item], index: int, *, open_list: bool) -> bool:
    """Whether the items after this comma share the doubt: a list of what may be, or an `or`."""
    after = clause[index + 1 :]
    if any(item.cue & Cue.OR for item in after):
        return True
    return open_list and bool(after) and not after[0].cue & Cue.STARTS_ANEW


def _of_change(clause: list[Item], index: int) -> bool:
    """Whether the word is the `change` of "no acute change in the effusion"."""
    if not clause[index].cue & Cue.CHANGE:
        return False
    return index + 1 < len(clause) and bool(clause[index + 1].cue & Cue.PREPOSITION)


def _backward(clause: list[Item]) -> None:
    for index, item in enumerate(clause):
        cue = item.cue
        if not cue & _AFTER:
            continue
        if cue & (Cue.ABSENT_BEFORE | Cue.UNCERTAIN_BEFORE) and not _looks_back(clause, index):
            continue
        for target in _governed(clause, index):
            if cue & Cue.LIKELY_AFTER:
                target.hedge = max(target.hedge, Hedge.LIKELY)
            elif cue & Cue.UNCERTAIN_AFTER:
                target.hedge = Hedge.POSSIBLE
                if target.polarity is Certainty.ABSENT:
                    target.polarity = Certainty.PRESENT
            else:
                target.polarity = Certainty.ABSENT


def _governed(clause: list[Item], index: int) -> list[Item]:
    """Naming items before a cue that it reaches: its list, or its part after the last comma."""
    commas = sum(1 for item in clause[:index] if item.cue & Cue.COMMA)
    series = commas >= 2 or any(
        item.cue & Cue.COMMA and clause[at + 1].cue & (Cue.AND | Cue.OR)
        for at, item in enumerate(clause[:index])
    )
    found: list[Item] = []
    for item in reversed(clause[:index]):
        if item.cue & Cue.COMMA and found and not series:
            break
        if item.cue & Cue.PART or (item.cue & (Cue.WITH | Cue.STATED) and found):
            break
        if item.names:
            found.append(item)
    return found


def _alternatives(clause: list[Item]) -> None:
    """`or`, `versus` and a stroke put the findings on both sides in doubt, unless ruled out."""
    for index, item in enumerate(clause):
        if not item.cue & Cue.OR:
            continue
        before = _nearest(clause[:index][::-1])
        after = _nearest(clause[index + 1 :])
        if before is None or after is None:
            continue
        if Certainty.ABSENT in (before.polarity, after.polarity):
            continue
        before.hedge = max(before.hedge, Hedge.ALTERNATIVE)
        after.hedge = max(after.hedge, Hedge.ALTERNATIVE)


def _nearest(items: list[Item]) -> Item | None:
    for item in items:
        if item.names:
            return item
        if item.cue & (Cue.FINITE | Cue.COMMA | Cue.WITH):
            return None
    return None


def mark_recommendations(sentence: list[Item]) -> None:
    """A recommendation states nothing: drops its clause, from the examination it names on."""
    for index, item in enumerate(sentence):
        if not item.cue & Cue.RECOMMENDED:
            continue
        start = index
        for at in range(index - 1, -1, -1):
            if sentence[at].cue & (Cue.COMMA | Cue.BREAK | Cue.AND):
                break
            if sentence[at].cue & Cue.EXAMINATION:
                start = at
        for dropped in sentence[start:]:
            dropped.unread = True

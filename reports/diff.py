"""What changed between two states of a report, sentence by sentence."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from enum import StrEnum

from radraft.reports.people import Person
from radraft.reports.values import LANGS, Report, Sentence


class Kind(StrEnum):
    """One way in which a sentence can differ. A sentence may be both reworded and moved."""

    ADDED = "added"
    DELETED = "deleted"
    REWORDED = "reworded"
    MOVED = "moved"
    KEPT = "kept"
    """Kept although the image does not support it, or no longer kept."""
    CONFIRMED = "confirmed"
    """A person stands for a text that he did not write, or does no longer."""


@dataclass(frozen=True)
class Change:
    """One change; texts are None on the side where the sentence was not there."""

    sentence_id: str
    kind: Kind
    before_zh: str | None = field(repr=False)
    before_en: str | None = field(repr=False)
    after_zh: str | None = field(repr=False)
    after_en: str | None = field(repr=False)
    editor: Person | None = None
    """Who last changed this sentence; None where that is not known."""


def diff(before: Report, after: Report) -> tuple[Change, ...]:
    """Changes in the reading order of `after`, then what was deleted."""
    old = {sentence.id: sentence for sentence in before.sentences}
    new = {sentence.id: sentence for sentence in after.sentences}
    moved = moved_ids(before, after)
    changes: list[Change] = []
    for key, sentence in new.items():
        if key not in old:
            changes.append(_change(key, Kind.ADDED, None, sentence))
            continue
        if (old[key].zh, old[key].en) != (sentence.zh, sentence.en):
            changes.append(_change(key, Kind.REWORDED, old[key], sentence))
        if key in moved:
            changes.append(_change(key, Kind.MOVED, old[key], sentence))
        if old[key].kept != sentence.kept:
            changes.append(_change(key, Kind.KEPT, old[key], sentence))
        if _confirmed_otherwise(old[key], sentence):
            changes.append(_change(key, Kind.CONFIRMED, old[key], sentence))
    gone = [_change(key, Kind.DELETED, old[key], None) for key in old if key not in new]
    return tuple(changes + gone)


def moved_ids(before: Report, after: Report) -> frozenset[str]:
    """Sentences that changed section, and the fewest others whose leaving explains the new order.

    Additions and deletions move nothing.
    """
    moved: set[str] = set()
    for old, new in ((before.findings, after.findings), (before.impression, after.impression)):
        places = {sentence.id: place for place, sentence in enumerate(old)}
        stayed = [sentence.id for sentence in new if sentence.id in places]
        order = [places[key] for key in stayed]
        keep = _longest_increasing(order)
        moved.update(key for index, key in enumerate(stayed) if index not in keep)
    moved.update(_ids(before.findings) & _ids(after.impression))
    moved.update(_ids(before.impression) & _ids(after.findings))
    return frozenset(moved)


def _confirmed_otherwise(before: Sentence, after: Sentence) -> bool:
    """Return whether a text that stayed as it was is confirmed in one of them alone."""
    pairs = ((before.wording(lang), after.wording(lang)) for lang in LANGS)
    return any(
        was is not None
        and now is not None
        and was.text == now.text
        and (was.confirmed is None) != (now.confirmed is None)
        for was, now in pairs
    )


def _ids(sentences: tuple[Sentence, ...]) -> set[str]:
    return {sentence.id for sentence in sentences}


def _change(key: str, kind: Kind, before: Sentence | None, after: Sentence | None) -> Change:
    return Change(
        sentence_id=key,
        kind=kind,
        before_zh=None if before is None else before.zh,
        before_en=None if before is None else before.en,
        after_zh=None if after is None else after.zh,
        after_en=None if after is None else after.en,
    )


def _longest_increasing(numbers: list[int]) -> set[int]:
    """Indices of one longest strictly increasing subsequence (patience sorting)."""
    tails: list[int] = []
    tail_at: list[int] = []
    previous: list[int] = []
    for index, number in enumerate(numbers):
        place = bisect_left(tails, number)
        previous.append(tail_at[place - 1] if place else -1)
        tails[place : place + 1] = [number]
        tail_at[place : place + 1] = [index]
    chosen: set[int] = set()
    index = tail_at[-1] if tail_at else -1
    while index >= 0:
        chosen.add(index)
        index = previous[index]
    return chosen

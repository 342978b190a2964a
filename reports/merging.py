"""Puts the edits of one person in two pages together, where that decides nothing for him."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from radraft.reports.diff import moved_ids
from radraft.reports.values import LANGS, Lang, Report, Sentence, Wording

Value = TypeVar("Value")


class Clash(ValueError):
    """Both changed the same: the same words, a sentence that one of them deleted, the order."""


def merged(base: Report, mine: Report, theirs: Report) -> Report | None:
    """Return `theirs` with all that was changed from `base` to `mine`; None where both changed the
    same and a person has to decide.

    The Chinese and the English of a sentence are two texts: each may have been changed once. A text
    that either confirmed is confirmed, and one that either no longer confirms is not.
    """
    was, my, their = ({s.id: s for s in report.sentences} for report in (base, mine, theirs))
    try:
        found = {
            key: _sentence(was.get(key), my.get(key), their.get(key))
            for key in dict.fromkeys((*was, *their, *my))
        }
        first, second = _frames(base, mine, theirs)
    except Clash:
        return None
    kept = {key: sentence for key, sentence in found.items() if sentence is not None}
    return _ordered(first, second, kept)


def _sentence(
    base: Sentence | None, mine: Sentence | None, theirs: Sentence | None
) -> Sentence | None:
    """A sentence with both changes; None where it was deleted."""
    if mine is None or theirs is None:
        left = mine or theirs
        if base is None or left is None:
            return left
        if not _same(base, left):
            raise Clash
        return None
    if base is None:
        if (_texts(mine), mine.kept) != (_texts(theirs), theirs.kept):
            raise Clash
        base = Sentence(mine.id, ())
    kept = _one(base.kept, mine.kept, theirs.kept)
    wordings = tuple(wording for lang in LANGS if (wording := _wording(lang, base, mine, theirs)))
    if _texts(mine) == _texts(base):
        return replace(theirs, kept=kept, wordings=wordings)
    if _texts(theirs) == _texts(base):
        return replace(mine, kept=kept, wordings=wordings)
    # What codes said of the words of either holds of both together for nobody.
    return Sentence(mine.id, wordings, template_field=theirs.template_field)


def _wording(lang: Lang, base: Sentence, mine: Sentence, theirs: Sentence) -> Wording | None:
    text = _one(base.text(lang), mine.text(lang), theirs.text(lang))
    was, my, their = base.wording(lang), mine.wording(lang), theirs.wording(lang)
    if their is None or their.text != text:
        return my if text else None
    if my is None or my.text != text or _is_confirmed(my) == _is_confirmed(their):
        return their
    # One of them confirmed the text, or took that back: whoever changed what it was.
    confirmed_before = _is_confirmed(was) and was is not None and was.text == text
    changed = my if confirmed_before == _is_confirmed(their) else their
    return replace(their, confirmed=changed.confirmed)


def _is_confirmed(wording: Wording | None) -> bool:
    return wording is not None and wording.confirmed is not None


def _one(base: Value, mine: Value, theirs: Value) -> Value:
    """What either made of `base`. Clash where each made something else of it."""
    if mine not in (base, theirs) and theirs != base:
        raise Clash
    return theirs if mine == base else mine


def _frames(base: Report, mine: Report, theirs: Report) -> tuple[Report, Report]:
    """The report whose order holds, and the other, whose additions follow their neighbours."""
    if not moved_ids(base, mine):
        return theirs, mine
    if moved_ids(base, theirs) and moved_ids(mine, theirs):
        raise Clash
    return mine, theirs


def _ordered(first: Report, second: Report, found: dict[str, Sentence]) -> Report:
    """`found` in the order of `first`; what is only in `second` follows its neighbour there."""
    sections = []
    placed = {sentence.id for sentence in first.sentences}
    for of_first, of_second in (
        (first.findings, second.findings),
        (first.impression, second.impression),
    ):
        order = [sentence.id for sentence in of_first]
        before: str | None = None
        for sentence in of_second:
            if sentence.id not in placed:
                order.insert(order.index(before) + 1 if before in order else 0, sentence.id)
            before = sentence.id
        sections.append(tuple(found[key] for key in order if key in found))
    return Report(first.case_id, *sections)


def _texts(sentence: Sentence) -> tuple[str, str]:
    return sentence.zh, sentence.en


def _same(first: Sentence, second: Sentence) -> bool:
    decided = ((_texts(s), s.kept, _confirmed(s)) for s in (first, second))
    return next(decided) == next(decided)


def _confirmed(sentence: Sentence) -> list[Lang]:
    return [wording.lang for wording in sentence.wordings if _is_confirmed(wording)]

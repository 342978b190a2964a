"""Left and right: exchanged in a reference, and what became of them in the drafts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from radraft.eval.looks.values import Flips
from radraft.eval.values import SetItem
from radraft.reports.findings.extract import extract
from radraft.reports.findings.values import Mention
from radraft.reports.findings.vocabulary import counted_as
from radraft.reports.values import Certainty, Lang, Laterality

Read = Callable[[str, Lang], tuple[Mention, ...]]

_EN = re.compile(r"\b(left|right)(?=wards?\b|\b)|\b([LR])(?=(?:UL|ML|LL)\b)", re.IGNORECASE)
_ZH = re.compile("左右|[左右]")
_OPPOSITE = {"left": "right", "right": "left", "l": "R", "r": "L"}
_SINGLE = {Laterality.LEFT, Laterality.RIGHT}


def swapped(text: str, lang: Lang) -> str:
    """`text` with left and right exchanged; twice gives it back.

    Lobe abbreviations (LUL, RLL) too. 左右 (about; both) stays. Names that imply a side without
    saying it (lingula, 舌叶) stay.
    """
    if lang == "zh":
        return _ZH.sub(lambda found: {"左": "右", "右": "左"}.get(found[0], found[0]), text)
    return _EN.sub(lambda found: _as(found[0], _OPPOSITE[found[0].lower()]), text)


def mirrored_item(item: SetItem) -> SetItem:
    """What is known of the mirrored image: reports with sides exchanged. Labels have no side."""
    return replace(
        item,
        report_zh=None if item.report_zh is None else swapped(item.report_zh, "zh"),
        report_en=None if item.report_en is None else swapped(item.report_en, "en"),
    )


def flips(true: Sequence[str], mirrored: Sequence[str], lang: Lang, read: Read = extract) -> Flips:
    """What became of every finding with one side in the `true` drafts in the `mirrored` ones."""
    flipped = kept = lost = 0
    for before, after in zip(true, mirrored, strict=True):
        now = sided(after, lang, read)
        for code, side in sided(before, lang, read).items():
            if code not in now:
                lost += 1
            elif now[code] is side:
                kept += 1
            else:
                flipped += 1
    return Flips(flipped, kept, lost)


def sided(text: str, lang: Lang, read: Read = extract) -> dict[str, Laterality]:
    """Findings that a text states (or suspects) on one side only."""
    return one_sided(read(text, lang))


def one_sided(mentions: Iterable[Mention]) -> dict[str, Laterality]:
    """Findings that the mentions state (or suspect) on one side only."""
    sides: dict[str, set[Laterality]] = {}
    for mention in mentions:
        if mention.polarity is not Certainty.ABSENT and mention.laterality is not None:
            sides.setdefault(counted_as(mention.code), set()).add(mention.laterality)
    return {
        code: next(iter(found))
        for code, found in sides.items()
        if len(found) == 1 and found <= _SINGLE
    }


def _as(old: str, new: str) -> str:
    """`new` in the letters' case of `old`."""
    if old.isupper():
        return new.upper()
    return new.capitalize() if old[0].isupper() else new.lower()

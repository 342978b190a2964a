"""Finds identity in text and takes it out: runs every recogniser, joins what overlaps."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from radraft.studies.deid import (
    recognisers_dates,
    recognisers_names_en,
    recognisers_names_zh,
    recognisers_numbers,
    recognisers_places,
    recognisers_site,
)
from radraft.studies.deid.recognisers import IdentitySpan, Recogniser

REMOVED = "***"
_MAY_BE_OLD = re.compile(r"9\d|1[0-4]\d|九十|百")
_STARS = re.compile(r"\*{3,}")
OURS: tuple[Recogniser, ...] = (
    *recognisers_numbers.RECOGNISERS,
    *recognisers_dates.DATES,
    *recognisers_places.RECOGNISERS,
    *recognisers_names_zh.RECOGNISERS,
    *recognisers_names_en.RECOGNISERS,
)
"""The product's own recognisers."""


def recognisers() -> tuple[Recogniser, ...]:
    """Return the product's own and the hospital's."""
    return (*OURS, *recognisers_site.of_site())


def find(text: str, among: Iterable[Recogniser] | None = None) -> tuple[IdentitySpan, ...]:
    """What identifies in one line of text, in order; parts that overlap are one, of the kind with
    the highest score, then the longest. `among` is `recognisers()` where not given. What was taken
    out before (`***`) is never part of it."""
    holds: dict[str, bool] = {"": True}
    found = []
    for recogniser in recognisers() if among is None else among:
        if recogniser.needs not in holds:
            holds[recogniser.needs] = _sign(recogniser.needs).search(text) is not None
        if holds[recogniser.needs]:
            found += [
                IdentitySpan(*span, str(recogniser.kind), recogniser.name, recogniser.score)
                for span in recogniser.find(text)
            ]
    return joined(part for match in found for part in around_stars(match, text))


@cache
def _sign(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def take_out(text: str, found: Iterable[IdentitySpan]) -> str:
    """`text` with `***` for each of them, which come in order and do not overlap."""
    parts, position = [], 0
    for match in found:
        parts += [text[position : match.start], REMOVED]
        position = match.end
    return "".join([*parts, text[position:]])


def pool_ages(text: str) -> str:
    """`text` with every age over 89 as 90+ (45 CFR 164.514(b)(2)(i)(C))."""
    if not _MAY_BE_OLD.search(text):
        return text

    def pooled(match: re.Match[str]) -> str:
        start, end = match.span(match.lastgroup or 0)
        return (
            match[0][: start - match.start()]
            + recognisers_dates.POOLED
            + match[0][end - match.start() :]
        )

    return recognisers_dates.OLD.sub(pooled, text)


def around_stars(match: IdentitySpan, text: str) -> tuple[IdentitySpan, ...]:
    """Return the parts of a stretch between what was taken out."""
    if REMOVED not in text[match.start : match.end]:
        return (match,)
    edges = [match.start]
    for stars in _STARS.finditer(text, match.start, match.end):
        edges += [stars.start(), stars.end()]
    pairs = zip(edges[::2], [*edges[1::2], match.end], strict=True)
    return tuple(
        IdentitySpan(start, end, match.kind, match.recogniser, match.score)
        for start, end in pairs
        if text[start:end].strip(" *")
    )


def joined(found: Iterable[IdentitySpan]) -> tuple[IdentitySpan, ...]:
    """In order, with what overlaps as one of the kind with the highest score, then the longest."""
    parts: list[IdentitySpan] = []
    for match in sorted(found, key=lambda found: (found.start, -found.end)):
        if parts and match.start < parts[-1].end:
            last = parts[-1]
            best = max(last, match, key=lambda found: (found.score, found.end - found.start))
            end = max(last.end, match.end)
            parts[-1] = IdentitySpan(last.start, end, best.kind, best.recogniser, best.score)
        else:
            parts.append(match)
    return tuple(parts)

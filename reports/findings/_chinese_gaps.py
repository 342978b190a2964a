"""Blanks and line breaks in Chinese text: in a statement they say nothing, or they end it.

Tokenised and scanned text has blanks between all words or characters, and breaks lines anywhere.
What stands at a gap decides: a phrase of the vocabulary that spans it, or a statement that is not
whole before it (右肺, 未见), closes it; a whole statement makes it a comma, or a sentence's end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from radraft.reports.findings._chinese_matcher import Token
from radraft.reports.findings._chinese_rules import matcher, words

_GAP = re.compile(r"\s+")
_STOPS = frozenset("。;!?,:、<>.≤≥+")
_LINE_ENDS = frozenset("。;!?:>.")
_NEW_ITEM = re.compile(r"\d|[①-⑳一二三四五六七八九十][、.,]|[-*•·●◆(<【]")
# Words that cannot end a line: the next goes on with them.
_HANGING = re.compile("(?:[见有呈示]一?|一枚|一个|大小约?|直径约?|[约为及和与伴未无较的、,])$")
_MEASURED = re.compile("\\d(?:mm|cm|ml|毫米|厘米|毫升)$")
_ANSWER_END = re.compile("[。;,<、.]")
_NAMES = frozenset(("name", "head"))
_BEHIND, _AHEAD = 14, 10
_WHOLE = frozenset(("name", "head", "normal", "negation_gone", "negation_removed"))
_OPEN = frozenset(
    ("side", "organ", "negation_before", "see", "conjunction", "alternative", "uncertainty_before")
)
_JOINS = frozenset(("conjunction", "alternative", "uncertainty_after"))


@dataclass(frozen=True)
class _Gap:
    """White space between two pieces of text."""

    at: int
    """Where the text goes on, in the text without white space."""
    origin: int
    left: str
    right: str
    breaks: int
    """How many line breaks it holds."""


def without_gaps(text: str) -> tuple[str, tuple[int, ...]]:
    """Return the text without white space, commas and breaks where it meant them.

    With the index in `text` of each character.
    """
    gaps, solid, origin = _gaps(text)
    characters: list[str] = []
    kept: list[int] = []
    at = start = 0
    answered = False
    for gap in gaps:
        characters += solid[at : gap.at]
        kept += origin[at : gap.at]
        at = gap.at
        answered = answered and not gap.breaks and _ANSWER_END.search(gap.left) is None
        mark = "," if answered else _mark(solid, gap, start)
        answered = mark == ":"
        if mark:
            characters.append(mark)
            kept.append(gap.origin)
            start = gap.at
    return "".join(characters) + solid[at:], (*kept, *origin[at:])


def _gaps(text: str) -> tuple[list[_Gap], str, list[int]]:
    found = list(_GAP.finditer(text))
    ends = [*(match.start() for match in found), len(text)]
    gaps: list[_Gap] = []
    pieces: list[str] = []
    origin: list[int] = []
    at = length = 0
    for index, match in enumerate(found):
        left = text[at : match.start()]
        pieces.append(left)
        origin += range(at, match.start())
        length += len(left)
        at = match.end()
        right = text[at : ends[index + 1]]
        gaps.append(_Gap(length, match.start(), left, right, match[0].count("\n")))
    pieces.append(text[at:])
    origin += range(at, len(text))
    return gaps, "".join(pieces), origin


def _mark(solid: str, gap: _Gap, start: int) -> str:
    """Return what a gap stands for: nothing, a comma, a colon or a line's end."""
    at = gap.at
    if at == 0 or at == len(solid):
        return ""
    before, after = solid[at - 1], solid[at]
    if gap.breaks:
        return _break(solid, gap, start)
    if before in _STOPS or after in _STOPS:
        return ""
    behind = matcher().find(solid[max(start, at - _BEHIND) : at])
    whole = _ends_whole(behind, at - max(start, at - _BEHIND))
    if not whole and _MEASURED.search(solid, max(start, at - 6), at):
        return "," if _opens_place(solid, at) else ""
    lettered = len(gap.left) == len(gap.right) == 1
    if gap.left.rpartition(":")[2] in words("answers") and ":" in gap.left:
        return ","
    if not lettered and whole and _answered(gap.right):
        return ":"
    if not whole:
        return ""
    spans, following = _around(solid, at, start)
    if spans and (len(gap.left) == 1 or len(gap.right) == 1 or _longer(behind, solid, at, start)):
        return ""
    return "" if following is not None and _goes_on(following, solid, at, start) else ","


def _opens_place(solid: str, at: int) -> bool:
    """Whether a side, an organ or a finding follows a gap (5mm 左肾积水)."""
    ahead = matcher().find(solid[at : at + _AHEAD])
    return (
        bool(ahead)
        and ahead[0].start == 0
        and bool({"organ", "side", "name", "head"} & set(ahead[0].kinds))
    )


def _answered(right: str) -> bool:
    """Whether what follows a gap opens with an answer (气胸 无;骨折 有(左))."""
    return _ANSWER_END.split(right, maxsplit=1)[0] in words("answers")


def _longer(behind: list[Token], solid: str, at: int, start: int) -> bool:
    """Whether the phrase before a gap goes on over it (肿大 淋巴结)."""
    begin = max(start, at - _BEHIND)
    tokens = matcher().find(solid[begin : at + _AHEAD])
    last = behind[-1]
    return any(
        token.start == last.start and token.end > last.end and set(token.kinds) & _NAMES
        for token in tokens
    )


def _goes_on(token: Token, solid: str, at: int, start: int) -> bool:
    """Whether a phrase after a gap belongs to the statement before it."""
    if not _JOINS & set(token.kinds):
        return False
    end = max(start, at - _BEHIND) + token.end
    ends = end >= len(solid) or solid[end] in _STOPS
    return "uncertainty_before" not in token.kinds or ends


def _break(solid: str, gap: _Gap, start: int) -> str:
    """Return a line's end, or nothing where the statement goes on in the next line."""
    at = gap.at
    if gap.breaks == 1 and _HANGING.search(solid, max(0, at - 4), at):
        return ""
    if gap.breaks > 1 or solid[at - 1] in _LINE_ENDS or _NEW_ITEM.match(solid, at):
        return "\n"
    begin = max(start, at - _BEHIND)
    behind = matcher().find(solid[begin:at])
    if _ends_whole(behind, at - begin):
        return "\n"
    spans, _ = _around(solid, at, start)
    last = behind[-1] if behind else None
    hangs = (
        last is not None
        and last.end == at - begin
        and bool(_OPEN & set(last.kinds))
        and all(not organ.name.startswith("study") for organ in last.kinds.get("organ", ()))
    )
    return "" if spans or hangs else "\n"


def _ends_whole(tokens: list[Token], end: int) -> bool:
    """Whether the tokens of what stands before a gap end with a statement."""
    if not tokens or tokens[-1].end != end:
        return False
    kinds = _WHOLE & set(tokens[-1].kinds)
    return bool(kinds) and not (kinds == {"normal"} and "organ" in tokens[-1].kinds)  # 中线


def _around(solid: str, at: int, start: int) -> tuple[bool, Token | None]:
    """Whether a phrase spans a gap, and the phrase that follows it."""
    begin = max(start, at - _BEHIND)
    for token in matcher().find(solid[begin : at + _AHEAD]):
        if token.start >= at - begin:
            return False, token
        if token.end > at - begin:
            return True, None
    return False, None

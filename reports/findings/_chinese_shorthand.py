"""Latin letters and signs of Chinese reports, written out in Chinese: GB, CBD, RUL, (√), L肾.

What is written out may be longer than what stood there; each character remembers where it comes
from, so spans can be given in the original text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from radraft.reports.findings._chinese_rules import rules

_HAN = "一-鿿"
_WORD = re.compile(r"(?<![A-Za-z])[A-Za-z][A-Za-z/\-]*[A-Za-z](?:[ \-][A-Za-z]+)?(?![A-Za-z])")
# R侧, Lt肾, (L), R(-): the side by its letter.
_SIDE = re.compile(
    rf"(?<![A-Za-z0-9./\-])[LR]t?(?=[ 　]*[{_HAN}(（:：]|[ 　]+[A-Z]{{2}})"
    r"|(?<=[(（])[LR](?=[)）,，;；])"
)
_HYPHENED = re.compile(rf"(?<![A-Za-z0-9./\-])([LR])-(?=[A-Za-z]{{2}}|[{_HAN}])")
_SIDES = {"L": "左", "R": "右", "Lt": "左侧", "Rt": "右侧"}
# 股V, 主肺A: a vessel by its letter; A型 is a type.
_VESSEL = re.compile(rf"(?<=[{_HAN}])[AV](?![A-Za-z0-9]|[型类级区段线组期])")
_VESSELS = {"A": "动脉", "V": "静脉"}
# A tick, a cross or a letter alone in parentheses or behind a colon: 肌瘤(√), 气胸:N.
_SIGN = re.compile(
    r"(?<=[(（\[【:：=])[ 　]*([√✓✔☑×✗✘☒╳YNyn])(?=[ 　]*(?:[)）\]】,，;；。.、\s]|$))"
)
_SIGNS = {
    **dict.fromkeys("√✓✔☑", "+"),
    **dict.fromkeys("×✗✘☒╳", "-"),
    **dict.fromkeys("Yy", "有"),
    **dict.fromkeys("Nn", "无"),
}
# A tick or a cross alone behind a name: 肺气肿 √.
_MARK = re.compile(rf"(?<=[{_HAN}])[ 　]*([√✓✔×✗✘╳])(?=[ 　]*(?:[,，;；。、\s]|$))")
# What nothing here is to be written out without.
_WRITABLE = re.compile(r"[A-WYZa-wyz√✓✔☑×✗✘☒╳]|[Xx](?![光线])")
# PE is an effusion throughout a text that gives it an amount, an embolism else.
_AMOUNTS = "少量|大量|中量|中等量|微量|少许"
_EFFUSION = re.compile(
    rf"(?:{_AMOUNTS})[ 　]*PE(?![A-Za-z])|(?<![A-Za-z])PE[ 　]*(?:{_AMOUNTS}|最?深)"
)


def written_out(text: str) -> tuple[str, tuple[int, ...] | None]:
    """Return the text with its letters and signs in Chinese words.

    With the index in `text` of each character, or None where nothing was longer or shorter.
    """
    if _WRITABLE.search(text) is None:
        return text, None
    changes = sorted(_changes(text))
    if not changes:
        return text, None
    pieces: list[str] = []
    origin: list[int] = []
    at = 0
    for start, end, words in changes:
        if start < at:
            continue
        pieces += (text[at:start], words)
        origin += range(at, start)
        # The first character is where the old words begin, the last where they end.
        origin += [min(start + place, end - 1) for place in range(len(words) - 1)]
        origin += [end - 1] * bool(words)
        at = end
    pieces.append(text[at:])
    return "".join(pieces), (*origin, *range(at, len(text)))


def _changes(text: str) -> Iterator[tuple[int, int, str]]:
    for match in _WORD.finditer(text):
        start = match.start()
        # Two words together where they are one thing (free air), else each.
        pieces = [match[0]] if _meaning(text, match[0]) else re.split(r"([ \-])", match[0])
        for piece in pieces:
            words = _meaning(text, piece)
            if words is not None:
                yield start, start + len(piece), words
            start += len(piece)
    if "L" in text or "R" in text:
        for match in _HYPHENED.finditer(text):
            yield match.start(), match.end(), _SIDES[match[1]] + "侧"
        for match in _SIDE.finditer(text):
            yield match.start(), match.end(), _SIDES[match[0]]
    if "A" in text or "V" in text:
        for match in _VESSEL.finditer(text):
            yield match.start(), match.end(), _VESSELS[match[0]]
    if _SIGNS.keys().isdisjoint(text):
        return
    for match in _SIGN.finditer(text):
        yield match.start(1), match.end(1), _SIGNS[match[1]]
    for match in _MARK.finditer(text):
        yield match.start(), match.end(), f"({_SIGNS[match[1]]})"


def _meaning(text: str, word: str) -> str | None:
    """Return what a Latin word or shorthand is in Chinese; None where it is not known."""
    word = word.replace(" ", "_")
    if word == "PE":
        return "胸腔积液" if _EFFUSION.search(text) else None
    written = _table().get(word)
    return _table().get(word.lower()) if written is None else written


@cache
def _table() -> dict[str, str]:
    """Return the shorthand and its meaning; what is written in capitals only is kept so."""
    return dict(pair.rsplit(":", 1) for pair in rules()["shorthand"].split())

"""Free text made harmless before it enters a prompt."""

from __future__ import annotations

import re
import unicodedata

MAX_CHARS = 400
"""Longest piece of free text in a prompt: on a CPU every token before the first sentence is waited
for, and a history never needs more."""

# What chat formats and tokenizers mark with: <bos>, </s>, <|im_start|>, <start_of_turn>, [INST],
# «FIM».
_OPENERS = re.compile(r"<(?=[^\s<>]{0,64}>|\|)|\[(?=/?[A-Z@_a-z]{2,32}(?:[\]@_\d])|@)")
_WIDE = {"<": "＜", "[": "［"}
_HEADING = re.compile(r"#{2,}")


def clean(text: str, limit: int = MAX_CHARS) -> str:
    """`text` on one line of at most `limit` characters, with no control characters, no invisible or
    direction-changing ones, and no marker that a tokenizer would read as a special token.

    Markers lose their opening bracket to its full-width form: readable, and no longer a marker.
    """
    text = unicodedata.normalize("NFC", text)
    visible = "".join(" " if _breaks(char) else char for char in text if not _hidden(char))
    line = " ".join(visible.split())
    if len(line) > limit:
        line = line[: limit - 1].rstrip() + "…"
    line = _OPENERS.sub(lambda match: _WIDE[match[0]], line)
    return _HEADING.sub("#", line)


def _breaks(char: str) -> bool:
    """Line ends, tabs and other control characters: they become a space."""
    return unicodedata.category(char) in {"Cc", "Zl", "Zp"}


def _hidden(char: str) -> bool:
    """Zero-width, direction-changing, private-use and unassigned characters: they are dropped."""
    return unicodedata.category(char) in {"Cf", "Co", "Cn", "Cs"}

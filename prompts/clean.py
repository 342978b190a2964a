"""Free text made harmless before it enters a prompt."""

from __future__ import annotations

import re
import unicodedata

from radraft.core.control_tokens import inert

MAX_CHARS = 400
"""Longest piece of free text in a prompt: on a CPU every token before the first sentence is waited
for, and a history never needs more."""

_HEADING = re.compile(r"#{2,}")


def clean(text: str, limit: int = MAX_CHARS) -> str:
    """Return `text` on one line of at most `limit` characters, with no control characters, no
    invisible or direction-changing ones, and no marker that a tokenizer would read as a control
    token.
    """
    text = unicodedata.normalize("NFC", text)
    visible = "".join(" " if _breaks(char) else char for char in text if not _hidden(char))
    line = " ".join(visible.split())
    if len(line) > limit:
        line = line[: limit - 1].rstrip() + "…"
    return _HEADING.sub("#", inert(line))


def _breaks(char: str) -> bool:
    """Line ends, tabs and other control characters: they become a space."""
    return unicodedata.category(char) in {"Cc", "Zl", "Zp"}


def _hidden(char: str) -> bool:
    """Zero-width, direction-changing, private-use and unassigned characters: they are dropped."""
    return unicodedata.category(char) in {"Cf", "Co", "Cn", "Cs"}

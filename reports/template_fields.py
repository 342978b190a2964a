"""Fields of a template's wording that a reader fills in: choices and blanks, written as hospitals
write them: `( )`, `（ ）`, `( left / right )`, `(清晰/增多)`."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FIELD = re.compile(r"[（(](?P<inside>[^()（）]*)[)）]")
_CHOICE = re.compile(r"\s*[/／]\s*")


@dataclass(frozen=True)
class TextField:
    """One place of a text that is to be filled in."""

    start: int
    """Characters of the text, with its brackets."""
    end: int
    choices: tuple[str, ...]
    """What may stand there; empty: whatever the reader writes."""


def text_fields(text: str) -> tuple[TextField, ...]:
    """Return the fields of a text, in reading order. A bracket with words in it that is no choice
    is none."""
    found = []
    for match in _FIELD.finditer(text):
        inside = match["inside"].strip()
        parts = _CHOICE.split(inside)
        if not inside or len(parts) > 1:
            choices = tuple(part for part in parts if part)
            found.append(TextField(match.start(), match.end(), choices))
    return tuple(found)

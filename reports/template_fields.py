"""Fields of a template's wording that a reader fills in: choices and blanks, written as hospitals
write them: `( )`, `（ ）`, `( left / right )`, `(清晰/增多)`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from radraft.reports.checks._open_fields import open_field
from radraft.reports.values import LANGS, Lang, Sentence

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
        choices = tuple(filter(None, _CHOICE.split(inside)))
        if not inside or len(_CHOICE.split(inside)) > 1:
            found.append(TextField(match.start(), match.end(), choices))
    return tuple(found)


def has_open_field(sentence: Sentence) -> bool:
    """Return whether a text of the sentence still holds a field that nobody filled in."""
    return any(_open(wording.text, wording.lang) for wording in sentence.wordings)


def first_open_field(text: str, lang: Lang) -> tuple[int, int] | None:
    """Return where the first open field of a text begins and ends; None where it has none."""
    fields = text_fields(text)
    if fields:
        return fields[0].start, fields[0].end
    return open_field(text, lang)


def _open(text: str, lang: Lang) -> bool:
    assert lang in LANGS
    return first_open_field(text, lang) is not None

"""What a recogniser of identity in text is. The rules themselves are in `recognisers_*`.

The form is Presidio's: a recogniser has a name, the kind of what it finds and patterns with a
score, and `recognisers_presidio` hands the same ones to Presidio's engine. The product runs them by
itself: docs/deidentification.md says why.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files

HAN = "\u3400-\u9fff\uf900-\ufaff"
Span = tuple[int, int]


class Kind(StrEnum):
    """Kinds of identity; Presidio's entity names where it has one."""

    PERSON = "PERSON"
    ID_CARD = "ID_CARD"
    PASSPORT = "PASSPORT"
    PHONE = "PHONE_NUMBER"
    RECORD = "RECORD_NUMBER"
    ADDRESS = "ADDRESS"
    DATE = "DATE_TIME"
    AGE = "AGE_OVER_89"
    INSTITUTION = "INSTITUTION"
    EMAIL = "EMAIL_ADDRESS"
    ACCOUNT = "ACCOUNT"
    URL = "URL"
    PLATE = "LICENCE_PLATE"
    NUMBER = "NUMBER"
    """A number too long to be a measurement."""


class Needs(StrEnum):
    """What most texts lack: regular expressions of which a text must hold one for a recogniser to
    be asked. Any other expression will do as well."""

    ANYTHING = ""
    DIGIT = r"\d"
    HAN = f"[{HAN}]"
    LATIN = r"[A-Z][a-zà-ɏ'’]|[A-Za-z]{2}[ ,.:^]"


@dataclass(frozen=True)
class Recogniser:
    """Finds one kind of identity. `find` gives spans, in any order, overlapping or not."""

    name: str
    kind: str
    """A `Kind`, or a hospital's own word."""
    find: Callable[[str], Iterable[Span]]
    needs: str = Needs.ANYTHING
    """A regular expression, cheap to look for, without which there is nothing to find."""
    score: float = 0.9

    def asked(self, text: str) -> bool:
        """Return whether `text` holds what it needs."""
        return re.search(self.needs, text) is not None


@dataclass(frozen=True)
class IdentitySpan:
    """A stretch of a text, characters `start` to `end`, that identifies."""

    start: int
    end: int
    kind: str
    recogniser: str
    score: float


def read_lists(file: str) -> dict[str, list[str]]:
    """Return the words of each `[part]` of a text file beside this module; `#` begins a comment
    line."""
    parts: dict[str, list[str]] = {}
    name = ""
    text = (files("radraft.studies.deid") / file).read_text(encoding="utf-8")
    for line in text.splitlines():
        if line.startswith("["):
            name = line.strip("[]")
        elif not line.startswith("#"):
            parts.setdefault(name, []).extend(line.split())
    return parts


def by_patterns(
    name: str,
    kind: Kind,
    *patterns: str,
    needs: str = Needs.ANYTHING,
    keep: Callable[[re.Match[str]], bool] | None = None,
    flags: int = re.IGNORECASE,
    score: float = 0.9,
) -> Recogniser:
    """Return a recogniser from regular expressions. Where one has a group `v`, that group is the
    identity, and what stands around it (a label) is left. `keep` may refuse a match."""
    compiled = tuple(re.compile(pattern, flags) for pattern in patterns)

    def find(text: str) -> Iterator[Span]:
        for pattern in compiled:
            group = "v" if "v" in pattern.groupindex else 0
            for match in pattern.finditer(text):
                if match.end(group) > match.start(group) and (keep is None or keep(match)):
                    yield match.span(group)

    return Recogniser(name, kind, find, needs, score)

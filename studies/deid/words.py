"""What may stay of a text: words of a vocabulary, and technical text that names nobody."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from radraft.studies.deid.profile import profile

_TOKEN = re.compile(
    r"\d+(?:\.\d+)?\s?(?:mm|cm|s|ms|kv|mas)\b|[A-Za-z]+\d?[A-Za-z]?|[\u3400-\u9fff]+|\S"
)
_MEASURE = re.compile(r"\d{1,3}(?:\.\d{1,2})?\s?(?:mm|cm|s|ms|kv|mas)")
_JOINERS = frozenset("/+-_&,;()^*:.")
_LONG_NUMBER = re.compile(r"\d(?:[\s./-]?\d){4,}")
_LEAST_LATIN, _LEAST_HAN = 3, 2


@dataclass(frozen=True)
class Identity:
    """The identity that one file names anywhere: pieces of names, numbers and places, folded."""

    pieces: frozenset[str]

    @classmethod
    def of(cls, values: Iterable[str]) -> Identity:
        """Pieces of these values that are long enough to mean somebody."""
        pieces = set()
        for value in values:
            folded = _folded(value)
            for piece in [folded, *re.split(r"[\^=\\\s,;，、]+", folded)]:
                piece = piece.strip()
                han = any("\u3400" <= char <= "\u9fff" for char in piece)
                if len(piece) >= (_LEAST_HAN if han else _LEAST_LATIN):
                    pieces.add(piece)
        return cls(frozenset(pieces))

    def is_in(self, text: str) -> bool:
        """Return whether `text` holds one of the pieces, as a word of its own where it is not
        Chinese."""
        folded = _folded(text)
        return any(
            piece in folded and (not piece.isascii() or _stands_alone(piece, folded))
            for piece in self.pieces
        )


def words(text: str) -> tuple[str, bool]:
    """Return the words of `text` that are of the vocabulary, and whether those were all."""
    latin, han = _vocabulary()
    kept: list[str] = []
    whole = True
    for token in _TOKEN.findall(unicodedata.normalize("NFKC", text)):
        if token.lower() in latin or _MEASURE.fullmatch(token.lower()):
            kept.append(token)
        elif "\u3400" <= token[0] <= "\u9fff":
            found = "".join(han.findall(token))
            whole = whole and found == token
            kept += [found] if found else []
        elif token not in _JOINERS:
            whole = False
    return " ".join(kept), whole


def is_technical(text: str, identity: Identity) -> bool:
    """Return whether `text` is plain ASCII without a long number and without any of `identity`."""
    plain = text.isascii() and text.isprintable()
    return plain and not _LONG_NUMBER.search(text) and not identity.is_in(text)


def _stands_alone(piece: str, folded: str) -> bool:
    return re.search(rf"(?<![a-z0-9]){re.escape(piece)}(?![a-z0-9])", folded) is not None


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text)
    return "".join(char for char in plain if not unicodedata.combining(char)).casefold()


@cache
def _vocabulary() -> tuple[frozenset[str], re.Pattern[str]]:
    lists = profile().lists
    han = sorted(lists.words_zh.split(), key=len, reverse=True)
    return frozenset(lists.words_en.split()), re.compile("|".join(map(re.escape, han)))

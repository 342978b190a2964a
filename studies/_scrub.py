"""Takes identity out of free text: what the study's header knows, then what looks like identity.

The rules after the HIPAA safe harbour list (45 CFR 164.514(b)(2)) and Chinese forms of the same are
`deid.recognisers_*`; docs/deidentification.md says what they find, counted.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Set
from datetime import date
from functools import cache, lru_cache
from itertools import permutations
from typing import Any

from radraft.studies import _names
from radraft.studies.deid import text as deid_text
from radraft.studies.deid.recognisers import HAN, IdentitySpan, Kind
from radraft.studies.deid.text import REMOVED
from radraft.studies.values import Study

__all__ = ["REMOVED", "scrub"]

_MOST_PASSES = 20
_GAP = r"[\s,，、.·•^_=-]*"
_WIDE: dict[int, int | None] = {
    code: code - 0xFEE0
    for code in range(0xFF01, 0xFF5F)
    if chr(code - 0xFEE0).isalnum() or chr(code - 0xFEE0) in "-/.@+#"
}
"""Full-width letters, digits and joiners to their ASCII forms; Chinese punctuation stays."""
_WIDE |= dict.fromkeys([0xAD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF])
"""Characters without width, which hide what they stand in, are dropped."""


def scrub(text: str, study: Study, kinds: Set[Kind] = frozenset(Kind)) -> str:
    """Return `text` on one line with identity replaced by `***`; twice changes nothing more.

    `kinds`: what of radraft's own kinds is taken out beside the identity in the study's header; a
    hospital's own kinds always are.
    """
    text = " ".join(text.translate(_WIDE).split())
    kept = {str(kind) for kind in Kind} - {str(kind) for kind in kinds}
    known = _known(
        (study.patient.name, *study.other_names),
        (study.patient.patient_id, study.accession, study.study_uid),
        study.patient.birth_date,
    )
    # What is taken out may show something more: a label beside what is left of a longer word.
    for _ in range(_MOST_PASSES):
        text = deid_text.pool_ages(text) if Kind.AGE in kinds else text
        looks = [match for match in deid_text.find(text) if match.kind not in kept]
        found = (*_of_header(text, known), *looks)
        if not found:
            return text
        text = deid_text.take_out(text, deid_text.joined(found))
    # Texts that people write need two or three passes: this is none.
    return REMOVED


def _of_header(text: str, known: tuple[re.Pattern[str], ...]) -> Iterator[IdentitySpan]:
    folded = _folded(text) if known else ""
    for pattern in known:
        for match in pattern.finditer(folded):
            found = IdentitySpan(*match.span(), Kind.PERSON, "header", 1.0)
            yield from deid_text.around_stars(found, text)


def _folded(text: str) -> str:
    """Return the text in lower case without accents, of the same length."""
    if text.isascii():
        return text.lower()
    return "".join(unicodedata.normalize("NFD", char)[0].lower()[:1] or char for char in text)


@lru_cache(maxsize=1000)
def _known(
    people: tuple[str, ...], numbers: tuple[str, ...], born: date | None
) -> tuple[re.Pattern[str], ...]:
    """Patterns, over folded text, of the identity values in a study's header."""
    patterns = [pattern for name in people for pattern in _name_patterns(name)]
    patterns += [
        _bounded(re.escape(_fold(number))) for number in numbers if len(number.strip()) >= 3
    ]
    if born is not None:
        year, month, day = born.year, born.month, born.day
        patterns.append(rf"(?<!\d){year}(?!\d)")
        for first, second in ((month, day), (day, month)):
            patterns.append(rf"(?<!\d)0?{first}\s*[-/.月]\s*0?{second}(?!\d)\s*[日号]?")
    return tuple(re.compile(pattern) for pattern in dict.fromkeys(patterns))


def _name_patterns(name: str) -> Iterator[str]:
    for representation in _fold(name).split("="):
        parts = [part for part in re.split(r"[\^\s,，·]+", representation) if part]
        han = [part for part in parts if re.fullmatch(rf"[{HAN}]+", part)]
        for part in parts:
            yield from _part_patterns(part, alone=len(parts) == 1)
        if 2 <= len(parts) <= 5:
            for pair in permutations(parts, 2):
                yield _bounded(_GAP.join(map(re.escape, pair)), han=bool(han))
    yield from _other_forms(name)


def _other_forms(name: str) -> Iterator[str]:
    """Yield a Chinese name in simplified and traditional characters, and in pinyin in both
    orders."""
    parsed = _names.parse(name)
    if not parsed.given:
        return
    for form in (parsed.han, _traditional(parsed.han)):
        yield _GAP.join(form)
    for family, syllables in parsed.readings:
        given = _GAP.join(syllables)
        yield _bounded(f"{family}{_GAP}{given}")
        yield _bounded(f"{given}{_GAP}{family}")
        if len(syllables) > 1:
            yield _bounded(given)


def _traditional(simplified: str) -> str:
    converted: str = _opencc().convert(simplified)
    return converted


@cache
def _opencc() -> Any:
    from opencc import OpenCC

    return OpenCC("s2t")


def _part_patterns(part: str, *, alone: bool) -> Iterator[str]:
    """Yield one component.

    A single Chinese character is too often a word (高, 白): never on its own.
    """
    if re.fullmatch(rf"[{HAN}]+", part):
        if len(part) >= 2:
            yield _GAP.join(part)
        if alone and len(part) in {3, 4}:
            # Family and given name in one component: the given name is used alone as well.
            yield re.escape(part[len(part) - 2 :])
    elif len(part) >= 2:
        yield _bounded(re.escape(part))


def _bounded(pattern: str, *, han: bool = False) -> str:
    return pattern if han else rf"(?<![a-z0-9]){pattern}(?![a-z0-9])"


def _fold(value: str) -> str:
    return _folded(" ".join(value.translate(_WIDE).split()))

"""By what a patient's name or number is found that somebody types: pure functions over identity.

A name is found by any beginning of one of its `name_keys`, a number by any beginning of its
`number_key`. Characters are compared in simplified form; Latin letters without accents, marks and
spaces.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date

from radraft.studies import _names

LONGEST = 64
"""Characters of a key; of what is typed, more are not looked at."""
_DATE = re.compile(r"(\d{4})[-/.年]?(\d{1,2})[-/.月]?(\d{1,2})日?")


def name_keys(value: str) -> frozenset[str]:
    """Return the keys of a DICOM Person Name.

    Its characters and each reading of them in pinyin, both from each syllable on; a reading with
    the given name first, and its initials; the Latin words from each word on, and with the first
    word last; and each part as it stands. `value` alone where nothing of it can be compared.
    """
    name = _names.parse(value)
    keys = {name.han[start:] for start in range(len(name.han))}
    for family, given in name.readings:
        keys |= _from_each_on((family, *given))
        keys.add("".join(syllable[:1] for syllable in (family, *given)))
    for words in name.romans:
        keys |= _from_each_on(words)
    keys.add(query_key(value))
    for group in value.split("="):
        keys |= {query_key(part) for part in (group, *group.split("^"))}
    return frozenset(key[:LONGEST] for key in keys if key)


def query_key(text: str) -> str:
    """Return what the keys of the names that `text` begins would begin with; empty where it says
    nothing."""
    plain = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).casefold())
    kept = "".join(character for character in plain if character.isalnum())
    return _names.simplified(kept)[:LONGEST]


def name_queries(text: str) -> tuple[str, ...]:
    """Return the beginnings of keys by which names are looked for: none where `text` says nothing.

    A second one where it may be pinyin that was typed with v for ü.
    """
    key = query_key(text)
    return tuple(dict.fromkeys(way for way in (key, key.replace("v", "u")) if way))


def number_key(text: str) -> str:
    """Return the letters and digits of a patient's number or an accession number, folded."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(character for character in plain if character.isalnum())[:LONGEST]


def day(text: str) -> date | None:
    """Return the date that `text` is, year first; None where it is none."""
    found = _DATE.fullmatch(unicodedata.normalize("NFKC", text).strip())
    if found is None:
        return None
    try:
        return date(*map(int, found.groups()))
    except ValueError:
        return None


def _from_each_on(parts: tuple[str, ...]) -> set[str]:
    """The parts joined from each on, and all with the first one last."""
    joined = {"".join(parts[start:]) for start in range(len(parts))}
    return joined | {"".join((*parts[1:], parts[0]))}

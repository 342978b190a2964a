"""Coded entries (PS3.3 8.8): a public code stays, with its meaning from the dictionary."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from radraft.studies.deid import _elements
from radraft.studies.deid.profile import Profile
from radraft.studies.deid.words import Identity, words

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

VALUE, LONG_VALUE, SCHEME, MEANING = 0x00080100, 0x00080119, 0x00080102, 0x00080104
TAGS = (VALUE, LONG_VALUE, SCHEME, MEANING)
_FORM = {
    "DCM": re.compile(r"\d{6}"),
    "SCT": re.compile(r"\d{6,10}"),
    "LN": re.compile(r"\d{1,6}-\d"),
    "RADLEX": re.compile(r"RID\d{1,6}"),
    "UCUM": re.compile(r"[A-Za-z0-9%/.*\[\]'^{}:_-]{1,16}"),
}
_OTHER_FORM = re.compile(r"[A-Z]?\d?[A-Z0-9]?-?[0-9A-Z]{1,6}")
_NOTHING = ("removed", "99RADRAFT", "removed")


def entry(
    item: Dataset, declared: _elements.Charsets, identity: Identity, profile: Profile
) -> dict[int, tuple[str, str]]:
    """VR and value of each element of the new entry, by tag."""
    value, scheme, meaning = (_first(item, tag, declared) for tag in (VALUE, SCHEME, MEANING))
    known = _meanings().get((scheme, value))
    if known is not None:
        meaning = known
    elif _is_public(value, scheme, profile) and not identity.is_in(value):
        text, whole = words(meaning)
        meaning = meaning if whole else text or "removed"
    else:
        value, scheme, meaning = _NOTHING
    new = {VALUE: ("SH", value), SCHEME: ("SH", scheme), MEANING: ("LO", meaning[:64])}
    return {tag: entry for tag, entry in new.items() if entry[1]}


def _first(item: Dataset, tag: int, declared: _elements.Charsets) -> str:
    if tag not in item:
        return ""
    return next(iter(_elements.texts(item, tag, "LO", declared)), "")


def _is_public(value: str, scheme: str, profile: Profile) -> bool:
    form = _FORM.get(scheme, _OTHER_FORM)
    return scheme in profile.lists.schemes and form.fullmatch(value) is not None


@cache
def _meanings() -> dict[tuple[str, str], str]:
    """Code Meaning by scheme and code, of the context groups of PS3.16."""
    from pydicom.sr import _concepts_dict

    concepts: dict[str, Any] = _concepts_dict.concepts

    return {
        (scheme, code): str(entry[0])
        for scheme, named in concepts.items()
        for codes in named.values()
        for code, entry in codes.items()
    }

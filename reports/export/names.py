"""Patients' names as DICOM writes them, taken apart for the forms of HL7."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum


class Representation(StrEnum):
    """How a name is written (HL7 table 0465)."""

    ALPHABETIC = "A"
    IDEOGRAPHIC = "I"
    PHONETIC = "P"


@dataclass(frozen=True)
class PersonName:
    """One component group of a person name (DICOM PS3.5 6.2.1)."""

    representation: Representation
    family: str = field(repr=False)
    given: str = field(default="", repr=False)
    middle: str = field(default="", repr=False)
    prefix: str = field(default="", repr=False)
    suffix: str = field(default="", repr=False)


_GROUPS = (Representation.ALPHABETIC, Representation.IDEOGRAPHIC, Representation.PHONETIC)


def person_names(name: str) -> tuple[PersonName, ...]:
    """Return the groups of a DICOM person name that say anything, the ideographic one first: a
    receiver that shows one name shows the first. Empty where the name is.

    A name in Chinese characters that stands in the alphabetic group, as many scanners send it, is
    ideographic.
    """
    found: list[PersonName] = []
    for representation, group in zip(_GROUPS, name.split("="), strict=False):
        parts = [part.strip() for part in group.split("^")[:5]]
        if not any(parts):
            continue
        if representation is Representation.ALPHABETIC and is_ideographic(group):
            representation = Representation.IDEOGRAPHIC
        found.append(PersonName(representation, *parts))
    return tuple(
        sorted(found, key=lambda group: group.representation is not Representation.IDEOGRAPHIC)
    )


def is_ideographic(text: str) -> bool:
    """Return whether `text` has a Chinese character."""
    return any(unicodedata.name(char, "").startswith("CJK ") for char in text)

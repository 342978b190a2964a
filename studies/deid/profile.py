"""What becomes of each attribute: PS3.15 Annex E with the options of `OPTIONS`.

The table of actions is dicom-anonymizer's, generated from the standard. It lists what is known to
identify; here the rest has to earn its place as well: text stays only where `profile.yaml` names
its attribute, binary values likewise, and what no dictionary knows goes.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files

from radraft.core.yaml_files import Strict

OPTIONS = (
    ("113100", "Basic Application Confidentiality Profile"),
    ("113105", "Clean Descriptors Option"),
    ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
    ("113108", "Retain Patient Characteristics Option"),
    ("113104", "Clean Structured Content Option"),
    ("113103", "Clean Graphics Option"),
)
"""De-identification Method codes of PS3.16 CID 7050 that hold for every file."""
CLEAN_PIXELS = ("113101", "Clean Pixel Data Option")
"""Added where text was looked for in the pixels."""
METHOD = "radraft: PS3.15 Basic Profile, dates shifted by patient"

_TABLE = "dicomanonymizer.dicom_anonymization_databases.dicomfields_2026c"
_NUMBERS = frozenset({"US", "SS", "UL", "SL", "UV", "SV", "FL", "FD", "AT"})


class Action(StrEnum):
    """What becomes of an attribute."""

    REMOVE = "remove"
    EMPTY = "empty"
    DUMMY = "dummy"
    UID = "uid"
    SHIFT = "shift"
    TIME = "time"
    AGE = "age"
    CODE = "code"
    """A code string or a name of the vocabulary: kept where it holds no identity."""
    NUMBER = "number"
    DECIMAL = "decimal"
    """A number written as text (DS, IS)."""
    WORDS = "words"
    TECHNIQUE = "technique"
    MAKER = "maker"
    CONTENT = "content"
    """Text of structured content: kept only where every word is of the vocabulary."""
    CODED = "coded"
    """Part of a coded entry: judged with the whole entry."""
    BINARY = "binary"
    SEQUENCE = "sequence"


class _Lists(Strict):
    characteristics: frozenset[str]
    descriptors: frozenset[str]
    technique: frozenset[str]
    binary: frozenset[str]
    removed: frozenset[str]
    recursed: frozenset[str]
    schemes: frozenset[str]
    makers: frozenset[str]
    words_en: str
    words_zh: str


@dataclass(frozen=True)
class Profile:
    """The table and the lists, ready to be asked."""

    lists: _Lists
    table: dict[int, Action]

    def action(self, tag: int, vr: str, keyword: str) -> Action:
        """Return what becomes of a public attribute with the VR that PS3.6 gives it."""
        lists = self.lists
        if tag >> 24 in {0x50, 0x60} or keyword in lists.removed or not keyword:
            return Action.REMOVE
        special = _special(keyword, lists)
        if special is not None:
            return special
        listed = self.table.get(tag)
        if vr == "SQ":
            kept = listed is None or keyword in lists.recursed
            return Action.SEQUENCE if kept else listed or Action.REMOVE
        if vr == "UI":
            return Action.UID
        if vr in {"DA", "DT"} and keyword != "PatientBirthDate":
            return Action.SHIFT
        if vr == "TM":
            return Action.TIME
        if listed is not None:
            return listed
        return _by_vr(vr)


@cache
def profile() -> Profile:
    """Return the profile of this version."""
    text = files(__package__ or "radraft.studies.deid").joinpath("profile.yaml")
    lists = _Lists.from_yaml(text.read_text(encoding="utf-8"))
    return Profile(lists, _table())


def _special(keyword: str, lists: _Lists) -> Action | None:
    if keyword in lists.descriptors:
        return Action.WORDS
    if keyword in lists.technique:
        return Action.TECHNIQUE
    if keyword in lists.binary:
        return Action.BINARY
    if keyword in lists.characteristics:
        return _CHARACTERISTICS.get(keyword, Action.NUMBER)
    return _SPECIAL.get(keyword)


def _by_vr(vr: str) -> Action:
    if vr in _NUMBERS:
        return Action.NUMBER
    if vr in {"DS", "IS"}:
        return Action.DECIMAL
    return Action.CODE if vr == "CS" else Action.REMOVE


_CHARACTERISTICS = {
    "PatientSex": Action.CODE,
    "PatientAge": Action.AGE,
    "PatientSize": Action.DECIMAL,
    "PatientWeight": Action.DECIMAL,
    "SmokingStatus": Action.CODE,
}
_SPECIAL = {
    "Manufacturer": Action.MAKER,
    "TextValue": Action.CONTENT,
    "UnformattedTextValue": Action.CONTENT,
    "PersonName": Action.DUMMY,
    "CodeValue": Action.CODED,
    "LongCodeValue": Action.CODED,
    "URNCodeValue": Action.REMOVE,
    "CodeMeaning": Action.CODED,
    "CodingSchemeDesignator": Action.CODED,
    "CodingSchemeVersion": Action.REMOVE,
    "ContextGroupVersion": Action.REMOVE,
    "ContextGroupLocalVersion": Action.REMOVE,
    "PatientName": Action.DUMMY,
    "PatientID": Action.DUMMY,
}


def _table() -> dict[int, Action]:
    """PS3.15 table E.1-1 by tag; of combined actions the one that keeps an object valid."""
    module = importlib.import_module(_TABLE)
    groups = {
        "X_TAGS": Action.REMOVE,
        "X_Z_TAGS": Action.EMPTY,
        "Z_TAGS": Action.EMPTY,
        "X_D_TAGS": Action.DUMMY,
        "X_Z_D_TAGS": Action.DUMMY,
        "Z_D_TAGS": Action.DUMMY,
        "D_TAGS": Action.DUMMY,
        "U_TAGS": Action.UID,
        "X_Z_U_STAR_TAGS": Action.SEQUENCE,
    }
    return {
        tag[0] << 16 | tag[1]: action
        for name, action in groups.items()
        for tag in getattr(module, name)
        if len(tag) == 2
    }

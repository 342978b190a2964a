"""Single values of a data set, read from their raw bytes."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING

from radraft.studies import _text

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_PEOPLE = (
    0x00080080,  # Institution Name
    0x00080090,  # Referring Physician's Name
    0x00081048,  # Physician(s) of Record
    0x00081050,  # Performing Physician's Name
    0x00081060,  # Name of Physician(s) Reading Study
    0x00081070,  # Operators' Name
    0x00101000,  # Other Patient IDs
    0x00101001,  # Other Patient Names
    0x00101005,  # Patient's Birth Name
    0x00101040,  # Patient's Address
    0x00101060,  # Patient's Mother's Birth Name
    0x00102154,  # Patient's Telephone Numbers
    0x00102297,  # Responsible Person
    0x00321032,  # Requesting Physician
)

_INTEGER_STRINGS = frozenset({0x00200011, 0x00200013, 0x00280008})
"""Series, instance and frame number are IS; in implicit VR the file does not say so."""


class Fields:
    """Reads text in its character set; `repaired` tells whether one had to be set aside."""

    def __init__(self, dataset: Dataset, inherited: Fields | None = None) -> None:
        """`inherited`: of the data set that `dataset` is an item of, whose character set holds
        where the item has none (PS3.5 7.5.3)."""
        self._dataset = dataset
        self.repaired = False
        declared = self._raw(0x00080005).decode("ascii", "replace").rstrip(" \0")
        self._charsets = tuple(part.strip() for part in declared.split("\\")) if declared else ()
        if not declared and inherited is not None:
            self._charsets = inherited._charsets

    def _raw(self, tag: int) -> bytes:
        if tag not in self._dataset:
            return b""
        value = self._dataset.get_item(tag, keep_deferred=True).value
        if isinstance(value, bytes):
            return value
        if value is None:
            return b""
        # pydicom converts the character set itself while it reads.
        several = isinstance(value, Sequence) and not isinstance(value, str)
        parts = value if several else [value]
        return "\\".join(map(str, parts)).encode("utf-8", "replace")

    def text(self, tag: int, *, one_line: bool = False) -> str:
        """Text in Unicode without control characters; empty where absent."""
        text, repaired = _text.decode(self._raw(tag), self._charsets)
        self.repaired = self.repaired or repaired
        return " ".join(text.split()) if one_line else text

    def code(self, tag: int) -> str:
        """First value of a code string, date or number, in upper case."""
        raw = self._raw(tag)[:256].decode("ascii", "replace")
        return raw.split("\\")[0].strip(" \0").upper()

    def free(self, tag: int) -> str:
        """Return the first value of what should be a date or an age, as people typed it."""
        raw = self._raw(tag)[:256]
        text, _ = _text.decode(raw, self._charsets)
        return " ".join(text.split("\\")[0].strip(" \0").split())[:32]

    def uid(self, tag: int) -> str:
        """Return a UID without its padding, as sent."""
        return self._raw(tag)[:256].decode("ascii", "replace").strip(" \0")

    def integer(self, tag: int) -> int | None:
        """Return an integer (US, UL, SS, SL or IS), or None where absent or unusable."""
        if tag not in self._dataset:
            return None
        item = self._dataset.get_item(tag, keep_deferred=True)
        value = item.value
        if isinstance(value, int):
            return value
        if not isinstance(value, bytes):
            return None
        if tag in _INTEGER_STRINGS:
            digits = value.split(b"\\")[0].strip(b" \0").removeprefix(b"+")
            return int(digits[:12]) if digits.removeprefix(b"-")[:12].isdigit() else None
        if len(value) not in {2, 4}:
            return None
        order = "<" if getattr(item, "is_little_endian", True) else ">"
        return int(struct.unpack(order + ("H" if len(value) == 2 else "I"), value)[0])

    def codes(self, tag: int, most: int = 16) -> tuple[str, ...]:
        """Return all values of a code string, in upper case."""
        raw = self._raw(tag)[:1024].decode("ascii", "replace").strip(" \0").upper()
        return tuple(part.strip() for part in raw.split("\\")[:most]) if raw else ()

    def numbers(self, tag: int, count: int) -> tuple[float, ...] | None:
        """`count` finite decimal strings (DS), or None where absent or something else."""
        parts = self.codes(tag, count + 1)
        try:
            found = tuple(float(part) for part in parts)
        except ValueError:
            return None
        return found if len(found) == count and all(map(math.isfinite, found)) else None

    def people(self) -> list[str]:
        """Identity values besides the patient's own: for taking out of free text only."""
        found = (self.text(tag, one_line=True) for tag in _PEOPLE)
        return [part.strip() for text in found for part in text.split("\\") if part.strip()][:64]

"""Walks the elements of a data set without reading values: nesting, truncation (PS3.5 7).

Iterative, so that hostile nesting costs nothing; tolerant, because pydicom reads more kinds of
slightly wrong files than a strict walk would.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass, field
from enum import StrEnum

from radraft.studies._limits import MAX_DEPTH, MAX_ELEMENTS

PIXEL_TAGS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_LONG_VRS = frozenset(
    {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
)


class Ending(StrEnum):
    """How a walk ended."""

    PIXELS = "pixels"
    CLEAN = "clean"
    CUT = "cut"
    DEEP = "deep"
    ODD = "odd"


@dataclass
class _Open:
    """A sequence, an item or encapsulated fragments that the walk is inside of."""

    kind: str
    end: int
    implicit: bool


@dataclass
class _Walk:
    data: bytes | mmap.mmap
    position: int
    order: str
    stack: list[_Open] = field(default_factory=list)

    def tag(self) -> int:
        group, element = struct.unpack_from(self.order + "HH", self.data, self.position)
        return int(group) << 16 | int(element)

    def long(self, offset: int) -> int:
        return int(struct.unpack_from(self.order + "I", self.data, offset)[0])


def scan(data: bytes | mmap.mmap, start: int, *, implicit: bool, little: bool) -> Ending:
    """Walk from `start` to the pixel data or the end of `data`."""
    walk = _Walk(data, start, "<" if little else ">")
    size = len(data)
    for _ in range(MAX_ELEMENTS):
        while walk.stack and 0 <= walk.stack[-1].end <= walk.position:
            walk.stack.pop()
        if walk.position >= size:
            return Ending.CLEAN if walk.position == size and not walk.stack else Ending.CUT
        if walk.position + 8 > size:
            return Ending.CUT
        inside = walk.stack[-1] if walk.stack else None
        if inside is not None and inside.kind != "item":
            ending = _step_items(walk, inside)
        else:
            ending = _step_element(walk, inside.implicit if inside else implicit)
        if ending is not None:
            return ending
        if len(walk.stack) > 2 * MAX_DEPTH:
            return Ending.DEEP
    return Ending.ODD


def _step_items(walk: _Walk, inside: _Open) -> Ending | None:
    tag, length = walk.tag(), walk.long(walk.position + 4)
    walk.position += 8
    if tag == SEQUENCE_END:
        walk.stack.pop()
        return None
    if tag != ITEM:
        return Ending.ODD
    if inside.kind == "fragments":
        walk.position += length
    else:
        end = -1 if length == UNDEFINED else walk.position + length
        walk.stack.append(_Open("item", end, inside.implicit))
    return None


def _step_element(walk: _Walk, implicit: bool) -> Ending | None:
    tag = walk.tag()
    if tag == ITEM_END and walk.stack:
        walk.stack.pop()
        walk.position += 8
        return None
    if tag in PIXEL_TAGS and not walk.stack:
        return Ending.PIXELS
    vr, value, length = _element_header(walk, implicit)
    if vr is None:
        return Ending.ODD
    if value > len(walk.data):
        return Ending.CUT
    item = struct.pack(walk.order + "HH", 0xFFFE, 0xE000)
    untyped = vr in {b"", b"UN"}
    holds_items = length >= 8 and walk.data[value : value + 4] == item
    walk.position = value
    if vr == b"SQ" or length == UNDEFINED or (untyped and holds_items):
        # PS3.5 6.2.2: what stands inside an UN of undefined length is implicit VR.
        kind = "fragments" if tag in PIXEL_TAGS else "sequence"
        end = -1 if length == UNDEFINED else value + length
        walk.stack.append(_Open(kind, end, implicit or vr == b"UN"))
    else:
        walk.position += length
    return None


def _element_header(walk: _Walk, implicit: bool) -> tuple[bytes | None, int, int]:
    at = walk.position
    if implicit:
        return b"", at + 8, walk.long(at + 4)
    vr = bytes(walk.data[at + 4 : at + 6])
    if not (vr.isalpha() and vr.isupper()):
        return None, at, 0
    if vr not in _LONG_VRS:
        return vr, at + 8, int(struct.unpack_from(walk.order + "H", walk.data, at + 6)[0])
    if at + 12 > len(walk.data):
        return vr, at + 12, 0
    return vr, at + 12, walk.long(at + 8)

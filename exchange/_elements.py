"""Finds a few UIDs at the top of a raw data set, without decoding it (PS3.5 7)."""

from __future__ import annotations

import struct
import zlib

from radraft.studies import _scan
from radraft.studies._refused import DEFLATED, EXPLICIT_BIG, IMPLICIT_LITTLE

SOP_CLASS, SOP_INSTANCE, STUDY = 0x00080016, 0x00080018, 0x0020000D
_WANTED = frozenset({SOP_CLASS, SOP_INSTANCE, STUDY})
_STEPS = 200_000
"""Most elements and items before Study Instance UID; full real headers have some thousand."""
_FIRST, _WHOLE = 1 << 16, 1 << 27
"""Bytes looked at: first these, then at most that many."""
_INFLATED = 1 << 24


def uids(data_set: memoryview, *, implicit: bool, little: bool, deflated: bool) -> dict[int, str]:
    """Return the UIDs of class, instance and study that stand in `data_set`, by tag; what is
    damaged or missing is left out."""
    if deflated:
        return _inflated(data_set)
    for length in (_FIRST, _WHOLE):
        part = bytes(data_set[:length])
        found = _walk(part, implicit=implicit, little=little)
        if STUDY in found or len(part) == len(data_set):
            break
    return found


def encoded_as(syntax: str) -> dict[str, bool]:
    """Return how a data set of the transfer syntax `syntax` is encoded (PS3.5 10, A)."""
    return {
        "implicit": syntax == IMPLICIT_LITTLE,
        "little": syntax != EXPLICIT_BIG,
        "deflated": syntax == DEFLATED,
    }


def _inflated(data_set: memoryview) -> dict[int, str]:
    try:
        part = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data_set[:_WHOLE], _INFLATED)
    except zlib.error:
        return {}
    return _walk(part, implicit=False, little=True)


def _walk(data: bytes, *, implicit: bool, little: bool) -> dict[int, str]:
    found: dict[int, str] = {}
    walk = _scan._Walk(data, 0, "<" if little else ">")
    for _ in range(_STEPS):
        while walk.stack and 0 <= walk.stack[-1].end <= walk.position:
            walk.stack.pop()
        if walk.position + 8 > len(data):
            break
        inside = walk.stack[-1] if walk.stack else None
        if inside is None and not _note(walk, implicit, found):
            break
        try:
            if inside is not None and inside.kind != "item":
                ending = _scan._step_items(walk, inside)
            else:
                ending = _scan._step_element(walk, inside.implicit if inside else implicit)
        except struct.error:
            break
        if ending is not None:
            break
    return found


def _note(walk: _scan._Walk, implicit: bool, found: dict[int, str]) -> bool:
    """Keep the value at the walk's position where it is wanted; False once nothing more is."""
    tag = walk.tag()
    if tag > STUDY:
        return False
    if tag in _WANTED:
        _, start, length = _scan._element_header(walk, implicit)
        value = bytes(walk.data[start : start + min(length, 65)])
        found[tag] = value.decode("ascii", "replace").strip(" \0")
    return True

"""Which encoding a file has, and its header through pydicom."""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from radraft.studies._refused import EXPLICIT_BIG, IMPLICIT_LITTLE, PARSE_ERRORS, Refused
from radraft.studies._scan import PIXEL_TAGS

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_DEFER = 1 << 20
"""Values above this many bytes stay in the file."""
_FIRST_GROUPS = frozenset({b"\x02\x00", b"\x08\x00", b"\x00\x08"})


@dataclass(frozen=True)
class Encoding:
    """What the file meta information (PS3.10 7.1) says; without it, what the bytes suggest."""

    start: int
    implicit: bool
    little: bool
    syntax: str
    """Transfer Syntax UID; empty where the file does not say."""
    sop_class: str
    has_preamble: bool


def encoding_of(data: mmap.mmap) -> Encoding:
    """Encoding of the data set in `data`. Refused: "not_dicom", "truncated_header"."""
    has_preamble = data[128:132] == b"DICM"
    start = 132 if has_preamble else 0
    if not has_preamble and (len(data) < 8 or data[:2] not in _FIRST_GROUPS):
        raise Refused("not_dicom")
    start, meta = _meta(data, start)
    if start + 8 > len(data):
        raise Refused("truncated_header")
    syntax = meta.get(0x0010, "")
    implicit, little = _guess(data, start)
    if syntax == IMPLICIT_LITTLE:
        implicit, little = True, True
    elif syntax:
        implicit, little = False, syntax != EXPLICIT_BIG
    return Encoding(start, implicit, little, syntax, meta.get(0x0002, ""), has_preamble)


def _meta(data: mmap.mmap, position: int) -> tuple[int, dict[int, str]]:
    """End of the group 0002 elements and those of them that are UIDs, by element number."""
    found: dict[int, str] = {}
    while data[position : position + 2] == b"\x02\x00" and position + 12 <= len(data):
        element = struct.unpack_from("<H", data, position + 2)[0]
        vr = data[position + 4 : position + 6]
        if vr in {b"OB", b"UN", b"OW", b"SQ", b"UT"}:
            length, value = struct.unpack_from("<I", data, position + 8)[0], position + 12
        elif vr.isalpha():
            length, value = struct.unpack_from("<H", data, position + 6)[0], position + 8
        else:
            length, value = struct.unpack_from("<I", data, position + 4)[0], position + 8
        if length > len(data) - value:
            raise Refused("truncated_header")
        if element in {0x0002, 0x0010}:
            raw = bytes(data[value : value + min(length, 128)])
            found[element] = raw.decode("ascii", "replace").strip(" \0")
        position = value + length
    return position, found


def _guess(data: mmap.mmap, start: int) -> tuple[bool, bool]:
    implicit = not bytes(data[start + 4 : start + 6]).isalpha()
    little = data[start : start + 1] != b"\0" or data[start + 1 : start + 2] == b"\0"
    return implicit, little


def parse(stream: BinaryIO, *, inflated: bool, cut: bool) -> tuple[Dataset, int | None, bool, bool]:
    """Header, offset of the pixel element (None: there is none), implicit VR, little endian."""
    from pydicom.filereader import dcmread, read_dataset

    stream.seek(0)
    try:
        if inflated:
            dataset = read_dataset(
                stream, False, True, stop_when=lambda tag, vr, length: int(tag) in PIXEL_TAGS
            )
            implicit, little = False, True
        else:
            dataset = dcmread(stream, defer_size=_DEFER, stop_before_pixels=True, force=True)
            encoding = dataset.original_encoding
            implicit, little = bool(encoding[0]), encoding[1] is not False
    except RecursionError:
        raise Refused("nested_too_deep") from None
    except PARSE_ERRORS:
        raise Refused("truncated_header" if cut else "header_damaged") from None
    offset = stream.tell()
    tag = stream.read(4).ljust(4, b"\0")
    group, element = struct.unpack("<HH" if little else ">HH", tag)
    return dataset, offset if group << 16 | element in PIXEL_TAGS else None, implicit, little

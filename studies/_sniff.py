"""Finds how pixels are really encoded where the transfer syntax says something else.

Gateways that recompress sometimes keep the old Transfer Syntax UID, or the other way round.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from radraft.studies._refused import EXPLICIT_LITTLE, NATIVE, Refused
from radraft.studies._scan import UNDEFINED

_ITEM = b"\xfe\xff\x00\xe0"
_JPEG = "1.2.840.10008.1.2.4."
_FRAME_MARKERS = {0xC0: "50", 0xC1: "51", 0xC2: "51", 0xC3: "70", 0xF7: "80"}
"""JPEG start-of-frame markers (ISO/IEC 10918-1 B.1.1.3, 14495-1 C.1.1) and transfer syntaxes."""
_LOOKED_AT = 1 << 16


def true_syntax(stream: BinaryIO, declared: str, start: int, length: int) -> str:
    """Transfer syntax of the pixel element whose value begins at `start`.

    Refused "wrong_transfer_syntax" where the pixels are encapsulated in a way nobody can tell.
    """
    stream.seek(start)
    head = stream.read(8)
    if declared not in NATIVE:
        native = length not in {UNDEFINED, 0} and not head.startswith(_ITEM)
        return EXPLICIT_LITTLE if native else declared
    if length != UNDEFINED:
        return declared
    stream.seek(start)
    found = _of_fragment(_first_fragment(stream))
    if not found:
        raise Refused("wrong_transfer_syntax")
    return found


def _first_fragment(stream: BinaryIO) -> bytes:
    """Return the beginning of the first fragment after the offset table (PS3.5 A.4)."""
    for number in range(3):
        head = stream.read(8)
        if len(head) < 8 or not head.startswith(_ITEM):
            return b""
        length = struct.unpack_from("<I", head, 4)[0]
        if number and length:
            return stream.read(min(length, _LOOKED_AT))
        stream.seek(length, 1)
    return b""


def _of_fragment(data: bytes) -> str:
    if data.startswith(b"\xff\xd8\xff"):
        return _of_jpeg(data)
    if data.startswith(b"\xff\x4f\xff\x51"):
        return _JPEG + "90"
    if data.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL ")):
        return _JPEG + "110"
    if len(data) >= 64:
        # PS3.5 G.5: the count of segments and the first offset, behind the 64-byte header.
        segments, offset = struct.unpack_from("<II", data)
        if 1 <= segments <= 15 and offset == 64:
            return "1.2.840.10008.1.2.5"
    return ""


def _of_jpeg(data: bytes) -> str:
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker in _FRAME_MARKERS:
            return _JPEG + _FRAME_MARKERS[marker]
        position += 2 + int(struct.unpack_from(">H", data, position + 2)[0])
    return ""

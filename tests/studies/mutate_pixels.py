"""Damage to what describes pixels and to the pixels themselves."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

from tests.studies.mutate_values import elements, long_header, overwritten

_ITEM, _CLOSE = struct.pack("<HH", 0xFFFE, 0xE000), struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
_PIXELS = 0x7FE00010
_WORDS = (0, 1, 2, 3, 7, 8, 12, 16, 17, 32, 33, 64, 255, 256, 4096, 32767, 32768, 65535)
_GEOMETRY = (0x00280002, 0x00280006, 0x00280010, 0x00280011, 0x00280100, 0x00280101, 0x00280102,
             0x00280103, 0x00280106, 0x00280107, 0x00280120)  # fmt: skip


def geometry_wrong(data: bytes, chance: random.Random) -> bytes:
    """Rows, columns, samples, bits or sign that the pixels do not have."""
    for tag in chance.sample(_GEOMETRY, chance.choice((1, 1, 2, 4))):
        data = overwritten(data, tag, struct.pack("<H", chance.choice(_WORDS)))
    return data


def frames_wrong(data: bytes, chance: random.Random) -> bytes:
    """A number of frames that the pixels do not have."""
    value = chance.choice((b"0", b"-1", b"2", b"99999", b"2147483647", b"1e5", b" ", b"9" * 64))
    element = long_header(0x00280008, b"IS", value + b" " * (len(value) % 2))
    changed = overwritten(data, 0x00280008, value)
    return _before(data, 0x00280010, element) if changed == data else changed


def photometric_wrong(data: bytes, chance: random.Random) -> bytes:
    """Another photometric interpretation."""
    value = chance.choice((b"RGB", b"MONOCHROME1", b"PALETTE COLOR", b"YBR_FULL_422", b"YBR_ICT",
                           b"YBR_RCT", b"YBR_PARTIAL_420", b"CMYK", b"", b"\xff" * 16))  # fmt: skip
    return overwritten(data, 0x00280004, value)


def contrast_wrong(data: bytes, chance: random.Random) -> bytes:
    """Windows, rescale values and look-up tables that are no numbers or too many."""
    value = chance.choice((b"0", b"-1", b"1e308", b"-1e308", b"nan", b"inf", b"1\\2\\3", b"\\\\",
                           b"1e-30", b"abc", b"9" * 40))  # fmt: skip
    tag = chance.choice((0x00281050, 0x00281051, 0x00281052, 0x00281053))
    changed = overwritten(data, tag, value)
    if changed == data:
        changed = _before(data, _PIXELS, long_header(tag, b"DS", value + b" " * (len(value) % 2)))
    if chance.random() < 0.5:
        descriptor = struct.pack("<3H", *(chance.choice(_WORDS) for _ in range(3)))
        table = chance.randbytes(2 * chance.choice((0, 1, 255, 256, 4096)))
        inner = long_header(0x00283002, b"US", descriptor) + long_header(0x00283006, b"OW", table)
        item = _ITEM + struct.pack("<I", len(inner)) + inner
        sequence = chance.choice((0x00283000, 0x00283010, 0x52009230))
        changed = _before(changed, _PIXELS, long_header(sequence, b"SQ", item))
    return changed


def palette_wrong(data: bytes, chance: random.Random) -> bytes:
    """Colour tables of the wrong length, described wrongly."""
    for number in range(3):
        descriptor = struct.pack("<3H", *(chance.choice(_WORDS) for _ in range(3)))
        table = chance.randbytes(2 * chance.choice((0, 1, 16, 256, 65536)))
        for tag, vr, value in ((0x00281101, b"US", descriptor), (0x00281201, b"OW", table)):
            changed = overwritten(data, tag + number, value)
            fresh = long_header(tag + number, vr, value)
            data = _before(data, _PIXELS, fresh) if changed == data else changed
    return overwritten(data, 0x00280004, b"PALETTE COLOR")


def fragments_wrong(data: bytes, chance: random.Random) -> bytes:
    """Fragment lengths, offsets and delimiters that lie."""
    one = next((e for e in elements(data) if e.tag == _PIXELS), None)
    if one is None:
        return data
    value = bytearray(data[one.value : one.end])
    items = [at for at in range(0, min(len(value) - 8, 1 << 16)) if value.startswith(_ITEM, at)]
    if not items:
        return _encapsulated(data, chance)
    at = chance.choice(items)
    length = chance.choice((0, 1, 0xFFFFFFFF, 0xFFFFFFFE, 0x7FFFFFFF, len(value), 7))
    struct.pack_into("<I", value, at + 4, length)
    if chance.random() < 0.3:
        table = chance.randbytes(4 * chance.choice((1, 2, 1000)))
        value[:8] = _ITEM + struct.pack("<I", len(table)) + table
    return data[: one.value] + bytes(value) + data[one.end :]


def _encapsulated(data: bytes, chance: random.Random) -> bytes:
    """Native pixels as fragments, many empty ones or one of nonsense."""
    one = next((e for e in elements(data) if e.tag == _PIXELS and e.value - e.length_at == 4), None)
    if one is None:
        return data
    empty = _ITEM + bytes(4)
    magic = chance.choice(
        (b"", b"\xff\xd8\xff\xc0", b"\xff\x4f\xff\x51", b"\xff\x0a", b"\1\0\0\0@")
    )
    stuff = magic + data[one.value : one.end]
    body = empty + chance.choice(
        (empty * 100_000, _ITEM + struct.pack("<I", len(stuff)) + stuff, b"")
    )
    return data[: one.length_at] + b"\xff\xff\xff\xff" + body + _CLOSE + data[one.end :]


def codestream_damaged(data: bytes, chance: random.Random) -> bytes:
    """Bytes of the pixel value changed, sizes in its own headers made huge."""
    one = next((e for e in elements(data) if e.tag == _PIXELS), None)
    if one is None or one.end - one.value < 16:
        return data
    # Behind the offset table and the head of the first fragment: their damage is another's work.
    fragment = data.find(_ITEM, one.value + 8, one.end - 16)
    start = fragment + 8 if data.startswith(_ITEM, one.value) and fragment > 0 else one.value
    changed = bytearray(data)
    for marker, offset in ((b"\xff\xc0", 5), (b"\xff\xc1", 5), (b"\xff\xc3", 5), (b"\xff\xf7", 5),
                           (b"\xff\x51", 6), (b"\xff\x51", 10)):  # fmt: skip
        at = data.find(marker, one.value, one.end - 16)
        if at > 0 and chance.random() < 0.5:
            size = chance.choice((0, 1, 255, 65535))
            struct.pack_into(">HH", changed, at + offset, size, chance.choice((size, 65535)))
    for _ in range(chance.choice((1, 5, 50))):
        reach = chance.choice((64, 512, one.end - start))
        changed[min(start + chance.randrange(reach), one.end - 1)] = chance.randrange(256)
    return bytes(changed)


def _before(data: bytes, tag: int, element: bytes) -> bytes:
    at = next((one.start for one in elements(data) if one.tag >= tag), len(data))
    return data[:at] + element + data[at:]


CHANGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    geometry_wrong, frames_wrong, photometric_wrong, contrast_wrong, palette_wrong,
    fragments_wrong, codestream_damaged,
)  # fmt: skip

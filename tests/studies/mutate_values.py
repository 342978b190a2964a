"""Elements of a file that may be damaged already, and values to put into them."""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass
from typing import Literal

META_END = 0x00030000
_LONG = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"UC", b"UN", b"UR", b"UT"})
_UNDEFINED = 0xFFFFFFFF
_MOST = 5000


@dataclass(frozen=True)
class Element:
    """Where one element of the top level stands."""

    tag: int
    start: int
    length_at: int
    value: int
    end: int
    implicit: bool
    order: Literal["little", "big"]


def elements(data: bytes) -> list[Element]:
    """Elements of the top level, as far as they can be walked."""
    position = 132 if data[128:132] == b"DICM" else 0
    found: list[Element] = []
    order: Literal["little", "big"] = "little"
    while position + 12 <= len(data) and len(found) < _MOST:
        group = int.from_bytes(data[position : position + 2], "little")
        if group == 0x0800 or (found and order == "big"):
            order = "big"
        one = _element(data, position, order)
        if one is None:
            break
        found.append(one)
        position = one.end
    return found


def _element(data: bytes, start: int, order: Literal["little", "big"]) -> Element | None:
    mark = "<" if order == "little" else ">"
    group, number = struct.unpack_from(mark + "HH", data, start)
    vr = data[start + 4 : start + 6]
    implicit = not (vr.isalpha() and vr.isupper())
    if implicit:
        length_at, value = start + 4, start + 8
    elif vr in _LONG:
        length_at, value = start + 8, start + 12
    else:
        length_at, value = start + 6, start + 8
    if value > len(data):
        return None
    length = int.from_bytes(data[length_at:value], order)
    end = value + length
    if length == _UNDEFINED:
        closing = struct.pack(mark + "HHI", 0xFFFE, 0xE0DD, 0)
        at = data.find(closing, value)
        end = len(data) if at < 0 else at + 8
    if end > len(data):
        return None
    return Element(group << 16 | number, start, length_at, value, end, implicit, order)


def overwritten(data: bytes, tag: int, value: bytes) -> bytes:
    """The file with another value of one element, its length right; unchanged where it has none."""
    padded = value + b"\0" * (len(value) % 2)
    for element in elements(data):
        if element.tag == tag:
            size = element.value - element.length_at
            fitting = padded[: (1 << 8 * size) - 2]
            length = len(fitting).to_bytes(size, element.order)
            return data[: element.length_at] + length + fitting + data[element.end :]
    return data


def long_header(tag: int, vr: bytes, value: bytes) -> bytes:
    """One explicit VR little endian element."""
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr
    if vr in _LONG:
        return head + b"\0\0" + struct.pack("<I", len(value)) + value
    return head + struct.pack("<H", len(value) & 0xFFFF) + value[:0xFFFF]


def hostile_text(chance: random.Random, *, charset: bool) -> bytes:
    """A character set that may not exist, or text in any code."""
    if charset:
        return chance.choice(
            (b"", b"GB18030", b"GBK", b"ISO_IR 192", b"ISO_IR 100", b"\\ISO 2022 IR 58",
             b"ISO 2022 IR 6\\ISO 2022 IR 58\\ISO 2022 IR 149", b"UTF-16", b"\xff\xff", b"\\" * 500,
             b"ISO_IR 13", b"\\ISO 2022 IR 87", chance.randbytes(16))
        )  # fmt: skip
    name = "".join(
        chance.choice("王李张刘陈杨赵黄周吴珺祎喆") for _ in range(chance.choice((2, 3, 40)))
    )
    escape = chance.choice((b"\x1b$)A", b"\x1b$B", b"\x1b-F", b"\x1b%G", b"\x1b", b"\x1b(J"))
    return chance.choice(
        (name.encode("gb18030"), name.encode("utf-8"), name.encode("utf-16"), name.encode()[:-1],
         b"Wang^Li=" + escape + name.encode("gb18030"), escape * 200, chance.randbytes(64),
         b"=" * 300, b"^" * 300, b"A" * 60000, chance.randbytes(60000), b"\xed\xa0\x80" * 9)
    )  # fmt: skip

"""Zips, deflated data sets and bombs of both."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import cache

from tests.studies.mutate_values import META_END, elements, overwritten

_MIB = 1 << 20


def zipped(data: bytes, chance: random.Random) -> bytes:
    """In a zip, by any name, perhaps twice, perhaps a bit wrong."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for _ in range(chance.choice((1, 2, 3))):
            name = chance.choice(
                ("a.dcm", "../../evil.dcm", "/etc/evil", "影像/一.dcm", "x" * 300, "..", "-")
            )
            archive.writestr(zipfile.ZipInfo(name + str(chance.randrange(10**6))), data)
    packed = bytearray(stream.getvalue())
    for _ in range(chance.choice((0, 0, 1, 20))):
        packed[chance.randrange(4, len(packed))] ^= 1 << chance.randrange(8)
    return bytes(packed)


def zip_bomb(data: bytes, chance: random.Random) -> bytes:
    """A member of zeros beside the file, or a zip of zips."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.dcm", data)
        if chance.random() < 0.5:
            archive.writestr("inner.zip", zipped(data, chance))
        else:
            with archive.open("zeros", "w") as member:
                for _ in range(chance.choice((8, 160))):
                    member.write(bytes(_MIB))
    return stream.getvalue()


def deflated(data: bytes, chance: random.Random) -> bytes:
    """The data set deflated, its stream whole, cut or with noise after it."""
    start = next((element.start for element in elements(data) if element.tag >= META_END), None)
    if start is None or data[128:132] != b"DICM":
        return data
    head = overwritten(data[:start], 0x00020010, b"1.2.840.10008.1.2.1.99")
    packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = packer.compress(data[start:]) + packer.flush()
    cut = body[: chance.randrange(len(body) + 1)]
    return head + chance.choice((body, body, cut, body + chance.randbytes(64)))


def deflate_bomb(data: bytes, chance: random.Random) -> bytes:
    """A deflated data set whose one value is very many zeros."""
    start = next((element.start for element in elements(data) if element.tag >= META_END), None)
    if start is None or data[128:132] != b"DICM":
        return data
    head = overwritten(data[:start], 0x00020010, b"1.2.840.10008.1.2.1.99")
    return head + _zeros(chance.choice((20, 150, 300)))


@cache
def _zeros(mib: int) -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    element = b"\x09\x00\x01\x10OB\0\0" + struct.pack("<I", mib * _MIB)
    parts = [packer.compress(element)]
    parts.extend(packer.compress(bytes(_MIB)) for _ in range(mib))
    return b"".join([*parts, packer.flush()])


PACKINGS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    change.__name__: change for change in (zipped, zip_bomb, deflated, deflate_bomb)
}

"""A seeded mutator of DICOM files: the same seed and files give the same bytes.

A mutation damages a file where parsers and decoders trust it: lengths, nesting, geometry, character
sets, encapsulation, compression. Most keep the rest of the file whole, so that the damage is met.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.studies import mutate_containers, mutate_pixels
from tests.studies.mutate_values import (
    META_END,
    Element,
    elements,
    hostile_text,
    long_header,
    overwritten,
)

LARGEST = 3 << 20
"""Larger sources are left out: they only make a run slow."""
_LEAST = 200
"""Bytes below which nothing is left to damage."""
_SPLICED, _PACKED = 0.03, 0.03
"""Shares of the mutants that are also joined with another file, or packed."""
_IMAGES = 5
"""How much likelier a file with pixels is chosen: there is more in it to damage."""
Change = Callable[[bytes, random.Random], bytes]


@dataclass(frozen=True)
class Mutant:
    """What one seed gave."""

    seed: int
    source: Path
    changes: tuple[str, ...]
    data: bytes


def sources(*folders: Path) -> list[Path]:
    """DICOM files below `folders`, in a fixed order; those with pixels several times."""
    found = []
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and 132 < path.stat().st_size <= LARGEST:
                with path.open("rb") as file:
                    head = file.read(132)
                if head[128:] == b"DICM" or path.suffix == ".dcm":
                    found += [path] * (_IMAGES if _has_pixels(path) else 1)
    return found


def _has_pixels(path: Path) -> bool:
    data = path.read_bytes()
    return b"\xe0\x7f\x10\x00" in data or b"\x7f\xe0\x00\x10" in data


def mutate(seed: int, files: Sequence[Path]) -> Mutant:
    """The mutant of `seed`: one of `files` with one to three changes."""
    chance = random.Random(seed)
    path = chance.choice(files)
    data = path.read_bytes()
    names = chance.sample(list(CHANGES), chance.choice((1, 1, 1, 2, 2, 3)))
    for name in names:
        data = CHANGES[name](data, chance) if len(data) > _LEAST else data
    if data and chance.random() < _SPLICED:
        other = chance.choice(files).read_bytes()
        data = data[: chance.randrange(len(data) + 1)] + other[chance.randrange(len(other)) :]
        names.append("spliced")
    if chance.random() < _PACKED:
        name = chance.choice(list(mutate_containers.PACKINGS))
        data = mutate_containers.PACKINGS[name](data, chance)
        names.append(name)
    return Mutant(seed, path, tuple(names), data)


def bits_flipped(data: bytes, chance: random.Random) -> bytes:
    """One to many bits, in the header more often than anywhere."""
    changed = bytearray(data)
    reach = min(len(data), chance.choice((2048, 8192, len(data))))
    for _ in range(chance.choice((1, 3, 10, 64))):
        changed[chance.randrange(reach)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def block_overwritten(data: bytes, chance: random.Random) -> bytes:
    """A stretch of zeros, of ones or of noise."""
    at, size = chance.randrange(len(data)), chance.choice((2, 8, 64, 1024, 16384))
    size = min(size, len(data) - at)
    block = chance.choice((bytes(size), b"\xff" * size, chance.randbytes(size)))
    return data[:at] + block + data[at + size :]


def truncated(data: bytes, chance: random.Random) -> bytes:
    """Cut anywhere, in the header as often as in the rest."""
    return data[: chance.randrange(min(len(data), chance.choice((4096, len(data)))))]


def element_doubled(data: bytes, chance: random.Random) -> bytes:
    """One element again, at its place or anywhere."""
    found = elements(data)
    if not found:
        return data
    one = chance.choice(found)
    at = chance.choice((one.end, chance.choice(found).start))
    copies = min(chance.choice((1, 2, 500)), 1 + LARGEST // (one.end - one.start))
    return data[:at] + data[one.start : one.end] * copies + data[at:]


def element_removed(data: bytes, chance: random.Random) -> bytes:
    """One element less."""
    found = elements(data)
    if not found:
        return data
    one = chance.choice(found)
    return data[: one.start] + data[one.end :]


def elements_reordered(data: bytes, chance: random.Random) -> bytes:
    """Two elements change places."""
    found = elements(data)
    if len(found) < 2:
        return data
    first, second = sorted(chance.sample(found, 2), key=lambda one: one.start)
    return (
        data[: first.start] + data[second.start : second.end] + data[first.end : second.start]
        + data[first.start : first.end] + data[second.end :]
    )  # fmt: skip


def length_wrong(data: bytes, chance: random.Random) -> bytes:
    """The length of an element says something else."""
    found = elements(data)
    if not found:
        return data
    one = chance.choice(found)
    size = one.value - one.length_at
    most = (1 << 8 * size) - 1
    said = chance.choice(
        (0, 1, most, most - 1, most >> 1, one.end - one.value + 1, one.end - one.value + 2,
         chance.randrange(most + 1))
    )  # fmt: skip
    return data[: one.length_at] + said.to_bytes(size, one.order) + data[one.value :]


def vr_wrong(data: bytes, chance: random.Random) -> bytes:
    """The VR of an element says something else."""
    found = [element for element in elements(data) if not element.implicit]
    if not found:
        return data
    one = chance.choice(found)
    other = chance.choice((b"SQ", b"UN", b"OB", b"US", b"FD", b"DS", b"IS", b"AT", b"PN", b"UT",
                           b"ZZ", b"\0\0", b"us", b"UI"))  # fmt: skip
    return data[: one.start + 4] + other + data[one.start + 6 :]


def nested(data: bytes, chance: random.Random) -> bytes:
    """Sequences in sequences, closed or left open."""
    depth = chance.choice((3, 40, 65, 200, 2000, 20000))
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    head = struct.pack("<HH", 0x0008, 0x1140) + b"SQ\0\0" + b"\xff\xff\xff\xff"
    close = struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    body = (head + item) * depth + close * chance.choice((depth, 0, depth // 2))
    return _inserted(data, body, chance)


def private_tags(data: bytes, chance: random.Random) -> bytes:
    """Private elements of any VR with any content, with and without a creator."""
    body = b""
    for _ in range(chance.choice((1, 10, 500))):
        group = chance.choice((0x0009, 0x0029, 0x0051, 0x7FDF, 0x00FF, 0xFFFF))
        vr = chance.choice((b"LO", b"OB", b"UN", b"SQ", b"DS", b"UT", b"FD", b"OW", b"??"))
        value = chance.randbytes(chance.choice((0, 2, 7, 64, 4000)))
        body += long_header(group << 16 | chance.randrange(0x10000), vr, value)
    return _inserted(data, body, chance)


def charset_garbage(data: bytes, chance: random.Random) -> bytes:
    """A character set and a name that do not belong together, or belong to nothing."""
    changed = overwritten(data, 0x00080005, hostile_text(chance, charset=True))
    for tag in (0x00100010, 0x00081030, 0x00100020):
        changed = overwritten(changed, tag, hostile_text(chance, charset=False))
    return changed


def syntax_swapped(data: bytes, chance: random.Random) -> bytes:
    """Another Transfer Syntax UID than the data set is written in."""
    tail = chance.choice(
        ("", ".1", ".2", ".1.99", ".5", ".4.50", ".4.51", ".4.57", ".4.70", ".4.80", ".4.81",
         ".4.90", ".4.91", ".4.100", ".4.110", ".4.111", ".4.201", ".4.203", ".9", ".1.98")
    )  # fmt: skip
    return overwritten(data, 0x00020010, b"1.2.840.10008.1.2" + tail.encode("ascii"))


def uid_changed(data: bytes, chance: random.Random) -> bytes:
    """UIDs that are paths, empty, too long or of another object."""
    tag = chance.choice((0x00080016, 0x00080018, 0x0020000D, 0x0020000E))
    value = chance.choice(
        (b"", b"../../../../tmp/evil", b"1.2." + b"3" * 90, b"1.2.03.4", b"1..2", b"\xff\xfe",
         b"1.2.840.10008.1.3.10", b"1.2.840.10008.5.1.4.1.1.88.59",
         b"1.2.840.10008.5.1.4.1.1.66.4", b"1.2.840.10008.5.1.4.1.1.2.1")
    )  # fmt: skip
    return overwritten(data, tag, value)


def meta_damaged(data: bytes, chance: random.Random) -> bytes:
    """Preamble or file meta information missing, moved or doubled."""
    end = next((element.start for element in elements(data) if element.tag >= META_END), 132)
    return chance.choice(
        (data[132:], data[128:], data[end:], data[:132] + data[end:], b"\0" + data,
         data[:end] + data[132:end] + data[end:], data[:end] + data, b"DICM" + data[132:])
    )  # fmt: skip


def _inserted(data: bytes, body: bytes, chance: random.Random) -> bytes:
    """`body` before one of the elements of the data set."""
    starts = [element.start for element in elements(data) if element.tag > META_END]
    at = chance.choice(starts) if starts else min(len(data), 132)
    return data[:at] + body + data[at:]


CHANGES: dict[str, Change] = {
    change.__name__: change
    for change in (
        bits_flipped, block_overwritten, truncated, element_doubled, element_removed,
        elements_reordered, length_wrong, vr_wrong, nested, private_tags, charset_garbage,
        syntax_swapped, uid_changed, meta_damaged, *mutate_pixels.CHANGES,
    )
}  # fmt: skip
__all__ = ["CHANGES", "Element", "Mutant", "mutate", "sources"]

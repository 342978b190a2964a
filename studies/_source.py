"""Opens one untrusted file as DICOM: encoding found, header read, pixel data located."""

from __future__ import annotations

import io
import mmap
import os
import stat
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from radraft.studies import _limits, _scan, _sniff
from radraft.studies._fields import Fields
from radraft.studies._parse import encoding_of, parse
from radraft.studies._refused import (
    DEFLATED,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    NATIVE,
    Refused,
)

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_KEYWORDS = {
    0x7FE00008: "FloatPixelData", 0x7FE00009: "DoubleFloatPixelData", 0x7FE00010: "PixelData",
}  # fmt: skip


@dataclass
class Source:
    """An open file whose header was read. `stream` holds the pixel element at `pixel_offset`."""

    stream: BinaryIO
    size: int
    dataset: Dataset
    syntax: str
    implicit: bool
    little: bool
    has_preamble: bool
    meta_sop_class: str
    pixel_offset: int | None
    cut: bool
    inflated: bool

    @property
    def is_native(self) -> bool:
        """Return whether pixels lie uncompressed in the stream."""
        return self.syntax in NATIVE

    @property
    def sop_class(self) -> str:
        """SOP Class UID, from the file meta information where the data set has none."""
        return Fields(self.dataset).uid(0x00080016) or self.meta_sop_class

    @property
    def pixel_keyword(self) -> str:
        """Keyword of the pixel element."""
        return _KEYWORDS.get(self._pixel_header()[0], "")

    @property
    def pixel_vr(self) -> str:
        """VR of the pixel element, OW where it is not written."""
        return self._pixel_header()[1]

    @property
    def pixel_start(self) -> int:
        """Return where the value of the pixel element begins."""
        return self._pixel_header()[2]

    @property
    def pixel_length(self) -> int:
        """Length of its value, `_scan.UNDEFINED` for an encapsulated one."""
        return self._pixel_header()[3]

    def check_pixels(self, frames: int, native_length: int) -> None:
        """Refused where fewer bytes are there than the header promises."""
        _, _, start, length = self._pixel_header()
        if self.is_native:
            if length < native_length or self.size - start < native_length:
                raise Refused("truncated_pixels")
        elif length == _scan.UNDEFINED:
            self._check_fragments(start, frames)
        elif self.size - start < length:
            raise Refused("truncated_pixels")

    def _check_fragments(self, position: int, frames: int) -> None:
        count, offset_table = 0, True
        while position + 8 <= self.size:
            self.stream.seek(position)
            group, element, length = struct.unpack("<HHI", self.stream.read(8))
            position += 8 + length
            if (group, element) != (0xFFFE, 0xE000):
                break
            if position > self.size:
                raise Refused("truncated_pixels")
            count += int(not offset_table and length > 0)
            offset_table = False
        if count < frames:
            raise Refused("truncated_pixels")

    def _pixel_header(self) -> tuple[int, str, int, int]:
        """Tag, VR, start of the value and its length."""
        if self.pixel_offset is None:
            raise Refused("no_pixel_data")
        order = "<" if self.little else ">"
        self.stream.seek(self.pixel_offset)
        head = self.stream.read(12).ljust(12, b"\0")
        group, element = struct.unpack(order + "HH", head[:4])
        tag, vr = int(group) << 16 | int(element), head[4:6]
        # Some writers fall back to implicit VR within an explicit file.
        if self.implicit or not vr.isalpha():
            return tag, "OW", self.pixel_offset + 8, struct.unpack(order + "I", head[4:8])[0]
        long = vr in {b"OB", b"OW", b"OF", b"OD", b"UN", b"OL", b"OV"}
        if not long:
            raise Refused("header_damaged")
        length = struct.unpack(order + "I", head[8:12])[0]
        return tag, vr.decode("ascii"), self.pixel_offset + 12, int(length)


@contextmanager
def opened(path: Path) -> Iterator[Source]:
    """Give the file as a `Source`. Refused with a code where it is not readable DICOM."""
    try:
        # Asked before opening: a named pipe without a writer would block for ever.
        if not stat.S_ISREG(path.stat().st_mode):
            raise Refused("unreadable_file")
        file = path.open("rb")
    except FileNotFoundError:
        raise Refused("file_not_found") from None
    except OSError:
        raise Refused("unreadable_file") from None
    with file:
        status = os.fstat(file.fileno())
        if status.st_size == 0:
            raise Refused("empty_file")
        if status.st_size > _limits.MAX_FILE:
            raise Refused("too_large")
        yield _read(file, status.st_size)


def _read(file: BinaryIO, size: int) -> Source:
    with mmap.mmap(file.fileno(), min(size, _limits.MAX_HEADER), access=mmap.ACCESS_READ) as head:
        found = encoding_of(head)
        if found.syntax != DEFLATED:
            ending = _scan.scan(head, found.start, implicit=found.implicit, little=found.little)
    stream: BinaryIO = file
    inflated = found.syntax == DEFLATED
    if inflated:
        content, whole = _inflate(file, found.start)
        ending = _scan.scan(content, 0, implicit=False, little=True)
        if not whole and ending is not _scan.Ending.DEEP:
            ending = _scan.Ending.CUT
        stream, size = io.BytesIO(content), len(content)
    if ending is _scan.Ending.DEEP:
        raise Refused("nested_too_deep")
    if ending is _scan.Ending.CUT and size > _limits.MAX_HEADER:
        raise Refused("too_large")
    cut = ending is _scan.Ending.CUT
    dataset, offset, implicit, little = parse(stream, inflated=inflated, cut=cut)
    source = Source(
        stream, size, dataset, found.syntax or _guess(implicit, little), implicit, little,
        found.has_preamble, found.sop_class, offset, cut, inflated,
    )  # fmt: skip
    if offset is not None and source.pixel_keyword == "PixelData":
        source.syntax = _sniff.true_syntax(
            stream, source.syntax, source.pixel_start, source.pixel_length
        )
    return source


def _guess(implicit: bool, little: bool) -> str:
    if not little:
        return EXPLICIT_BIG
    return IMPLICIT_LITTLE if implicit else EXPLICIT_LITTLE


def _inflate(file: BinaryIO, start: int) -> tuple[bytes, bool]:
    """Return the inflated data set, and whether its stream came to its end."""
    file.seek(start)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = inflater.decompress(file.read(_limits.MAX_INFLATED), _limits.MAX_INFLATED)
    except zlib.error:
        raise Refused("header_damaged") from None
    if len(content) >= _limits.MAX_INFLATED:
        raise Refused("inflates_too_much")
    return content, inflater.eof

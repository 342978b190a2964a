"""Multipart bodies of DICOMweb (PS3.18 8.6.1, RFC 2387): read as they come, written as they go."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from email.message import Message
from pathlib import Path

_HEADERS = 1 << 14
"""Most bytes of one part's headers."""
MOST_PARTS = 1_000_000
"""Most objects of one answer; no study has as many."""
_CHUNK = 1 << 20
_PREAMBLE, _PREFIX = 128, b"DICM"


class Malformed(ValueError):
    """A body that is not multipart as its header says."""


def media_type_of(content_type: str) -> str:
    """Return the media type that a Content-Type names, in lower case, without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def boundary_of(content_type: str) -> str:
    """Return the boundary that a Content-Type names.

    Malformed where it is not `multipart/related`.
    """
    header = Message()
    header["Content-Type"] = content_type.replace("\n", " ").replace("\r", " ")
    boundary = header.get_boundary("")
    if media_type_of(content_type) != "multipart/related" or not boundary:
        raise Malformed
    return boundary


def save_parts(
    chunks: Iterable[bytes],
    boundary: str,
    folder: Path,
    most: int,
    most_parts: int = MOST_PARTS,
) -> Iterator[Path]:
    """Write each part's content to a new file in `folder`, and give it once it is whole.

    Malformed for a body that ends within a part or before its end is said, a part above `most`
    bytes, and more than `most_parts` parts.
    """
    reader = _Reader(iter(chunks))
    delimiter = b"--" + boundary.encode("ascii", "replace")
    # What stands before the first delimiter says nothing (RFC 2046 5.1.1).
    reader.until(delimiter, most)
    for number in range(most_parts):
        if reader.take(2) == b"--":
            return
        reader.until(b"\r\n\r\n", _HEADERS, given=b"\r\n")
        path = folder / f"part-{number:06d}.dcm"
        with path.open("wb") as stream:
            for piece in reader.pieces(b"\r\n" + delimiter, most):
                stream.write(piece)
        yield path
    raise Malformed


def save_single(chunks: Iterable[bytes], folder: Path, most: int) -> Iterator[Path]:
    """Write a body that is one DICOM file (PS3.10 7.1) to a new file in `folder`, and give it.

    Nothing is given for an empty body. Malformed where it is no DICOM file, or above `most` bytes.
    """
    path = folder / "single.dcm"
    length = 0
    with path.open("w+b") as stream:
        for chunk in chunks:
            length += len(chunk)
            if length > most:
                raise Malformed
            stream.write(chunk)
        stream.seek(_PREAMBLE)
        is_dicom = stream.read(len(_PREFIX)) == _PREFIX
    if is_dicom:
        yield path
    elif length:
        raise Malformed


def related(files: Iterable[Path]) -> tuple[str, Iterator[bytes]]:
    """Content-Type and body of a STOW request with `files`, read while it is sent."""
    boundary = secrets.token_hex(16)
    kind = f'multipart/related; type="application/dicom"; boundary={boundary}'
    return kind, _body(files, boundary.encode("ascii"))


def _body(files: Iterable[Path], boundary: bytes) -> Iterator[bytes]:
    for path in files:
        yield b"--" + boundary + b"\r\nContent-Type: application/dicom\r\n\r\n"
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                yield chunk
        yield b"\r\n"
    yield b"--" + boundary + b"--\r\n"


class _Reader:
    """A stream of bytes that is searched for delimiters, however it is cut into chunks."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._held = bytearray()

    def take(self, count: int) -> bytes:
        """Return the next `count` bytes."""
        while len(self._held) < count:
            self._more()
        taken = bytes(self._held[:count])
        del self._held[:count]
        return taken

    def until(self, mark: bytes, most: int, given: bytes = b"") -> None:
        """Skip to behind `mark`, which may begin with what was read last, `given`."""
        self._held[:0] = given
        for _ in self.pieces(mark, most):
            pass

    def pieces(self, mark: bytes, most: int) -> Iterator[bytes]:
        """Yield what stands before `mark`, piece by piece; the mark itself is skipped."""
        given = 0
        while (at := self._held.find(mark)) < 0:
            # The mark may be cut in two by the end of a chunk.
            safe = max(0, len(self._held) - len(mark) + 1)
            given += safe
            if given > most:
                raise Malformed
            if safe:
                yield bytes(self._held[:safe])
                del self._held[:safe]
            self._more()
        yield bytes(self._held[:at])
        del self._held[: at + len(mark)]

    def _more(self) -> None:
        chunk = next(self._chunks, None)
        if chunk is None:
            raise Malformed
        self._held += chunk

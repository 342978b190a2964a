"""A table in a text file, row by row, however large; a broken row costs itself and no other.

RFC 4180 with any one-character delimiter. A quoted value must end before a delimiter or at the end
of its row: where it does not, what is text and what is the next value cannot be known, so the row
is given as broken, and reading goes on at the next line that begins as rows of this table do.
"""

from __future__ import annotations

import codecs
import hashlib
import io
import re
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import IO

MOST_ROW = 250_000
"""Characters of one row."""
MOST_LINES = 5000
"""Lines of one row: exports have a report's raw text (RTF, HTML) in a column of its own."""
SAMPLE = 1 << 20
_DELIMITERS = ",\t;|"
_MOST_SHAPES = 200


@dataclass(frozen=True)
class TableRow:
    """A row as its file has it."""

    line: int
    """The number of its first line, from 1."""
    values: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True)
class BrokenRow:
    """A row that cannot be read."""

    line: int
    sha256: str


def encoding_of(sample: bytes) -> str:
    """Return the character set of a file from its beginning: by its mark, else UTF-16 where every
    second byte says so, else UTF-8 unless most lines with Chinese text are only GB 18030's."""
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if sample.startswith(mark):
            return name
    pairs = len(sample) // 2
    if pairs and sample[1::2].count(0) > pairs * 0.2:
        return "utf-16-le"
    if pairs and sample[::2].count(0) > pairs * 0.2:
        return "utf-16-be"
    lines = [line for line in sample.split(b"\n")[:-1] or [sample] if not line.isascii()]
    as_utf8 = sum(_decodes(line, "utf-8") for line in lines)
    as_gb = sum(_decodes(line, "gb18030") and not _decodes(line, "utf-8") for line in lines)
    return "gb18030" if as_gb > as_utf8 else "utf-8"


def _decodes(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def read_rows(
    stream: IO[bytes], encoding: str = "", delimiter: str = ""
) -> Generator[TableRow | BrokenRow, None, None]:
    """Yield the rows of a table, its titles first. Every row has as many values as the titles.

    A character that is not of the table's set is U+FFFD in its value. The stream must be able to
    seek, and is closed at the end; nothing is held but one row.
    """
    sample = stream.read(SAMPLE)
    stream.seek(0)
    used = encoding or encoding_of(sample)
    with io.TextIOWrapper(stream, used, errors="replace", newline="") as text:
        yield from _Table(_Lines(text), delimiter).rows()


class _Lines:
    """Numbered lines, of which some may be given back."""

    def __init__(self, text: IO[str]) -> None:
        self._text = text
        self._back: deque[str] = deque()
        self.number = 0
        """Of the line that was given last."""

    def next(self) -> str:
        """Return the next line with its end; empty at the end of the file."""
        line = self._back.popleft() if self._back else self._read()
        if line:
            self.number += 1
        return line

    def give_back(self, lines: list[str]) -> None:
        """Have `lines`, the last ones that were given, given again."""
        self._back.extendleft(reversed(lines))
        self.number -= len(lines)

    def _read(self) -> str:
        line = self._text.readline(MOST_ROW + 1)
        if len(line) > MOST_ROW:
            # Too long for a row: its beginning stands for all of it.
            while line and not line.endswith(("\n", "\r")):
                line = self._text.readline(MOST_ROW)
            return '"\n'
        return line


class _RowLines:
    """The lines of one row, as far as they were needed."""

    def __init__(self, lines: _Lines, first: str) -> None:
        self._lines = lines
        self._left = MOST_ROW - len(first)
        self.line = first
        """The one that is read now."""
        self.more: list[str] = []
        """Those after the first."""

    def quoted(self, place: int) -> tuple[str | None, int]:
        """Return the quoted value whose text begins at `place` of the line, and the place behind
        its last quote, in the line that is read then. None where it does not end."""
        parts: list[str] = []
        start = place
        while True:
            end = self.line.find('"', place)
            if end >= 0 and self.line.startswith('"', end + 1):
                place = end + 2
            elif end >= 0:
                parts.append(self.line[start:end])
                return "".join(parts).replace('""', '"'), end + 1
            else:
                parts.append(self.line[start:])
                start = place = 0
                if not self._next():
                    return None, 0

    def _next(self) -> bool:
        """Go on to the next line; return whether there is one that may be of this row."""
        self.line = self._lines.next()
        if self.line:
            self.more.append(self.line)
        self._left -= len(self.line)
        return bool(self.line) and self._left >= 0 and len(self.more) <= MOST_LINES


class _Table:
    """The rows of one table."""

    def __init__(self, lines: _Lines, delimiter: str) -> None:
        self._lines = lines
        self._delimiter = delimiter
        self._width = 0
        self._shapes: set[str] = set()

    def rows(self) -> Iterator[TableRow | BrokenRow]:
        while line := self._lines.next():
            number = self._lines.number
            if not line.strip():
                continue
            self._delimiter = self._delimiter or max(_DELIMITERS, key=line.count)
            values = self._row(line)
            if values is None:
                yield BrokenRow(number, hashlib.sha256(line.encode("utf-8", "replace")).hexdigest())
                self._skip()
                continue
            if self._width and len(self._shapes) < _MOST_SHAPES:
                self._shapes.add(_shape(values[0]))
            self._width = self._width or len(values)
            yield TableRow(number, values)

    def _row(self, line: str) -> tuple[str, ...] | None:
        """Return the values of the row that begins with `line`; None, and no line but the first is
        used up, where it is broken."""
        row = _RowLines(self._lines, line)
        values = self._values(row)
        if values is not None and self._width:
            extra = values[self._width :]
            if len(values) < self._width or any(value.strip() for value in extra):
                values = None
            else:
                values = values[: self._width]
        if values is None:
            self._lines.give_back(row.more)
            return None
        return tuple(values)

    def _values(self, row: _RowLines) -> list[str] | None:
        place = 0
        values: list[str] = []
        while True:
            if row.line.startswith('"', place):
                value, place = row.quoted(place + 1)
                if value is None:
                    return None
                values.append(value)
                if not row.line[place:].strip("\r\n"):
                    return values
                if row.line[place] != self._delimiter:
                    return None
            else:
                end = row.line.find(self._delimiter, place)
                if end < 0:
                    # What is not quoted ends with the line.
                    return [*values, row.line[place:].rstrip("\r\n")]
                values.append(row.line[place:end])
                place = end
            place += 1

    def _skip(self) -> None:
        """Go on to the next line that begins as rows of this table do."""
        while line := self._lines.next():
            if self._begins(line):
                self._lines.give_back([line])
                return

    def _begins(self, line: str) -> bool:
        if self._shapes:
            first = line.split(self._delimiter, 1)
            return len(first) == 2 and _shape(first[0].strip('"')) in self._shapes
        row = _RowLines(self._lines, line)
        values = self._values(row)
        self._lines.give_back(row.more)
        return values is not None and len(values) == self._width


def _shape(value: str) -> str:
    """Return how a value is made up: `A9` for ACC10023."""
    plain = re.sub(r"\d+", "9", value.strip()[:64])
    return re.sub(r"[^\W\d_]+", "A", plain)

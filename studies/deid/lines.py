"""Lines of text on a frame: found by the detector, read, and told apart from markers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radraft.studies.deid import glyphs, markers
from radraft.studies.deid.mosaic import Page, Placed
from radraft.studies.deid.ocr import Reader, reader

Gray = npt.NDArray[np.uint8]

_LIKELY = 0.3
"""The detector's threshold for a pixel."""
_LEAST_MEAN = 0.5
"""What a line's pixels have on average."""
_UNCLIP = 1.7
"""The detector marks the core of a line: its text reaches so much farther (area by perimeter)."""
_LEAST_SIDE = 3
_UPRIGHT, _SQUARE = 1.3, 1.6
"""Height by width from which a line stands upright; longer by shorter side up to which it may."""
_SURE, _SURE_OF_ONE, _LEAST_MARKER, _LEAST_SIDE_SCORE = 0.9, 0.95, 0.3, 0.6
"""Of 1: a reading needs no second one; a lone character is one; a marker among other readings;
a letter among initials says left or right."""
_INITIALS, _SURE_OF_INITIALS = 4, 0.85
"""Characters of a reading so unsure that it is rather a lead marker than somebody's name."""
_LEAST_MIRRORED = 3
"""Characters from which a reading from behind is believed."""
_LEAST_FAINT = 2
"""Faint text is believed where more characters than these are read and surely."""
_LEAST_DENSITY, _NO_DENSITY = 0.05, 0.01
"""Share of edge pixels that text has; below the second nothing is read at all."""
_FEW = 5
"""Characters up to which a line is looked through for a marker of side among initials."""
_SPACE, _FARTHEST = 0.9, 4
"""Heights of a line: the widest space in it, and how much may be missing at an end."""

Place = tuple[int, int, int, int]
"""Top, left, bottom, right on the frame."""


@dataclass(frozen=True)
class Line:
    """A line on the frame: rows `top` to `bottom`, columns `left` to `right`."""

    top: int
    left: int
    bottom: int
    right: int
    text: str
    score: float
    marker: bool


def lines(pixels: Gray, pages: Iterable[Page]) -> tuple[Line, ...]:
    """Return all lines of text on the pages of one frame."""
    model = reader()
    found = [place for page in pages for place in _places(model, page, pixels.shape)]
    whole: list[Line] = []
    rest: list[Line] = []
    for line in _read(model, pixels, found):
        # A marker that was read whole must not grow into what stands beside it.
        whole_word = len(line.text) > 2 or not line.text.isascii()
        is_whole = line.marker and whole_word and line.score >= _SURE
        (whole if is_whole else rest).append(line)
    held = [_place(line) for line in whole]
    places = _merged([_reaching(pixels, _place(line), held) for line in rest])
    as_read = {_place(line): line for line in rest}
    known = [as_read[place] for place in places if place in as_read]
    fresh = _read(model, pixels, [place for place in places if place not in as_read])
    parted = [part for line in (*known, *fresh) for part in _parted(model, pixels, line)]
    return (*whole, *parted)


def _parted(model: Reader, pixels: Gray, line: Line) -> list[Line]:
    """Return the line; or, where a marker of side stands among initials, its letters one by one."""
    if line.marker or len(line.text) > _FEW:
        return [line]
    part = pixels[line.top : line.bottom, line.left : line.right]
    upright = part.shape[0] > part.shape[1]
    spans = glyphs.letters(part.T if upright else part)
    pieces = [part[start:end] if upright else part[:, start:end] for start, end in spans]
    sides = [_side(model, piece) for piece in pieces]
    if not any(sides):
        return [line]
    found = []
    for (start, end), side in zip(spans, sides, strict=True):
        if upright:
            bounds = line.top + start - 1, line.left, line.top + end + 1, line.right
        else:
            bounds = line.top, line.left + start - 1, line.bottom, line.left + end + 1
        found.append(Line(*bounds, side or line.text, line.score, bool(side)))
    return found


def _side(model: Reader, piece: Gray) -> str:
    """`L`, `R` or the like where a letter says so in some position, mirrored too; else empty."""
    framed = np.pad(piece, 6, mode="edge")
    views = [np.rot90(view, turn) for view in (framed, framed[:, ::-1]) for turn in range(4)]
    readings = model.read([np.ascontiguousarray(view) for view in views])
    sides = [
        reading
        for reading in readings
        if markers.is_side(reading[0]) and reading[1] >= _LEAST_SIDE_SCORE
    ]
    return max(sides, key=lambda reading: reading[1], default=("", 0.0))[0]


def _place(line: Line) -> Place:
    return line.top, line.left, line.bottom, line.right


def _places(model: Reader, page: Page, shape: tuple[int, ...]) -> Iterator[Place]:
    """Top, left, bottom and right, on the frame, of what the detector finds."""
    import cv2

    likely = model.likelihood(page.image)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        (likely > _LIKELY).astype(np.uint8), connectivity=8
    )
    for number in range(1, count):
        left, top, width, height, _ = (int(value) for value in stats[number])
        part = slice(top, top + height), slice(left, left + width)
        inside = likely[part][labels[part] == number]
        if min(width, height) < _LEAST_SIDE or float(inside.mean()) < _LEAST_MEAN:
            continue
        grown = round(_UNCLIP * width * height / (2 * (width + height))) + 1
        placed = _under(page, top + height // 2, left + width // 2)
        if placed is not None:
            bounds = (top - grown, left - grown, top + height + grown, left + width + grown)
            yield _on_frame(placed, bounds, shape)


def _under(page: Page, row: int, column: int) -> Placed | None:
    for placed in page.placed:
        rows, columns = placed.region.height * placed.scale, placed.region.width * placed.scale
        if (
            placed.row <= row < placed.row + rows
            and placed.column <= column < placed.column + columns
        ):
            return placed
    return None


def _on_frame(placed: Placed, bounds: Place, shape: tuple[int, ...]) -> Place:
    top, left, bottom, right = bounds
    region, scale = placed.region, placed.scale
    return (
        max(0, (top - placed.row) // scale + region.top),
        max(0, (left - placed.column) // scale + region.left),
        min(shape[0], -(-(bottom - placed.row) // scale) + region.top),
        min(shape[1], -(-(right - placed.column) // scale) + region.left),
    )


def _reaching(pixels: Gray, place: Place, held: list[Place]) -> Place:
    """Return the line with what its ends lost: faint letters and signs in line with the rest.

    It never reaches over a marker (`held`).
    """
    top, left, bottom, right = place
    if bottom - top > _UPRIGHT * (right - left):
        start, end = _ends(pixels.T, left, right, top, bottom)
        farther = start, left, end, right
    else:
        start, end = _ends(pixels, top, bottom, left, right)
        farther = top, start, bottom, end
    return place if any(_overlap(farther, other) for other in held) else farther


def _overlap(one: Place, other: Place) -> bool:
    return max(one[0], other[0]) < min(one[2], other[2]) and max(one[1], other[1]) < min(
        one[3], other[3]
    )


def _ends(pixels: Gray, top: int, bottom: int, left: int, right: int) -> tuple[int, int]:
    """First column of a level line and the column after its last."""
    height = bottom - top
    first = max(0, left - _FARTHEST * height)
    last = min(pixels.shape[1], right + _FARTHEST * height)
    band = pixels[top + height // 6 : bottom - height // 6, first:last]
    inked = glyphs.inked(band, max(2, height // 10))
    return (
        first + (left - first) - _reach(inked[: left - first][::-1], height),
        right + _reach(inked[right - first :], height),
    )


def _reach(inked: npt.NDArray[np.bool_], height: int) -> int:
    """Return how far strokes go on without a gap that is wider than a space."""
    at = 0
    for column in np.flatnonzero(inked).tolist():
        if column - at > _SPACE * height:
            break
        at = column
    return min(len(inked), at + height // 6) if at else 0


def _merged(places: list[Place]) -> list[Place]:
    """Pieces of one line, which now overlap, as one."""
    merged: list[Place] = []
    for place in sorted(places, key=lambda line: line[1]):
        for number, other in enumerate(merged):
            if _in_line(place, other) or _in_line(_turned(place), _turned(other)):
                both = zip(place, other, strict=True)
                (a, b), (c, d), (e, f), (g, h) = both
                place = min(a, b), min(c, d), max(e, f), max(g, h)
                del merged[number]
                break
        merged.append(place)
    return merged


def _turned(place: Place) -> Place:
    return place[1], place[0], place[3], place[2]


def _in_line(one: Place, other: Place) -> bool:
    """Return whether two level boxes overlap and have about the same rows."""
    high = min(one[2], other[2]) - max(one[0], other[0])
    wide = min(one[3], other[3]) - max(one[1], other[1])
    return wide > 0 and high > 0.6 * max(one[2] - one[0], other[2] - other[0])


def _read(model: Reader, pixels: Gray, places: list[Place]) -> Iterator[Line]:
    """Yield what the lines say, each turned as it may stand; all at once, which is faster."""
    parts = [pixels[top:bottom, left:right] for top, left, bottom, right in places]
    shares = [glyphs.density(part) for part in parts]
    dense = [at for at, share in enumerate(shares) if share >= _NO_DENSITY]
    turned = [(at, turn) for at in dense for turn in _turns(parts[at])]
    texts = model.read([np.ascontiguousarray(np.rot90(parts[at], turn)) for at, turn in turned])
    readings: list[list[tuple[str, float]]] = [[] for _ in parts]
    for (at, _), reading in zip(turned, texts, strict=True):
        readings[at].append(reading)
    doubtful = [
        at for at, reading in enumerate(readings) if len(reading) == 1 and reading[0][1] < _SURE
    ]
    upside_down = model.read([np.ascontiguousarray(parts[at][::-1, ::-1]) for at in doubtful])
    for at, reading in zip(doubtful, upside_down, strict=True):
        readings[at].append(reading)
    for at, reading in _mirrored(model, parts, readings, dense):
        readings[at].append(reading)
    for at in dense:
        text, score, marker = _judged(readings[at])
        if shares[at] >= _LEAST_DENSITY or (score >= _SURE and len(text) > _LEAST_FAINT):
            yield Line(*places[at], text, score, marker)


def _mirrored(
    model: Reader, parts: list[Gray], readings: list[list[tuple[str, float]]], among: list[int]
) -> Iterator[tuple[int, tuple[str, float]]]:
    """Yield what long lines that could not be read say from behind: a film that was scanned from
    its back is mirrored."""
    unread = [
        at
        for at in among
        if max(parts[at].shape) >= _SQUARE * min(parts[at].shape)
        and not any(len(text) > 1 and score >= _SURE for text, score in readings[at])
    ]
    views = [
        (at, np.ascontiguousarray(np.rot90(parts[at][:, ::-1], turn)))
        for at in unread
        for turn in ((1, 3) if parts[at].shape[0] > parts[at].shape[1] else (0, 2))
    ]
    for (at, _), (text, score) in zip(views, model.read([view for _, view in views]), strict=True):
        # Lines of anatomy are looked at twice as often here: a word must be one.
        if score >= _SURE and len(text) >= (_LEAST_MIRRORED if text.isascii() else 2):
            yield at, (text, score)


def _turns(part: Gray) -> tuple[int, ...]:
    """Quarter turns in which a part may be a level line."""
    rows, columns = part.shape
    if max(part.shape) < _SQUARE * min(part.shape):
        return (0, 1, 2, 3)
    return (1, 3) if rows > columns else (0,)


def _judged(readings: list[tuple[str, float]]) -> tuple[str, float, bool]:
    """Text, how sure it is, and whether it stays: a marker, or no text at all."""
    text, score = max(readings, key=lambda reading: reading[1])
    if not (score >= _SURE and len(text) > 1):
        marked = [
            reading
            for reading in readings
            if markers.is_marker(reading[0]) and reading[1] > _LEAST_MARKER
        ]
        text, score = max(marked, key=lambda reading: reading[1], default=(text, score))
    if len(text) <= 1:
        # One letter alone tells nobody's name; anatomy is easily taken for one.
        is_name = "\u4e00" <= text <= "\u9fff" and score >= _SURE_OF_ONE
        return text, score, markers.is_marker(text) or not is_name
    if len(text) <= _INITIALS and score < _SURE_OF_INITIALS and text.isascii():
        # A lead marker, tilted or mirrored, with initials beside it: the side must not be lost.
        return text, score, True
    return text, score, markers.is_marker(text)

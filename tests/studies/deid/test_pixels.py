"""Burned-in text goes, markers and anatomy stay."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from radraft.studies.deid import structure
from radraft.studies.deid.glyphs import density
from radraft.studies.deid.markers import is_marker
from radraft.studies.deid.pixels import Box, blackened, clean, find
from tests.scale import scaled
from tests.studies.deid import burned, measure

needs_fonts = pytest.mark.skipif(not burned.has_fonts(), reason="needs Debian's fonts-noto-cjk")


def _films() -> tuple[measure.Gray, ...]:
    return tuple(film for film in burned.demo_films() if min(film.shape) > 512)


@pytest.mark.parametrize(
    "text",
    ["L", "R", "左", "PA ERECT", "AP SUPINE PORTABLE", "仰卧位 床旁", "左侧位", "LAT.", "（右）"],
)
def test_markers_are_known(text: str) -> None:
    assert is_marker(text)


@pytest.mark.parametrize(
    "text", ["", "WANG", "王伟", "L 1234", "左 王小明", "2023-01-05", "PORTER"]
)
def test_all_else_is_no_marker(text: str) -> None:
    assert not is_marker(text)


def test_a_frame_without_text_comes_back_itself() -> None:
    pixels = np.tile(np.linspace(0, 255, 256).astype(np.uint8), (256, 1))
    values = pixels.astype(np.int16)
    cleaned = clean(pixels, values)
    assert cleaned.pixels is pixels
    assert cleaned.values is values
    assert cleaned.boxes == ()


def test_a_straight_edge_is_no_text() -> None:
    pixels = np.zeros((512, 512), np.uint8)
    pixels[:, 200:] = 200
    assert structure.regions(pixels) == ()
    assert density(pixels) == 0


def test_black_is_the_lowest_value_and_only_in_the_box() -> None:
    values = np.arange(100, dtype=np.int16).reshape(10, 10) - 50
    changed = blackened(values, (Box(2, 3, 5, 7),), values.min())
    assert (changed[2:5, 3:7] == -50).all()
    changed[2:5, 3:7] = values[2:5, 3:7]
    assert np.array_equal(changed, values)


@pytest.mark.slow
@needs_fonts
def test_the_cheap_test_misses_hardly_a_line() -> None:
    tally = measure.Tally()
    for seed in range(4):
        for one in burned.planted(_films(), seed):
            seen = np.zeros(one.film.shape, bool)
            for region in structure.regions(one.pixels):
                seen[region.top : region.bottom, region.left : region.right] = True
            for line in one.lines:
                faint = line.value > 0 and line.value - one.film[line.mask].mean() < measure.VISIBLE
                if line.style != "marker" and not faint:
                    tally.add(line.style, bool(seen[line.mask].mean() > 0.97), line.text)
    assert sum(tally.planted.values()) > 100
    assert tally.share("") >= 0.98, tally.wrong


@needs_fonts
@pytest.mark.slow
@pytest.mark.scaled
def test_burned_in_lines_go_and_markers_stay() -> None:
    seeds = scaled(2, full=3)
    tally, _ = measure.burned(_films(), range(20, 20 + seeds))
    lines = measure.Tally()
    for kind, count in tally.planted.items():
        if kind.split()[0] in {"plain", "rotated", "small"}:
            lines.planted["line"] += count
            lines.right["line"] += tally.right[kind]
    assert lines.planted["line"] > 30 * seeds
    assert lines.share("line") >= 0.98, tally.table() + "\n".join(tally.wrong)
    assert tally.share("marker") == 1, tally.wrong


@pytest.mark.slow
def _written(text: str) -> measure.Gray:
    """The text as a bright line on dark ground."""
    font = ImageFont.truetype(str(burned.NOTO / "NotoSansCJK-Regular.ttc"), 26)
    _, _, right, bottom = font.getbbox(text)
    image = Image.new("L", (int(right) + 12, int(bottom) + 12), 20)
    ImageDraw.Draw(image).text((6, 4), text, fill=235, font=font)
    return np.asarray(image)


@needs_fonts
@pytest.mark.slow
@pytest.mark.parametrize(
    "text", ["LIN TESTA 19650409", "WANG XIAOMING", "欧阳建国", "门诊号 7782019"]
)
def test_a_line_goes_from_whichever_side_the_film_was_scanned(text: str) -> None:
    line = _written(text)
    ground = np.tile(np.linspace(0, 180, 500).round().astype(np.uint8), (500, 1))
    for seen in (line, line[:, ::-1]):
        for turn in range(4):
            turned = np.rot90(seen, turn)
            frame = ground.copy()
            frame[40 : 40 + turned.shape[0], 40 : 40 + turned.shape[1]] = turned
            left = blackened(frame, find(frame).boxes, 0)
            part = left[40 : 40 + turned.shape[0], 40 : 40 + turned.shape[1]]
            assert (part > 150).mean() < 0.01, turn


@needs_fonts
@pytest.mark.slow
@pytest.mark.parametrize("text", ["PORTABLE", "SUPINE", "左侧位"])
def test_a_marker_stays_from_behind(text: str) -> None:
    frame = np.tile(np.linspace(0, 180, 500).round().astype(np.uint8), (500, 1))
    line = _written(text)[:, ::-1]
    frame[40 : 40 + line.shape[0], 40 : 40 + line.shape[1]] = line
    assert find(frame).boxes == ()


def test_films_without_names_lose_next_to_nothing() -> None:
    for film in _films():
        boxes = find(film).boxes
        area = sum((box.bottom - box.top) * (box.right - box.left) for box in boxes)
        assert area < 0.005 * film.size

"""Frames with text burned into them: what the text is, where it lies, and which kind it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import ImageFont

ROOT = Path(__file__).resolve().parents[3]
NOTO = Path("/usr/share/fonts/opentype/noto")
_HAN_FONTS = (("NotoSansCJK-Regular.ttc", 2), ("NotoSansCJK-Bold.ttc", 2))
_HAN_SERIF = (("NotoSerifCJK-Regular.ttc", 2), ("NotoSerifCJK-Bold.ttc", 2))
ENGLISH = (
    "WANG XIAOMING", "ZHANG^WEI", "Li, Na  F 63Y", "ID: 00412873", "DOB 1961-03-07",
    "2023-11-05 09:41:22", "ACC CR20231105017", "FIRST PEOPLES HOSPITAL", "Chen Guohua M 045Y",
    "MRN 778-20-194", "Acq 05/11/2023", "Dr. HUANG LEI", "O'NEILL, SEAN", "12 Mar 1954",
)  # fmt: skip
CHINESE = (
    "王小明", "张伟 男 45岁", "姓名：李娜", "住院号 00412873", "检查日期2023年11月5日",
    "上海市第一人民医院", "欧阳建国", "出生日期 1961-03-07", "陈国华 63岁 女", "检查号：CR20231105",
    "放射科 黄磊医师", "门诊号 7782019", "赵敏", "深圳市南山区人民医院",
)  # fmt: skip
MARKERS = (
    "L",
    "R",
    "左",
    "右",
    "LAT",
    "PA",
    "AP",
    "SUPINE",
    "PORTABLE",
    "ERECT",
    "仰卧位",
    "床旁",
    "左侧位",
)


@dataclass(frozen=True)
class Line:
    """One line of burned-in text. `mask` is True on its strokes, of the frame's shape."""

    text: str
    language: str
    style: str
    """`plain`, `rotated` (by 90, 180 or 270 degrees), `small` (11 to 14 pixels) or `marker`."""
    mask: npt.NDArray[np.bool_]
    value: int


@dataclass(frozen=True)
class Planted:
    """A film with lines on it; `film` is what lay below."""

    film: npt.NDArray[np.uint8]
    pixels: npt.NDArray[np.uint8]
    lines: tuple[Line, ...]


def has_fonts() -> bool:
    """Whether the fonts of Debian's fonts-noto-cjk are here."""
    return (NOTO / "NotoSansCJK-Regular.ttc").is_file()


@cache
def demo_films() -> tuple[npt.NDArray[np.uint8], ...]:
    """The chest films of `demo/studies` as displayed."""
    from radraft.studies.decode import Decoder

    with Decoder() as decoder:
        paths = sorted((ROOT / "demo/studies").rglob("*.dcm"))
        return tuple(decoder.frame(path, 0).pixels for path in paths)


def planted(
    films: tuple[npt.NDArray[np.uint8], ...], seed: int, *, per_frame: int = 4
) -> Iterator[Planted]:
    """Each film once, with `per_frame` lines and one or two markers in turn."""
    choose = np.random.default_rng(seed)
    for number, film in enumerate(films):
        lines: list[Line] = []
        pixels = film.copy()
        taken = np.zeros(film.shape, dtype=bool)
        for index in range(per_frame + 1 + number % 2):
            line = _line(choose, film, taken, marker=index >= per_frame)
            if line is None:
                continue
            lines.append(line)
            pixels = _drawn(pixels, line, choose)
        yield Planted(film, pixels, tuple(lines))


def _drawn(
    pixels: npt.NDArray[np.uint8], line: Line, choose: np.random.Generator
) -> npt.NDArray[np.uint8]:
    drawn = pixels.copy()
    if line.value == 0:
        # Dark letters stand in a light box, as report software and printers make them.
        rows, columns = np.nonzero(line.mask)
        top, left = max(0, rows.min() - 6), max(0, columns.min() - 6)
        drawn[top : rows.max() + 7, left : columns.max() + 7] = 255
    drawn[line.mask] = line.value
    return drawn


def _font(choose: np.random.Generator, text: str, size: int) -> ImageFont.FreeTypeFont:
    import matplotlib

    dejavu = Path(matplotlib.get_data_path()) / "fonts/ttf"
    if any("\u4e00" <= char <= "\u9fff" for char in text):
        fonts = _HAN_FONTS if size < 16 else _HAN_FONTS + _HAN_SERIF
        name, index = fonts[choose.integers(len(fonts))]
        return ImageFont.truetype(str(NOTO / name), size, index=index)
    if choose.integers(3) == 0:
        return ImageFont.truetype(str(NOTO / "NotoSansCJK-Regular.ttc"), size, index=2)
    names = ("DejaVuSans.ttf", "DejaVuSansMono.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif.ttf")
    return ImageFont.truetype(str(dejavu / names[choose.integers(len(names))]), size)


def _line(
    choose: np.random.Generator,
    film: npt.NDArray[np.uint8],
    taken: npt.NDArray[np.bool_],
    *,
    marker: bool,
) -> Line | None:
    language = ("zh", "en")[choose.integers(2)]
    words = MARKERS if marker else (CHINESE if language == "zh" else ENGLISH)
    text = words[choose.integers(len(words))]
    if marker:
        language = "zh" if any("\u4e00" <= char <= "\u9fff" for char in text) else "en"
    style = "marker" if marker else ("plain", "plain", "rotated", "small")[choose.integers(4)]
    size = int(choose.integers(11, 15) if style == "small" else choose.integers(18, 44))
    if marker:
        size = int(choose.integers(22, 60))
    glyphs = _glyphs(text, _font(choose, text, size))
    if style == "rotated":
        glyphs = np.rot90(glyphs, int(choose.integers(1, 4)))
    place = _place(choose, taken, glyphs.shape)
    if place is None:
        return None
    mask = np.zeros(film.shape, dtype=bool)
    row, column = place
    height, width = glyphs.shape
    mask[row : row + height, column : column + width] = glyphs
    taken[max(0, row - 24) : row + height + 24, max(0, column - 24) : column + width + 24] = True
    value = 0 if not marker and choose.integers(4) == 0 else 255
    return Line(text, language, style, mask, value)


def _glyphs(text: str, font: ImageFont.FreeTypeFont) -> npt.NDArray[np.bool_]:
    from PIL import Image, ImageDraw

    left, top, right, bottom = font.getbbox(text)
    picture = Image.new("L", (int(right - left) + 2, int(bottom - top) + 2), 0)
    ImageDraw.Draw(picture).text((1 - left, 1 - top), text, font=font, fill=255)
    return np.asarray(picture) > 110


def _place(
    choose: np.random.Generator, taken: npt.NDArray[np.bool_], shape: tuple[int, int]
) -> tuple[int, int] | None:
    rows, columns = taken.shape
    height, width = shape
    if height + 16 >= rows or width + 16 >= columns:
        return None
    for _ in range(40):
        row = int(choose.integers(8, rows - height - 8))
        column = int(choose.integers(8, columns - width - 8))
        if not taken[row : row + height, column : column + width].any():
            return row, column
    return None

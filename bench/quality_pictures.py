"""The pictures that the quality gate's heads learn from and are measured on.

Films come from the development data and are changed here: turned, mirrored, inverted, cropped. What
is no film is drawn here (text, test patterns, textures), so that it may be shipped as it is. Every
picture also gets another size, contrast, noise, border and box, so that none of them tells its set.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Pixels = npt.NDArray[np.uint8]
Random = np.random.Generator

FILMS = {"cxr_nih14": 300, "cxr_kermany": 180, "cxr_tb_covid": 200, "cxr_covid": 210}
"""Films of each set's train split that are used; of its test split at most `TESTED`."""
TESTED = 130
SIDES = ("top", "bottom", "left", "right")


@dataclass(frozen=True)
class Picture:
    """A picture and what is true of it; heads that are not named are not asked about it."""

    source: str
    split: str
    change: str
    """What was done to it: `none`, `90`, `cut-left`..."""
    answers: Mapping[str, str]
    name: str
    """Of the file it came from: pictures of one file stay in one split."""
    pixels: Pixels = field(repr=False)


def pictures(data: Path) -> Iterator[Picture]:
    """All of them, in an order that does not change."""
    for source, most in FILMS.items():
        yield from _films(data, source, most)
    yield from _slices(data)
    yield from _drawn(400, "train")
    yield from _drawn(150, "test")


def random_for(name: str) -> Random:
    """A generator that belongs to `name`."""
    return np.random.default_rng(zlib.crc32(name.encode()))


def gray(path: Path) -> Pixels:
    """(rows, columns)"""
    with Image.open(path) as image:
        return np.asarray(image.convert("L"))


def table(data: Path, source: str) -> list[dict[str, str]]:
    """The set's rows, in an order of chance that stays."""
    with (data / source / "labels.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    return sorted(rows, key=lambda row: zlib.crc32(row["file"].encode()))


def _films(data: Path, source: str, most: int) -> Iterator[Picture]:
    taken = {"train": 0, "test": 0}
    for row in table(data, source):
        split = "test" if row["split"] == "test" else "train"
        if source == "cxr_covid" and row["split"] == "valid":
            split = "test"
        lateral = row.get("view") == "L"
        if taken[split] >= (most if split == "train" else TESTED) and not lateral:
            continue
        taken[split] += 1
        film = gray(data / source / row["file"])
        name = f"{source}/{row['file']}"
        yield from (_of_lateral if lateral else _of_frontal)(film, name, source, split)


def _of_frontal(film: Pixels, name: str, source: str, split: str) -> Iterator[Picture]:
    chance = random_for(name)
    upright = {"content": "frontal", "turn": "0", "mirrored": "no", "inverted": "no", "cut": "no"}
    kinds = ["90", "180", "270", "mirrored", "inverted", *(f"cut-{side}" for side in SIDES)]
    # A film as it is, one that was only disturbed, and some that something is wrong with.
    yield Picture(source, split, "none", upright, name, film)
    yield Picture(source, split, "disturbed", upright, name, disturbed(film, chance))
    for kind in chance.choice(kinds, 2, replace=False):
        changed, answers = damaged(film, str(kind), chance)
        wrong = Picture(source, split, str(kind), upright | answers, name, changed)
        if split == "train":
            changed = disturbed(changed, chance)
        yield Picture(source, split, wrong.change, wrong.answers, name, changed)


def damaged(film: Pixels, kind: str, chance: Random) -> tuple[Pixels, dict[str, str]]:
    """`film` with one thing wrong, and the answers that change by it."""
    if kind in {"90", "180", "270"}:
        # numpy turns counterclockwise; the head says how far clockwise the film lies.
        return np.rot90(film, -int(kind) // 90), {"turn": kind, "mirrored": "", "cut": ""}
    if kind == "mirrored":
        return film[:, ::-1], {"mirrored": "yes"}
    if kind == "inverted":
        return 255 - film, {"inverted": "yes"}
    return cropped(film, kind.removeprefix("cut-"), chance.uniform(0.22, 0.4)), {"cut": "yes"}


def cropped(film: Pixels, side: str, share: float) -> Pixels:
    """`film` without `share` of it at `side`."""
    rows, columns = film.shape
    high, wide = round(share * rows), round(share * columns)
    return {
        "top": film[high:],
        "bottom": film[: rows - high],
        "left": film[:, wide:],
        "right": film[:, : columns - wide],
    }[side]


def _of_lateral(film: Pixels, name: str, source: str, split: str) -> Iterator[Picture]:
    chance = random_for(name)
    yield Picture(source, split, "none", {"content": "lateral"}, name, film)
    for number in range(9 if split == "train" else 3):
        changed = film[:, ::-1] if number % 2 else film
        answers = {"content": "lateral", "inverted": "no"}
        if number % 4 == 3:
            changed, answers["inverted"] = 255 - changed, "yes"
        yield Picture(source, split, "disturbed", answers, name, disturbed(changed, chance))


def _slices(data: Path) -> Iterator[Picture]:
    for number, row in enumerate(table(data, "not_chest_xray")):
        split = "test" if number % 4 == 0 else "train"
        name = f"not_chest_xray/{row['file']}"
        picture = gray(data / "not_chest_xray" / row["file"])
        answers = {"content": "slice"}
        yield Picture(row["kind"], split, "none", answers, name, picture)
        if split == "train":
            changed = disturbed(picture, random_for(name))
            yield Picture(row["kind"], split, "disturbed", answers, name, changed)


def disturbed(picture: Pixels, chance: Random) -> Pixels:
    """Another frame, size, contrast and noise, and sometimes a plain border or box: nothing that a
    reader would call another film."""
    rows, columns = picture.shape
    trim = chance.uniform(0, 0.04, 4) * (rows, rows, columns, columns)
    top, bottom, left, right = (round(float(edge)) for edge in trim)
    picture = picture[top : rows - bottom, left : columns - right]
    image = Image.fromarray(np.ascontiguousarray(picture))
    side = int(chance.integers(220, 700))
    scale = side / max(image.size)
    wide = max(16, round(image.width * scale * chance.uniform(0.88, 1.13)))
    image = image.resize((wide, max(16, round(image.height * scale))), Image.Resampling.BICUBIC)
    if chance.random() < 0.5:
        image = image.rotate(float(chance.uniform(-6, 6)), Image.Resampling.BILINEAR)
    values = np.asarray(image, dtype=np.float32) / 255
    values = values ** float(np.exp(chance.uniform(-0.4, 0.4)))
    values = (values - values.mean()) * float(chance.uniform(0.65, 1.25)) + values.mean()
    values += float(chance.uniform(-0.08, 0.08))
    values += chance.normal(0, chance.uniform(0, 0.04), values.shape).astype(np.float32)
    return _framed(np.rint(values.clip(0, 1) * 255).astype(np.uint8), chance)


def _framed(picture: Pixels, chance: Random) -> Pixels:
    picture = picture.copy()
    rows, columns = picture.shape
    if chance.random() < 0.3:
        level = int(chance.choice([0, 0, 255, int(chance.integers(256))]))
        widths = [(int(n), int(m)) for n, m in chance.integers(0, max(rows, columns) // 8, (2, 2))]
        picture = np.pad(picture, widths, constant_values=level)
    if chance.random() < 0.3:
        rows, columns = picture.shape
        high, wide = rows // int(chance.integers(8, 16)), columns // int(chance.integers(4, 9))
        top = 0 if chance.random() < 0.5 else rows - high
        left = 0 if chance.random() < 0.5 else columns - wide
        picture[top : top + high, left : left + wide] = int(chance.choice([0, 255]))
    return picture


def _drawn(count: int, split: str) -> Iterator[Picture]:
    kinds: list[Callable[[Random], Pixels]] = [screen, bars, texture, blobs, scan_of_text]
    for number in range(count):
        kind = kinds[number % len(kinds)]
        chance = random_for(f"{split} {number}")
        picture = kind(chance)
        if chance.random() < 0.5:
            picture = disturbed(picture, chance)
        yield Picture(
            kind.__name__, split, "none", {"content": "other"}, f"{split}{number}", picture
        )


def screen(chance: Random) -> Pixels:
    """A program's window: bars, boxes and lines of text."""
    light = chance.random() < 0.6
    paper, ink = (235, 30) if light else (30, 225)
    image = Image.new("L", (int(chance.integers(400, 900)), int(chance.integers(300, 700))), paper)
    draw = ImageDraw.Draw(image)
    for _ in range(int(chance.integers(2, 9))):
        x, y = int(chance.integers(image.width)), int(chance.integers(image.height))
        box = (x, y, x + int(chance.integers(40, 400)), y + int(chance.integers(15, 250)))
        draw.rectangle(box, fill=int(chance.integers(256)), outline=ink)
    _write(draw, image.size, chance, ink, int(chance.integers(5, 30)))
    return np.asarray(image)


def scan_of_text(chance: Random) -> Pixels:
    """A page of text, as a scanner files a request form."""
    image = Image.new("L", (int(chance.integers(420, 620)), int(chance.integers(500, 800))), 245)
    draw = ImageDraw.Draw(image)
    _write(draw, image.size, chance, 20, int(chance.integers(25, 60)))
    return np.asarray(image.rotate(float(chance.uniform(-3, 3)), fillcolor=240))


def _write(
    draw: ImageDraw.ImageDraw, size: tuple[int, int], chance: Random, ink: int, lines: int
) -> None:
    font = ImageFont.load_default(size=float(chance.integers(10, 26)))
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz   ABCDEFG0123456789:.-/"))
    for _ in range(lines):
        words = "".join(chance.choice(letters, int(chance.integers(5, 60))))
        at = (int(chance.integers(size[0] // 2)), int(chance.integers(size[1])))
        draw.text(at, words, fill=ink, font=font)


def bars(chance: Random) -> Pixels:
    """A test pattern: steps of gray, line pairs, a grid or rings."""
    side = int(chance.integers(256, 600))
    y, x = np.mgrid[0:side, 0:side] / side
    kind = int(chance.integers(5))
    steps = int(chance.integers(4, 18))
    if kind == 0:
        values = np.floor((x if chance.random() < 0.5 else y) * steps) / (steps - 1)
    elif kind == 1:
        values = (np.sin(x * steps**2) > 0).astype(float)
    elif kind == 2:
        values = 0.5 + 0.5 * np.sin(np.hypot(x - 0.5, y - 0.5) * steps * 9)
    elif kind == 3:
        values = ((np.floor(x * steps) + np.floor(y * steps)) % 2).astype(float)
    else:
        values = 0.5 + 0.1 * (np.minimum(x * steps % 1, y * steps % 1) < 0.06)
        values[np.hypot(x - 0.5, y - 0.5) < chance.uniform(0.2, 0.45)] += 0.3
    low, high = sorted(chance.uniform(0, 1, 2))
    return _bytes(low + values * (high - low + 0.2))


def texture(chance: Random) -> Pixels:
    """Noise of many scales, as skin, cloth, walls, sky or static have it."""
    side = 384
    falls = chance.uniform(0.0, 2.4)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
    spectrum = (
        np.fft.fft2(chance.normal(size=(side, side))) / np.maximum(frequency, 1 / side) ** falls
    )
    return _spread(np.real(np.fft.ifft2(spectrum)))


def blobs(chance: Random) -> Pixels:
    """A scene: polygons and ellipses of many grays with shading and fine structure."""
    wide, high = int(chance.integers(300, 700)), int(chance.integers(300, 700))
    image = Image.new("L", (wide, high), int(chance.integers(256)))
    draw = ImageDraw.Draw(image)
    for _ in range(int(chance.integers(8, 90))):
        x, y, r = chance.uniform(0, wide), chance.uniform(0, high), chance.uniform(5, wide / 3)
        if chance.random() < 0.5:
            points = [(x + a * r, y + b * r) for a, b in chance.uniform(-1, 1, (5, 2))]
            draw.polygon(points, fill=int(chance.integers(256)))
        else:
            flat = chance.uniform(0.2, 1)
            box = (x - r, y - r * flat, x + r, y + r * flat)
            draw.ellipse(box, fill=int(chance.integers(256)))
    soft = image.filter(ImageFilter.GaussianBlur(float(chance.uniform(0, 6))))
    grain = np.asarray(Image.fromarray(texture(chance)).resize((wide, high)), dtype=float)
    return _bytes(np.asarray(soft) / 255 + (grain / 255 - 0.5) * chance.uniform(0, 0.6))


def _spread(values: npt.NDArray[np.floating]) -> Pixels:
    low, high = np.percentile(values, (1, 99))
    return _bytes((values - low) / max(high - low, 1e-9))


def _bytes(values: npt.NDArray[np.floating]) -> Pixels:
    whole: Pixels = np.rint(values.clip(0, 1) * 255).astype(np.uint8)
    return whole

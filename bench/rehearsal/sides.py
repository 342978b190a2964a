"""Which side the simulated reader gives a finding: no public label has one.

Half of the film is covered and the encoder asked again. What it loses with a half was seen there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from radraft.bench.rehearsal.mine import SIDED
from radraft.bench.rehearsal.values import Film, Group
from radraft.eval.looks.intake import read_json, write_json
from radraft.finetune.starter.teacher import CHILD
from radraft.reports.values import Laterality

if TYPE_CHECKING:
    from radraft.vision_encoder.encode import Encoder

LEAST = 0.75
"""Of the log odds: below it no side is said. Of those said, nineteen in twenty are the side that
the halves of the uncovered film point to (`finetune.sight`)."""
BATCH = 32
Pixels = npt.NDArray[np.uint8]
Margins = Mapping[str, Mapping[str, float]]
"""Item id -> finding code -> log odds with the patient's right half covered less those with the
left half covered: above 0 where the encoder leans on the left."""


def halves(pixels: Pixels) -> tuple[Pixels, Pixels]:
    """The film with its left half covered by its mean gray, and with its right half; the patient's
    left is the image's right."""
    middle, gray = pixels.shape[1] // 2, round(float(pixels.mean()))
    without_left, without_right = pixels.copy(), pixels.copy()
    without_left[:, -middle:] = gray
    without_right[:, :middle] = gray
    return without_left, without_right


def margins(
    films: Sequence[Film],
    encoder: Encoder,
    keep: Path,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Margins:
    """Of every finding that is there and lies on a side; once for each film, kept in `keep`."""
    known: dict[str, dict[str, float]] = read_json(keep) or {}
    asked = [film for film in films if film.item.id not in known and _sided(film)]
    for start in range(0, len(asked), BATCH):
        some = asked[start : start + BATCH]
        known |= dict(zip([film.item.id for film in some], _margins(some, encoder), strict=True))
        write_json(keep, known)
        on_progress(start + len(some), len(asked))
    return known


def sides(films: Iterable[Film], found: Margins) -> dict[str, dict[str, Laterality]]:
    """Item id -> finding code -> side, for those that lean clearly to one.

    A finding's margins are centred on their median over the films: heart and diaphragm are not
    alike on both sides, and a finding that always leaned to one would teach nothing.
    """
    listed = list(films)
    by_code: dict[str, list[float]] = {}
    for film in listed:
        for code, value in found.get(film.item.id, {}).items():
            by_code.setdefault(code, []).append(value)
    centre = {code: median(values) for code, values in by_code.items()}
    return {
        film.item.id: {
            code: Laterality.LEFT if value > centre[code] else Laterality.RIGHT
            for code, value in found.get(film.item.id, {}).items()
            if abs(value - centre[code]) >= LEAST
        }
        for film in listed
    }


def _margins(films: Sequence[Film], encoder: Encoder) -> list[dict[str, float]]:
    from radraft.studies.key_images import from_picture
    from radraft.vision_encoder.train.data import gray

    covered = [half for film in films for half in halves(gray(film.picture))]
    seen = encoder.encode([from_picture(pixels) for pixels in covered])
    logits = [
        dict(zip(encoder.heads.ids, encoder.heads.logits(encoded.tokens).tolist(), strict=True))
        for encoded in seen
    ]
    return [
        {
            code: without_right[_head(film, code)] - without_left[_head(film, code)]
            for code in sorted(_sided(film))
        }
        for film, without_left, without_right in zip(films, logits[::2], logits[1::2], strict=True)
    ]


def _sided(film: Film) -> frozenset[str]:
    return film.present & SIDED


def _head(film: Film, code: str) -> str:
    # What was graded as a child's pneumonia is an opacity that the grader saw: one head for both.
    return CHILD if film.group is Group.CHILD else code

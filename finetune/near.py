"""The same picture again: resaved, resized or sent twice, found by the encoder's stored vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from radraft.core.errors import NotFound
from radraft.vision_encoder import shipped, stored

if TYPE_CHECKING:
    from radraft.store.objects import Objects

# Measured by bench/near_threshold.py on the validation films of two published sets. At or above
# the limit were 0 of 13,137 pairs of adult films of two patients and 0.001% of 175,088 such pairs
# of children's films (the most alike: 0.9924 and 0.9964), none of 506 pairs of two films of one
# patient (0.9955), and of copies 97.0 to 97.5% of those saved as JPEG of quality 85, 98.5 to 99.8%
# of those resized by 2%. A film is compared with every frozen one: at 0.995 seven times as many of
# the children's would be taken for another's, at 0.997 one copy in thirteen would be missed.
SAME = 0.996
"""Cosine from which two films count as one."""
BLOCK = 1024
"""Rows compared at once."""
COLUMNS = 8192
"""Rows of the other side compared at once: 1,024 x 8,192 cosines are 32 MiB, however many rows."""

Vectors = npt.NDArray[np.float32]


def encoder_of(encoder_id: str | None) -> str:
    """Return the encoder by which images are compared that went to a model through `encoder_id`:
    the shipped one, which looks at every image that is taken in, where they went as they are."""
    return encoder_id or _shipped()


@cache
def _shipped() -> str:
    return shipped.encoder_id()


def vectors(objects: Objects, encoder_id: str, image_ids: Sequence[str]) -> Vectors:
    """(n, d): the stored pooled embedding of each image, unit length, in the order asked.

    NotFound `object_not_found` where one is missing or damaged: it has to be encoded first.
    """
    found = [pooled(objects, encoder_id, image_id) for image_id in image_ids]
    rows = [row for row in found if row is not None]
    if len(rows) < len(found):
        raise NotFound("object_not_found")
    return np.stack(rows) if rows else np.zeros((0, 0), dtype=np.float32)


def pooled(objects: Objects, encoder_id: str, image_id: str) -> Vectors | None:
    """(d,): the stored pooled embedding of one image, unit length; None if missing or damaged."""
    try:
        vector = stored.read(objects, encoder_id, image_id).pooled
    except (NotFound, stored.Damaged):
        return None
    unit: Vectors = vector / np.linalg.norm(vector)
    return unit


def near(a: Vectors, b: Vectors) -> tuple[tuple[int, int], ...]:
    """Pairs (i, j), ascending, for which row i of `a` and row j of `b` are the same picture.

    `a` (n, d) and `b` (m, d) are unit vectors of one encoder; a row compared with itself is its
    own match. Needs `BLOCK` x `COLUMNS` cosines of memory; `a` and `b` may be mapped files.
    """
    return tuple(sorted(matches(a, b)))


def matches(
    a: Vectors, b: Vectors, on_rows: Callable[[int], None] = lambda done: None
) -> Iterator[tuple[int, int]]:
    """Yield the pairs of `near`, block by block; `on_rows` is told how many rows of `a` are
    done."""
    if not len(a) or not len(b):
        return
    for start in range(0, len(a), BLOCK):
        block = np.asarray(a[start : start + BLOCK])
        for first in range(0, len(b), COLUMNS):
            cosines = block @ np.asarray(b[first : first + COLUMNS]).T
            rows, columns = np.nonzero(cosines >= SAME)
            yield from zip((rows + start).tolist(), (columns + first).tolist(), strict=True)
        on_rows(min(start + BLOCK, len(a)))

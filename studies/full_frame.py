"""Frames at full depth without burned-in text, as a viewer shows them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from radraft.studies.decode import FullFrame
from radraft.studies.deid.pixels import Box, blackened, find


def cleaned(frame: FullFrame) -> FullFrame:
    """Return `frame` with its burned-in text black, markers of side and view excepted.

    Below a tenth of a second where nothing looks like text, about one where something does.
    SettingsError where the text recognition models are missing.
    """
    if frame.search is None:
        return frame
    boxes = find(frame.search).boxes
    if not boxes:
        return replace(frame, search=None)
    whole = tuple(_scaled(box, frame.search.shape, frame.stored.shape) for box in boxes)
    black = frame.stored.max() if frame.inverted else frame.stored.min()
    return replace(frame, stored=blackened(frame.stored, whole, black), search=None)


def small(frame: FullFrame, side: int) -> FullFrame:
    """Return `frame` by area averages, at most `side` on its longer side; the spacing follows."""
    longest = max(frame.stored.shape)
    if longest <= side:
        return frame
    from PIL import Image

    rows, columns = (max(1, round(count * side / longest)) for count in frame.stored.shape)
    picture = Image.fromarray(frame.stored.astype(np.float32))
    values: npt.NDArray[np.float32] = np.asarray(
        picture.resize((columns, rows), Image.Resampling.BOX), dtype=np.float32
    )
    return replace(frame, stored=np.rint(values).astype(frame.stored.dtype))


def _scaled(box: Box, small_shape: tuple[int, ...], whole_shape: tuple[int, ...]) -> Box:
    """Return where `box` of the smaller picture lies in the whole one, cut pixels included."""
    down, across = (whole / small for whole, small in zip(whole_shape, small_shape, strict=True))
    return Box(
        int(box.top * down),
        int(box.left * across),
        int(np.ceil(box.bottom * down)),
        int(np.ceil(box.right * across)),
    )

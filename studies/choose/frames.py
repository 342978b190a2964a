"""Decodes the frames that may become key images, each once, and gives up on a bad study in time."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from radraft.core.errors import StudyRejected
from radraft.studies.choose.stacks import Slot
from radraft.studies.choose.windows import window_of
from radraft.studies.decode import Decoder, Frame
from radraft.studies.values import KeyImage, WindowName

_LOG = logging.getLogger("radraft.studies")
MOST_FAULTS = 8
"""Frames that may fail before a study is given up: each may cost the whole time limit."""
_MOST_KEPT = 32

Clean = Callable[[Frame], Frame]


def cleaned(frame: Frame) -> Frame:
    """`frame` with its burned-in text black, markers of side and view excepted."""
    from radraft.studies.deid.pixels import clean

    found = clean(frame.pixels, frame.values)
    return Frame(found.values, found.pixels, frame.window)


def image_id(pixels: npt.NDArray[np.uint8]) -> str:
    """SHA-256 of `rows x columns` in decimal, a line feed, then the pixels row by row."""
    rows, columns = pixels.shape
    digest = hashlib.sha256(f"{rows}x{columns}\n".encode("ascii"))
    digest.update(np.ascontiguousarray(pixels).tobytes())
    return digest.hexdigest()


def key_image(
    frame: Frame, instance_ref: str, number: int, name: WindowName = WindowName.OWN
) -> KeyImage:
    """Frame `number` of an instance as a key image, through the window that `frame` has."""
    return KeyImage(
        image_id=image_id(frame.pixels),
        pixels=frame.pixels,
        values=frame.values,
        instance_ref=instance_ref,
        frame=number,
        window=frame.window,
        score=1.0,
        window_name=name,
    )


class Taker:
    """Decodes slots of one study; `clean` blacks out burned-in text before anything looks."""

    def __init__(self, decoder: Decoder, case_id: str, clean: Clean | None) -> None:
        self._decoder = decoder
        self._case_id = case_id
        self._clean = clean
        self._frames: dict[tuple[str, int], Frame | None] = {}
        self._faults = 0
        self.fault: StudyRejected | None = None
        """The first fault."""

    def frame(self, slot: Slot) -> Frame | None:
        """Return the slot's frame; None where it cannot be decoded, or too many before it could
        not."""
        if slot.key not in self._frames:
            if self._faults >= MOST_FAULTS:
                return None
            while len(self._frames) >= _MOST_KEPT:
                self._frames.pop(next(iter(self._frames)))
            self._frames[slot.key] = self._decode(slot)
        return self._frames[slot.key]

    def image(self, slot: Slot, window: WindowName) -> KeyImage | None:
        """Return the slot as a key image through `window`, or the file's own where that shows
        nothing."""
        frame = self.frame(slot)
        if frame is None:
            return None
        seen = window_of(frame.values, window)
        if seen is None:
            return key_image(frame, slot.instance.instance_ref, slot.frame)
        bounds, pixels = seen
        shown = Frame(frame.values, pixels, bounds)
        return key_image(shown, slot.instance.instance_ref, slot.frame, window)

    def _decode(self, slot: Slot) -> Frame | None:
        try:
            frame = self._decoder.frame(slot.instance.path, slot.frame)
        except StudyRejected as error:
            _LOG.warning("%s: an image was left out: %s", self._case_id, error.code)
            self.fault = self.fault or error
            self._faults += 1
            return None
        return frame if self._clean is None else self._clean(frame)

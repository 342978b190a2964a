"""Decodes frames in a killable subprocess with limits on time, memory and size."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from radraft.core.errors import StudyRejected
from radraft.studies._child import Worker, WorkerLost
from radraft.studies._limits import FRAME_SECONDS, MAX_IMAGE_SIDE


@dataclass(frozen=True)
class Frame:
    """A decoded frame, as `KeyImage` describes values, pixels and window."""

    values: npt.NDArray[np.int16]
    pixels: npt.NDArray[np.uint8]
    window: tuple[float, float]


@dataclass(frozen=True)
class FullFrame:
    """A frame at full depth and size, and how it lies in the patient (PS3.3 C.7.6.2, C.10.7)."""

    stored: npt.NDArray[np.integer[Any]]
    """(rows, columns) of 16 bits; a modality value is `stored * slope + intercept` (HU for CT)."""
    slope: float
    intercept: float
    unit: str
    """`HU`, or empty: units of the device."""
    window: tuple[float, float]
    """(centre, width) of the LINEAR function, in modality values."""
    inverted: bool
    """Whether low values are bright (MONOCHROME1)."""
    position: tuple[float, ...] | None
    """Image Position (Patient): 3 millimetres."""
    orientation: tuple[float, ...] | None
    """Image Orientation (Patient): 6 direction cosines."""
    spacing: tuple[float, ...] | None
    """Millimetres between rows and between columns."""
    at_detector: bool
    """Whether `spacing` is the detector's: the patient, nearer to the tube, is shown larger."""
    sides: tuple[str, ...] | None
    """Patient Orientation (0020,0020): where the rows and the columns go, as `A`, `LF`..."""
    laterality: str
    space: str = field(repr=False)
    """Frame of Reference UID: images of one are where their positions say."""
    search: npt.NDArray[np.uint8] | None = field(default=None, repr=False)
    """(rows, columns) of 8 bits, perhaps smaller, where text may be burned into the frame."""


class Decoder:
    """Decodes frames; use as a context manager, which ends the subprocess.

    `seconds` bounds the time of one frame.
    """

    def __init__(self, seconds: float = FRAME_SECONDS) -> None:
        self._worker = Worker()
        self._seconds = seconds

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the subprocess; the next frame starts another."""
        self._worker.close()

    def start(self) -> None:
        """Start the subprocess where none runs, and wait for it. OSError, WorkerLost."""
        self._worker.start()

    def frame(self, path: Path, frame: int) -> Frame:
        """Frame number `frame`, from 0. StudyRejected with the code of what went wrong."""
        return as_frame(*self._answer("render", path, frame))

    def full_frame(self, path: Path, frame: int) -> FullFrame:
        """Return frame `frame`, from 0, at full depth and size; text that is burned into it is in
        it still. StudyRejected as `frame`."""
        return as_full_frame(*self._answer("full", path, frame))

    def _answer(self, op: str, path: Path, frame: int) -> tuple[dict[str, Any], bytes]:
        try:
            message, blob = self._worker.call(
                op, seconds=self._seconds, path=str(path), frame=frame
            )
        except WorkerLost as lost:
            raise StudyRejected(
                "decode_timeout" if lost.reason == "timeout" else "decode_crashed"
            ) from None
        if "code" in message:
            raise StudyRejected(message["code"], **message.get("details", {}))
        return message, blob


def as_frame(message: dict[str, Any], blob: bytes) -> Frame:
    """Return the frame of a worker's answer.

    StudyRejected "decode_crashed" where the answer is none.
    """
    rows, columns = int(message["rows"]), int(message["columns"])
    count = rows * columns
    sides_fit = min(rows, columns) > 0 and max(rows, columns) <= MAX_IMAGE_SIDE
    if not sides_fit or len(blob) != 3 * count:
        raise StudyRejected("decode_crashed")
    centre, width = message["window"]
    values = np.frombuffer(blob, "<i2", count).astype(np.int16).reshape(rows, columns)
    pixels = np.frombuffer(blob, np.uint8, count, 2 * count).reshape(rows, columns)
    return Frame(values, pixels, (float(centre), float(width)))


def as_full_frame(message: dict[str, Any], blob: bytes) -> FullFrame:
    """Return the full frame of a worker's answer.

    StudyRejected "decode_crashed" where the answer is none.
    """
    rows, columns = int(message["rows"]), int(message["columns"])
    count = rows * columns
    search_rows, search_columns = (int(message.get(f"search_{n}", 0)) for n in ("rows", "columns"))
    if min(rows, columns) <= 0 or len(blob) != 2 * count + search_rows * search_columns:
        raise StudyRejected("decode_crashed")
    kind = np.int16 if message["signed"] else np.uint16
    search = None
    if search_rows:
        search = np.frombuffer(blob, np.uint8, search_rows * search_columns, 2 * count)
        search = search.reshape(search_rows, search_columns)
    centre, width = message["window"]

    def numbers(name: str) -> tuple[float, ...] | None:
        return None if message[name] is None else tuple(map(float, message[name]))

    return FullFrame(
        stored=np.frombuffer(blob, np.dtype(kind).newbyteorder("<"), count)
        .astype(kind)
        .reshape(rows, columns),
        slope=float(message["slope"]),
        intercept=float(message["intercept"]),
        unit=str(message["unit"]),
        window=(float(centre), float(width)),
        inverted=bool(message["inverted"]),
        position=numbers("position"),
        orientation=numbers("orientation"),
        spacing=numbers("spacing"),
        at_detector=bool(message["at_detector"]),
        sides=None if message["sides"] is None else tuple(map(str, message["sides"])),
        laterality=str(message["laterality"]),
        space=str(message["space"]),
        search=search,
    )

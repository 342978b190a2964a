"""Decodes frames in a killable subprocess with limits on time, memory and size."""

from __future__ import annotations

from dataclasses import dataclass
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

    def frame(self, path: Path, frame: int) -> Frame:
        """Frame number `frame`, from 0. StudyRejected with the code of what went wrong."""
        try:
            message, blob = self._worker.call(
                "render", seconds=self._seconds, path=str(path), frame=frame
            )
        except WorkerLost as lost:
            raise StudyRejected(
                "decode_timeout" if lost.reason == "timeout" else "decode_crashed"
            ) from None
        if "code" in message:
            raise StudyRejected(message["code"], **message.get("details", {}))
        return as_frame(message, blob)


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

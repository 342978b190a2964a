"""Reads one DICOM file in a worker that a hostile file cannot outlive: its header, one frame."""

from __future__ import annotations

from pathlib import Path

from radraft.core.errors import StudyRejected
from radraft.studies._child import WorkerLost
from radraft.studies._files import FoundFile
from radraft.studies._group import group
from radraft.studies.decode import Decoder, Frame
from radraft.studies.values import Study

SECONDS = 10.0
"""Longest time for a header, and for a frame."""


class ImageReader(Decoder):
    """Reads single files with one worker process. Use as a context manager.

    The time that a worker takes to start is not the file's.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        super().__init__(seconds)

    def study(self, path: Path) -> Study | None:
        """Return the file as a study of one image; None for what belongs to a study and is none: a
        key object selection, a directory. StudyRejected with the code of what is wrong."""
        self.start()
        try:
            answer, _ = self._worker.call("header", seconds=self._seconds, path=str(path))
        except WorkerLost as lost:
            late = lost.reason == "timeout"
            raise StudyRejected("header_timeout" if late else "header_crashed") from None
        if "code" in answer:
            raise StudyRejected(answer["code"], **answer.get("details", {}))
        if "marks" in answer or "directory" in answer:
            return None
        (study,) = group([(FoundFile(path, ""), answer)]).studies
        return study

    def frame(self, path: Path, frame: int) -> Frame:
        """Return frame `frame`, from 0. StudyRejected as `Decoder.frame`."""
        self.start()
        return super().frame(path, frame)

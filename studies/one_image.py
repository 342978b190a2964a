"""Reads one DICOM file in a worker that a hostile file cannot outlive: its header, one frame."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

from radraft.core.errors import StudyRejected
from radraft.studies._child import Worker, WorkerLost
from radraft.studies._files import FoundFile
from radraft.studies._group import group
from radraft.studies.decode import Frame, as_frame
from radraft.studies.values import Study

SECONDS = 10.0
"""Longest time for a header, and for a frame."""


class ImageReader:
    """Reads single files with one worker process. Use as a context manager."""

    def __init__(self, seconds: float = SECONDS) -> None:
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
        self._worker.close()

    def start(self) -> None:
        """Have a worker ready."""
        self._worker.start()

    def study(self, path: Path) -> Study | None:
        """Return the file as a study of one image; None for what belongs to a study and is none: a
        key object selection, a directory. StudyRejected with the code of what is wrong."""
        answer, _ = self._ask("header", path)
        if "code" in answer:
            raise StudyRejected(answer["code"], **answer.get("details", {}))
        if "marks" in answer or "directory" in answer:
            return None
        (study,) = group([(FoundFile(path, ""), answer)]).studies
        return study

    def frame(self, path: Path, number: int) -> Frame:
        """Return frame `number`, from 0. StudyRejected as `study`."""
        answer, blob = self._ask("render", path, frame=number)
        if "code" in answer:
            raise StudyRejected(answer["code"], **answer.get("details", {}))
        return as_frame(answer, blob)

    def _ask(self, op: str, path: Path, **more: Any) -> tuple[dict[str, Any], bytes]:
        self._worker.start()
        try:
            return self._worker.call(op, seconds=self._seconds, path=str(path), **more)
        except WorkerLost as lost:
            step = "header" if op == "header" else "decode"
            late = lost.reason == "timeout"
            raise StudyRejected(f"{step}_timeout" if late else f"{step}_crashed") from None

"""Checks files one by one: can each be read and drawn, and is its image good enough."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from radraft.core.errors import StudyRejected
from radraft.studies import _sop
from radraft.studies._child import Worker, WorkerLost
from radraft.studies._files import FoundFile, Refusal, walk
from radraft.studies._group import group, mixed_studies
from radraft.studies._limits import CHECK_SECONDS
from radraft.studies.choose.frames import key_image
from radraft.studies.decode import Frame, as_frame
from radraft.studies.one_patient import PATIENTS_DIFFER
from radraft.studies.values import KeyImages, Study

if TYPE_CHECKING:
    from radraft.studies.features import FeatureExtractor
    from radraft.studies.quality.values import StudyQuality

Judge = Callable[[Study, Frame, int], "StudyQuality"]
"""Quality of a study of one file, by the frame of that number."""


@dataclass(frozen=True)
class FileCheck:
    """What one file is good for."""

    file: str = field(repr=False)
    code: str | None = None
    """Why it cannot be read or drawn; None where it can."""
    details: dict[str, str | int | float] = field(default_factory=dict)
    modality: str = ""
    body_part: str = ""
    view: str = ""
    study_uid: str = field(default="", repr=False)
    quality: StudyQuality | None = None
    """None where there is no image, or nobody judged it."""
    seconds: float = 0.0
    """From opening the file to the decoded frame."""


@dataclass(frozen=True)
class _HeaderCheck:
    """What reading a file's header gave."""

    file: FoundFile
    header: dict[str, Any]
    seconds: float


class Checker:
    """Checks files with one worker process. Use as a context manager.

    A file gets `seconds` for its header and its middle frame together; a worker that needs more is
    killed. The time that a new worker takes to start is not the file's.
    """

    def __init__(self, judge: Judge | None = None, seconds: float = CHECK_SECONDS) -> None:
        self._worker = Worker()
        self._judge = judge
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

    @property
    def worker_pid(self) -> int | None:
        """Process id of the worker, for whoever measures it."""
        return self._worker.pid

    def start(self) -> None:
        """Have a worker ready."""
        self._worker.start()

    def files(self, path: Path, work_dir: Path) -> Iterator[FileCheck]:
        """Check every file of `path` (a file, a folder, a zip or a DICOMDIR), in a fixed order.

        All headers are read before the first image: whether a file is of the same patient as the
        rest of its study, only all of them tell.
        """
        self._worker.start()
        items = [
            item if isinstance(item, Refusal) else self._header(item)
            for item in walk(path, work_dir, self._worker)
        ]
        headers = [item.header for item in items if isinstance(item, _HeaderCheck)]
        mixed = mixed_studies(header for header in headers if "study_uid" in header)
        instances: set[str] = set()
        for item in items:
            if isinstance(item, Refusal):
                yield FileCheck(item.shown, item.code, item.details)
            else:
                yield self._file(item, mixed, instances)

    def _header(self, found: FoundFile) -> _HeaderCheck:
        self._worker.start()
        begun = time.monotonic()
        answer, _ = self._ask("header", self._seconds, found)
        return _HeaderCheck(found, answer, time.monotonic() - begun)

    def _file(self, read: _HeaderCheck, mixed: frozenset[str], instances: set[str]) -> FileCheck:
        self._worker.start()
        begun = time.monotonic()
        checked = FileCheck(read.file.shown)
        if "directory" in read.header:
            # Not an image, but as it should be.
            pass
        elif "marks" in read.header:
            uid = read.header["study_uid"]
            checked = replace(
                checked, study_uid=uid, code=PATIENTS_DIFFER if uid in mixed else None
            )
        elif "code" in read.header:
            checked = _refused(checked, read.header)
        else:
            checked = self._image(read, mixed, instances)
        return replace(checked, seconds=read.seconds + time.monotonic() - begun)

    def _image(self, read: _HeaderCheck, mixed: frozenset[str], instances: set[str]) -> FileCheck:
        header = read.header
        checked = _described(read.file, header)
        number = header["frames"] // 2
        left = max(0.0, self._seconds - read.seconds)
        answer, blob = self._ask("render", left, read.file, frame=number)
        if "code" in answer:
            return _refused(checked, answer)
        try:
            frame = as_frame(answer, blob)
        except StudyRejected as error:
            return replace(checked, code=error.code)
        if header["study_uid"] in mixed:
            return replace(checked, code=PATIENTS_DIFFER)
        if header["sop_instance_uid"] in instances:
            return replace(checked, code="duplicate_instance")
        instances.add(header["sop_instance_uid"])
        if self._judge is None:
            return checked
        (study,) = group([(read.file, header)]).studies
        return replace(checked, quality=self._judge(study, frame, number))

    def _ask(
        self, op: str, seconds: float, found: FoundFile, **more: Any
    ) -> tuple[dict[str, Any], bytes]:
        try:
            return self._worker.call(op, seconds=seconds, path=str(found.path), **more)
        except WorkerLost as lost:
            late = lost.reason == "timeout"
            if op == "header":
                return {"code": "header_timeout" if late else "header_crashed"}, b""
            return {"code": "decode_timeout" if late else "decode_crashed"}, b""


def _refused(checked: FileCheck, answer: dict[str, Any]) -> FileCheck:
    return replace(checked, code=answer["code"], details=answer.get("details", {}))


def _described(found: FoundFile, header: dict[str, Any]) -> FileCheck:
    modality = header["modality"] if header["modality"] in _sop.MODALITY_CODES else "OT"
    drawn = modality in _sop.RADIOGRAPHS
    return FileCheck(
        file=found.shown,
        modality=modality,
        body_part=_sop.body_part(header["body_part"], header["description"]),
        view=_sop.view_kind(header["view_position"]) if drawn else "none",
        study_uid=header["study_uid"],
    )


def file_judge(extractor: FeatureExtractor | None = None) -> Judge:
    """Return what judges a file as a study of one image: the rules, and features of `extractor`.

    What only a whole series can lack is not asked of a single slice.
    """
    from radraft.studies.quality.check import check
    from radraft.studies.quality.judge import judge
    from radraft.studies.quality.limits import About, rules

    of_series = rules(About.SERIES)

    def of_file(study: Study, frame: Frame, number: int) -> StudyQuality:
        image = key_image(frame, "", number)
        checked = check(study)
        reasons = tuple(reason for reason in checked.reasons if reason.code not in of_series)
        return judge(replace(checked, reasons=reasons), KeyImages("", (image,)), extractor)

    return of_file

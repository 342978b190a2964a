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
from radraft.studies._files import Found, Refusal, walk
from radraft.studies._group import group
from radraft.studies._limits import CHECK_SECONDS
from radraft.studies.choose.frames import key_image
from radraft.studies.decode import Frame, as_frame
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


@dataclass
class _Seen:
    """What earlier files of the same path were."""

    instances: set[str] = field(default_factory=set)
    patients: dict[str, str] = field(default_factory=dict)


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
        """Every file of `path` (a file, a folder, a zip or a DICOMDIR), in a fixed order."""
        seen = _Seen()
        self._worker.start()
        for item in walk(path, work_dir, self._worker):
            if isinstance(item, Refusal):
                yield FileCheck(item.shown, item.code, item.details)
            else:
                yield self._file(item, seen)

    def _file(self, found: Found, seen: _Seen) -> FileCheck:
        self._worker.start()
        begun = time.monotonic()
        answer, _ = self._ask("header", begun, found)
        checked = FileCheck(found.shown)
        if "directory" in answer or "marks" in answer:
            # Not images, but as they should be.
            checked = replace(checked, study_uid=answer.get("study_uid", ""))
        elif "code" in answer:
            checked = _refused(checked, answer)
        else:
            checked = self._image(found, answer, seen, begun)
        return replace(checked, seconds=time.monotonic() - begun)

    def _image(self, found: Found, header: dict[str, Any], seen: _Seen, begun: float) -> FileCheck:
        checked = _described(found, header)
        number = header["frames"] // 2
        answer, blob = self._ask("render", begun, found, frame=number)
        if "code" in answer:
            return _refused(checked, answer)
        try:
            frame = as_frame(answer, blob)
        except StudyRejected as error:
            return replace(checked, code=error.code)
        known = _conflict(header, seen)
        if known or self._judge is None:
            return replace(checked, code=known)
        (study,), _ = group([(found, header)])
        return replace(checked, quality=self._judge(study, frame, number))

    def _ask(
        self, op: str, begun: float, found: Found, **more: Any
    ) -> tuple[dict[str, Any], bytes]:
        left = max(0.0, self._seconds - (time.monotonic() - begun))
        try:
            return self._worker.call(op, seconds=left, path=str(found.path), **more)
        except WorkerLost as lost:
            late = lost.reason == "timeout"
            if op == "header":
                return {"code": "header_timeout" if late else "header_crashed"}, b""
            return {"code": "decode_timeout" if late else "decode_crashed"}, b""


def _refused(checked: FileCheck, answer: dict[str, Any]) -> FileCheck:
    return replace(checked, code=answer["code"], details=answer.get("details", {}))


def _described(found: Found, header: dict[str, Any]) -> FileCheck:
    modality = header["modality"] if header["modality"] in _sop.MODALITY_CODES else "OT"
    drawn = modality in _sop.RADIOGRAPHS
    return FileCheck(
        file=found.shown,
        modality=modality,
        body_part=_sop.body_part(header["body_part"], header["description"]),
        view=_sop.view_kind(header["view_position"]) if drawn else "none",
        study_uid=header["study_uid"],
    )


def _conflict(header: dict[str, Any], seen: _Seen) -> str | None:
    """Why a readable file would not be taken in with the others of its path (`_group.group`)."""
    if header["sop_instance_uid"] in seen.instances:
        return "duplicate_instance"
    patient = seen.patients.setdefault(header["study_uid"], header["patient_id"])
    if patient and header["patient_id"] and patient != header["patient_id"]:
        return "patient_mismatch"
    seen.instances.add(header["sop_instance_uid"])
    return None


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
        reasons = tuple(one for one in checked.reasons if one.code not in of_series)
        return judge(replace(checked, reasons=reasons), KeyImages("", (image,)), extractor)

    return of_file

"""De-identifies all that lies in a file, a folder or a zip into another folder."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from radraft.core.errors import StudyRejected, message
from radraft.core.scratch import ScratchFolder
from radraft.studies._files import Refusal, walk
from radraft.studies.deid._process import deid_worker
from radraft.studies.deid.dicom import deidentify_file
from radraft.studies.deid.pseudonyms import Pseudonyms
from radraft.studies.deid.report import FileReport, Report
from radraft.studies.values import Rejection

_LOG = logging.getLogger("radraft.studies")


@dataclass(frozen=True)
class Result:
    """The report, and what whoever named the files may see besides."""

    report: Report
    rejections: tuple[Rejection, ...]


def deidentify_all(
    source: Path,
    out: Path,
    pseudonyms: Pseudonyms,
    scratch: Path,
    on_file: Callable[[int, int], None] = lambda done, total: None,
) -> Result:
    """Write clean copies of all DICOM files in `source` below `out`; nothing there is replaced.

    Zips are unpacked below `scratch`. A bad file becomes a `Rejection` and the others go on.
    `on_file(done, total)` after each.
    StudyRejected "deid_out_inside" where one of the folders holds the other.
    """
    check_apart(source, out)
    files: list[FileReport] = []
    refused: list[Refusal] = []
    with ScratchFolder(scratch, "deid-") as work_dir, deid_worker() as worker:
        found = list(walk(source, work_dir, worker))
        for done, item in enumerate(found, start=1):
            if isinstance(item, Refusal):
                refused.append(item)
            else:
                try:
                    report = deidentify_file(item.path, out, pseudonyms, worker)
                    files += [report] if report else []
                except StudyRejected as error:
                    refused.append(Refusal(item.shown, error.code, error.details))
            on_file(done, len(found))
    if not files and not refused:
        refused.append(Refusal(str(source), "no_files"))
    _LOG.info("de-identified %d files, refused %d", len(files), len(refused))
    codes = Counter(refusal.code for refusal in refused)
    return Result(
        Report(tuple(files), dict(sorted(codes.items()))),
        tuple(
            Rejection(refusal.shown, refusal.code, *message(refusal.code, refusal.details))
            for refusal in refused
        ),
    )


def check_apart(source: Path, out: Path) -> None:
    """StudyRejected "deid_out_inside" where `out` lies in `source`, or the other way round."""
    inside, outside = out.resolve(), source.resolve()
    if inside == outside or inside.is_relative_to(outside) or outside.is_relative_to(inside):
        raise StudyRejected("deid_out_inside")

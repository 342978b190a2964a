"""Reads a file, a folder, a zip or a DICOMDIR into studies."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radraft.core.errors import message
from radraft.studies._child import Worker, WorkerLost
from radraft.studies._files import FoundFile, Refusal, walk
from radraft.studies._group import group, mark
from radraft.studies._limits import HEADER_SECONDS
from radraft.studies.values import Rejection, Study

_LOG = logging.getLogger("radraft.studies")


@dataclass(frozen=True)
class ReadResult:
    """What could be read, and what could not and why."""

    studies: tuple[Study, ...]
    rejections: tuple[Rejection, ...]
    mixed: tuple[Study, ...] = ()
    """Studies whose files name more than one patient, without identity: all of their files are
    among the rejections."""


def read(path: Path, work_dir: Path) -> ReadResult:
    """Studies in `path`: a file, a folder (all below it), a zip or a DICOMDIR.

    Zips are unpacked into a new folder below `work_dir`, which must stay until the study's pixels
    were read. A bad file never raises: it becomes a `Rejection` and the others go on. Headers are
    parsed in a subprocess that a hostile file cannot outlive.
    """
    found: list[tuple[FoundFile, dict[str, Any]]] = []
    selections: list[tuple[FoundFile, dict[str, Any]]] = []
    refused: list[Refusal] = []
    with Worker() as worker:
        for item in walk(path, work_dir, worker):
            if isinstance(item, Refusal):
                refused.append(item)
                continue
            header = _header(worker, item)
            if "code" in header:
                refused.append(Refusal(item.shown, header["code"], header.get("details", {})))
            elif "marks" in header:
                selections.append((item, header))
            elif "directory" not in header:
                found.append((item, header))
    grouped = group(found, selections)
    refused.extend(grouped.refusals)
    studies, strays = mark(grouped.studies, grouped.selections)
    refused.extend(strays)
    if not studies and not refused:
        refused.append(Refusal(str(path), "no_files", {}))
    _LOG.info("read %d studies, refused %d files", len(studies), len(refused))
    return ReadResult(studies, tuple(map(_rejection, refused)), grouped.mixed)


def _header(worker: Worker, item: FoundFile) -> dict[str, Any]:
    try:
        return worker.call("header", seconds=HEADER_SECONDS, path=str(item.path))[0]
    except WorkerLost as lost:
        return {"code": "header_timeout" if lost.reason == "timeout" else "header_crashed"}


def _rejection(refusal: Refusal) -> Rejection:
    zh, en = message(refusal.code, refusal.details)
    return Rejection(refusal.shown, refusal.code, zh, en)

"""De-identifies one DICOM file: header cleaned in a subprocess, pixels looked at frame by frame."""

from __future__ import annotations

import contextlib
import os
import secrets
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from radraft.core.errors import StudyRejected
from radraft.studies._child import Worker, WorkerLost
from radraft.studies._limits import FRAME_SECONDS, HEADER_SECONDS
from radraft.studies.deid.pixels import Box, BurnedInText, blackened, find
from radraft.studies.deid.pseudonyms import Pseudonyms
from radraft.studies.deid.report import Count, Done, FileReport, Kind

_PIXEL_DATA = 0x7FE00010
Array = npt.NDArray[Any]


def deidentify_file(
    path: Path, out: Path, pseudonyms: Pseudonyms, worker: Worker
) -> FileReport | None:
    """Write a clean copy of `path` below `out`, named by its new UIDs; None for a DICOMDIR.

    The copy appears whole or not at all and replaces nothing. Transfer syntax Explicit VR Little
    Endian: what a codestream may hold besides pixels does not survive. StudyRejected with the code
    of what was wrong: "deid_exists" where there is such a file already.
    """
    seen, _ = _asked(worker, "deid_look", HEADER_SECONDS, path)
    if "directory" in seen:
        return None
    uids = {uid: pseudonyms.uid(uid) for uid in seen["uids"]}
    who = seen["patient_id"], seen["study_uid"]
    cleaned, header = _asked(
        worker, "deid_clean", HEADER_SECONDS + FRAME_SECONDS, path, uids=uids,
        patient=pseudonyms.patient(*who), days=pseudonyms.back(*who).days,
    )  # fmt: skip
    names = [uids.get(seen[key], seen[key]) for key in ("study_uid", "series_uid")]
    target = out.joinpath(*names, uids.get(seen["sop_instance_uid"], "") + ".dcm")
    with _new_file(target) as file:
        file.write(header)
        layout = cleaned["layout"]
        looked = _Looked() if layout is None else _pixels(file, worker, path, layout)
    return _report(cleaned["counts"], str(target.relative_to(out)), layout, looked)


@dataclass
class _Looked:
    """What was seen in the frames of one file."""

    lines: int = 0
    markers: int = 0
    screenshot: bool = False


def _asked(
    worker: Worker, op: str, seconds: float, path: Path, **more: Any
) -> tuple[dict[str, Any], bytes]:
    crashed = "decode" if op == "deid_frame" else "header"
    try:
        answer, blob = worker.call(op, seconds=seconds, path=str(path), **more)
    except WorkerLost as lost:
        reason = "timeout" if lost.reason == "timeout" else "crashed"
        raise StudyRejected(f"{crashed}_{reason}") from None
    if "code" in answer:
        raise StudyRejected(answer["code"], **answer.get("details", {}))
    return answer, blob


def _pixels(file: BinaryIO, worker: Worker, path: Path, layout: dict[str, Any]) -> _Looked:
    """Write Pixel Data (7FE0,0010), frame by frame, without burned-in text."""
    wide = np.dtype(layout["dtype"]).itemsize > 1
    length = layout["length"] + layout["length"] % 2
    head = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW" if wide else b"OB", 0, length)
    file.write(head)
    looked = _Looked()
    before: tuple[bytes, BurnedInText] | None = None
    for number in range(layout["frames"]):
        answer, blob = _asked(
            worker, "deid_frame", FRAME_SECONDS, path, frame=number, display=layout["picture"]
        )
        stored = np.frombuffer(blob, layout["dtype"], offset=0, count=_count(answer, layout))
        stored = stored.reshape(layout["shape"])
        if layout["picture"]:
            shown = blob[answer["stored"] :]
            # Frames of a run often repeat one another, and their text nearly always does.
            if before is None or before[0] != shown:
                pixels = np.frombuffer(shown, np.uint8).reshape(answer["rows"], answer["columns"])
                before = shown, find(pixels)
            stored = _without(stored, before[1], (answer["rows"], answer["columns"]), looked)
        bits = np.packbits(stored, bitorder="little") if layout["single_bit"] else stored
        file.write(np.ascontiguousarray(bits).tobytes())
    file.write(bytes(layout["length"] % 2))
    return looked


def _count(answer: dict[str, Any], layout: dict[str, Any]) -> int:
    count = int(np.prod(layout["shape"]))
    if answer["stored"] != count * np.dtype(layout["dtype"]).itemsize:
        raise StudyRejected("decode_crashed")
    return count


def _without(stored: Array, found: BurnedInText, shown: tuple[int, int], looked: _Looked) -> Array:
    looked.lines += len(found.boxes)
    looked.markers += len(found.markers)
    looked.screenshot = looked.screenshot or found.screenshot
    if not found.boxes:
        return stored
    # The display is smaller than the largest detectors.
    down, across = (whole / part for whole, part in zip(stored.shape, shown, strict=False))
    boxes = tuple(
        Box(
            int(box.top * down),
            int(box.left * across),
            int(np.ceil(box.bottom * down)),
            int(np.ceil(box.right * across)),
        )
        for box in found.boxes
    )
    return blackened(stored, boxes, stored.min())


def _report(
    counts: list[list[Any]], written: str, layout: dict[str, Any] | None, looked: _Looked
) -> FileReport:
    total: Counter[tuple[Kind, int, Done]] = Counter()
    for kind, tag, done, count in counts:
        total[Kind(kind), int(tag), Done(done)] += int(count)
    if looked.lines:
        total[Kind.PIXELS, _PIXEL_DATA, Done.BLACKENED] = looked.lines
    pixels = "none" if layout is None else "cleaned" if layout["picture"] else "not_looked"
    return FileReport(
        written=written,
        counts=tuple(Count(*key, count) for key, count in sorted(total.items())),
        frames=layout["frames"] if layout else 0,
        lines=looked.lines,
        markers=looked.markers,
        screenshot=looked.screenshot,
        pixels=pixels,
    )


@contextlib.contextmanager
def _new_file(target: Path) -> Iterator[BinaryIO]:
    """Give a file that appears at `target`, durable, once it was written to its end."""
    if target.exists():
        raise StudyRejected("deid_exists")
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with unfinished.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        try:
            # Unlike a rename, a link never takes the place of a file that came meanwhile.
            os.link(unfinished, target)
        except FileExistsError:
            raise StudyRejected("deid_exists") from None
    finally:
        unfinished.unlink(missing_ok=True)

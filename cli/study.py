"""`radraft study`: what single files are good for."""

from __future__ import annotations

import os
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from radraft.cli.output import Output, reporting
from radraft.core.errors import StudyRejected, message

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from radraft.pipeline.file_check import FileCheck, Judge
    from radraft.studies.values import KeyImages
    from radraft.vision_encoder.encode import Encoder

app = typer.Typer(help="Studies before they are taken in.", no_args_is_help=True)


@app.command("check")
def check(
    path: Annotated[Path, typer.Argument(help="A DICOM file, a folder, a zip or a DICOMDIR.")],
    fast: Annotated[
        bool, typer.Option("--fast", help="Judge by rules alone, without the vision encoder.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say of every file whether it can be read, and how good its image is.

    Exit 0 where all can be read, 3 where some cannot, 1 where none can.
    """
    with reporting(Output(json)) as out:
        found = _checked(path, out, fast=fast)
        if not found:
            raise StudyRejected("no_files", file=str(path))
        out.result({"files": [as_json(checked) for checked in found]}, _text(found))
        bad = sum(checked.code is not None for checked in found)
        if bad:
            out.fail(1 if bad == len(found) else 3)


def as_json(one: FileCheck) -> dict[str, Any]:
    """One file's line."""
    quality = one.quality
    reasons = quality.reasons if quality else ()
    return {
        "file": one.file,
        "ok": one.code is None,
        "code": one.code,
        "modality": one.modality,
        "body_part": one.body_part,
        "view": one.view,
        "verdict": quality.verdict.value if quality else None,
        "reasons": [{"code": r.code, "value": r.value, "limit": r.limit} for r in reasons],
        "study_uid": one.study_uid,
    }


def _checked(path: Path, out: Output, *, fast: bool) -> list[FileCheck]:
    from radraft.core.scratch import ScratchFolder, sweep
    from radraft.core.settings import load
    from radraft.pipeline.file_check import Checker

    scratch = load().data_dir / "scratch"
    sweep(scratch)
    found = []
    with (
        ScratchFolder(scratch, "check-") as work_dir,
        Checker(_judge(fast=fast)) as checker,
        out.progress() as progress,
    ):
        task = progress.add_task("Checking files", total=_count(path))
        for file in checker.files(path, work_dir):
            found.append(file)
            progress.advance(task)
    return found


def _judge(*, fast: bool) -> Judge:
    from radraft.pipeline.file_check import file_judge

    return file_judge(None if fast else _LazyFeatures())


class _LazyFeatures:
    """Features of the shipped encoder, which is loaded for the first image."""

    @cached_property
    def _encoder(self) -> Encoder:
        from radraft.vision_encoder.encode import Encoder

        return Encoder.load()

    @property
    def encoder_id(self) -> str:
        """Return the shipped encoder's id."""
        return self._encoder.encoder_id

    def extract(self, images: KeyImages) -> npt.NDArray[np.float32]:
        """Return (images, d)."""
        import numpy as np

        from radraft.studies.quality.content import features

        embeddings = self._encoder.encode(images.images)
        return features(np.stack([image.tokens for image in embeddings]))


def _count(path: Path) -> int | None:
    """Files below `path`; None where only reading will tell."""
    if not path.is_dir():
        return None
    return sum(len(names) for _, _, names in os.walk(path))


def _text(found: list[FileCheck]) -> str:
    """A row for each file, then what to do about each code."""
    from radraft.studies.quality.texts import said

    rows = [_row(checked) for checked in found]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)] if rows else []
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    counts = Counter("ok" if checked.code is None else checked.code for checked in found)
    lines += ["", *(f"{number:6d}  {code}" for code, number in counts.most_common())]
    told = {
        checked.code: message(checked.code, checked.details)
        for checked in found
        if checked.code is not None
    }
    for checked in found:
        if checked.quality is not None:
            told |= {reason.code: said(reason) for reason in checked.quality.reasons}
    for code, (zh, en) in sorted(told.items()):
        lines += ["", code, f"  {zh}", f"  {en}"]
    return "\n".join(lines)


def _row(one: FileCheck) -> tuple[str, ...]:
    quality = one.quality
    return (
        one.code or "ok",
        one.modality or "-",
        one.body_part or "-",
        one.view or "-",
        quality.verdict.value if quality else "-",
        one.file,
        " ".join(reason.code for reason in quality.reasons) if quality else "",
    )

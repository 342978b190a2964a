"""`radraft ingest`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from radraft.cli.context import Context, opened
from radraft.cli.output import Output, rejections_text
from radraft.core.errors import StudyRejected

if TYPE_CHECKING:
    from radraft.pipeline.ingest import IngestResult


def ingest(path: Path, out: Output) -> None:
    """Take in `path`. Exit 1 when nothing could be taken in, 3 when some files could not."""
    with opened() as context:
        result = take_in(path, context, out)
    if not result.cases and not result.known:
        nothing_taken(result, out)
    lines = [f"{case_id}  new" for case_id in result.cases]
    lines += [f"{case_id}  known" for case_id in result.known]
    out.result(
        {"cases": result.cases, "known": result.known, "rejections": result.rejections},
        "\n".join(lines) + "\n" + rejections_text(result.rejections),
    )
    if result.rejections:
        out.fail(3)


def take_in(path: Path, context: Context, out: Output) -> IngestResult:
    """Ingest with a progress bar."""
    from radraft.core.scratch import sweep
    from radraft.pipeline.encoders import extractor_loader
    from radraft.pipeline.ingest import ingest

    sweep(context.settings.data_dir / "scratch")
    with out.progress() as progress:
        task = progress.add_task("Taking in studies", total=None)
        return ingest(
            path,
            store=context.store,
            profile=context.profile,
            site=context.settings.site,
            scratch=context.settings.data_dir / "scratch",
            load_extractor=extractor_loader(context.store),
            on_study=lambda done, total: progress.update(task, completed=done, total=total),
        )


def nothing_taken(result: IngestResult, out: Output) -> NoReturn:
    """Print why nothing at all was taken in, file by file, and end with exit code 1."""
    if not result.rejections:
        raise StudyRejected("no_studies")
    first, *others = result.rejections
    error = Rejected(first.code, first.message_zh, first.message_en, first.file)
    if not others:
        raise error
    out.error(error, rejections=result.rejections)
    if not out.json:
        sys.stderr.write(rejections_text(tuple(others)))
    raise typer.Exit(1)


class Rejected(StudyRejected):
    """A rejection whose sentences were filled in where the file was read."""

    def __init__(self, code: str, message_zh: str, message_en: str, file: str) -> None:
        Exception.__init__(self, f"{code}: {message_en}")
        self.code = code
        self.file = file
        self.details = {}
        self.message_zh = message_zh
        self.message_en = message_en

"""`radraft deid`."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from radraft.cli.output import Output, rejections_text

if TYPE_CHECKING:
    from radraft.studies.deid.run import Result

REPORT = "deid_report.json"


def deid(source: Path, out_dir: Path, out: Output, *, report: bool, site_secret: bool) -> None:
    """Write clean copies. Exit 1 when nothing could be written, 3 when some files could not."""
    from radraft.core.settings import load
    from radraft.studies.deid.pseudonyms import Pseudonyms
    from radraft.studies.deid.run import deidentify_all

    secret = _site_secret() if site_secret else secrets.token_bytes(32)
    with out.progress() as progress:
        task = progress.add_task("De-identifying", total=None)
        result = deidentify_all(
            source,
            out_dir,
            Pseudonyms(secret),
            load().data_dir / "scratch",
            on_file=lambda done, total: progress.update(task, completed=done, total=total),
        )
    if report:
        _write(result, out_dir)
    summary = result.report.as_text() if report else result.report.as_text().split("\n", 1)[0]
    out.result(
        result.report.as_json() | {"rejections": result.rejections},
        summary + "\n" + rejections_text(result.rejections),
    )
    if result.rejections:
        out.fail(3 if result.report.files else 1)


def _site_secret() -> bytes:
    from radraft.cli.context import opened

    with opened() as context:
        return context.store.secret


def _write(result: Result, out_dir: Path) -> None:
    """The report beside the files, under a name that is free."""
    out_dir.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result.report.as_json(), ensure_ascii=False, indent=1) + "\n"
    for number in range(1, 10_000):
        name = REPORT if number == 1 else f"deid_report_{number}.json"
        try:
            with (out_dir / name).open("x", encoding="utf-8") as file:
                file.write(text)
            return
        except FileExistsError:
            continue

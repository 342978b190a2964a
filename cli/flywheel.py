"""The commands of `radraft flywheel`: is it getting better?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from radraft.cli.output import Output, command
from radraft.reports.values import Lang

if TYPE_CHECKING:
    from collections.abc import Sequence

    from radraft.finetune.trend.values import SiteTrend

app = typer.Typer(help="What readers do to drafts, week by week.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """What readers do to drafts, week by week."""


@command(app, "report")
def report(
    site: Annotated[str | None, typer.Option("--site", help="One site; else all.")] = None,
    page_file: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.html", help="Write the page with plots.")
    ] = None,
    csv_file: Annotated[
        Path | None,
        typer.Option("--csv", metavar="FILE.csv", help="Write a row per site, week and adapter."),
    ] = None,
    lang: Annotated[
        Lang, typer.Option("--lang", help="Language of the table and of the page.")
    ] = "en",
    *,
    out: Output,
) -> None:
    """Edits, edit distance and minutes by week, and what each promotion changed."""
    from radraft.cli.context import opened
    from radraft.finetune.trend.weeks import trends
    from radraft.ui.pages.flywheel import page, table

    with opened() as context:
        found = trends(context.store, site=site)
    if page_file is not None:
        write(page_file, page.page(found, lang))
    if csv_file is not None:
        write(csv_file, table.to_csv(found))
    text = table.terminal(found, lang)
    written = [str(path) for path in (page_file, csv_file) if path is not None]
    out.result(_value(found), "\n".join([text, *written]))


def _value(trends: Sequence[SiteTrend]) -> dict[str, Any]:
    from radraft.core.canonical import plain
    from radraft.ui.pages.flywheel.table import records

    return {
        "records": list(records(trends)),
        "sites": [
            {
                "site": trend.site,
                "total": plain(trend.total),
                "unaided": trend.unaided,
                "turns": plain(trend.turns),
                "guard": plain(trend.guard),
            }
            for trend in trends
        ],
    }


def write(path: Path, text: str) -> None:
    """Write `text` whole or not at all. SettingsError `cannot_write`."""
    from radraft.core.errors import SettingsError

    unfinished = path.with_name(f".{path.name}.new")
    try:
        # The CSV ends its lines itself.
        unfinished.write_text(text, encoding="utf-8", newline="")
        unfinished.replace(path)
    except OSError:
        raise SettingsError("cannot_write", file=str(path)) from None
    finally:
        unfinished.unlink(missing_ok=True)

"""The commands of `radraft flywheel`: is it getting better?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from radraft.cli.eval_commands import Language
from radraft.cli.output import Output, reporting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from radraft.finetune.trend.values import SiteTrend

app = typer.Typer(help="What readers do to drafts, week by week.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """What readers do to drafts, week by week."""


@app.command("report")
def flywheel_report(
    site: Annotated[str | None, typer.Option("--site", help="One site; else all.")] = None,
    page_file: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.html", help="Write the page with plots.")
    ] = None,
    csv_file: Annotated[
        Path | None,
        typer.Option("--csv", metavar="FILE.csv", help="Write a row per site, week and adapter."),
    ] = None,
    lang: Annotated[
        Language, typer.Option("--lang", help="Language of the table and of the page.")
    ] = Language.EN,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Edits, edit distance and minutes by week, and what each promotion changed."""
    with reporting(Output(json)) as out:
        report(site, page_file, csv_file, lang.value, out)


def report(
    site: str | None, page_file: Path | None, csv_file: Path | None, lang: str, out: Output
) -> None:
    """Print the table, and write the page and the CSV where they are wanted.

    NotFound `trend_site_unknown`; SettingsError `cannot_write`.
    """
    from radraft.cli.context import opened
    from radraft.finetune.trend.weeks import trends
    from radraft.reports.values import Lang
    from radraft.ui.pages.flywheel import page, table

    chosen: Lang = "zh" if lang == "zh" else "en"
    with opened() as context:
        found = trends(context.store, site=site)
    if page_file is not None:
        write(page_file, page.page(found, chosen))
    if csv_file is not None:
        write(csv_file, table.to_csv(found))
    text = table.terminal(found, chosen)
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

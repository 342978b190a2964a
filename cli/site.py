"""The commands of `radraft site`: what a site sends."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radraft.cli.flywheel import write
from radraft.cli.output import Output, command
from radraft.reports.values import Lang

app = typer.Typer(help="What a site sends.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """What a site sends."""


@command(app, "quality")
def quality(
    site: Annotated[str, typer.Argument(help="Name of a site, as RADRAFT_SITE had it.")],
    page_file: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.html", help="Write the page with plots.")
    ] = None,
    csv_file: Annotated[
        Path | None,
        typer.Option(
            "--csv", metavar="FILE.csv", help="Write a row per week, device and operator."
        ),
    ] = None,
    names: Annotated[
        bool, typer.Option("--names", help="Operators' names in the CSV instead of short codes.")
    ] = False,
    lang: Annotated[
        Lang, typer.Option("--lang", help="Language of the table and of the page.")
    ] = "en",
    *,
    out: Output,
) -> None:
    """Image quality by week, device and operator, and what to correct at which device."""
    from radraft.cli.context import opened
    from radraft.cli.report import dismissal_limit
    from radraft.core.errors import NotFound
    from radraft.pipeline.proofreading import check_counts
    from radraft.pipeline.site_quality import facts, of_site, records
    from radraft.ui.pages.site_quality import page, table

    with opened() as context:
        known = facts(context.store, site)
        secret = context.store.secret
        checks = [count for count in check_counts(context.store) if count.site == site]
        limit = dismissal_limit(context.settings)
    if not known:
        raise NotFound("quality_site_unknown")
    found, rows = of_site(known, site), records(known)
    operator = (lambda name: name) if names else table.coded(secret)
    if page_file is not None:
        write(page_file, page.page(found, lang, checks, limit))
    if csv_file is not None:
        write(csv_file, table.to_csv(rows, operator))
    written = [str(path) for path in (page_file, csv_file) if path is not None]
    text = "\n".join([table.terminal(found, lang), *written])
    out.result({"site": site, "records": [table.row(row, operator) for row in rows]}, text)

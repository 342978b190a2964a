"""The commands of `radraft report`: what the checks find in reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from radraft.cli.output import Output, command
from radraft.reports.values import Lang

if TYPE_CHECKING:
    from radraft.core.settings import Settings
    from radraft.pipeline.proofreading import DismissalLimit

app = typer.Typer(help="What the checks find in reports.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """What the checks find in reports."""


@command(app, "warnings")
def warnings(
    site: Annotated[str | None, typer.Option("--site", help="One site; else all.")] = None,
    lang: Annotated[Lang, typer.Option("--lang", help="Language of the table.")] = "en",
    *,
    out: Output,
) -> None:
    """Warnings found, mended and dismissed by check, and of which readers dismiss too many."""
    from radraft.cli.context import opened
    from radraft.pipeline.proofreading import check_counts
    from radraft.ui.pages.site_quality import checks

    with opened() as context:
        counts = check_counts(context.store, site)
        limit = dismissal_limit(context.settings)
    rows = [checks.row(count, limit) for count in counts]
    value = {"limit": {"share": limit.share, "least": limit.least}, "checks": rows}
    out.result(value, checks.terminal(counts, limit, lang))


def dismissal_limit(settings: Settings) -> DismissalLimit:
    """Return the limit that the settings name."""
    from radraft.pipeline.proofreading import DismissalLimit

    return DismissalLimit(settings.dismissed_limit, settings.dismissed_least)

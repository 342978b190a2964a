"""The commands of `radraft similar`."""

from __future__ import annotations

from typing import Annotated

import typer

from radraft.cli.output import Output, command

app = typer.Typer(help="The index of similar signed cases.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """The index of similar signed cases."""


@command(app, "status")
def status(*, out: Output) -> None:
    """Say which files there are: of which site and encoder, how many cases, how large, how
    recent."""
    from radraft.cli.context import opened
    from radraft.pipeline.similar_cases import SimilarSearch
    from radraft.store import similar

    with opened() as context:
        folder = context.settings.data_dir / "similar"
        files = SimilarSearch(context.store, folder, enabled=True).files()
        with context.store.read() as session:
            newest = similar.newest(session).sequence
        shown = context.settings.similar_cases
    rows = [
        {
            "site": about.site,
            "encoder_id": about.encoder_id,
            "cases": about.vectors,
            "bytes": size,
            "signatures_behind": newest - about.until.sequence if ours else None,
            "of_this_database": ours,
        }
        for about, size, ours in files
    ]
    lines = [
        f"{about.site}, {about.encoder_id}: {about.vectors:,} cases, {size / (1 << 20):,.1f} MiB, "
        + (
            f"{newest - about.until.sequence:,} signatures behind"
            if ours
            else "of another database: it is made anew when somebody asks"
        )
        for about, size, ours in files
    ]
    lines = lines or ["No file yet: one is made when a study page first asks, or by rebuild."]
    if not shown:
        lines.append("Switched off: RADRAFT_SIMILAR_CASES is false.")
    out.result({"on": shown, "files": rows}, "\n".join(lines))


@command(app, "rebuild")
def rebuild(
    site: Annotated[str | None, typer.Option("--site", help="Of this site alone.")] = None,
    *,
    out: Output,
) -> None:
    """Make the files anew from the database: of every site and encoder.

    May be broken off, and run while radraft serves.
    """
    from radraft.cli.context import opened
    from radraft.pipeline.similar_cases import SimilarSearch
    from radraft.store import similar

    made = []
    with opened() as context, out.waiting("radraft similar rebuild") as move:
        search = SimilarSearch(context.store, context.settings.data_dir / "similar", enabled=True)
        with context.store.read() as session:
            wanted = [pair for pair in similar.encoders(session) if site in (None, pair[0])]
        for where, encoder_id in wanted:

            def show(done: int, total: int, where: str = where) -> None:
                move(f"{where}: {done:,} of {total:,}", done / max(total, 1))

            made.append(search.index(where, encoder_id).build(show, anew=True))
    lines = [f"{about.site}, {about.encoder_id}: {about.vectors:,} cases" for about in made]
    plain = [
        {"site": about.site, "encoder_id": about.encoder_id, "cases": about.vectors}
        for about in made
    ]
    out.result({"files": plain}, "\n".join(lines) or "Nothing is embedded yet.")

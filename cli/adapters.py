"""The commands of `radraft adapters`, a line of help each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radraft.cli.output import Output, reporting

app = typer.Typer(
    help="Adapters: what drafts at a site, how it came there, and the way back.",
    no_args_is_help=True,
)
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="As `radraft adapters list` prints it.")]
By = Annotated[str, typer.Option("--by", help="Name of the person who confirms it.")]
Doer = Annotated[str | None, typer.Option("--by", help="Who does it; this user where not given.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept with the adapter.")]
Site = Annotated[
    str | None, typer.Option("--site", help="Name of a site; RADRAFT_SITE where not given.")
]


@app.command("list")
def adapters_list(
    site: Site = None,
    everywhere: Annotated[bool, typer.Option("--all", help="Of all sites.")] = False,
    json: Json = False,
) -> None:
    """List a site's adapters, newest first, and what serves."""
    with reporting(Output(json)) as out:
        from radraft.cli import registered

        registered.listing(site, out, everywhere=everywhere)


@app.command("show")
def adapters_show(adapter_id: Id, json: Json = False) -> None:
    """Show how an adapter was made, what the gate said, and how its shadow drafts compare."""
    with reporting(Output(json)) as out:
        from radraft.cli import registered

        registered.show(adapter_id, out)


@app.command("records")
def adapters_records(site: Site = None, json: Json = False) -> None:
    """Show what the gate decided at a site, batches that were stopped included."""
    with reporting(Output(json)) as out:
        from radraft.cli import registered

        registered.records(site, out)


@app.command("promote")
def adapters_promote(adapter_id: Id, by: By, json: Json = False) -> None:
    """Have a shadow that passed the gate serve its site; no request is dropped."""
    with reporting(Output(json)) as out:
        from radraft.cli import registered

        registered.promote(adapter_id, by, out)


@app.command("rollback")
def adapters_rollback(by: By, reason: Reason, site: Site = None, json: Json = False) -> None:
    """Have serve what served before; after the first adapter, the base model."""
    with reporting(Output(json)) as out:
        from radraft.cli import registered

        registered.roll_back(site, by, reason, out)


@app.command("canary")
def adapters_canary(
    adapter_id: Id,
    share: Annotated[float, typer.Argument(help="Share of the site's cases, 0 to 1.")],
    json: Json = False,
) -> None:
    """Have a shadow draft a share of its site's cases in sight."""
    with reporting(Output(json)) as out:
        from radraft.cli import registered

        registered.canary(adapter_id, share, out)


@app.command("discard")
def adapters_discard(adapter_id: Id, by: By, reason: Reason, json: Json = False) -> None:
    """Give up a candidate or a shadow."""
    with reporting(Output(json)) as out:
        from radraft.cli import registered

        registered.discard(adapter_id, by, reason, out)


@app.command("reopen")
def adapters_reopen(adapter_id: Id, by: By, reason: Reason, json: Json = False) -> None:
    """Make a retired adapter a candidate again, such as one rolled back by mistake."""
    with reporting(Output(json)) as out:
        from radraft.cli import registered

        registered.reopen(adapter_id, by, reason, out)


@app.command("gate")
def adapters_gate(adapter_id: Id, by: By, json: Json = False) -> None:
    """Hold a candidate against what serves; one that passes drafts as shadow."""
    with reporting(Output(json)) as out:
        from radraft.cli import gate

        gate.gate(adapter_id, by, out)


@app.command("merge")
def adapters_merge(
    adapter_ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Two or more.")],
    weights: Annotated[
        str | None,
        typer.Option("--weights", help="One for each, as 0.7,0.3; the same where none."),
    ] = None,
    site: Site = None,
    by: Doer = None,
    json: Json = False,
) -> None:
    """Merge adapters into a candidate, which must pass the gate as any other."""
    with reporting(Output(json)) as out:
        from radraft.cli import adapter_files

        adapter_files.merge(adapter_ids, _numbers(weights), site, by, out)


@app.command("export")
def adapters_export(
    adapter_id: Id,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File to write.")],
    json: Json = False,
) -> None:
    """Write an adapter with its card into one signed file for another site."""
    with reporting(Output(json)) as out:
        from radraft.cli import adapter_files

        adapter_files.export_file(adapter_id, file, out)


@app.command("import")
def adapters_import(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What another site exported.")],
    site: Site = None,
    by: Doer = None,
    json: Json = False,
) -> None:
    """Take in another site's adapter, as a candidate that must pass the gate here."""
    with reporting(Output(json)) as out:
        from radraft.cli import adapter_files

        adapter_files.import_file(file, site, by, out)


@app.command("key")
def adapters_key(json: Json = False) -> None:
    """Print the public key that this site signs its adapters with."""
    with reporting(Output(json)) as out:
        from radraft.cli import adapter_files

        adapter_files.key(out)


@app.command("trust")
def adapters_trust(
    name: Annotated[str, typer.Argument(help="Whose key it is.")],
    public: Annotated[str, typer.Argument(metavar="KEY", help="As `radraft adapters key` there.")],
    json: Json = False,
) -> None:
    """Take in adapters that are signed with this key from now on."""
    with reporting(Output(json)) as out:
        from radraft.cli import adapter_files

        adapter_files.trust(name, public, out)


def _numbers(text: str | None) -> list[float] | None:
    try:
        return None if text is None else [float(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter("numbers, separated by commas") from None

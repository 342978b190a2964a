"""The commands of `radraft adapters`."""

from __future__ import annotations

import time
from getpass import getuser
from pathlib import Path
from typing import Annotated

import typer

from radraft.cli.output import Output, command

app = typer.Typer(
    help="Adapters: what drafts at a site, how it came there, and the way back.",
    no_args_is_help=True,
)
Id = Annotated[str, typer.Argument(metavar="ID", help="As `radraft adapters list` prints it.")]
By = Annotated[str, typer.Option("--by", help="Name of the person who confirms it.")]
Doer = Annotated[str | None, typer.Option("--by", help="Who does it; this user where not given.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept with the adapter.")]
Site = Annotated[
    str | None, typer.Option("--site", help="Name of a site; RADRAFT_SITE where not given.")
]


@command(app, "list")
def listing(
    site: Site = None,
    everywhere: Annotated[bool, typer.Option("--all", help="Of all sites.")] = False,
    *,
    out: Output,
) -> None:
    """List a site's adapters, newest first, and what serves."""
    from radraft.cli.adapter_text import row_json, row_text
    from radraft.cli.context import opened
    from radraft.llm.adapter import AdapterState
    from radraft.store import adapters

    with opened() as context:
        wanted = None if everywhere else site or context.settings.site
        with context.store.read() as session:
            found = adapters.adapters(session, wanted)
    rows = [row_json(adapter) for adapter in found]
    text = "".join(row_text(row) for row in rows)
    if not any(row["state"] == AdapterState.SERVING for row in rows):
        text += f"{'base model':18}  serving\n"
    out.result({"site": wanted, "adapters": rows}, text)


@command(app, "show")
def show(adapter_id: Id, *, out: Output) -> None:
    """Show how an adapter was made, what the gate said, and how its shadow drafts compare."""
    from radraft.cli.adapter_text import decision_json, page_text, row_json
    from radraft.cli.context import opened
    from radraft.core.canonical import plain
    from radraft.pipeline import shadow
    from radraft.store import adapters

    with opened() as context, context.store.read() as session:
        adapter = adapters.get(session, adapter_id)
        moves = adapters.moves(session, adapter_id=adapter_id)
        records = adapters.records(session, adapter_id=adapter_id)
        compared = shadow.compare(session, adapter)
    value = {
        **row_json(adapter),
        "base": adapter.base,
        "files": dict(adapter.files),
        "data_sha": adapter.data_sha,
        "card": dict(adapter.card),
        "moves": moves,
        "gate": [decision_json(record) for record in records],
        "compared": compared,
    }
    out.result(plain(value), page_text(adapter, moves, records, compared))


@command(app, "records")
def records(site: Site = None, *, out: Output) -> None:
    """Show what the gate decided at a site, batches that were stopped included."""
    from radraft.cli.adapter_text import record_text
    from radraft.cli.context import opened
    from radraft.core.canonical import plain
    from radraft.store import adapters

    with opened() as context, context.store.read() as session:
        found = adapters.records(session, site=site or context.settings.site)
    text = "".join(record_text(record) for record in found) or "no decision yet\n"
    out.result({"records": plain(found)}, text)


@command(app, "promote")
def promote(adapter_id: Id, by: By, *, out: Output) -> None:
    """Have a shadow that passed the gate serve its site; no request is dropped."""
    from radraft.cli.adapter_text import row_json
    from radraft.cli.context import opened
    from radraft.pipeline import promotion

    with opened() as context:
        began = time.monotonic()
        adapter = promotion.promote(
            adapter_id,
            store=context.store,
            settings=context.settings,
            profile=context.profile,
            by=by,
        )
        seconds = round(time.monotonic() - began, 3)
    out.result(
        {**row_json(adapter), "seconds": seconds},
        f"{adapter.adapter_id} serves {adapter.site} ({seconds:.1f} s)",
    )


@command(app, "rollback")
def roll_back(by: By, reason: Reason, site: Site = None, *, out: Output) -> None:
    """Have serve what served before; after the first adapter, the base model."""
    from radraft.cli.context import opened
    from radraft.pipeline import promotion

    with opened() as context:
        where = site or context.settings.site
        began = time.monotonic()
        adapter = promotion.roll_back(
            where,
            store=context.store,
            settings=context.settings,
            profile=context.profile,
            by=by,
            reason=reason,
        )
        seconds = round(time.monotonic() - began, 3)
    now = adapter.adapter_id if adapter is not None else None
    out.result(
        {"site": where, "serving": now, "seconds": seconds},
        f"{now or 'The base model'} serves {where} again ({seconds:.1f} s)",
    )


@command(app, "canary")
def canary(
    adapter_id: Id,
    share: Annotated[float, typer.Argument(help="Share of the site's cases, 0 to 1.")],
    *,
    out: Output,
) -> None:
    """Have a shadow draft a share of its site's cases in sight."""
    from radraft.cli.adapter_text import row_json, row_text
    from radraft.cli.context import opened
    from radraft.pipeline import promotion

    with opened() as context:
        adapter = promotion.set_canary(adapter_id, share, store=context.store)
    out.result(row_json(adapter), row_text(row_json(adapter)))


@command(app, "discard")
def discard(adapter_id: Id, by: By, reason: Reason, *, out: Output) -> None:
    """Give up a candidate or a shadow."""
    from radraft.cli.adapter_text import row_json, row_text
    from radraft.cli.context import opened
    from radraft.pipeline import promotion

    with opened() as context:
        adapter = promotion.discard(adapter_id, store=context.store, by=by, reason=reason)
    out.result(row_json(adapter), row_text(row_json(adapter)))


@command(app, "reopen")
def reopen(adapter_id: Id, by: By, reason: Reason, *, out: Output) -> None:
    """Make a retired adapter a candidate again, such as one rolled back by mistake."""
    from radraft.cli.adapter_text import row_json, row_text
    from radraft.cli.context import opened
    from radraft.pipeline import promotion

    with opened() as context:
        adapter = promotion.reopen(adapter_id, store=context.store, by=by, reason=reason)
    out.result(row_json(adapter), row_text(row_json(adapter)))


@command(app, "gate")
def gate(adapter_id: Id, by: By, *, out: Output) -> None:
    """Hold a candidate against what serves; one that passes drafts as shadow.

    Exit 1 where it is stopped.
    """
    from radraft.cli.adapter_text import gate_text
    from radraft.cli.context import opened
    from radraft.core import canonical
    from radraft.finetune.gate.run import gate as decide
    from radraft.llm.launch import shares_cpu
    from radraft.llm.server import connect
    from radraft.pipeline.draft_batch import load_vision_model

    with (
        opened() as context,
        out.waiting("Starting vLLM") as move,
        connect(context.settings, context.profile, on_progress=move) as endpoint,
    ):
        vision = load_vision_model(context.profile, beside_llm=shares_cpu(context.settings))
        record = decide(
            adapter_id,
            store=context.store,
            settings=context.settings,
            profile=context.profile,
            endpoint=endpoint,
            vision=vision,
            by=by,
            on_progress=move,
        )
    out.result(canonical.plain(record), gate_text(record))
    if not record.passed:
        out.fail(1)


@command(app, "merge")
def merge(
    adapter_ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Two or more.")],
    weights: Annotated[
        str | None,
        typer.Option("--weights", help="One for each, as 0.7,0.3; the same where none."),
    ] = None,
    site: Site = None,
    by: Doer = None,
    *,
    out: Output,
) -> None:
    """Merge adapters into a candidate, which must pass the gate as any other."""
    from radraft.cli.adapter_text import candidate_json, candidate_text
    from radraft.cli.context import opened
    from radraft.finetune.adapt.merge import merge as merged

    given = _numbers(weights)
    known = given if given else [1 / max(1, len(adapter_ids))] * len(adapter_ids)
    with opened() as context, out.waiting("Merging adapters"):
        made = merged(
            adapter_ids,
            known,
            site=site or context.settings.site,
            store=context.store,
            settings=context.settings,
            profile=context.profile,
            by=by or getuser(),
        )
    out.result(candidate_json(made), candidate_text(made))


@command(app, "export")
def export_file(
    adapter_id: Id,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File to write.")],
    *,
    out: Output,
) -> None:
    """Write an adapter with its card into one signed file for another site."""
    from radraft.cli.context import opened
    from radraft.finetune.adapt import keys, travel

    with opened() as context:
        made = travel.export(adapter_id, file, store=context.store, settings=context.settings)
        key = keys.public(context.settings.data_dir)
    out.result({"file": str(made), "key": key}, f"{made}\nSigned with the key {key}")


@command(app, "import")
def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What another site exported.")],
    site: Site = None,
    by: Doer = None,
    *,
    out: Output,
) -> None:
    """Take in another site's adapter, as a candidate that must pass the gate here."""
    from radraft.cli.adapter_text import candidate_json, candidate_text
    from radraft.cli.context import opened
    from radraft.finetune.adapt import travel

    with opened() as context:
        made = travel.bring_in(
            file,
            site=site or context.settings.site,
            store=context.store,
            settings=context.settings,
            profile=context.profile,
            by=by or getuser(),
        )
    out.result(candidate_json(made), candidate_text(made))


@command(app, "key")
def key(*, out: Output) -> None:
    """Print the public key that this site signs its adapters with."""
    from radraft.core import settings as settings_module
    from radraft.finetune.adapt import keys

    settings = settings_module.load()
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    public = keys.public(settings.data_dir)
    out.result({"key": public}, public)


@command(app, "trust")
def trust(
    name: Annotated[str, typer.Argument(help="Whose key it is.")],
    public: Annotated[str, typer.Argument(metavar="KEY", help="As `radraft adapters key` there.")],
    *,
    out: Output,
) -> None:
    """Take in adapters that are signed with this key from now on."""
    from radraft.core import settings as settings_module
    from radraft.finetune.adapt import keys

    settings = settings_module.load()
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    keys.trust(settings.data_dir, name, public)
    out.result({"name": name, "key": public}, f"{name}: {public}")


def _numbers(text: str | None) -> list[float] | None:
    try:
        return None if text is None else [float(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter("numbers, separated by commas") from None

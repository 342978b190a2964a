"""The commands of `radraft worklist`."""

from __future__ import annotations

import typer

from radraft.cli.output import Output, command

app = typer.Typer(help="The worklist as it is kept.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """The worklist as it is kept."""


@command(app, "rebuild")
def rebuild(*, out: Output) -> None:
    """List every study anew, and make the triggers that keep the list where they are missing.

    May be broken off, and run while radraft serves: what is listed stays listed.
    """
    from radraft.cli.context import filling_shown
    from radraft.core import settings as settings_module
    from radraft.core.logs import write_log
    from radraft.store import worklist_filling
    from radraft.store.database import open_store

    settings = settings_module.load()
    store = open_store(settings, accept_worklist=True)
    try:
        write_log(settings)
        with store.begin() as session:
            made = worklist_filling.begin_anew(session)
        studies = changed = 0
        with filling_shown(settings) as show:
            for filling in worklist_filling.fill(store):
                show(filling)
                studies, changed = filling.studies, filling.changed
    finally:
        store.close()
    told = f"{studies} studies listed, {changed} of them were not listed, or otherwise"
    triggers = f"\ntriggers made: {', '.join(made)}" if made else ""
    out.result({"studies": studies, "changed": changed, "triggers": made}, told + triggers)

"""The commands of `radraft replicas`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from radraft.cli.output import Output, command

if TYPE_CHECKING:
    from radraft.core.settings import Settings
    from radraft.llm.replicas.router import ReplicaStatus

app = typer.Typer(
    help="Several vLLMs at RADRAFT_LLM_URL: how each is, and taking one out.",
    no_args_is_help=True,
)
Number = Annotated[
    int, typer.Argument(metavar="NUMBER", help="Its place in RADRAFT_LLM_URL, from 1.")
]


@command(app, "list")
def listing(*, out: Output) -> None:
    """Ask each vLLM how it is and which adapters it has. Exit 1 where none can be asked."""
    from radraft.cli.context import opened
    from radraft.llm.replicas.router import ReplicaState
    from radraft.llm.replicas.survey import survey
    from radraft.pipeline.adapter_router import Router

    with opened() as context:
        router = Router(context.store, context.settings.adapters_dir)
        serving = frozenset(router.serving(context.profile))
        found = survey(context.settings, context.profile, serving)
    rows = [row_json(each) for each in found]
    out.result({"replicas": rows}, "".join(map(row_text, rows)) or "RADRAFT_LLM_URL names none\n")
    able = {ReplicaState.READY, ReplicaState.WITHOUT_ADAPTER}
    if not any(each.state in able for each in found):
        out.fail(1)


@command(app, "drain")
def drain(number: Number, *, out: Output) -> None:
    """Ask a vLLM for nothing new; drafts that it is writing are finished."""
    _change(number, out, drained=True)


@command(app, "resume")
def resume(number: Number, *, out: Output) -> None:
    """Put a vLLM back: it is given the adapters that serve, and then asked again."""
    _change(number, out, drained=False)


def row_json(found: ReplicaStatus) -> dict[str, Any]:
    """Return what is printed of one vLLM: never its address, which may hold a password."""
    problem = found.problem
    return {
        "number": found.number,
        "state": found.state.value,
        "code": problem.code if problem is not None else None,
        "message_zh": problem.message_zh if problem is not None else None,
        "message_en": problem.message_en if problem is not None else None,
        "adapters": sorted(found.adapters),
        "lacks": sorted(found.lacks),
    }


def row_text(row: dict[str, Any]) -> str:
    """Return the line, and the sentences where something is wrong."""
    text = f"{row['number']:>3}  {row['state']:<16} {', '.join(row['adapters']) or '-'}\n"
    if row["code"]:
        text += f"     {row['message_zh']}\n     {row['message_en']}\n"
    return text


def _change(number: int, out: Output, *, drained: bool) -> None:
    from radraft.core import settings as settings_module
    from radraft.llm.replicas.drained import DrainedFile

    settings = settings_module.load()
    DrainedFile(settings.data_dir).change(_url(settings, number), drained=drained)
    out.result(
        {"number": number, "drained": drained},
        f"vLLM {number} is {'taken out' if drained else 'asked again'}\n",
    )


def _url(settings: Settings, number: int) -> str:
    """DraftingError `replica_unknown`."""
    from radraft.core.errors import DraftingError

    urls = settings.llm_urls
    if not 1 <= number <= len(urls):
        raise DraftingError("replica_unknown", number=number, total=len(urls))
    return urls[number - 1]

"""`radraft backfill`: work on many old studies, behind what readers wait for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from radraft.cli.output import Output, command

if TYPE_CHECKING:
    from radraft.cli.context import Context
    from radraft.cli.shutdown import Shutdown
    from radraft.core.errors import RadraftError
    from radraft.pipeline.backfill import Backfiller
    from radraft.pipeline.backfill_progress import Progress
    from radraft.store.backfills import Doing, Selection, Work

app = typer.Typer(
    help="Draft, embed, read findings of or measure the quality of many old studies "
    "(docs/backfill.md).",
    no_args_is_help=True,
)
Sites = Annotated[str, typer.Option("--sites", help="Names of sites, commas between; else all.")]
Since = Annotated[str, typer.Option("--since", help="First day on which taken, YYYY-MM-DD.")]
Until = Annotated[str, typer.Option("--until", help="Last day on which taken, YYYY-MM-DD.")]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="FIELD=VALUE",
        help="modality, body_part, view, sex, age_band or state; values with commas between. "
        "Repeatable: all must hold.",
    ),
]
Rate = Annotated[
    float, typer.Option("--rate", min=0.01, help="Studies a minute, all processes together.")
]
AtOnce = Annotated[int, typer.Option("--at-once", min=1, max=512, help="In work here at a time.")]
Tries = Annotated[int, typer.Option("--tries", min=1, max=20, help="Before a failure stands.")]
Ray = Annotated[
    str,
    typer.Option(
        "--ray", metavar="ADDRESS", help="Work on every node of this Ray cluster (`auto`)."
    ),
]
Number = Annotated[int, typer.Argument(help="As `radraft backfill status` lists it.")]
AskOnly = Annotated[
    bool, typer.Option("--ask-only", help="Write it down; `radraft backfill go` works on it.")
]
SAY_S = 10.0
"""Seconds between two lines of progress."""
PER_MINUTE = {"draft": 30.0, "embed": 120.0, "findings": 120.0, "quality": 60.0}
WAITS = {
    "paused": "paused",
    "readers": "waits: studies wait for a reader's draft, and those come first",
    "rate": "waits for its rate",
    "llm": "waits: vLLM does not answer",
    "database": "waits: the database fails",
    "others": "waits for what others have in work, or for another try",
}


@command(app, "draft")
def draft(
    sites: Sites = "",
    since: Since = "",
    until: Until = "",
    where: Where = None,
    rate: Rate = PER_MINUTE["draft"],
    at_once: AtOnce = 4,
    tries: Tries = 3,
    ray: Ray = "",
    ask_only: AskOnly = False,
    *,
    out: Output,
) -> None:
    """Draft past studies that have no report; no report is opened and no worklist changes. Goes on
    where it was; exit 3 where some failed."""
    _asked(
        "draft", _selection(sites, since, until, where), rate, tries, at_once, ray, ask_only, out
    )


@command(app, "embed")
def embed(
    sites: Sites = "",
    since: Since = "",
    until: Until = "",
    where: Where = None,
    rate: Rate = PER_MINUTE["embed"],
    at_once: AtOnce = 1,
    tries: Tries = 3,
    ray: Ray = "",
    ask_only: AskOnly = False,
    *,
    out: Output,
) -> None:
    """Embed key images with the profile's encoder, or the shipped one."""
    _asked(
        "embed", _selection(sites, since, until, where), rate, tries, at_once, ray, ask_only, out
    )


@command(app, "findings")
def findings(
    sites: Sites = "",
    since: Since = "",
    until: Until = "",
    where: Where = None,
    rate: Rate = PER_MINUTE["findings"],
    at_once: AtOnce = 1,
    tries: Tries = 3,
    ray: Ray = "",
    ask_only: AskOnly = False,
    *,
    out: Output,
) -> None:
    """Embed key images and keep what the encoder's finding heads make of them."""
    _asked(
        "findings", _selection(sites, since, until, where), rate, tries, at_once, ray, ask_only, out
    )


@command(app, "quality")
def quality(
    sites: Sites = "",
    since: Since = "",
    until: Until = "",
    where: Where = None,
    rate: Rate = PER_MINUTE["quality"],
    at_once: AtOnce = 1,
    tries: Tries = 3,
    ray: Ray = "",
    ask_only: AskOnly = False,
    *,
    out: Output,
) -> None:
    """Judge the image quality of studies anew, from the files that they came as."""
    _asked(
        "quality", _selection(sites, since, until, where), rate, tries, at_once, ray, ask_only, out
    )


@command(app, "go")
def go(number: Number, at_once: AtOnce = 4, ray: Ray = "", *, out: Output) -> None:
    """Work on a backfill, beside any number of other processes, until it has ended."""
    from radraft.cli.context import opened
    from radraft.cli.shutdown import Shutdown

    with Shutdown() as shutdown, opened() as context:
        _go(context, shutdown, number, at_once, ray, out)


@command(app, "status")
def status(
    number: Annotated[int | None, typer.Argument(help="Of one; else of all, newest first.")] = None,
    *,
    out: Output,
) -> None:
    """Say how far backfills are, what they wait for and when they will have ended."""
    from radraft.cli.context import opened
    from radraft.pipeline import backfill_progress
    from radraft.store import backfills

    with opened() as context:
        with context.store.read() as session:
            numbers = [each.number for each in backfills.known(session)]
        wanted = numbers if number is None else [number]
        found = [backfill_progress.of(context.store, each) for each in wanted]
    text = "\n".join(map(_text, found)) or "No backfill was asked for."
    out.result({"backfills": list(map(_plain, found))}, text)


@command(app, "failures")
def failures(number: Number, *, out: Output) -> None:
    """List the studies that failed, were left out, or wait after a failure, each with its code."""
    from radraft.cli.context import opened
    from radraft.core.errors import stored_message
    from radraft.store import backfills

    with opened() as context, context.store.read() as session:
        backfills.get(session, number)
        found: list[dict[str, Any]] = []
        while page := backfills.failures(
            session, number, after=found[-1]["case_id"] if found else ""
        ):
            for case_id, state, code, tries in page:
                zh, en = stored_message(code, {})
                found.append(
                    {"case_id": case_id, "state": state.value, "code": code, "tries": tries,
                     "message_zh": zh, "message_en": en}
                )  # fmt: skip
    lines = [
        f"{each['case_id']}  {each['state']}  {each['code']}  {each['message_en']}"
        for each in found
    ]
    out.result({"number": number, "studies": found}, "\n".join(lines))


@command(app, "pause")
def pause(number: Number, *, out: Output) -> None:
    """Take no more studies; what is in work is done."""
    _change(number, "paused", out)


@command(app, "resume")
def resume(number: Number, *, out: Output) -> None:
    """Go on after a pause."""
    _change(number, "running", out)


@command(app, "cancel")
def cancel(number: Number, *, out: Output) -> None:
    """End a backfill for good; what was done stays."""
    _change(number, "cancelled", out)


@command(app, "rate")
def set_rate(
    number: Number,
    rate: Annotated[float, typer.Argument(min=0.01, help="Studies a minute, all together.")],
    *,
    out: Output,
) -> None:
    """Change how many studies a minute may be taken, while it works."""
    from radraft.cli.context import opened
    from radraft.store import backfills

    with opened() as context:
        with context.store.begin() as session:
            backfills.set_rate(session, number, rate)
        _told(context, number, out)


@command(app, "retry")
def retry(number: Number, *, out: Output) -> None:
    """Let what failed wait again, with all its tries; `radraft backfill go` works on it."""
    from radraft.cli.context import opened
    from radraft.store import backfills

    with opened() as context:
        with context.store.begin() as session:
            again = backfills.retry_failed(session, number)
        out.result({"number": number, "studies": again}, f"{again} studies wait again.")


def _selection(sites: str, since: str, until: str, where: list[str] | None) -> Selection:
    from radraft.store.backfills import Selection

    return Selection(
        sites=_names(sites),
        since=_day(since),
        until=_day(until),
        where=tuple(sorted(map(_condition, where or ()))),
    )


def _condition(text: str) -> tuple[str, tuple[str, ...]]:
    from radraft.core.errors import BackfillError
    from radraft.store.backfills import FIELDS

    name, _, values = text.partition("=")
    if name.strip() not in FIELDS or not _names(values):
        raise BackfillError("backfill_where_unknown", text=text, known=", ".join(FIELDS))
    return name.strip(), _names(values)


def _names(text: str) -> tuple[str, ...]:
    return tuple(sorted({part.strip() for part in text.split(",")} - {""}))


def _day(text: str) -> date | None:
    from radraft.core.errors import BackfillError

    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise BackfillError("backfill_date_invalid", text=text) from None


def _asked(
    name: str,
    selection: Selection,
    rate: float,
    tries: int,
    at_once: int,
    ray: str,
    ask_only: bool,
    out: Output,
) -> None:
    from radraft.cli.context import opened
    from radraft.cli.shutdown import Shutdown
    from radraft.store import backfills
    from radraft.store.backfills import Work

    with Shutdown() as shutdown, opened() as context:
        with context.store.begin() as session:
            number, new = backfills.ask(
                session, Work(name), selection, rate_per_minute=rate, most_tries=tries
            )
        out.say(f"Backfill {number}" + ("" if new else " goes on where it was"))
        if ask_only:
            _told(context, number, out)
        else:
            _go(context, shutdown, number, at_once, ray, out)


def _go(
    context: Context, shutdown: Shutdown, number: int, at_once: int, ray: str, out: Output
) -> None:
    from radraft.pipeline import backfill_progress
    from radraft.store import backfills

    with context.store.read() as session:
        work = backfills.get(session, number).work
    if ray:
        from radraft.pipeline import backfill_ray

        backfill_ray.go(
            context.settings,
            number,
            at_once,
            address=ray,
            on_progress=lambda: _say(context, number, out),
        )
    else:
        with _backfiller(context, number, work, at_once) as (thread, failed):
            _until_ended(thread, shutdown, lambda: _say(context, number, out))
        if failed:
            raise failed[0]
    found = backfill_progress.of(context.store, number)
    out.result(_plain(found), _text(found))
    if found.count.states[backfills.ItemState.FAILED]:
        out.fail(3)


@contextmanager
def _backfiller(
    context: Context, number: int, work: Work, at_once: int
) -> Iterator[tuple[threading.Thread, list[RadraftError]]]:
    """Yield the thread that works, and what it ended by; it is stopped at the end."""
    from radraft.core.errors import RadraftError
    from radraft.pipeline.backfill_here import worker

    failed: list[RadraftError] = []
    with worker(context.store, context.settings, context.profile, number, work, at_once) as found:

        def run(backfiller: Backfiller) -> None:
            try:
                backfiller.run()
            except RadraftError as error:
                failed.append(error)

        thread = threading.Thread(target=run, args=(found,), name="radraft-backfill", daemon=True)
        thread.start()
        try:
            yield thread, failed
        finally:
            found.stop()
            thread.join()


def _until_ended(thread: threading.Thread, shutdown: Shutdown, say: Any) -> None:
    waited = 0.0
    while thread.is_alive():
        shutdown.wait(0.2)
        waited += 0.2
        if waited >= SAY_S:
            waited = 0.0
            say()


def _say(context: Context, number: int, out: Output) -> None:
    from radraft.core.errors import StorageError
    from radraft.pipeline import backfill_progress

    try:
        out.say(_text(backfill_progress.of(context.store, number)))
    except StorageError as error:
        out.say(f"backfill {number}: {error.code}")


def _change(number: int, state: str, out: Output) -> None:
    from radraft.cli.context import opened
    from radraft.store import backfills
    from radraft.store.backfills import BackfillState

    with opened() as context:
        with context.store.begin() as session:
            backfills.change(session, number, BackfillState(state))
        _told(context, number, out)


def _told(context: Context, number: int, out: Output) -> None:
    from radraft.pipeline import backfill_progress

    found = backfill_progress.of(context.store, number)
    out.result(_plain(found), _text(found))


def _text(found: Progress) -> str:
    backfill, count = found.backfill, found.count
    states = ", ".join(f"{state.value} {many}" for state, many in count.states.items() if many)
    rate = "unknown" if found.per_minute is None else f"{found.per_minute:.1f} a minute"
    ends = "unknown" if found.ends_at is None else f"{found.ends_at:%Y-%m-%d %H:%M} UTC"
    listed = "" if backfill.listed else " (still being listed)"
    lines = [
        f"{backfill.number}  {backfill.work.value}  {backfill.state.value}  "
        f"{count.total} studies{listed}: {states or 'none'}"
    ]
    if backfill.state.value in {"running", "paused"}:
        lines.append(f"   speed {rate}, at most {backfill.rate_per_minute:g}; ends {ends}")
        lines += [f"   {line}" for line in _workers(found)]
    lines += [
        f"   {state.value}, {code}: {many}" for (state, code), many in sorted(count.codes.items())
    ]
    return "\n".join(lines)


def _workers(found: Progress) -> list[str]:
    if not found.workers:
        return [f"nobody works on it: radraft backfill go {found.backfill.number}"]
    doing: dict[Doing, int] = {}
    for worker in found.workers:
        doing[worker.doing] = doing.get(worker.doing, 0) + 1
    return [f"{many} process(es): {WAITS.get(what.value, 'works')}" for what, many in doing.items()]


def _plain(found: Progress) -> dict[str, Any]:
    backfill, count = found.backfill, found.count
    return {
        "number": backfill.number,
        "work": backfill.work.value,
        "state": backfill.state.value,
        "selection": backfill.selection,
        "rate_per_minute": backfill.rate_per_minute,
        "listed": backfill.listed,
        "studies": count.total,
        "states": {state.value: many for state, many in count.states.items()},
        "reasons": [
            {"state": state.value, "code": code, "studies": many}
            for (state, code), many in sorted(count.codes.items())
        ],
        "per_minute": found.per_minute,
        "ends_at": found.ends_at,
        "workers": [{"host": worker.host, "doing": worker.doing.value} for worker in found.workers],
    }

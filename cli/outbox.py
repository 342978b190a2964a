"""`radraft outbox`: what is sent to other systems, and what could not be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from radraft.cli.output import Output, command
from radraft.core.errors import ReportError, SettingsError

if TYPE_CHECKING:
    from datetime import datetime

    from radraft.cli.context import Context
    from radraft.exchange.targets import Target
    from radraft.pipeline.outbox import Outbox, TargetStanding
    from radraft.reports.outgoing_entry import EntryState, ListedEntry

app = typer.Typer(help="Signed reports on their way to other systems.", no_args_is_help=True)

EntryId = Annotated[int, typer.Argument(help="As `radraft outbox list` prints it.")]


@command(app, "list")
def list_entries(
    out: Output,
    target: Annotated[str | None, typer.Option("--target", help="Of this receiver.")] = None,
    delivered: Annotated[bool, typer.Option("--all", help="Also what was delivered.")] = False,
) -> None:
    """List the receivers, and what waits for them or is dead, the newest first."""
    from radraft.cli.context import opened
    from radraft.reports.outgoing_entry import OPEN_STATES, EntryState

    unsettled = (*OPEN_STATES, EntryState.STORED, EntryState.DEAD)
    wanted = tuple(EntryState) if delivered else unsettled
    with opened() as context:
        box = _outbox(context)
        standings = [found for found in box.standings() if target in (None, found.name)]
        entries = box.entries(target=target, states=wanted, limit=1000)
    value = {"targets": list(map(_standing, standings)), "entries": list(map(plain, entries))}
    lines = [*map(_target_line, standings), *map(_line, entries)]
    out.result(value, "\n".join(lines))


@command(app, "retry")
def retry(
    out: Output,
    entry_id: Annotated[int | None, typer.Argument(help="Else all that is dead.")] = None,
    target: Annotated[str | None, typer.Option("--target", help="Of this receiver.")] = None,
) -> None:
    """Have an entry sent at once, or all that is dead."""
    from radraft.cli.context import opened
    from radraft.reports.outgoing_entry import EntryState

    with opened() as context:
        box = _outbox(context)
        named = entry_id is not None
        wanted = [entry_id] if entry_id is not None else _every(box, target, EntryState.DEAD)
        done, left = _resent(box, wanted, quiet=not named)
    value = {"resent": done, "overtaken": left}
    out.result(value, f"{len(done)} resent, {len(left)} overtaken by a later version")


@command(app, "release")
def release(
    out: Output,
    target: Annotated[str | None, typer.Option("--target", help="Of this receiver.")] = None,
) -> None:
    """Have sent what a restore held back. First drop what its receivers have already."""
    from radraft.cli.context import opened
    from radraft.reports.outgoing_entry import EntryState

    with opened() as context:
        box = _outbox(context)
        done, left = _resent(box, _every(box, target, EntryState.HELD), quiet=True)
    value = {"released": done, "overtaken": left}
    out.result(value, f"{len(done)} released, {len(left)} overtaken by a later version")


@command(app, "drop")
def drop(
    entry_id: EntryId,
    reason: Annotated[str, typer.Option("--reason", help="Why: one line, no patient.")],
    out: Output,
) -> None:
    """Take an entry out of its queue for good. Who and why stands in the audit."""
    from radraft.cli.context import opened
    from radraft.pipeline.audit_trail import command_line

    with opened() as context:
        entry = _outbox(context).drop(entry_id, reason, by=command_line())
    out.result({"entry": plain(entry)}, _line(entry))


@command(app, "enqueue")
def enqueue(
    target: Annotated[str, typer.Argument(help="A receiver of the targets file.")],
    since: Annotated[str, typer.Option("--since", help="First day, YYYY-MM-DD.")],
    out: Output,
) -> None:
    """Queue for a receiver what was signed before it was named, once each."""
    from radraft.cli.context import opened
    from radraft.pipeline.audit_trail import command_line

    first = _day(since)
    with opened() as context:
        queued = _outbox(context).queue_since(target, first, by=command_line())
    value = {"target": target, "queued": queued.new, "signature_broken": list(queued.broken)}
    lines = [f"{target}: {queued.new} queued"]
    lines += (f"  left out, its signature does not hold: {case_id}" for case_id in queued.broken)
    out.result(value, "\n".join(lines))


@command(app, "check")
def check(out: Output) -> None:
    """Read the targets file (RADRAFT_TARGETS) and say what it names; nothing is sent."""
    from radraft.core import settings as settings_module
    from radraft.exchange.targets import load_targets

    settings = settings_module.load()
    if settings.targets is None:
        raise SettingsError("targets_unset")
    targets = load_targets(settings.targets)
    rows: list[dict[str, Any]] = [
        {
            "name": target.name,
            "kind": target.kind.value,
            "sites": sorted(target.sites),
            "forms": [form.value for form in target.forms],
            "when": sorted(occasion.value for occasion in target.occasions),
            "commitment_aet": target.commitment.called_aet if target.commitment else None,
        }
        for target in targets
    ]
    lines = (
        f"{row['name']}  {row['kind']}  {' '.join(row['forms'])}  {' '.join(row['when'])}  "
        f"at {' '.join(row['sites'])}{_asked_of(target)}"
        for row, target in zip(rows, targets, strict=True)
    )
    out.result({"targets": rows}, "\n".join(lines))


def _asked_of(target: Target) -> str:
    """How storage commitment is asked for, and where its report must come to."""
    terms = target.commitment
    if terms is None:
        return ""
    return (
        f"  commitment of {terms.called_aet} at {terms.host.host}:{terms.host.port}, "
        f"which must report to {target.calling_aet}"
    )


def plain(entry: ListedEntry) -> dict[str, Any]:
    """Return an entry as JSON takes it, with the sentences of its last failure."""
    from radraft.core.errors import stored_message

    zh, en = stored_message(entry.code, entry.details) if entry.code else ("", "")
    return {
        "entry": entry.entry_id,
        "target": entry.target,
        "case_id": entry.case_id,
        "version": entry.version,
        "status": entry.status,
        "form": entry.form,
        "state": entry.state.value,
        "queued_at": entry.queued_at,
        "due_at": entry.due_at,
        "ended_at": entry.ended_at,
        "tries": entry.tries,
        "code": entry.code,
        "message_zh": zh,
        "message_en": en,
    }


def _outbox(context: Context) -> Outbox:
    from radraft.exchange.targets import load_targets
    from radraft.pipeline.outbox import Outbox

    return Outbox(context.store, load_targets(context.settings.targets))


def _every(box: Outbox, target: str | None, state: EntryState) -> list[int]:
    """Return the numbers of what is in a state, the oldest first."""
    found = box.entries(target=target, states=(state,), limit=100_000)
    return [entry.entry_id for entry in reversed(found)]


def _resent(box: Outbox, wanted: list[int], *, quiet: bool) -> tuple[list[int], list[int]]:
    """Have entries tried at once; return those and, where `quiet`, those that a later version has
    overtaken. ReportError as `Outbox.resend`."""
    from radraft.pipeline.audit_trail import command_line

    done, left = [], []
    for entry_id in wanted:
        try:
            done.append(box.resend(entry_id, by=command_line()).entry_id)
        except ReportError as error:
            if not quiet or error.code != "outbox_overtaken":
                raise
            left.append(entry_id)
    return done, left


def _standing(found: TargetStanding) -> dict[str, Any]:
    return {
        "name": found.name,
        "orphaned": found.target is None,
        "waiting": found.figures.waiting,
        "stored": found.figures.stored,
        "commitment_offered": found.commits,
        "dead": found.figures.dead,
        "oldest_at": found.figures.oldest_at,
        "delivered_at": found.figures.delivered_at,
    }


def _target_line(found: TargetStanding) -> str:
    figures = found.figures
    orphaned = "  NOT IN THE TARGETS FILE" if found.target is None else ""
    oldest = f", oldest {figures.oldest_at:%Y-%m-%d %H:%M}Z" if figures.oldest_at else ""
    last = (
        f"  last delivered {figures.delivered_at:%Y-%m-%d %H:%M}Z" if figures.delivered_at else ""
    )
    stored = f"  stored, not committed {figures.stored}" if figures.stored else ""
    offers = "" if found.commits else "  OFFERS NO STORAGE COMMITMENT"
    return (
        f"{found.name}{orphaned}{offers}  waiting {figures.waiting}{oldest}{stored}  "
        f"dead {figures.dead}{last}"
    )


def _line(entry: ListedEntry) -> str:
    row = plain(entry)
    failed = f"  {row['code']} after {row['tries']}: {row['message_en']}" if row["code"] else ""
    return (
        f"  {row['entry']}  {row['target']}  {row['case_id']} v{row['version']} {row['status']} "
        f"{row['form']}  {row['state']}{failed}"
    )


def _day(text: str) -> datetime:
    """The beginning of a day by this machine's clock. ReportError `outbox_since_invalid`."""
    from datetime import date, datetime, time

    try:
        return datetime.combine(date.fromisoformat(text), time.min).astimezone()
    except ValueError:
        raise ReportError("outbox_since_invalid") from None

"""`radraft audit`: whether it holds, and a copy of it for other systems."""

from __future__ import annotations

import json as json_module
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from radraft.cli.output import Output, command
from radraft.core.canonical import plain
from radraft.core.errors import SettingsError, message

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.cli.context import Context
    from radraft.reports.audit import AuditKind
    from radraft.store.audit_check import AuditExamined, AuditFinding
    from radraft.store.database import Store

app = typer.Typer(help="What was done, by whom and when.", no_args_is_help=True)

MOST_LISTED = 1000
"""Findings that are printed one by one; all are counted."""
AT_ONCE = 1000


class Format(StrEnum):
    """How an event is written, one a line."""

    JSON = "json"
    DICOM = "dicom"
    """The XML of PS3.15, A.5."""


@command(app, "verify")
def verify(
    out: Output,
    exported: Annotated[
        list[Path] | None,
        typer.Option("--export", help="Hold an export from before against it. Repeat."),
    ] = None,
) -> None:
    """Say what does not hold: rows changed, missing, put in, cut off, signatures without events.

    Exit status 1 where anything does not.
    """
    from radraft.cli.context import opened
    from radraft.store import audit_check

    counts: Counter[str] = Counter()
    listed: list[AuditFinding] = []
    events, head = 0, ""
    with opened() as context, context.store.read() as session:
        for examined in chain(audit_check.examine(session), _compared(session, exported or [])):
            events += examined.events
            head = examined.head or head
            counts.update(finding.fault.value for finding in examined.findings)
            listed += examined.findings[: MOST_LISTED - len(listed)]
    value = {
        "ok": not counts,
        "events": events,
        "head": head,
        "counts": dict(sorted(counts.items())),
        "findings": [plain(finding) for finding in listed],
    }
    out.result(value, _text(counts, listed, events, head))
    if counts:
        out.fail(1)


@command(app, "reseal")
def reseal(
    out: Output,
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the audit.")],
) -> None:
    """Go on behind the newest event that is there, after its end was changed past radraft.

    Until then nothing is signed and nobody is let in. Keep a copy of the database first, and run
    verify: what was changed or cut off stays so, and an event says that you went on.
    """
    from radraft.cli.context import opened
    from radraft.pipeline.audit_trail import command_line
    from radraft.reports.audit import MOST_DETAIL, AuditEvent, AuditKind
    from radraft.store import audit

    if not reason.strip() or len(reason) > MOST_DETAIL or not reason.isprintable():
        raise SettingsError("audit_reason_invalid", most=MOST_DETAIL)
    with opened() as context, context.store.begin() as session:
        event = AuditEvent(
            AuditKind.RESEALED, datetime.now(UTC), command_line(), details={"reason": reason}
        )
        sequence = audit.reseal(session, event)
    out.result({"event": sequence}, f"The audit goes on with event {sequence}.")


@command(app, "export")
def export(
    out: Output,
    written_as: Annotated[Format, typer.Option("--format", help="json or dicom.")] = Format.JSON,
    behind: Annotated[int, typer.Option("--after", min=0, help="Only newer than number.")] = 0,
    to: Annotated[Path | None, typer.Option("--out", help="File; else standard output.")] = None,
) -> None:
    """Write the events, oldest first, one a line. A copy elsewhere shows later what was cut off."""
    from radraft.cli.context import opened
    from radraft.reports.audit import AuditKind

    with opened() as context:
        _note(context.store, AuditKind.EXPORT)
        count = _written(context, behind, written_as, to)
    if to:
        out.result({"events": count, "file": str(to)}, f"{count} events in {to}")


def _written(context: Context, behind: int, written_as: Format, to: Path | None) -> int:
    count = 0
    with context.store.read() as session:
        lines = _lines(session, behind, written_as, context.settings.site)
        try:
            with to.open("x", encoding="utf-8") if to else nullcontext(sys.stdout) as stream:
                for line in lines:
                    stream.write(f"{line}\n")
                    count += 1
        except OSError:
            raise SettingsError("audit_export_not_written", path=str(to or "-")) from None
    return count


def _note(store: Store, kind: AuditKind) -> None:
    """Write down that somebody reads the audit from the command line; not where its end is broken,
    which he may be about to find out."""
    from radraft.core.errors import StorageError
    from radraft.pipeline.audit_trail import command_line
    from radraft.reports.audit import AuditEvent
    from radraft.store import audit

    with suppress(StorageError), store.begin() as session:
        audit.append(session, AuditEvent(kind, datetime.now(UTC), command_line()))


def _compared(session: Session, exported: list[Path]) -> Iterator[AuditExamined]:
    from radraft.store import audit_check

    for path in exported:
        try:
            with path.open(encoding="utf-8") as lines:
                yield from audit_check.compare(session, _heads(lines))
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
            raise SettingsError("audit_export_unreadable", path=str(path)) from None


def _heads(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    any_line = False
    for line in lines:
        any_line = True
        event = json_module.loads(line)
        yield int(event["sequence"]), str(event["head"])
    if not any_line:
        raise ValueError("an export has a line")


def _lines(session: Session, behind: int, written_as: Format, site: str) -> Iterator[str]:
    from radraft.exchange import audit_message
    from radraft.store import audit

    while entries := audit.after(session, behind, AT_ONCE):
        for entry in entries:
            if written_as is Format.DICOM:
                yield audit_message.message(entry.event, entry.sequence, entry.head, site)
            else:
                yield json_module.dumps(entry.plain(), ensure_ascii=False)
        behind = entries[-1].sequence


def _text(counts: Counter[str], listed: list[AuditFinding], events: int, head: str) -> str:
    lines = []
    for fault, count in sorted(counts.items()):
        zh, en = message(f"fault_{fault}", {})
        lines += [f"! {fault}: {count}", f"  {zh}", f"  {en}"]
        lines += [f"  - {_place(found)}" for found in listed if found.fault.value == fault]
    if not counts:
        lines += message("audit_all_holds", {"count": events})
    return "\n".join([*lines, f"{events} events, head {head[:16]}"])


def _place(found: AuditFinding) -> str:
    said = {"event": found.sequence, "case": found.case_id, "version": found.version}
    return "  ".join(f"{name} {value}" for name, value in said.items() if value is not None)

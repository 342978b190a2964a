"""`radraft verify`."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radraft.cli.output import Output
from radraft.core import settings as settings_module
from radraft.core.errors import StorageError, message
from radraft.core.logs import write_log

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.orm import Session

    from radraft.core.settings import Settings
    from radraft.store.database import Store
    from radraft.store.signature_check import Examined, Extent, Finding

MOST_LISTED = 1000
"""Findings that are printed one by one; all are counted."""


@dataclass
class _Tally:
    """What was found so far."""

    links: int = 0
    signatures: int = 0
    heads: int = 0
    clock_back: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    listed: list[dict[str, Any]] = field(default_factory=list)

    def add(self, examined: Examined) -> None:
        """Count what was examined."""
        self.links += examined.links
        self.heads += examined.heads
        self.signatures += examined.signatures
        self.clock_back += examined.clock_back
        for finding in examined.findings:
            self.counts[finding.fault.value] += 1
            if len(self.listed) < MOST_LISTED:
                self.listed.append(_plain(finding))


def verify(logs: Sequence[Path], out: Output, *, reinstate: bool) -> None:
    """Print what does not hold; exit 1 where something does not."""
    from radraft.cli.context import filling_shown
    from radraft.store import triggers
    from radraft.store.database import open_store
    from radraft.store.signature_check import extent
    from radraft.store.signature_log import unsent

    settings = settings_module.load()
    with filling_shown(settings) as show:
        store = open_store(
            settings, accept_missing_triggers=True, accept_worklist=True, on_filling=show
        )
    tally = _Tally()
    try:
        write_log(settings)
        reinstated: tuple[str, ...] = ()
        if reinstate:
            with store.begin() as session:
                reinstated = triggers.reinstate(session.connection())
            if reinstated:
                _note(store, len(reinstated))
        started = time.perf_counter()
        with store.read() as session, out.progress() as progress:
            whole = extent(session)
            task = progress.add_task("radraft verify", total=whole.links)
            for examined in _examined(session, settings, logs):
                tally.add(examined)
                progress.update(task, completed=min(tally.links, whole.links))
            left = unsent(session) if settings.signature_log else None
        seconds = time.perf_counter() - started
    finally:
        store.close()
    result = _Result(whole, tally, left, reinstated, seconds)
    out.result(_value(result), _text(result))
    if tally.counts:
        out.fail(1)


def _note(store: Store, reinstated: int) -> None:
    """Write down that what protects the record was put back; not where the audit's own end is
    broken: putting it back must not wait for that."""
    from radraft.pipeline.audit_trail import command_line
    from radraft.reports.audit import AuditEvent, AuditKind
    from radraft.store import audit

    event = AuditEvent(
        AuditKind.CONFIGURATION,
        datetime.now(UTC),
        command_line(),
        details={"reinstated_triggers": str(reinstated)},
    )
    with suppress(StorageError), store.begin() as session:
        audit.append(session, event)


def _examined(session: Session, settings: Settings, logs: Sequence[Path]) -> Iterator[Examined]:
    from radraft.store import triggers
    from radraft.store.signature_chain import Fault
    from radraft.store.signature_check import Examined, Finding, examine

    for name in triggers.missing(session.connection()):
        yield Examined(findings=(Finding(Fault.TRIGGER, name=name),))
    yield from examine(session)
    yield from _compared(session, settings, logs)


def _compared(session: Session, settings: Settings, logs: Sequence[Path]) -> Iterator[Examined]:
    from radraft.store.signature_chain import Fault, key_of
    from radraft.store.signature_check import Examined, Finding, compare, extent
    from radraft.store.signature_log import LogFile, destination, sent_heads

    wanted = list(logs)
    own = destination(settings.signature_log)
    # A log that nothing was sent to yet need not be there.
    if isinstance(own, LogFile) and (own.path.exists() or extent(session).sent):
        wanted.append(own.path)
    for path in wanted:
        try:
            yield from compare(session, sent_heads(path, key_of(session)), str(path))
        except OSError:
            yield Examined(findings=(Finding(Fault.LOG, name=str(path)),))


@dataclass(frozen=True)
class _Result:
    extent: Extent
    tally: _Tally
    unsent: int | None
    reinstated: tuple[str, ...]
    seconds: float


def _value(result: _Result) -> dict[str, Any]:
    extent, tally = result.extent, result.tally
    return {
        "ok": not tally.counts,
        "signatures": extent.signatures,
        "inherited": extent.inherited,
        "sealed_at": extent.sealed_at,
        "sequence": extent.sequence,
        "head": extent.head,
        "heads_compared": tally.heads,
        "heads_not_sent": result.unsent,
        "clock_back": tally.clock_back,
        "reinstated_triggers": result.reinstated,
        "counts": dict(sorted(tally.counts.items())),
        "findings": tally.listed,
        "findings_not_listed": tally.counts.total() - len(tally.listed),
        "seconds": round(result.seconds, 2),
        "signatures_per_s": _rate(result),
    }


def _text(result: _Result) -> str:
    extent, tally = result.extent, result.tally
    lines = []
    for fault, count in sorted(tally.counts.items()):
        lines += [f"! {fault}: {count}", *_sentences(message(f"fault_{fault}", {}))]
        lines += [f"  - {_place(found)}" for found in tally.listed if found["fault"] == fault]
    for code, details in _notes(result):
        lines += _sentences(message(code, details))
    lines.append(
        f"{extent.signatures} signatures, chain {extent.sequence} {extent.head[:16]}, "
        f"{tally.heads} heads compared, {result.seconds:.1f} s, {_rate(result)} signatures/s"
    )
    return "\n".join(lines)


def _notes(result: _Result) -> Iterator[tuple[str, dict[str, str | int]]]:
    extent, tally = result.extent, result.tally
    if extent.sealed_at is not None:
        at = f"{extent.sealed_at:%Y-%m-%d %H:%M}"
        yield "verify_inherited", {"count": extent.inherited, "at": at}
    if result.unsent is None:
        yield "verify_no_log", {}
    elif result.unsent:
        yield "verify_unsent", {"count": result.unsent}
    if tally.clock_back:
        yield "verify_clock_back", {"count": tally.clock_back}
    if result.reinstated:
        yield "verify_reinstated", {"triggers": ", ".join(result.reinstated)}
    yield (
        ("verify_findings" if tally.counts else "verify_all_holds"),
        {"count": tally.counts.total()},
    )


def _sentences(told: tuple[str, str]) -> list[str]:
    return [f"  {told[0]}", f"  {told[1]}"]


def _place(finding: dict[str, Any]) -> str:
    names = ("case_id", "version", "sequence", "name")
    return "  ".join(f"{name} {finding[name]}" for name in names if finding[name] is not None)


def _plain(finding: Finding) -> dict[str, Any]:
    from radraft.core.canonical import plain

    return {**plain(finding), "message": message(f"fault_{finding.fault.value}", {})}


def _rate(result: _Result) -> int:
    return round(result.tally.signatures / max(result.seconds, 1e-6))

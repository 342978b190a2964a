"""What the commands of `radraft adapters` do."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from radraft.cli.context import opened
from radraft.cli.output import Output
from radraft.core.canonical import plain
from radraft.finetune.gate.text import sentence
from radraft.llm.adapter import Adapter, AdapterMove, AdapterState, GateRecord
from radraft.pipeline import promotion, shadow
from radraft.pipeline.shadow import Compared
from radraft.store import adapters


def listing(site: str | None, out: Output, *, everywhere: bool) -> None:
    """Print the adapters of a site, or of all."""
    with opened() as context:
        wanted = None if everywhere else site or context.settings.site
        with context.store.read() as session:
            found = adapters.adapters(session, wanted)
    rows = [_row(one) for one in found]
    text = "".join(_line(row) for row in rows)
    if not any(row["state"] == AdapterState.SERVING for row in rows):
        text += f"{'base model':18}  serving\n"
    out.result({"site": wanted, "adapters": rows}, text)


def show(adapter_id: str, out: Output) -> None:
    """Print all that is known of one adapter."""
    with opened() as context, context.store.read() as session:
        adapter = adapters.get(session, adapter_id)
        moves = adapters.moves(session, adapter_id=adapter_id)
        records = adapters.records(session, adapter_id=adapter_id)
        compared = shadow.compare(session, adapter)
    value = {
        **_row(adapter),
        "base": adapter.base,
        "files": dict(adapter.files),
        "data_sha": adapter.data_sha,
        "card": dict(adapter.card),
        "moves": moves,
        "gate": [_decision(one) for one in records],
        "compared": compared,
    }
    out.result(plain(value), _page(adapter, moves, records, compared))


def records(site: str | None, out: Output) -> None:
    """Print the gate's decisions at a site, oldest first, with what stopped the ones that failed
    and the cases to look at."""
    with opened() as context, context.store.read() as session:
        found = adapters.records(session, site=site or context.settings.site)
    text = "".join(_record(one) for one in found) or "no decision yet\n"
    out.result({"records": plain(found)}, text)


def promote(adapter_id: str, by: str, out: Output) -> None:
    """Promote, and say how long it took."""
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
        {**_row(adapter), "seconds": seconds},
        f"{adapter.adapter_id} serves {adapter.site} ({seconds:.1f} s)",
    )


def roll_back(site: str | None, by: str, reason: str, out: Output) -> None:
    """Roll back, and say how long it took."""
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


def canary(adapter_id: str, share: float, out: Output) -> None:
    """Set the share."""
    with opened() as context, context.store.begin() as session:
        adapter = adapters.set_canary(session, adapter_id, share)
    out.result(_row(adapter), _line(_row(adapter)))


def discard(adapter_id: str, by: str, reason: str, out: Output) -> None:
    """Give the adapter up."""
    promotion.confirmed(by, reason)
    with opened() as context, context.store.begin() as session:
        adapter = adapters.discard(session, adapter_id, by=by, reason=reason)
    out.result(_row(adapter), _line(_row(adapter)))


def reopen(adapter_id: str, by: str, reason: str, out: Output) -> None:
    """Make it a candidate again."""
    promotion.confirmed(by, reason)
    with opened() as context, context.store.begin() as session:
        adapter = adapters.reopen(session, adapter_id, by=by, reason=reason)
    out.result(_row(adapter), _line(_row(adapter)))


def _row(adapter: Adapter) -> dict[str, Any]:
    return {
        "adapter_id": adapter.adapter_id,
        "site": adapter.site,
        "state": adapter.state,
        "rank": adapter.rank,
        "made_at": adapter.made_at,
        "canary": adapter.canary,
        "parent": adapter.parent,
    }


def _line(row: dict[str, Any]) -> str:
    share = f"  canary {row['canary']:.0%}" if row["canary"] else ""
    return (
        f"{row['adapter_id']}  {row['state'].value:9}  {row['site']}  rank {row['rank']}  "
        f"{row['made_at']:%Y-%m-%d %H:%M} UTC  from {row['parent'] or 'the base model'}{share}\n"
    )


def _decision(record: GateRecord) -> dict[str, Any]:
    return {
        "stage": record.stage,
        "passed": record.passed,
        "against": record.serving_id,
        "failed": [check.code for check in record.failed],
        "checks": record.checks,
        "decided_at": record.decided_at,
        "confirmed_by": record.confirmed_by,
    }


def _page(
    adapter: Adapter,
    moves: Sequence[AdapterMove],
    records: Sequence[GateRecord],
    compared: Sequence[Compared],
) -> str:
    text = _line(_row(adapter)) + f"base {adapter.base}\ndata {adapter.data_sha}\n\n"
    text += "".join(f"{name}: {plain(value)}\n" for name, value in sorted(adapter.card.items()))
    text += "\n" + "".join(
        f"{m.moved_at:%Y-%m-%d %H:%M} UTC  {m.after.value:9}  {m.by}  {m.reason}\n" for m in moves
    )
    for record in records:
        said = "passed" if record.passed else "stopped by " + ", ".join(_codes(record))
        against = record.serving_id or "the base model"
        who = record.confirmed_by or "-"
        text += f"\ngate ({record.stage}) against {against}: {said}; confirmed by {who}\n"
    for one in compared:
        if one.own is not None and one.other is not None:
            where = "in sight" if one.seen else "out of sight"
            text += (
                f"\n{where}, {one.cases} signed cases: edit distance {one.own:.3f}, "
                f"the draft beside it {one.other:.3f}\n"
            )
    return text


def _record(record: GateRecord) -> str:
    said = "passed" if record.passed else "stopped"
    what = record.adapter_id or "before training"
    lines = [f"{record.decided_at:%Y-%m-%d %H:%M} UTC  {record.stage:8}{said}  {what}"]
    for check in record.failed:
        lines.append("  " + sentence(check, "zh"))
        lines.append("  " + sentence(check, "en"))
    return "\n".join(lines) + "\n"


def _codes(record: GateRecord) -> list[str]:
    return [check.code for check in record.failed]

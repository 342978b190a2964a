"""Adapters, what the gate said of them, and candidates, as `radraft adapters` prints them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from radraft.core.canonical import plain
from radraft.finetune.gate.reference import reference_of
from radraft.finetune.gate.text import lines, sentence, words_of_reference
from radraft.reports.values import LANGS

if TYPE_CHECKING:
    from radraft.llm.adapter import Adapter, AdapterMove, Check, GateRecord
    from radraft.pipeline.shadow import Compared


def row_json(adapter: Adapter) -> dict[str, Any]:
    """Return an adapter's line as JSON."""
    return {
        "adapter_id": adapter.adapter_id,
        "site": adapter.site,
        "state": adapter.state,
        "rank": adapter.rank,
        "made_at": adapter.made_at,
        "canary": adapter.canary,
        "parent": adapter.parent,
    }


def row_text(row: dict[str, Any]) -> str:
    """Return an adapter's line for a terminal."""
    share = f"  canary {row['canary']:.0%}" if row["canary"] else ""
    return (
        f"{row['adapter_id']}  {row['state'].value:9}  {row['site']}  rank {row['rank']}  "
        f"{row['made_at']:%Y-%m-%d %H:%M} UTC  from {row['parent'] or 'the base model'}{share}\n"
    )


def decision_json(record: GateRecord) -> dict[str, Any]:
    """Return what the gate decided, with the codes of what failed."""
    return {
        "stage": record.stage,
        "passed": record.passed,
        "against": record.against,
        "reference": reference_of(record.tested),
        "failed": [check.code for check in record.failed],
        "checks": record.checks,
        "decided_at": record.decided_at,
        "confirmed_by": record.confirmed_by,
    }


def page_text(
    adapter: Adapter,
    moves: Sequence[AdapterMove],
    records: Sequence[GateRecord],
    compared: Sequence[Compared],
) -> str:
    """Return all that is known of one adapter, for a terminal."""
    text = row_text(row_json(adapter)) + f"base {adapter.base}\ndata {adapter.data_sha}\n\n"
    text += "".join(f"{name}: {plain(value)}\n" for name, value in sorted(adapter.card.items()))
    text += "\n" + "".join(
        f"{m.moved_at:%Y-%m-%d %H:%M} UTC  {m.after.value:9}  {m.by}  {m.reason}\n" for m in moves
    )
    for record in records:
        said = "passed" if record.passed else "stopped by " + ", ".join(_codes(record))
        against = record.against or "the base model"
        who = record.confirmed_by or "-"
        text += f"\ngate ({record.stage}) against {against}: {said}; confirmed by {who}\n"
        text += "".join(f"{line}\n" for line in words_of_reference(record, "en"))
    for comparison in compared:
        if comparison.own is not None and comparison.other is not None:
            where = "in sight" if comparison.seen else "out of sight"
            text += (
                f"\n{where}, {comparison.cases} signed cases: edit distance {comparison.own:.3f}, "
                f"the draft beside it {comparison.other:.3f}\n"
            )
    return text


def record_text(record: GateRecord) -> str:
    """Return a decision of the gate and the sentences of what stopped it, in both languages."""
    said = "passed" if record.passed else "stopped"
    what = record.adapter_id or "before training"
    lines = [f"{record.decided_at:%Y-%m-%d %H:%M} UTC  {record.stage:8}{said}  {what}"]
    lines += [f"  {words_of_reference(record, lang)[0]}" for lang in LANGS
              if words_of_reference(record, lang)]  # fmt: skip
    for check in record.failed:
        lines.append("  " + sentence(check, "zh"))
        lines.append("  " + sentence(check, "en"))
    return "\n".join(lines) + "\n"


def _codes(record: GateRecord) -> list[str]:
    return [check.code for check in record.failed]


def gate_text(record: GateRecord) -> str:
    """Return a table of the checks, then their sentences in both languages."""
    width = max(len(check.code) for check in record.checks)
    rows = [_check_row(check, width) for check in record.checks]
    return "\n".join([*rows, "", *lines(record, "zh"), "", *lines(record, "en")]) + "\n"


def _check_row(check: Check, width: int) -> str:
    bounds = "" if check.low is None else f"[{_figure(check.low)}, {_figure(check.high)}]"
    state = "pass" if check.passed else "FAIL"
    return (
        f"{state}  {check.code:<{width}}  {_figure(check.value):>8}  {bounds:<18}  "
        f"limit {_figure(check.limit)}"
    )


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{round(value, 3) + 0.0:.3f}"


def candidate_json(made: Adapter) -> dict[str, Any]:
    """Return what is printed of a new candidate."""
    return {
        "adapter_id": made.adapter_id,
        "site": made.site,
        "kind": str(made.card["kind"]),
        "state": made.state,
        "rank": made.rank,
        "card": dict(made.card),
    }


def candidate_text(made: Adapter) -> str:
    """Return a new candidate in words, and what to do next."""
    return (
        f"Adapter: {made.adapter_id} ({made.state.value}), site {made.site}, {made.card['kind']},"
        f" rank {made.rank}\nnext: radraft adapters gate {made.adapter_id}"
    )

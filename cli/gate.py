"""`radraft adapters gate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radraft.cli.context import opened
from radraft.cli.output import Output
from radraft.core import canonical

if TYPE_CHECKING:
    from radraft.llm.adapter import Check, GateRecord


def gate(adapter_id: str, by: str, out: Output) -> None:
    """Hold a candidate against what serves; `by` confirms the decision. Exit 1 where it is
    stopped."""
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
    out.result(canonical.plain(record), text(record))
    if not record.passed:
        out.fail(1)


def text(record: GateRecord) -> str:
    """A table of the checks, then their sentences in both languages."""
    from radraft.finetune.gate.text import lines

    width = max(len(check.code) for check in record.checks)
    rows = [_row(check, width) for check in record.checks]
    return "\n".join([*rows, "", *lines(record, "zh"), "", *lines(record, "en")]) + "\n"


def _row(check: Check, width: int) -> str:
    bounds = "" if check.low is None else f"[{_figure(check.low)}, {_figure(check.high)}]"
    state = "pass" if check.passed else "FAIL"
    return (
        f"{state}  {check.code:<{width}}  {_figure(check.value):>8}  {bounds:<18}  "
        f"limit {_figure(check.limit)}"
    )


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{round(value, 3) + 0.0:.3f}"

"""A result as a Markdown file."""

from __future__ import annotations

from collections.abc import Iterable

from radraft.core.errors import message
from radraft.eval.compare import Comparison
from radraft.eval.report.published import published
from radraft.eval.report.words import gate_note, support_note
from radraft.eval.result import Finding, Result, Section, Value
from radraft.eval.values import Better

_ARROW = {
    Better.HIGHER: "↑ higher is better",
    Better.LOWER: "↓ lower is better",
    Better.NEITHER: "no better side",
}


def markdown(result: Result) -> str:
    """All measures in tables, a section each, then counts per finding and what it rests on."""
    parts = [tables(result)]
    parts += [_findings(key, rows) for key, rows in result.findings.items() if rows]
    parts += [_definitions(result.sections), _published(), _provenance(result)]
    return "\n".join(parts)


def tables(result: Result) -> str:
    """All measures in tables, a section each: what a terminal shows."""
    return "\n".join([_head(result), *(_section(section) for section in result.sections)])


def comparison_markdown(comparison: Comparison) -> str:
    """The differences of two results in one table."""
    rows = [
        [
            item.section,
            f"`{item.measure.name}`",
            _ARROW[item.measure.better],
            number(item.first),
            number(item.second),
            number(item.difference, sign=True),
            bounds(item.low, item.high, sign=True),
            item.verdict.value,
        ]
        for item in comparison.differences
    ]
    head = ["section", "measure", "direction", "A", "B", "B - A", "95% interval", "B is"]
    return (
        f"A: {_cell(comparison.first)}\n\nB: {_cell(comparison.second)}\n\n"
        f"Paired bootstrap by report. Intervals are 95% each and not adjusted for the number of "
        f"measures.\n\n{table(head, rows)}"
    )


def table(head: list[str], rows: Iterable[list[str]]) -> str:
    """A Markdown table; the cells' own bars are escaped."""
    lines = [head, ["---"] * len(head), *([_cell(cell) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def number(value: float | None, *, sign: bool = False) -> str:
    """Three decimals; `undefined` where there is no value."""
    if value is None:
        return "undefined"
    return f"{value:+.3f}" if sign else f"{value:.3f}"


def bounds(low: float | None, high: float | None, *, sign: bool = False) -> str:
    """An interval; a dash where too few reports bear on it."""
    if low is None or high is None:
        return "-"
    return f"{number(low, sign=sign)} to {number(high, sign=sign)}"


def _head(result: Result) -> str:
    name = result.card.name if result.card else "two report files"
    lines = [
        f"# Evaluation of {_cell(result.model)} on {_cell(name)}",
        "",
        "Research use only, not for diagnosis. 仅供研究使用，不得用于诊断。",
        "",
    ]
    if (drafting := result.drafting) is not None:
        failed = ", ".join(f"{code} {count}" for code, count in sorted(drafting.failed.items()))
        lines += [
            f"{drafting.items} studies: {drafting.drafted} drafted, {drafting.not_covered} not "
            f"covered by the model, {sum(drafting.failed.values())} failed"
            + (f" ({failed})." if failed else "."),
            gate_note(drafting).en,
            "A study that failed, is not covered or was withheld is scored as a report that states "
            "nothing: "
            "n-gram overlap 0, "
            "every finding of the reference missed, none hallucinated; silence about a finding "
            "labelled absent is right.",
            "",
        ]
    if (support := support_note(result)) is not None:
        lines += [support.en, ""]
    return "\n".join(lines)


def _section(section: Section) -> str:
    rows = [
        [
            f"`{value.measure.name}`",
            _ARROW[value.measure.better],
            number(value.value),
            bounds(value.low, value.high),
            str(value.n),
        ]
        for value in section.values
    ]
    head = ["measure", "direction", "value", "95% interval", "n"]
    notes = "".join(f"\n{message(code, {})[1]}\n" for code in section.notes)
    return f"## {section.key} ({section.n} reports)\n\n{table(head, rows)}{notes}"


def _findings(key: str, findings: tuple[Finding, ...]) -> str:
    rows = [
        [f"`{row.code}`", str(row.positives), str(row.stated), str(row.both), number(row.f1)]
        for row in sorted(findings, key=lambda row: (-row.positives, row.code))
    ]
    head = ["finding", "in reference (n)", "in draft", "in both", "F1 (↑ higher is better)"]
    return f"## Findings, {key}\n\n{table(head, rows)}"


def _definitions(sections: tuple[Section, ...]) -> str:
    known: dict[str, Value] = {}
    for section in sections:
        for value in section.values:
            known.setdefault(value.measure.definition, value)
    lines = [f"- `{value.measure.name}`: {text}\n" for text, value in known.items()]
    return "## Definitions\n\n" + "".join(lines)


def _published() -> str:
    rows = [
        [f"{row.model} ({row.year})", row.dataset, figure.metric, f"{figure.value:g}",
         figure.definition, f"{row.source}; {row.checked}"]
        for row in published()
        for figure in row.values
    ]  # fmt: skip
    head = ["model", "data", "metric", "value", "definition", "source"]
    return (
        "## Published figures, for context\n\nOther data and other definitions: not comparable "
        f"with the figures above.\n\n{table(head, rows)}"
    )


def _provenance(result: Result) -> str:
    rows = [["metric code SHA-256", f"`{result.metrics_sha}`"]]
    if (card := result.card) is not None:
        rows = [
            ["set", f"{card.name}, split {card.split}"],
            ["source", card.source],
            ["licence", card.licence],
            ["note", card.note],
            ["set SHA-256", f"`{card.sha256}`"],
            *rows,
        ]
    rows.append(["bootstrap", f"{result.resamples} resamples by report, seed {result.seed}"])
    rows.append(["versions", ", ".join(f"{k} {v}" for k, v in sorted(result.versions.items()))])
    return "## What this rests on\n\n" + table(["what", "value"], rows)


def _cell(text: str) -> str:
    """`text` within one cell: no line ends, no bars, no markup of its own."""
    flat = " ".join(text.split())
    return flat.replace("|", "\\|").replace("<", "&lt;")

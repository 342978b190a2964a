"""What `radraft eval` prints for people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from radraft.eval.report.markdown import bounds, number, table, tables
from radraft.reports.findings.vocabulary import vocabulary

if TYPE_CHECKING:
    from radraft.eval.looks.values import Looks
    from radraft.eval.result import Result
    from radraft.reports.findings.values import Mention
    from radraft.reports.values import Lang


def looks_text(found: Looks) -> str:
    """What every measure loses, a row each."""
    rows = [
        [
            changed.perturbation.name,
            lang,
            f"`{drop.measure}`",
            number(drop.true),
            number(drop.changed),
            number(drop.drop, sign=True),
            bounds(drop.low, drop.high, sign=True),
        ]
        for changed in found.changes
        for lang, drops in changed.drops.items()
        for drop in drops
    ]
    head = ["image", "language", "measure", "true image", "changed", "loss (+ is worse)", "95%"]
    return table(head, rows)


def mentions_text(line: int, text: str, mentions: tuple[Mention, ...], lang: Lang) -> str:
    """A report's line and a row for each of its mentions."""
    lines = [f"{line}: {text}\n"]
    for mention in mentions:
        entry = vocabulary()[mention.code]
        parts = [entry.zh if lang == "zh" else entry.en, mention.code, mention.polarity.value]
        parts += [str(getattr(part, "value", part)) for part in
                  (mention.laterality, mention.anatomy, mention.change) if part]  # fmt: skip
        parts += (
            ["x".join(f"{size:g}" for size in mention.size_mm) + " mm"] if mention.size_mm else []
        )
        lines.append(f"   {'  '.join(parts)}  [{text[mention.start : mention.end]}]\n")
    return "".join(lines)


def run_text(result: Result, out_dir: Path) -> str:
    """The tables, and where the files are."""
    files = "\n".join(str(out_dir / name) for name in ("result.html", "result.md", "result.json"))
    return f"{tables(result)}\n{files}"

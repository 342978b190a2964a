"""A tally as Markdown tables: what a terminal shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from radraft.eval.asking.tally import AskingMeasure, AskingTally, QuestionGroup, Share
from radraft.eval.asking.values import AnswerScore
from radraft.eval.report.markdown import table


def tally_tables(found: AskingTally) -> str:
    """The measures with their bounds, then every score by kind and language, then the times."""
    questions = found.groups[0].good.n
    failed = ", ".join(f"{code} {count}" for code, count in sorted(found.failed.items()))
    return "\n".join(
        [
            f"{questions} questions about {found.reports} reports, set SHA-256 "
            f"{found.sha256[:12]}. Research use only, not for diagnosis. "
            "仅供研究使用，不得用于诊断。\n",
            table(
                ["measure", "of", "share", "95%", "n", "must be", "verdict"],
                [_measure(measure) for measure in found.measures],
            ),
            table(
                ["questions", "n", "right", "95%", *(score.value for score in AnswerScore)],
                [_group(group) for group in found.groups],
            ),
            f"An answer took {found.latency_ms.p50:.0f} ms (p50), {found.latency_ms.p95:.0f} ms "
            f"(p95); of the processor {found.cpu_ms.p50:.0f} ms and {found.cpu_ms.p95:.0f} ms.",
            f"No answer but an error: {failed}." if failed else "No question ended in an error.",
        ]
    )


def misses_text(found: Sequence[dict[str, Any]]) -> str:
    """A paragraph for each miss."""
    return "\n".join(
        f"{miss['id']}  {miss['score']}  ({miss['kind']})\n  Q {miss['question']}\n"
        f"  expected {miss['expected']} {_alternatives(miss['cites'])}\n"
        f"  A {miss['outcome']} {' '.join(miss['cited'])}: {miss['answer']}"
        for miss in found
    )


def _alternatives(cites: Sequence[Sequence[str]]) -> str:
    return " or ".join("+".join(one) for one in cites)


def _measure(measure: AskingMeasure) -> list[str]:
    bound = (
        f"≤ {measure.at_most:.0%}" if measure.at_most is not None else f"≥ {measure.at_least:.0%}"
    )
    value = measure.value
    return [measure.name, measure.of, *_cells(value), str(value.n), bound, measure.verdict]


def _group(group: QuestionGroup) -> list[str]:
    good = group.good
    shown = _cells(good) if good.decided else ["undecided", f"{good.count} right"]
    return [group.name, str(good.n), *shown, *(str(group.scores[one]) for one in AnswerScore)]


def _cells(value: Share) -> list[str]:
    if value.share is None or value.low is None or value.high is None:
        return ["-", "-"]
    return [
        f"{value.share:.1%} ({value.count})",
        f"{value.low:.1%} to {value.high:.1%}",
    ]

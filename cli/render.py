"""Reports as JSON and as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from radraft.reports.check import NOT_SUPPORTED

if TYPE_CHECKING:
    from radraft.reports.check import Issue
    from radraft.reports.values import Report

HEADINGS = {"findings": "影像所见 Findings", "impression": "诊断意见 Impression"}


def report_json(report: Report) -> dict[str, list[dict[str, Any]]]:
    """`{"findings": [{"id", "zh", "en", "origin", "support", "kept"}...], "impression": [...]}`."""
    return {
        section: [
            {
                "id": s.id,
                "zh": s.zh,
                "en": s.en,
                "origin": s.origin.value,
                "support": s.support,
                "kept": s.kept,
            }
            for s in sentences
        ]
        for section, sentences in (
            ("findings", report.findings),
            ("impression", report.impression),
        )
    }


def report_text(report: dict[str, Any], issues: Iterable[Issue] = ()) -> str:
    """A printed report, Chinese above English, sentence by sentence, each with its issues."""
    found = list(issues)
    lines = []
    for section, heading in HEADINGS.items():
        lines.append(f"{heading}")
        for s in report[section]:
            lines.append(f"  {s['id']:<4} {s['zh']}\n       {s['en']}")
            lines += [_issue(issue, s) for issue in found if issue.sentence_id == s["id"]]
        if not report[section]:
            lines.append("       -")
    lines += [_issue(issue) for issue in found if issue.sentence_id is None]
    return "\n".join(lines) + "\n"


def _issue(issue: Issue, sentence: dict[str, Any] | None = None) -> str:
    figure = (
        f"  {sentence['support']:+.2f} nats" if sentence and issue.code == NOT_SUPPORTED else ""
    )
    return f"     ! {issue.code}{figure}\n       {issue.message_zh}\n       {issue.message_en}"

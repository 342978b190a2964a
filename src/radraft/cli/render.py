"""Reports as JSON and as text for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from radraft.reports.values import Report

HEADINGS = {"findings": "影像所见 Findings", "impression": "诊断意见 Impression"}


def report_json(report: Report) -> dict[str, list[dict[str, str]]]:
    """`{"findings": [{"id", "zh", "en", "origin"}...], "impression": [...]}`."""
    return {
        section: [{"id": s.id, "zh": s.zh, "en": s.en, "origin": s.origin.value} for s in sentences]
        for section, sentences in (
            ("findings", report.findings),
            ("impression", report.impression),
        )
    }


def report_text(report: dict[str, Any]) -> str:
    """A printed report, Chinese above English, sentence by sentence."""
    lines = []
    for section, heading in HEADINGS.items():
        lines.append(f"{heading}")
        lines += [f"  {s['id']:<4} {s['zh']}\n       {s['en']}" for s in report[section]]
        if not report[section]:
            lines.append("       -")
    return "\n".join(lines) + "\n"

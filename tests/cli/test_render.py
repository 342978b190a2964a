"""Reports as the command line prints them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from radraft.cli.render import report_json, report_text
from radraft.reports.checks.run import proofread
from radraft.reports.draft import Draft
from radraft.reports.values import Evidence, Report
from tests.builders import make_draft, make_report


def forms(report: Report, draft: Draft | None = None) -> list[dict[str, Any]]:
    return [issue.as_json() for issue in proofread(report, draft=draft)]


def test_what_the_image_does_not_support_is_said_below_its_sentence() -> None:
    report = make_report("c-1", findings=2)
    weak = replace(report.findings[1], evidence=(Evidence("a" * 64, -0.846),))
    report = replace(report, findings=(report.findings[0], weak))
    printed = report_json(report)
    assert [one["support"] for one in printed["findings"]] == [1.5, -0.846]
    lines = report_text(
        printed, forms(report, make_draft("c-1", report, least_support=1.0))
    ).splitlines()
    at = lines.index("     ! sentence_not_supported  -0.85 nats")
    assert lines[at - 1].strip() == weak.en
    assert "影像不支持" in lines[at + 1]
    assert "does not support" in lines[at + 2]
    assert not any(
        "!" in splitline for splitline in report_text(printed, forms(report)).splitlines()
    )


def test_what_was_not_measured_is_said_below_the_report() -> None:
    report = make_report("c-1", findings=1)
    bare = replace(report, findings=(replace(report.findings[0], evidence=()),))
    text = report_text(report_json(bare), forms(bare, make_draft("c-1", bare, least_support=1.0)))
    assert text.splitlines()[-3] == "     ! support_not_measured"

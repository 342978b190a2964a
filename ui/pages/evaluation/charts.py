"""The charts of a result's page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from radraft.eval.looks.values import Calibration
from radraft.eval.report.summary import main, summary
from radraft.eval.report.words import Both, finding, title, word
from radraft.eval.result import Finding, Result, Section
from radraft.eval.values import Better
from radraft.reports.values import LANGS, Lang
from radraft.ui.pages.evaluation.plots import Point, Row, curve, dots, histogram

_MOST_FINDINGS = 20
_FEWEST_SENTENCES = 40
"""Below, a group of sentences would be too small to say anything."""
_SPREAD = ("severity_score", "finding_f1_micro")
"""Per-report measure of the histogram: the first that a section has."""


@dataclass(frozen=True)
class Chart:
    """One chart in both languages."""

    title: Both
    zh: str
    en: str


def charts(result: Result) -> tuple[Chart, ...]:
    """Scores, errors, findings, single reports, and support where it was measured."""
    found = []
    for key, better, unit in (
        ("chart_scores", Better.HIGHER, True),
        ("chart_errors", Better.LOWER, False),
    ):
        if rows := _measures(result.sections, better):
            found.append(Chart(word(key), *(dots(rows, ui, unit=unit) for ui in LANGS)))
    if rows := _findings(main(result.sections), result.findings):
        heading = word("chart_findings")
        found.append(Chart(heading, *(dots(rows, ui, unit=True) for ui in LANGS)))
    found += _spread(main(result.sections))
    calibration = result.calibration
    if calibration is not None and calibration.sentences >= _FEWEST_SENTENCES:
        drawn = (curve(calibration, ui) for ui in LANGS)
        found.append(Chart(_with_auroc(calibration), *drawn))
    return tuple(found)


def _with_auroc(calibration: Calibration) -> Both:
    heading, area = word("chart_calibration"), calibration.auroc
    if area is None:
        return heading
    note = f"AUROC {area:.3f}"
    if calibration.auroc_low is not None and calibration.auroc_high is not None:
        note += f" ({calibration.auroc_low:.3f} – {calibration.auroc_high:.3f})"
    return Both(f"{heading.zh}（{note}）", f"{heading.en}: {note}")


def _measures(sections: Sequence[Section], better: Better) -> list[Row]:
    found = summary(sections)
    rows = []
    for row in found.rows:
        cells = zip([""] if row.wide else found.langs, row.cells, strict=True)
        points = tuple(
            Point(cell.value, cell.low, cell.high, lang)
            for lang, cell in cells
            if cell is not None and cell.value is not None
        )
        unbounded = any(point.value > 1 for point in points) and better is Better.HIGHER
        if row.better is better and points and not unbounded:
            rows.append(Row(row.title, points))
    return rows


def _findings(
    sections: Mapping[Lang, Section], findings: Mapping[str, tuple[Finding, ...]]
) -> list[Row]:
    """The findings with most positives; no dot where neither draft nor reference has one."""
    by_lang = {
        lang: {row.code: row for row in findings.get(section.key, ())}
        for lang, section in sections.items()
    }
    positives: dict[str, int] = {}
    for rows in by_lang.values():
        for code, row in rows.items():
            positives[code] = max(positives.get(code, 0), row.positives)
    codes = sorted((c for c in positives if positives[c]), key=lambda c: (-positives[c], c))
    return [
        Row(
            finding(code),
            tuple(
                Point(rows[code].f1 or 0.0, None, None, lang)
                for lang, rows in by_lang.items()
                if code in rows
            ),
            f"n {positives[code]}",
        )
        for code in codes[:_MOST_FINDINGS]
    ]


def _spread(sections: Mapping[Lang, Section]) -> list[Chart]:
    for name in _SPREAD:
        values = {
            lang: section.per_report[name]
            for lang, section in sections.items()
            if name in section.per_report and np.isfinite(section.per_report[name]).any()
        }
        if values:
            heading, label = word("chart_distribution"), title(name)
            return [Chart(heading, *(histogram(values, label, ui) for ui in LANGS))]
    return []

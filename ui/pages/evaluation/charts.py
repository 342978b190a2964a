"""The charts of a result's page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from radraft.eval.looks.values import Calibration
from radraft.eval.report.summary import main, summary
from radraft.eval.report.words import Both, finding, language, title, word
from radraft.eval.result import Finding, Result, Section
from radraft.eval.values import Better
from radraft.reports.values import LANGS, Lang
from radraft.ui.pages.charts import TONES, Chart, Curve, Legend, Point, Row, curves, dots, histogram

_MOST_FINDINGS = 20
_FEWEST_SENTENCES = 40
"""Below, a group of sentences would be too small to say anything."""
_SPREAD = ("severity_score", "finding_f1_micro")
"""Per-report measure of the histogram: the first that a section has."""


def charts(result: Result, lang: Lang) -> tuple[Chart, ...]:
    """Scores, errors, findings, single reports, and support where it was measured."""
    drawn = [
        _rows("chart_scores", _measures(result.sections, Better.HIGHER, lang), lang),
        _rows("chart_errors", _measures(result.sections, Better.LOWER, lang), lang, unit=False),
        _rows("chart_findings", _findings(main(result.sections), result.findings, lang), lang),
        _spread(main(result.sections), lang),
        _calibration(result.calibration, lang),
    ]
    return tuple(chart for chart in drawn if chart is not None)


def _rows(key: str, rows: Sequence[Row], lang: Lang, *, unit: bool = True) -> Chart | None:
    if not rows:
        return None
    langs = {point.lang for row in rows for point in row.points}
    return Chart(key, word(key).get(lang), dots(rows, lang, unit=unit), _legend(langs, lang))


def _legend(drawn: set[str], lang: Lang) -> Legend:
    """Which mark is which language, where both are drawn."""
    shown = tuple((tone, language(tone).get(lang)) for tone in LANGS if tone in drawn)
    return shown if len(shown) > 1 else ()


def _measures(sections: Sequence[Section], better: Better, ui: Lang) -> list[Row]:
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
            rows.append(Row(row.title.get(ui), points))
    return rows


def _findings(
    sections: Mapping[Lang, Section], findings: Mapping[str, tuple[Finding, ...]], ui: Lang
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
            finding(code).get(ui),
            tuple(
                Point(rows[code].f1 or 0.0, None, None, lang)
                for lang, rows in by_lang.items()
                if code in rows
            ),
            f"n {positives[code]}",
        )
        for code in codes[:_MOST_FINDINGS]
    ]


def _spread(sections: Mapping[Lang, Section], ui: Lang) -> Chart | None:
    for name in _SPREAD:
        values = {
            lang: section.per_report[name]
            for lang, section in sections.items()
            if name in section.per_report and np.isfinite(section.per_report[name]).any()
        }
        if values:
            svg = histogram(values, title(name).get(ui), word("axis_reports").get(ui))
            key = "chart_distribution"
            return Chart(key, word(key).get(ui), svg, _legend(set(values), ui))
    return None


def _calibration(calibration: Calibration | None, ui: Lang) -> Chart | None:
    """Share of right sentences by image support, and over all sentences as a dashed line."""
    if calibration is None or calibration.sentences < _FEWEST_SENTENCES:
        return None
    svg = curves(
        [Curve(TONES["zh"], [(b.mean, b.share, b.share_low, b.share_high)
                             for b in calibration.bins])],
        word("axis_support").get(ui),
        word("axis_correct").get(ui),
        level=calibration.correct / calibration.sentences,
        unit=True,
    )  # fmt: skip
    return Chart("chart_calibration", _with_auroc(calibration).get(ui), svg)


def _with_auroc(calibration: Calibration) -> Both:
    heading, area = word("chart_calibration"), calibration.auroc
    if area is None:
        return heading
    note = f"AUROC {area:.3f}"
    if calibration.auroc_low is not None and calibration.auroc_high is not None:
        note += f" ({calibration.auroc_low:.3f} – {calibration.auroc_high:.3f})"
    return Both(f"{heading.zh}（{note}）", f"{heading.en}: {note}")

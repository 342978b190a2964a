"""A result as one self-contained HTML page: no script, nothing fetched, both languages in it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from radraft.core.errors import message
from radraft.eval.report import words
from radraft.eval.report.cases import Case
from radraft.eval.report.published import published
from radraft.eval.report.summary import summary
from radraft.eval.report.words import Both, gate_note, support_note, word
from radraft.eval.result import Result
from radraft.reports.values import Lang
from radraft.ui.pages.evaluation.charts import charts
from radraft.ui.pages.frame import render, trusted


def page(result: Result, cases: Sequence[Case] | None, *, ui: Lang = "zh") -> str:
    """Return the page. `ui` is the language it opens in; `cases` is None where none were looked
    for.

    Report texts, ids and names are data: the template escapes them, and the page's own policy
    forbids scripts and requests.
    """
    styles = files("radraft.ui.pages.evaluation").joinpath("page.css").read_text(encoding="utf-8")
    return render(
        "evaluation/page.html.jinja",
        ui,
        word,
        alone=True,
        styles=trusted(styles),
        ui=ui,
        word=word,
        title=words.title,
        finding=words.finding,
        section_title=words.section_title,
        language=words.language,
        note_text=_note,
        missed=_missed,
        cases=cases,
        pictures=any(case.picture for case in cases or ()),
        **_values(result),
    )


def _values(result: Result) -> dict[str, Any]:
    drafting = result.drafting
    return {
        "title_text": f"{result.model} · {result.card.name if result.card else 'radraft eval'}",
        "model": result.model,
        "card": result.card,
        "count": max((section.n for section in result.sections), default=0),
        "drafting": drafting,
        "gate": gate_note(drafting) if drafting else None,
        "support": support_note(result),
        "failures": sum(drafting.failed.values()) if drafting else 0,
        "summary": summary(result.sections),
        "charts": list(zip(charts(result, "zh"), charts(result, "en"), strict=True)),
        "sections": result.sections,
        "published": published(),
        "metrics_sha": result.metrics_sha,
        "versions": result.versions,
        "bootstrap": word("bootstrap_value").filled(
            resamples=f"{result.resamples:,}", seed=result.seed
        ),
    }


def _note(code: str) -> Both:
    return Both(*message(code, {}))


def _missed(case: Case) -> set[str]:
    return {code for column in case.columns for code in column.errors.missed}

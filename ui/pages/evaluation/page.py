"""A result as one self-contained HTML page: no script, nothing fetched, both languages in it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from radraft.core.errors import message
from radraft.eval.report.cases import Case
from radraft.eval.report.published import published
from radraft.eval.report.summary import summary
from radraft.eval.report.words import (
    Both,
    finding,
    gate_note,
    language,
    section_title,
    support_note,
    title,
    word,
)
from radraft.eval.result import Result
from radraft.reports.values import Lang
from radraft.ui.pages.evaluation.charts import charts


def page(
    result: Result,
    cases: Sequence[Case] | None,
    *,
    ui: Lang = "zh",
) -> str:
    """The page. `ui` is the language it opens in; `cases` is None where none were looked for.

    Report texts, ids and names are data: the template escapes them, and the page's own policy
    forbids scripts and requests.
    """
    from jinja2 import Environment, StrictUndefined

    # Inline markup of our own making goes in as it is; everything else is escaped.
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.from_string(_file("page.html.jinja")).render(
        **_words(), **_values(result, cases, ui)
    )


def _words() -> dict[str, Any]:
    return {
        "word": word,
        "title": title,
        "finding": finding,
        "section_title": section_title,
        "language": language,
        "note_text": _note,
    }


def _values(result: Result, cases: Sequence[Case] | None, ui: Lang) -> dict[str, Any]:
    from markupsafe import Markup

    drafting = result.drafting
    drawn = [(chart.title, Markup(chart.zh), Markup(chart.en)) for chart in charts(result)]
    return {
        "ui": ui,
        "css": Markup(_file("page.css")),
        "title_text": f"{result.model} · {result.card.name if result.card else 'radraft eval'}",
        "model": result.model,
        "card": result.card,
        "count": max((section.n for section in result.sections), default=0),
        "drafting": drafting,
        "gate": gate_note(drafting) if drafting else None,
        "support": support_note(result),
        "failures": sum(drafting.failed.values()) if drafting else 0,
        "summary": summary(result.sections),
        "charts": [{"title": heading, "zh": zh, "en": en} for heading, zh, en in drawn],
        "cases": cases,
        "pictures": any(case.picture for case in cases or ()),
        "missed": _missed,
        "sections": result.sections,
        "published": published(),
        "metrics_sha": result.metrics_sha,
        "versions": result.versions,
        "bootstrap": _bootstrap(result),
    }


def _note(code: str) -> Both:
    return Both(*message(code, {}))


def _missed(case: Case) -> set[str]:
    return {code for column in case.columns for code in column.errors.missed}


def _bootstrap(result: Result) -> Both:
    return word("bootstrap_value").filled(resamples=f"{result.resamples:,}", seed=result.seed)


def _file(name: str) -> str:
    return files("radraft.ui.pages.evaluation").joinpath(name).read_text(encoding="utf-8")

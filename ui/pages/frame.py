"""The frame of every page: one document around it, one stylesheet, its charts and its words."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from radraft.eval.report.words import Words
from radraft.reports.values import Lang
from radraft.ui import asset_files
from radraft.ui.pages import numbers
from radraft.ui.pages.charts import themed

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


def render(template: str, lang: Lang, words: Words, *, alone: bool, **values: Any) -> str:
    """Return a template of `ui/pages` filled in `lang`; every value in it is escaped.

    `alone`: a whole document that fetches and runs nothing; otherwise the part of it that the
    workstation shows.
    """

    def word(key: str, **filled: object) -> str:
        return words(key).filled(**filled).get(lang)

    css = trusted(asset_files.text("page.css")) if alone else ""
    about = {"lang": lang, "w": word, "alone": alone, "css": css, "numbers": numbers, "styles": ""}
    return _environment().get_template(template).render(about | values)


def trusted(text: str) -> Markup:
    """Return markup of our own making, which a template takes as it is; all else it escapes."""
    from markupsafe import Markup

    return Markup(text)


def _themed(svg: str) -> Markup:
    return trusted(themed(svg))


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("radraft.ui", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["themed"] = _themed
    return environment

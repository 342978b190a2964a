"""Words of the result's pages in Chinese and English."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from radraft.eval.result import Drafting, Result
from radraft.reports.findings.vocabulary import vocabulary
from radraft.reports.values import Lang

WITHHELD_NAMED = 20
"""Most studies that a page names as withheld; the result names all."""


@dataclass(frozen=True)
class Both:
    """One text in both languages."""

    zh: str
    en: str

    def get(self, lang: Lang) -> str:
        """The text in `lang`."""
        return self.zh if lang == "zh" else self.en

    def filled(self, **values: object) -> Both:
        """Both texts with their `{placeholders}` filled."""
        return Both(self.zh.format(**values), self.en.format(**values))


def word(key: str) -> Both:
    """A text of the page. KeyError where there is none."""
    return _both(_words()["page"][key])


def title(measure: str) -> Both:
    """A measure's short name for people; its key where it has none of its own."""
    entry = _words()["measures"].get(measure)
    return _both(entry) if entry else Both(measure, measure)


def section_title(key: str) -> Both:
    """Heading of a section: `clinical_zh`, `agreement`..."""
    kind, _, lang = key.partition("_")
    name = _both(_words()["sections"][kind])
    if not lang:
        return name
    spoken = language(lang)
    return Both(f"{name.zh}（{spoken.zh}）", f"{name.en} ({spoken.en})")


def language(lang: str) -> Both:
    """Name of a language of reports."""
    return _both(_words()["languages"][lang])


def finding(code: str) -> Both:
    """A finding's display names."""
    entry = vocabulary()[code]
    return Both(entry.zh, entry.en)


def support_note(result: Result) -> Both | None:
    """What was measured of image support, in one line; None where nothing was."""
    if result.support is None:
        return None
    return word("support_note").filled(**vars(result.support))


def gate_note(drafting: Drafting) -> Both:
    """Say whether the set passed the quality gate, and name the studies that it withheld."""
    if not drafting.quality_gate:
        return word("gate_off")
    named = drafting.withheld[:WITHHELD_NAMED]
    more = ", ..." if len(drafting.withheld) > len(named) else ""
    items = f" ({', '.join(named)}{more})" if named else ""
    return word("gate_on").filled(count=len(drafting.withheld), items=items)


def headline() -> tuple[dict[str, str], ...]:
    """Measures that the summary shows, in its order: each by language of the report."""
    entries = _words()["headline"]
    return tuple(
        entry if isinstance(entry, dict) else {"zh": entry, "en": entry} for entry in entries
    )


def _both(entry: Any) -> Both:
    return Both(entry["zh"], entry["en"])


@cache
def _words() -> dict[str, Any]:
    import yaml

    path = files("radraft.eval.report").joinpath("words.yaml")
    words: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return words

"""Texts of pages in Chinese and English, and the words of an evaluation's result."""

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
        """Return the text in `lang`."""
        return self.zh if lang == "zh" else self.en

    def filled(self, **values: object) -> Both:
        """Return both texts with their `{placeholders}` filled."""
        return Both(self.zh.format(**values), self.en.format(**values))


@dataclass(frozen=True)
class Words:
    """The texts of one package's `words.yaml`: sections of `{key: {zh, en}}`."""

    package: str

    def __call__(self, key: str, section: str = "page") -> Both:
        """Return the text of that key. KeyError where there is none."""
        entry = self.section(section)[key]
        return Both(entry["zh"], entry["en"])

    def named(self, key: str, section: str) -> Both:
        """Return the name of a code; the code itself where it has none."""
        return self(key, section) if key in self.section(section) else Both(key, key)

    def section(self, name: str) -> Any:
        """Return one section as the file has it."""
        return _read(self.package)[name]


word = Words("radraft.eval.report")
"""The texts of the result's page."""


def title(measure: str) -> Both:
    """Return a measure's short name for people; its key where it has none of its own."""
    return word.named(measure, "measures")


def section_title(key: str) -> Both:
    """Return the heading of a section: `clinical_zh`, `agreement`..."""
    kind, _, lang = key.partition("_")
    name = word(kind, "sections")
    if not lang:
        return name
    spoken = language(lang)
    return Both(f"{name.zh}（{spoken.zh}）", f"{name.en} ({spoken.en})")


def language(lang: str) -> Both:
    """Return the name of a language of reports."""
    return word(lang, "languages")


def finding(code: str) -> Both:
    """Return a finding's display names; the code itself where only an older vocabulary had it."""
    entry = vocabulary().get(code)
    return Both(code, code) if entry is None else Both(entry.zh, entry.en)


def support_note(result: Result) -> Both | None:
    """Return what was measured of image support, in one line; None where nothing was."""
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
    """Return the measures that the summary shows, in its order: each by language of the report."""
    return tuple(
        entry if isinstance(entry, dict) else {"zh": entry, "en": entry}
        for entry in word.section("headline")
    )


@cache
def _read(package: str) -> dict[str, Any]:
    import yaml

    words: dict[str, Any] = yaml.safe_load(
        files(package).joinpath("words.yaml").read_text(encoding="utf-8")
    )
    return words

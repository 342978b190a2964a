"""Which measures of a result say most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from radraft.eval.report.words import Both, headline, title
from radraft.eval.result import Section, Value
from radraft.eval.values import Better
from radraft.reports.values import LANGS, Lang


@dataclass(frozen=True)
class Row:
    """One measure with a value for each language."""

    title: Both
    better: Better
    cells: tuple[Value | None, ...]
    wide: bool = False
    """One value for both languages together."""


@dataclass(frozen=True)
class Summary:
    """Languages and measures in display order."""

    langs: tuple[Lang, ...]
    rows: tuple[Row, ...]


def summary(sections: Sequence[Section]) -> Summary:
    """The headline measures: clinical ones, against reports where there are any and otherwise
    against labels, then those of the text."""
    clinical, texts = main(sections), of_kind(sections, "text")
    known: set[Lang] = {*clinical, *texts}
    langs: tuple[Lang, ...] = tuple(lang for lang in LANGS if lang in known)
    together = next((section for section in sections if section.key == "agreement"), None)
    rows = []
    for names in headline():
        both = find(together, names["en"])
        cells = tuple(
            find(clinical.get(lang), names[lang]) or find(texts.get(lang), names[lang])
            for lang in langs
        )
        heading = title(names["en"])
        if both is not None:
            rows.append(Row(heading, both.measure.better, (both,), wide=True))
        elif defined := [cell for cell in cells if cell is not None and cell.value is not None]:
            rows.append(Row(heading, defined[0].measure.better, cells))
    return Summary(langs, tuple(rows))


def main(sections: Sequence[Section]) -> dict[Lang, Section]:
    """The clinical section of each language that counts most."""
    return {**of_kind(sections, "labels"), **of_kind(sections, "clinical")}


def of_kind(sections: Sequence[Section], kind: str) -> dict[Lang, Section]:
    """Sections `KIND_zh` and `KIND_en` by language."""
    return {
        section.lang: section
        for section in sections
        if section.lang is not None and section.key == f"{kind}_{section.lang}"
    }


def find(section: Section | None, name: str) -> Value | None:
    """A section's value of that measure."""
    if section is None:
        return None
    return next((value for value in section.values if value.measure.name == name), None)

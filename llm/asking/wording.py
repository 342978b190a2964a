"""A finding put into words: a short sentence by template, then exact quotations."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from radraft.llm.asking.values import Finding, MetadataField, Outcome, Polarity, Quote
from radraft.reports.values import Lang


def worded(found: Finding, lang: Lang) -> str:
    """Return the answer to show, in `lang`; quotations stand in it word for word."""
    texts = _texts()[lang]
    lead = texts[found.outcome.value]
    if found.outcome is Outcome.ANSWERED and found.polarity is Polarity.ABSENT:
        lead = texts["no"]
    if found.outcome is Outcome.ANSWERED and found.polarity is Polarity.PRESENT:
        lead = texts["yes"]
    if found.quotes:
        return str(lead) + _joined(found.quotes, lang)
    if found.related and found.outcome is Outcome.NOT_MENTIONED:
        return str(texts["near"])
    return str(lead)


def _joined(quotes: tuple[Quote, ...], lang: Lang) -> str:
    return ("" if lang == "zh" else " ").join(_quoted(quote, lang) for quote in quotes)


def _quoted(quote: Quote, lang: Lang) -> str:
    texts = _texts()[lang]
    before = texts["prior"].format(date=quote.date) if quote.prior else ""
    if quote.part in {*MetadataField}:
        name = texts["fields"][quote.part]
        return f"{before}{name}: {quote.text}" + ("；" if lang == "zh" else ";")
    return f"{before}{quote.text}"


@cache
def _texts() -> dict[str, Any]:
    import yaml

    path = files("radraft.llm.asking").joinpath("wording.yaml")
    texts: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return texts

"""Reasons in words, for a person."""

from __future__ import annotations

from collections import defaultdict

from radraft.core.errors import catalogue
from radraft.studies.quality.limits import Unit, rules
from radraft.studies.quality.values import Reason


def said(reason: Reason) -> tuple[str, str]:
    """Return the (zh, en) sentences of a reason: what is wrong and what to correct at the scanner.

    Codes of other parts (a file that was refused) are said without their details; a code that this
    version does not know is given as it is.
    """
    rule = rules().get(reason.code)
    unit = rule.unit if rule else Unit.NONE
    entry = catalogue().get(reason.code, {"zh": reason.code, "en": reason.code})
    zh, en = (
        entry[lang].format_map(
            defaultdict(
                lambda: "...",
                value=shown(reason.value, unit, lang),
                limit=shown(reason.limit, unit, lang),
            )
        )
        for lang in ("zh", "en")
    )
    return zh, en


def shown(value: float | str | None, unit: Unit, lang: str) -> str:
    """Return a value in its unit; a dash for None."""
    if value is None or isinstance(value, str):
        return value or "-"
    match unit:
        case Unit.SHARE:
            return f"{100 * value:.3g}%"
        case Unit.MM:
            return f"{value:.3g} mm"
        case Unit.YEARS:
            return f"{value:.0f} 岁" if lang == "zh" else f"{value:.0f} years"
        case Unit.PIXELS | Unit.COUNT:
            return f"{value:.0f}"
        case _:
            return f"{value:.3g}"

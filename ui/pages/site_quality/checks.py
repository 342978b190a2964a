"""What readers do with the warnings of each check: a table, and which check is noise."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from radraft.core.errors import stored_message
from radraft.eval.report.markdown import table
from radraft.pipeline.proofreading import DismissalLimit
from radraft.reports.dismissal import DismissalReason
from radraft.reports.values import LANGS, Lang
from radraft.store.dismissals import CheckCount
from radraft.ui.pages.numbers import percent
from radraft.ui.pages.site_quality.words import word

COLUMNS = (
    *("site", "check", "found", "mended", "dismissed", "open", "dismissed_share"),
    *(f"dismissed_{reason.value}" for reason in DismissalReason),
    "over_limit",
)
"""Of `row`, in order."""


def row(count: CheckCount, limit: DismissalLimit) -> dict[str, str | int | float | bool]:
    """Return one check's counts by `COLUMNS`."""
    return {
        "site": count.site,
        "check": count.code,
        "found": count.found,
        "mended": count.mended,
        "dismissed": count.dismissed,
        "open": count.left,
        "dismissed_share": count.dismissed_share,
        **{f"dismissed_{reason.value}": count.reasons[reason] for reason in DismissalReason},
        "over_limit": limit.exceeded(count),
    }


def noise(counts: Iterable[CheckCount], limit: DismissalLimit, lang: Lang) -> list[str]:
    """Return a sentence for each check of which readers dismiss more than the site allows."""
    return [
        word("check_over_limit")
        .filled(
            check=count.code,
            found=count.found,
            share=percent(count.dismissed_share),
            wrong=count.reasons[DismissalReason.WRONG_WARNING],
            limit=percent(limit.share),
        )
        .get(lang)
        for count in counts
        if limit.exceeded(count)
    ]


def shown(counts: Iterable[CheckCount], limit: DismissalLimit, lang: Lang) -> list[dict[str, Any]]:
    """Return the rows of the page, most dismissed first."""
    found = sorted(counts, key=lambda count: (-count.dismissed, -count.found, count.code))
    return [
        {
            "count": count,
            "says": dict(zip(LANGS, stored_message(count.code, {}), strict=True))[lang],
            "share": percent(count.dismissed_share),
            "wrong": count.reasons[DismissalReason.WRONG_WARNING],
            "over": limit.exceeded(count),
        }
        for count in found
    ]


def terminal(counts: Sequence[CheckCount], limit: DismissalLimit, lang: Lang) -> str:
    """Return the counts as a table for a terminal, and below it which checks are noise."""
    names = ("site_name", "check", "found", "mended", "dismissed", "share", "open")
    rows = [
        [
            count.site,
            count.code,
            str(count.found),
            str(count.mended),
            str(count.dismissed),
            percent(count.dismissed_share),
            str(count.left),
        ]
        for count in counts
    ]
    lines = [table([word(name).get(lang) for name in names], rows)]
    return "\n".join([*lines, *noise(counts, limit, lang)])

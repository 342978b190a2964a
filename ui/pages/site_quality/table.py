"""The figures as CSV for a spreadsheet, and as text for a terminal."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable

from radraft.eval.report.markdown import table
from radraft.pipeline.site_quality import Record, SiteQuality
from radraft.reports.values import Lang
from radraft.studies.quality.values import Verdict
from radraft.ui.pages.csv_text import csv_text
from radraft.ui.pages.numbers import percent
from radraft.ui.pages.site_quality.words import label, named, sentence, word

COLUMNS = (
    *("site", "week", "monday", "device", "operator", "studies"),
    *(verdict.value for verdict in Verdict),
    "reasons",
)
"""Of the CSV, in order. `reasons` is `code number`, the most frequent first."""
_MOST_WEEKS = 12


def coded(secret: bytes) -> Callable[[str], str]:
    """Return how operators are written: as short codes that stay the same under the site's secret.

    An export says who has the same trouble again, not who it is.
    """

    def code(name: str) -> str:
        if not name:
            return ""
        digest = hmac.new(secret, f"operator\0{name}".encode(), hashlib.sha256)
        return f"o-{digest.hexdigest()[:8]}"

    return code


def to_csv(records: Iterable[Record], operator: Callable[[str], str]) -> str:
    """Return the records as CSV, operators as `operator` writes them."""
    return csv_text(COLUMNS, (row(record, operator) for record in records))


def row(record: Record, operator: Callable[[str], str]) -> dict[str, str | int]:
    """Return one record by `COLUMNS`."""
    return {
        "site": record.site,
        "week": str(record.week),
        "monday": record.week.monday.isoformat(),
        "device": record.device,
        "operator": operator(record.operator),
        "studies": record.tally.studies,
        **{verdict.value: record.tally.verdicts[verdict] for verdict in Verdict},
        "reasons": "; ".join(f"{reason.code} {reason.studies}" for reason in record.tally.reasons),
    }


def terminal(site: SiteQuality, lang: Lang) -> str:
    """Return the newest weeks, and what to correct at which device."""
    head = [word(key).get(lang) for key in ("week", "studies", *Verdict, "top_reasons")]
    rows = [
        [
            f"{week} ({week.monday:%m-%d})",
            str(tally.studies),
            *(str(tally.verdicts[verdict]) for verdict in Verdict),
            ", ".join(
                f"{label(reason.code).get(lang)} {reason.studies}" for reason in tally.reasons[:3]
            ),
        ]
        for week, tally in list(site.weeks.items())[-_MOST_WEEKS:]
    ]
    lines = [word("site").filled(site=site.site).get(lang), table(head, rows)]
    for group in site.devices:
        lost = f"{word('lost').get(lang)} {percent(group.total.lost_share)}"
        about = word("of_all").filled(n=group.total.studies).get(lang)
        lines.append(f"{named(group.name, lang)}: {about}, {lost}")
        lines += [
            f"  {count.studies}  {sentence(count.reason).get(lang)}"
            for count in group.total.to_correct
        ]
    return "\n".join(lines)

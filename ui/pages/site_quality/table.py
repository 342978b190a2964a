"""The figures as CSV for a spreadsheet, and as text for a terminal."""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
from collections.abc import Callable, Iterable

from radraft.eval.report.markdown import table
from radraft.pipeline.site_quality import Record, SiteQuality
from radraft.reports.values import Lang
from radraft.studies.quality.values import Verdict
from radraft.ui.pages.flywheel.words import percent
from radraft.ui.pages.site_quality.plots import named
from radraft.ui.pages.site_quality.words import label, sentence, word

COLUMNS = (
    *("site", "week", "monday", "device", "operator", "studies"),
    *(one.value for one in Verdict),
    "reasons",
)
"""Of the CSV, in order. `reasons` is `code number`, the most frequent first."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_MOST_WEEKS = 12


def coded(secret: bytes) -> Callable[[str], str]:
    """Operators as short codes that stay the same under the site's secret: an export says who has
    the same trouble again, not who it is."""

    def code(name: str) -> str:
        if not name:
            return ""
        digest = hmac.new(secret, f"operator\0{name}".encode(), hashlib.sha256)
        return f"o-{digest.hexdigest()[:8]}"

    return code


def to_csv(records: Iterable[Record], operator: Callable[[str], str]) -> str:
    """The records as CSV, operators as `operator` writes them. It begins with a byte order mark:
    spreadsheets take it for UTF-8 then."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    for one in records:
        cells = row(one, operator).items()
        writer.writerow({key: _cell(value) for key, value in cells})
    return "\ufeff" + stream.getvalue()


def row(one: Record, operator: Callable[[str], str]) -> dict[str, str | int]:
    """One record by `COLUMNS`."""
    return {
        "site": one.site,
        "week": str(one.week),
        "monday": one.week.monday.isoformat(),
        "device": one.device,
        "operator": operator(one.operator),
        "studies": one.tally.studies,
        **{verdict.value: one.tally.verdicts[verdict] for verdict in Verdict},
        "reasons": "; ".join(f"{n.code} {n.studies}" for n in one.tally.reasons),
    }


def terminal(site: SiteQuality, lang: Lang) -> str:
    """The newest weeks, and what to correct at which device."""
    head = [word(key).get(lang) for key in ("week", "studies", *Verdict, "top_reasons")]
    rows = [
        [
            f"{week} ({week.monday:%m-%d})",
            str(tally.studies),
            *(str(tally.verdicts[one]) for one in Verdict),
            ", ".join(f"{label(one.code).get(lang)} {one.studies}" for one in tally.reasons[:3]),
        ]
        for week, tally in list(site.weeks.items())[-_MOST_WEEKS:]
    ]
    lines = [word("site").filled(site=site.site).get(lang), table(head, rows)]
    for group in site.devices:
        lost = f"{word('lost').get(lang)} {percent(group.total.lost_share)}"
        about = word("of_all").filled(n=group.total.studies).get(lang)
        lines.append(f"{named(group.name, lang)}: {about}, {lost}")
        lines += [
            f"  {one.studies}  {sentence(one.reason).get(lang)}"
            for one in group.total.reasons
            if one.severity is not Verdict.GOOD
        ]
    return "\n".join(lines)


def _cell(value: str | int) -> str | int:
    """As a spreadsheet may show it: what a device sends must not become a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value

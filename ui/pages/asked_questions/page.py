"""The page `/questions`: what clinicians ask of signed reports and what these leave unanswered. It
holds numbers: no question, no case and no person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from radraft.eval.report.words import Words
from radraft.pipeline.asked_questions import AskedFigures, Line, asked_counts, figures, tally
from radraft.reports.values import Lang
from radraft.ui.pages.charts import TONES, Chart, Curve, curves, stacked
from radraft.ui.pages.csv_text import csv_text
from radraft.ui.pages.frame import render
from radraft.ui.pages.numbers import percent

if TYPE_CHECKING:
    from radraft.pipeline.asked_questions import Tally
    from radraft.store.database import Store
    from radraft.store.questions import AskedCount

COLUMNS = (
    *("site", "month", "modality", "body_part", "kind"),
    *("questions", "answered", "no_sentence", "beyond"),
)
"""Of the CSV, in order."""
_MOST_EXAMINATIONS = 20
MOST_BARS = 8
_TONES = (("answered", "kept"), ("no_sentence", "corrected"), ("beyond", "other"))

word = Words("radraft.ui.pages.asked_questions")


class AskedPage:
    """What `sites.add_site_page` serves at `/questions`."""

    name = "questions"
    unknown = "questions_site_unknown"

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self) -> Mapping[str, AskedFigures]:
        """Return the figures of each site that was asked anything."""
        sites: dict[str, list[AskedCount]] = defaultdict(list)
        for count in asked_counts(self._store):
            sites[count.site].append(count)
        return {site: figures(counts) for site, counts in sorted(sites.items())}

    def draw(self, known: AskedFigures | None, lang: Lang) -> str:
        """Return one site's sections as HTML; a plain sentence for None."""
        found = None if known is None else _shown(known, lang)
        return render("asked_questions/page.html.jinja", lang, word, alone=False, found=found)

    def table(self, site: str | None) -> str:
        """Return one site's or all sites' CSV: a line for each month, examination and kind."""
        groups: dict[tuple[str, ...], list[AskedCount]] = defaultdict(list)
        for count in asked_counts(self._store, site):
            key = (count.site, count.month, count.modality, count.body_part, count.kind)
            groups[key].append(count)
        return csv_text(COLUMNS, (_row(key, tally(groups[key])) for key in sorted(groups)))


def _row(key: tuple[str, ...], counted: Tally) -> dict[str, object]:
    numbers = (counted.asked, counted.answered, counted.no_sentence, counted.beyond)
    return dict(zip(COLUMNS, (*key, *numbers), strict=True))


def _shown(known: AskedFigures, lang: Lang) -> dict[str, Any]:
    total = known.total
    recent = known.months[-1]
    cards = [
        (word("asked").get(lang), str(total.asked), [_months(known, lang)]),
        (
            word("unanswered").get(lang),
            percent(total.unanswered_share),
            [word("newest").filled(value=percent(recent.tally.unanswered_share)).get(lang)],
        ),
        (word("no_sentence").get(lang), str(total.no_sentence), [word("left_out").get(lang)]),
    ]
    return {
        "cards": cards,
        "charts": [_by_kind(known, lang), _by_month(known, lang)],
        "tables": [
            (word("kind").get(lang), [(_kind(line, lang), line.tally) for line in known.kinds]),
            (
                word("examination").get(lang),
                [
                    (" ".join(line.names), line.tally)
                    for line in known.examinations[:_MOST_EXAMINATIONS]
                ],
            ),
            (
                word("month").get(lang),
                [(line.names[0], line.tally) for line in reversed(known.months)],
            ),
        ],
    }


def _months(known: AskedFigures, lang: Lang) -> str:
    first, last = known.months[0].names[0], known.months[-1].names[0]
    return word("from_to").filled(first=first, last=last).get(lang)


def _kind(line: Line, lang: Lang) -> str:
    [kind] = line.names
    return word.named(kind or "unknown", "kinds").get(lang)


def _by_kind(known: AskedFigures, lang: Lang) -> Chart:
    kinds = known.kinds[:MOST_BARS]
    names = [_kind(line, lang) for line in kinds]
    rows = [(tone, [getattr(line.tally, key) for line in kinds]) for key, tone in _TONES]
    legend = tuple((tone, word(key).get(lang)) for key, tone in _TONES)
    svg = stacked(f"questions kinds {lang}", names, rows)
    return Chart("kinds", word("kinds_caption").get(lang), svg, legend)


def _by_month(known: AskedFigures, lang: Lang) -> Chart:
    points = [
        (float(place), line.tally.unanswered_share, None, None)
        for place, line in enumerate(known.months)
    ]
    months = [line.names[0] for line in known.months]
    caption = word("months_caption").get(lang)
    svg = curves([Curve(TONES["main"], points)], "", "", ticks=months, unit=True)
    return Chart("months", caption, svg)

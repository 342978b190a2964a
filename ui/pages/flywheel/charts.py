"""The charts of one site over its weeks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from radraft.eval.report.words import Words, finding
from radraft.finetune.trend import guard
from radraft.finetune.trend.values import Corrected, Figures, Kind, SiteTrend, Spread, Turn
from radraft.reports.edits import Edit
from radraft.reports.values import Lang
from radraft.ui.pages.charts import FEWEST_WEEKS, Chart, Line, Mark, Weeks, bars, lines, stacked

MOST_FINDINGS = 8
_MEDIAN = {"main": "legend_median", "band": "legend_quartiles"}
_NAN = float("nan")
word = Words("radraft.ui.pages.flywheel")


@dataclass(frozen=True)
class _Shown:
    """A site's figures, one for each week of the axis; None where there are none."""

    weeks: Weeks
    lang: Lang
    drafted: Sequence[Figures | None]
    unaided: Sequence[Figures | None]

    def chart(self, key: str, svg: str, legend: Mapping[str, str], **filled: str) -> Chart:
        """Return a chart with its caption; `legend` names a word for each tone."""
        names = tuple((t, word(k).filled(**filled).get(self.lang)) for t, k in legend.items())
        return Chart(key, word(key).get(self.lang), svg, names)


def charts(trend: SiteTrend, lang: Lang) -> tuple[Chart, ...]:
    """Return all charts that have something to show, in reading order. Needs a signature on a
    draft."""
    shown = _shown(trend, lang)
    drawn = [
        _distance(shown),
        _sentences(shown),
        _minutes(shown),
        _untouched(shown),
        _findings(shown, trend.total.corrected[:MOST_FINDINGS]),
        _volume(shown),
    ]
    return tuple(chart for chart in drawn if chart is not None)


def _shown(trend: SiteTrend, lang: Lang) -> _Shown:
    last = trend.shown[-1].week
    count = max(last.since(trend.shown[0].week) + 1, FEWEST_WEEKS)
    axis = [last.before(count - 1 - place) for place in range(count)]
    known = {week.week: week for week in trend.shown}
    marks = tuple(_mark(turn, axis[0].monday, lang) for turn in trend.turns)
    return _Shown(
        Weeks(
            tuple(week.monday for week in axis),
            tuple(mark for mark in marks if -0.5 <= mark.place <= count - 0.5),
            f"trend {trend.site} {lang}",
        ),
        lang,
        [known[week].all if week in known else None for week in axis],
        [known[w].unaided if w in known and known[w].unaided.signed else None for w in axis],
    )


def _mark(turn: Turn, monday: date, lang: Lang) -> Mark:
    start = datetime.combine(monday, datetime.min.time(), UTC)
    name = word("base").get(lang) if turn.adapter_id is None else turn.adapter_id[:8]
    promoted = turn.kind is Kind.PROMOTED
    return Mark(
        (turn.at - start) / timedelta(weeks=1) - 0.5,
        f"{'▲' if promoted else '▼'} {name}",
        dashed=not promoted,
    )


def _distance(shown: _Shown) -> Chart:
    band = _band([week.distance if week else None for week in shown.drafted])
    svg = lines(shown.weeks, "distance", [band], least=0.1)
    return shown.chart("distance_caption", svg, _MEDIAN)


def _sentences(shown: _Shown) -> Chart:
    shares = [week.shares if week else None for week in shown.drafted]
    drawn = [(edit.value, [week[edit] if week else 0.0 for week in shares]) for edit in Edit]
    svg = bars(shown.weeks, "sentences", drawn, percent=True)
    return shown.chart("sentences_caption", svg, {edit.value: edit.value for edit in Edit})


def _minutes(shown: _Shown) -> Chart | None:
    drafted = [week.minutes if week else None for week in shown.drafted]
    if not any(drafted):
        return None
    unaided = [week.minutes.median if week and week.minutes else _NAN for week in shown.unaided]
    drawn = [_band(drafted), Line("other", unaided, joined=False)]
    without = {"other": "legend_unaided"} if any(value == value for value in unaided) else {}
    svg = lines(shown.weeks, "minutes", drawn)
    return shown.chart("minutes_caption", svg, _MEDIAN | without)


def _untouched(shown: _Shown) -> Chart:
    shares = [week.untouched_share if week else None for week in shown.drafted]
    line = Line("main", [_NAN if share is None else share for share in shares])
    svg = lines(shown.weeks, "untouched", [line], percent=True, top=1, limit=guard.HIGH)
    legend = {"main": "untouched", "limit": "legend_limit"}
    return shown.chart("untouched_caption", svg, legend, share=f"{guard.HIGH:.0%}")


def _findings(shown: _Shown, corrected: Sequence[Corrected]) -> Chart | None:
    if not corrected:
        return None
    names = [finding(row.code).get(shown.lang) for row in corrected]
    rows = [
        ("corrected", [row.corrected for row in corrected]),
        ("deleted", [row.deleted for row in corrected]),
        ("added", [row.added for row in corrected]),
    ]
    svg = stacked(f"{shown.weeks.salt} findings", names, rows)
    return shown.chart("findings_caption", svg, {tone: f"finding_{tone}" for tone, _ in rows})


def _volume(shown: _Shown) -> Chart:
    drawn = [
        ("reworded", [float(week.drafts) if week else 0.0 for week in shown.drafted]),
        ("kept", [float(week.signed) if week else 0.0 for week in shown.drafted]),
        ("other", [float(week.signed) if week else 0.0 for week in shown.unaided]),
    ]
    svg = bars(shown.weeks, "volume", drawn, beside=True)
    names = {"reworded": "volume_drafts", "kept": "volume_signed", "other": "volume_unaided"}
    return shown.chart("volume_caption", svg, names)


def _band(spreads: Sequence[Spread | None]) -> Line:
    """Median and quartiles of each week."""
    low, median, high = (
        [getattr(spread, name) if spread else _NAN for spread in spreads]
        for name in ("low", "median", "high")
    )
    return Line("main", median, low, high)

"""The figures as a table: CSV for a spreadsheet, Markdown for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from radraft.core.weeks import Week
from radraft.eval.report.markdown import table
from radraft.eval.report.words import Words, finding
from radraft.finetune.trend import guard
from radraft.finetune.trend.values import Figures, SiteTrend, Turn, WeekFigures
from radraft.finetune.trend.weeks import figures
from radraft.reports.edits import Edit
from radraft.reports.values import Lang
from radraft.ui.pages.csv_text import csv_text
from radraft.ui.pages.numbers import decimal, median, percent, points, quartiles

word = Words("radraft.ui.pages.flywheel")
BASE = "base"
"""What the CSV calls the base model where an adapter's id stands otherwise."""
NO_DRAFT = "none"
"""What it calls reports that people wrote without a draft."""
_MOST_WEEKS = 12
"""Weeks that a terminal shows."""
_MOST_FINDINGS = 5


@dataclass(frozen=True)
class Row:
    """One line of the page's table: a week, or an adapter within a week that several shared."""

    week: Week
    figures: Figures
    adapters: tuple[str | None, ...]
    """What drafted the line's reports."""
    part: bool
    """Whether it is one adapter's part of the week above."""
    unaided: int
    turns: tuple[Turn, ...]


def rows(trend: SiteTrend) -> tuple[Row, ...]:
    """Return the shown weeks, newest first."""
    found = []
    for week in reversed(trend.shown):
        ids = tuple(part.adapter_id for part in week.adapters)
        found.append(Row(week.week, week.all, ids, False, week.unaided.signed, _turns(trend, week)))
        if len(ids) > 1:
            found += [
                Row(week.week, part.figures, (part.adapter_id,), True, 0, ())
                for part in week.adapters
            ]
    return tuple(found)


def records(trends: Iterable[SiteTrend]) -> Iterator[dict[str, Any]]:
    """Yield one record for each site, week and adapter, all weeks, oldest first.

    Reports without a draft are a record of their own, with no edits. A week's promotions and
    rollbacks stand in the record of the adapter that served from then on.
    """
    for trend in trends:
        for week in trend.weeks:
            groups = {part.adapter_id: part.figures for part in week.adapters}
            turned: dict[str | None, list[str]] = {}
            for turn in _turns(trend, week):
                groups.setdefault(turn.adapter_id, figures(()))
                when = turn.at.isoformat(timespec="seconds")
                turned.setdefault(turn.adapter_id, []).append(f"{turn.kind.value} {when}")
            for adapter_id, found in groups.items():
                yield {
                    **_place(trend, week, adapter_id or BASE),
                    **_counts(found),
                    **_edits(found),
                    "turns": "; ".join(turned.get(adapter_id, ())),
                }
            if week.unaided.signed or week.unaided.amended:
                yield {**_place(trend, week, NO_DRAFT), **_counts(week.unaided)}


def _place(trend: SiteTrend, week: WeekFigures, adapter: str) -> dict[str, Any]:
    monday = week.week.monday.isoformat()
    return {"site": trend.site, "week": str(week.week), "monday": monday, "adapter": adapter}


def _counts(figures: Figures) -> dict[str, Any]:
    minutes = figures.minutes
    return {
        "drafts": figures.drafts,
        "signed": figures.signed,
        "amended": figures.amended,
        "minutes_n": 0 if minutes is None else minutes.n,
        "minutes_median": None if minutes is None else round(minutes.median, 2),
        "minutes_q1": None if minutes is None else round(minutes.low, 2),
        "minutes_q3": None if minutes is None else round(minutes.high, 2),
    }


def _edits(figures: Figures) -> dict[str, Any]:
    distance, share = figures.distance, figures.untouched_share
    return {
        "unchanged": figures.unchanged,
        **{edit.value: figures.edits[edit] for edit in Edit},
        "distance_mean": None if distance is None else round(distance.mean, 4),
        "distance_median": None if distance is None else round(distance.median, 4),
        "distance_q1": None if distance is None else round(distance.low, 4),
        "distance_q3": None if distance is None else round(distance.high, 4),
        "untouched_characters": figures.untouched,
        "signed_characters": figures.characters,
        "untouched_share": None if share is None else round(share, 4),
        "findings": "; ".join(f"{row.code} {row.reports}" for row in figures.corrected),
    }


COLUMNS = (
    *("site", "week", "monday", "adapter", "drafts", "signed", "amended", "unchanged"),
    *(edit.value for edit in Edit),
    *("distance_mean", "distance_median", "distance_q1", "distance_q3"),
    *("minutes_n", "minutes_median", "minutes_q1", "minutes_q3"),
    *("untouched_characters", "signed_characters", "untouched_share", "findings", "turns"),
)
"""Of the CSV, in order. A record without a draft leaves those about edits empty."""


def to_csv(trends: Iterable[SiteTrend]) -> str:
    """Return the records as CSV."""
    return csv_text(COLUMNS, records(trends))


def terminal(trends: Iterable[SiteTrend], lang: Lang) -> str:
    """Return the newest weeks of every site, its findings and its guard."""
    return "\n".join(_site(trend, lang) for trend in trends) or word("nothing_at_all").get(lang)


def guard_lines(trend: SiteTrend, lang: Lang) -> tuple[str, ...]:
    """Return what the guard saw and its rule, in sentences; a warning first."""
    seen = trend.guard
    now = word("guard_now").filled(
        recent=percent(seen.recent.untouched_share),
        earlier=percent(seen.earlier.untouched_share),
        changes=decimal(_per_report(seen.recent), 1),
        changes_before=decimal(_per_report(seen.earlier), 1),
    )
    if (slope := seen.slope) is None:
        line = word("guard_no_slope")
    else:
        line = word("guard_slope").filled(
            slope=points(slope.per_week),
            low=points(slope.low),
            high=points(slope.high),
            weeks=slope.weeks,
        )
    rule = word("guard_rule").filled(
        high=f"{guard.HIGH:.0%}", fewest=guard.FEWEST, changes=guard.FEWEST_CHANGES
    )
    warning = (word("guard_warning").get(lang),) if seen.warning else ()
    return (*warning, now.get(lang), line.get(lang), rule.get(lang))


def scope(trend: SiteTrend, lang: Lang) -> str:
    """Say which weeks and how many reports the figures rest on, or why there are none."""
    if trend.total.signed:
        first, last = trend.shown[0].week.monday, trend.shown[-1].week.monday
        about = word("scope").filled(
            first=first, last=last, signed=trend.total.signed, unaided=trend.unaided
        )
        return about.get(lang)
    more = word("nothing_drafts").filled(drafts=trend.total.drafts, unaided=trend.unaided)
    return f"{word('nothing_signed').get(lang)} {more.get(lang)}"


def _site(trend: SiteTrend, lang: Lang) -> str:
    lines = [word("site").filled(site=trend.site).get(lang), scope(trend, lang)]
    if not trend.total.signed:
        return "\n".join(lines) + "\n"
    keys = ("week", "drafts", "signed", "unchanged", "distance", "quartiles", "minutes")
    head = [word(key).get(lang) for key in (*keys, *Edit, "untouched", "adapter")]
    shown = [row for row in rows(trend) if not row.part][:_MOST_WEEKS]
    lines.append(table(head, [_cells(row, lang) for row in reversed(shown)]))
    lines += [
        f"{turn.at:%Y-%m-%d %H:%M} UTC  {word(turn.kind.value).get(lang)}  "
        f"{turn.adapter_id or word('base').get(lang)}  {word('distance').get(lang)} "
        f"{median(turn.before.distance)} → {median(turn.after.distance)}"
        for turn in trend.turns
    ]
    corrected = ", ".join(
        f"{finding(row.code).get(lang)} {row.reports}"
        for row in trend.total.corrected[:_MOST_FINDINGS]
    )
    lines.append(f"{word('findings_caption').get(lang)}: {corrected or '-'}")
    return "\n".join([*lines, *guard_lines(trend, lang)]) + "\n"


def _cells(row: Row, lang: Lang) -> list[str]:
    figures = row.figures
    shares = figures.shares
    return [
        f"{row.week} ({row.week.monday:%m-%d})",
        str(figures.drafts),
        str(figures.signed),
        percent(figures.unchanged_share),
        median(figures.distance),
        quartiles(figures.distance),
        median(figures.minutes, 1),
        *(percent(shares[edit] if shares else None) for edit in Edit),
        percent(figures.untouched_share),
        ", ".join(key or word("base").get(lang) for key in row.adapters),
    ]


def _turns(trend: SiteTrend, week: WeekFigures) -> tuple[Turn, ...]:
    return tuple(turn for turn in trend.turns if Week.of(turn.at) == week.week)


def _per_report(figures: Figures) -> float | None:
    return figures.changes / figures.signed if figures.signed else None

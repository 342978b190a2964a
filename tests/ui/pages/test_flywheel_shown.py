"""The page, the CSV and the terminal's table."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from radraft.core.weeks import Week
from radraft.eval.report.words import finding
from radraft.finetune.trend.facts import Known, Made
from radraft.finetune.trend.values import SiteTrend
from radraft.finetune.trend.weeks import trend
from radraft.llm.adapter import AdapterMove, AdapterState
from radraft.reports.edits import Edit
from radraft.reports.values import LANGS, Lang
from radraft.ui.pages.charts import TONES, themed
from radraft.ui.pages.flywheel.charts import charts
from radraft.ui.pages.flywheel.page import page
from radraft.ui.pages.flywheel.table import COLUMNS, records, terminal, to_csv
from radraft.ui.pages.numbers import percent, points
from tests.finetune.trend.made import FIRST, MONDAY, SECOND, WEEK
from tests.finetune.trend.test_guard import reports
from tests.finetune.trend.test_weeks import fact

pytestmark = pytest.mark.slow

CJK = re.compile(r"[\u3000-\u9fff\uff00-\uffef]")


def moved(adapter_id: str, weeks: float) -> AdapterMove:
    shadow, serving = AdapterState.SHADOW, AdapterState.SERVING
    when = MONDAY + weeks * WEEK
    return AdapterMove(adapter_id, "north", shadow, serving, "陈确认", "", when)


def north(weeks: int = 6) -> SiteTrend:
    corrected = {"cardiomegaly": Edit.CORRECTED, "fracture": Edit.ADDED}
    facts = [
        fact(
            MONDAY + week * WEEK + timedelta(hours=n),
            adapter_id=FIRST if week > 2 else None,
            edits={Edit.KEPT: 4 + week, Edit.REWORDED: 1, Edit.CORRECTED: 1},
            unchanged=n == 0,
            distance=0.5 / (week + 1) + n / 100,
            seconds=300 - 10 * week + n,
            corrections=corrected if n % 2 else {},
            untouched=60 + week,
        )
        for week in range(weeks)
        for n in range(5)
    ]
    facts.append(fact(MONDAY, drafted=False, seconds=600))
    facts.append(fact(MONDAY + WEEK, first=False))
    made = (Made("north", Week.of(MONDAY), None, 7),)
    return trend(Known(tuple(facts), made, (moved(FIRST, 2.5),)), "north")


class Page(HTMLParser):
    """What a page would fetch or run, and its visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.outside: list[str] = []
        self.text: list[str] = []
        self.ids: list[str] = []
        self._tags: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tags.append(tag)
        if tag in {"script", "link", "iframe", "img"}:
            self.outside.append(tag)
        for name, value in attrs:
            if name in {"src", "href", "xlink:href"} and not (value or "").startswith("#"):
                self.outside.append(f"{name}={value}")
            if name == "id":
                self.ids.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        while self._tags and self._tags.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not {"style", "title"} & set(self._tags) and data.strip():
            self.text.append(data.strip())


@pytest.mark.parametrize("lang", LANGS)
def test_the_page_fetches_nothing_and_has_one_of_every_id(lang: Lang) -> None:
    html = page([north(), trend(Known((fact(site="south"),), (), ()), "south")], lang)
    seen = Page(html)
    assert seen.outside == []
    assert "default-src 'none'" in html
    assert len(seen.ids) == len(set(seen.ids))
    # What names a namespace is no address that anyone asks.
    assert set(re.findall(r"https?://[^\"' ]+", html)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


def test_each_language_has_a_page_of_its_own() -> None:
    english = " ".join(Page(page([north()], "en")).text)
    chinese = " ".join(Page(page([north()], "zh")).text)
    assert not CJK.search(english)
    assert "Cardiomegaly" in english
    assert finding("cardiomegaly").zh in chinese
    assert "Cardiomegaly" not in chinese


@pytest.mark.parametrize("lang", LANGS)
def test_every_chart_over_weeks_marks_the_promotion(lang: Lang) -> None:
    drawn = {chart.key: chart.svg for chart in charts(north(), lang)}
    assert list(drawn) == [
        "distance_caption",
        "sentences_caption",
        "minutes_caption",
        "untouched_caption",
        "findings_caption",
        "volume_caption",
    ]
    for key, svg in drawn.items():
        assert (FIRST[:8] in svg) == (key != "findings_caption")
        assert "<text" in svg
        assert "font-family" not in svg


def test_the_page_can_change_every_colour_of_a_chart() -> None:
    named = set(TONES.values())
    for chart in charts(north(), "en"):
        svg = themed(chart.svg)
        fixed = re.sub(r"var\(--page-\w+, #[0-9a-f]{6}\)", "", svg)
        assert re.findall(r"#[0-9a-f]{6}\b", fixed) == []
        assert set(re.findall(r", (#[0-9a-f]{6})\)", svg)) <= named
        assert {tone for tone, _ in chart.legend} <= {*TONES, "band"}


@pytest.mark.parametrize("lang", LANGS)
def test_every_picture_has_its_name_for_who_cannot_see_it(lang: Lang) -> None:
    html = page([north()], lang)
    named = re.findall(r'<div role="img" aria-label="([^"]+)"><svg', html)
    assert named == [chart.caption for chart in charts(north(), lang)]
    assert html.count("<svg") == len(named)


def test_charts_with_nothing_to_show_are_left_out() -> None:
    bare = trend(Known((fact(),), (), ()), "north")
    assert {chart.key for chart in charts(bare, "zh")} == {
        "distance_caption",
        "sentences_caption",
        "untouched_caption",
        "volume_caption",
    }
    text = " ".join(Page(page([bare], "en")).text)
    assert "No finding was corrected" in text
    assert "No times yet" in text


def test_many_promotions_in_a_row_are_all_drawn_and_some_named() -> None:
    known = Known(
        tuple(fact(MONDAY + week * WEEK) for week in range(8)),
        (),
        tuple(moved(f"a-{n:016x}", 3 + n / 50) for n in range(20)),
    )
    svg = charts(trend(known, "north"), "zh")[0].svg
    assert 1 <= svg.count("▲ a-") < 20
    assert charts(trend(known, "north"), "zh")[0].svg == svg


@pytest.mark.parametrize("lang", LANGS)
def test_a_site_without_a_signature_gets_a_sentence_and_no_axes(lang: Lang) -> None:
    bare = trend(Known((), (Made("north", Week.of(MONDAY), None, 3),), ()), "north")
    for shown in (page([bare], lang), page([], lang)):
        assert "<svg" not in shown
        assert "<table" not in shown
    word = {"zh": "还没有签发过", "en": "No report with a draft has been signed yet"}[lang]
    assert word in page([bare], lang)
    assert word in terminal([bare], lang)
    assert terminal([], lang)


def test_a_site_only_ever_read_without_drafts_gets_a_sentence_too() -> None:
    alone = trend(Known((fact(drafted=False),), (), ()), "north")
    assert "<svg" not in page([alone], "en")
    assert "without a draft: 1" in page([alone], "en")


def test_a_sites_name_is_text() -> None:
    shown = page([trend(Known((fact(site="<b>北&"),), (), ()), "<b>北&")], "zh")
    assert "&lt;b&gt;北&amp;" in shown
    assert "<b>北" not in shown


def test_the_warning_stands_first() -> None:
    facts = [
        report for week in range(4) for report in reports(8, changes=3, untouched=60, week=week)
    ]
    facts += [one for week in range(4, 8) for one in reports(8, changes=0, untouched=99, week=week)]
    found = trend(Known(tuple(facts), (), ()), "north")
    assert found.guard.warning
    html = page([found], "en")
    assert html.index('role="alert"') < html.index("<svg")
    assert html.count("Warning: almost all") == 1
    assert "Warning: almost all" in terminal([found], "en")
    assert "Warning: almost all" not in page([north()], "en")


def parsed(text: str) -> Iterator[dict[str, str]]:
    return csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))


def test_the_csv_has_a_row_for_each_site_week_and_adapter() -> None:
    rows = list(parsed(to_csv([north()])))
    assert tuple(rows[0]) == COLUMNS
    keys = [(row["week"], row["adapter"]) for row in rows]
    assert keys == [
        ("2026-W38", "base"),
        ("2026-W38", "none"),
        ("2026-W39", "base"),
        ("2026-W40", "base"),
        ("2026-W40", FIRST),
        ("2026-W41", FIRST),
        ("2026-W42", FIRST),
        ("2026-W43", FIRST),
    ]
    first, alone, second, _, turned, fourth, *_ = rows
    assert (first["drafts"], first["signed"], first["kept"], first["reworded"]) == (
        *("7", "5"),
        *("20", "5"),
    )
    assert (first["distance_median"], first["minutes_median"]) == ("0.52", "5.03")
    assert (first["untouched_share"], first["findings"]) == ("0.6", "cardiomegaly 2; fracture 2")
    assert (alone["signed"], alone["kept"], alone["minutes_median"]) == ("1", "", "10.0")
    assert second["amended"] == "1"
    assert turned["turns"].startswith("promoted 2026-10-01T21:00:00")
    assert (turned["signed"], fourth["signed"], fourth["turns"]) == ("0", "5", "")


def test_a_promotion_taken_back_within_the_week_stands_in_the_csv() -> None:
    serving, retired = AdapterState.SERVING, AdapterState.RETIRED
    back = AdapterMove(SECOND, "north", serving, retired, "x", "", MONDAY + timedelta(days=2))
    again = AdapterMove(
        SECOND, "north", AdapterState.SHADOW, serving, "x", "", MONDAY + timedelta(days=3)
    )
    known = Known((fact(),), (), (moved(SECOND, 0.1), back, again))
    turns = {record["adapter"]: record["turns"] for record in records([trend(known, "north")])}
    assert turns["base"].startswith("rolled_back 2026-09-16")
    assert turns[SECOND].count("promoted") == 2


def test_a_spreadsheet_takes_the_csv_for_utf_8() -> None:
    text = to_csv([trend(Known((fact(site="北院"),), (), ()), "北院")])
    assert text.startswith("\ufeff")
    assert next(parsed(text))["site"] == "北院"


def test_a_sites_name_is_never_a_formula() -> None:
    text = to_csv([trend(Known((fact(site="=1+2"),), (), ()), "=1+2")])
    assert next(parsed(text))["site"] == "'=1+2"


@pytest.mark.parametrize("lang", LANGS)
def test_the_terminal_shows_weeks_turns_findings_and_guard(lang: Lang) -> None:
    text = terminal([north()], lang)
    assert "2026-W38 (09-14)" in text
    assert FIRST in text
    assert finding("cardiomegaly").get(lang) in text
    assert "90%" in text


def test_numbers_read_well() -> None:
    assert (percent(None), percent(0.005), percent(1)) == ("—", "0%", "100%")
    assert (points(-0.0001), points(-0.0123), points(0.5)) == ("+0.0", "\u22121.2", "+50.0")
    assert finding("no_such_code").en == "no_such_code"

"""The page: what it says, and that a report's text stays text."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from radraft.core.errors import EvalError
from radraft.core.settings import CHECKOUT
from radraft.eval.cache import Cache
from radraft.eval.looks.calibration import calibrate
from radraft.eval.looks.values import Judged
from radraft.eval.report.markdown import markdown
from radraft.eval.report.published import published
from radraft.eval.report.words import Both, headline, section_title, title, word
from radraft.eval.result import Result
from radraft.eval.run import Outcome, evaluate
from radraft.eval.score import Scorer
from radraft.eval.values import Drafted, EvalSet, SetCard, SetItem
from radraft.reports.values import LANGS, Certainty
from radraft.ui.pages.evaluation.charts import charts
from radraft.ui.pages.evaluation.page import page
from radraft.ui.pages.evaluation.write import write

pytestmark = pytest.mark.slow

ATTACK = "<script>alert(1)</script><img src=x onerror=alert(2)>"
CARD = SetCard(f"set {ATTACK}", "a | b", "none", "test", "ab" * 32, "a note")


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    """A picture, an attack in every text that a page shows, and an error of each kind."""
    study = CHECKOUT / "demo/studies/06"
    labels = {"pneumothorax": Certainty.PRESENT, "pleural_effusion": Certainty.ABSENT}
    items = tuple(SetItem(f"{key} {ATTACK}", study, labels) for key in ("a", "b"))
    drafts = (
        Drafted(items[0].id, (f"左侧胸腔积液。{ATTACK}",), (f"Left pleural effusion. {ATTACK}",)),
        Drafted(items[1].id, (), (), failed="llm_timeout"),
    )
    made = Scorer(Cache(None), resamples=60)
    return evaluate(EvalSet(CARD, items), drafts, f"model {ATTACK}", made)


class Seen(HTMLParser):
    """Tags and addresses of a page, and the text of its marked words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name in {"src", "href", "xlink:href", "action", "data"}:
                self.addresses.append(value or "")
            if name.startswith("on"):
                self.handlers.append(name)
            if name == "id":
                self.ids.append(value or "")


def test_a_report_with_markup_stays_text(outcome: Outcome) -> None:
    text = page(outcome.result, outcome.cases)
    seen = Seen(text)
    assert "script" not in seen.tags
    assert seen.handlers == []
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 5


def test_the_page_fetches_nothing(outcome: Outcome) -> None:
    text = page(outcome.result, outcome.cases)
    seen = Seen(text)
    assert seen.addresses
    assert [
        address for address in seen.addresses if not address.startswith(("#", "data:image/png"))
    ] == []
    assert seen.tags & {"link", "iframe", "object", "embed", "form", "base"} == set()
    assert "url(http" not in text
    assert "@import" not in text
    assert "default-src 'none'" in text


def test_ids_are_unique_over_all_charts(outcome: Outcome) -> None:
    seen = Seen(page(measured(outcome), outcome.cases))
    assert len(seen.ids) == len(set(seen.ids))
    assert {address[1:] for address in seen.addresses if address.startswith("#")} <= set(seen.ids)


def measured(outcome: Outcome, count: int = 200) -> Result:
    """The result with image support that says something of correctness."""
    random = np.random.default_rng(4)
    nats = random.normal(0, 1, count)
    right = random.random(count) < 1 / (1 + np.exp(-nats))
    sentences = [Judged(str(n), float(nats[n]), bool(right[n])) for n in range(count)]
    return replace(outcome.result, calibration=calibrate(sentences, resamples=50))


def test_charts_keep_text_as_text_in_both_languages(outcome: Outcome) -> None:
    keys = ("scores", "errors", "findings", "distribution")
    for lang in LANGS:
        drawn = charts(measured(outcome), lang)
        captions = [word(f"chart_{key}").get(lang) for key in keys]
        assert [chart.caption for chart in drawn[:-1]] == captions
        assert "AUROC 0." in drawn[-1].caption
        assert title("finding_f1_micro").get(lang) in drawn[0].svg
        assert all("font-family" not in chart.svg for chart in drawn)
        assert drawn == charts(measured(outcome), lang)


def test_too_few_sentences_draw_no_calibration(outcome: Outcome) -> None:
    assert len(charts(measured(outcome, 10), "zh")) == len(charts(outcome.result, "zh"))


def test_the_worst_cases_show_picture_labels_and_marks(outcome: Outcome) -> None:
    text = page(outcome.result, outcome.cases)
    assert '<mark class="hallucinated">pleural effusion</mark>' in text
    assert '<mark class="hallucinated">胸腔积液</mark>' in text
    assert text.count('<img src="data:image/png;base64,') == 2
    assert "llm_timeout" in text


def test_without_pictures_the_page_has_none(outcome: Outcome) -> None:
    cases = [replace(case, picture=None) for case in outcome.cases]
    assert "<img" not in page(outcome.result, cases)
    assert word("worst").en not in page(outcome.result, None)
    assert word("worst_none").en in page(outcome.result, ())


def test_the_page_opens_in_the_language_asked_for(outcome: Outcome) -> None:
    assert re.search(r'id="ui-zh" checked', page(outcome.result, None))
    english = page(outcome.result, None, ui="en")
    assert re.search(r'id="ui-en" checked', english)
    assert '<html lang="en">' in english


def test_published_figures_are_in_a_table_of_their_own(outcome: Outcome) -> None:
    text = page(outcome.result, outcome.cases)
    own, theirs = text.split('<section class="context">')
    for row in published():
        assert row.source and row.url.startswith("https://") and row.checked
        assert f">{row.model} <small>{row.year}" in theirs
        assert row.source not in own
    assert word("published_note").en in theirs


def test_markdown_names_direction_n_and_interval(outcome: Outcome) -> None:
    text = markdown(outcome.result)
    assert "| `hallucinated_per_report` | ↓ lower is better |" in text
    assert "| `finding_f1_micro` | ↑ higher is better | 0.000 |" in text
    assert "llm_timeout 1" in text
    assert "not comparable" in text
    assert "<script" not in text
    assert "a \\| b" in text


def test_all_files_are_written_whole_and_again_the_same(outcome: Outcome, tmp_path: Path) -> None:
    for folder in (tmp_path / "one", tmp_path / "two"):
        write(outcome.result, outcome.cases, folder)
    names = ["reports.jsonl", "result.html", "result.json", "result.md"]
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == names
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    lines = (tmp_path / "one/reports.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == sum(section.n for section in outcome.result.sections)


def test_a_folder_that_cannot_be_written_is_named(outcome: Outcome, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(EvalError, match="eval_not_written"):
        write(outcome.result, outcome.cases, tmp_path / "file")


def test_every_headline_measure_has_a_name_in_both_languages() -> None:
    for names in headline():
        for name in names.values():
            assert title(name) != Both(name, name)
    assert section_title("clinical_zh").en == "Clinical metrics against reference reports (Chinese)"

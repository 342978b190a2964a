"""The pages of figures at 200 percent on the smallest screen: a viewport of 683 by 384."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.scale import rows
from tests.studies.quality.made import fill as fill_quality
from tests.ui.conftest import Workstation, let_in
from tests.ui.pages.test_flywheel import fill as fill_trend


@pytest.fixture(scope="module")
def figures(
    tmp_path_factory: pytest.TempPathFactory, migrated_folder: Path
) -> Iterator[Workstation]:
    """A workstation whose pages have figures; both languages look at it."""
    made = Workstation(tmp_path_factory.mktemp("figures") / "data", migrated_folder)
    with made.store.begin() as session:
        fill_quality(session, weeks=6, a_week=8)
    # Its studies have numbers of their own.
    fill_trend(made.store, weeks=1, first=5000)
    yield made
    made.close()


@pytest.mark.browser
@pytest.mark.slow
@rows("en")
@pytest.mark.parametrize("lang", ["zh-CN", "en"])
def test_at_200_percent_nothing_is_cut_off(
    browser: Browser, figures: Workstation, lang: str
) -> None:
    context = browser.new_context(viewport={"width": 683, "height": 384}, device_scale_factor=2)
    let_in(context, figures, figures.url)
    page = context.new_page()
    for name in ("flywheel", "quality"):
        page.goto(f"{figures.url}/{name}?lang={lang}")
        page.locator(".page svg").first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= 683
        cut_off = page.evaluate(
            """() => [...document.querySelectorAll(
                ".rd-header :is(a, button, select), .card, figure")]
              .filter((e) => e.offsetParent !== null && e.getBoundingClientRect().right > 683)
              .map((e) => e.outerHTML.slice(0, 80))"""
        )
        assert cut_off == []
        sizes = page.evaluate(
            """() => [...document.querySelectorAll(".page svg text")]
              .map((t) => parseFloat(getComputedStyle(t).fontSize)
                * t.ownerSVGElement.getScreenCTM().a)"""
        )
        assert min(sizes) >= 11
    context.close()

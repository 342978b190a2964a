"""What the browser tests do on the study page."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from radraft.reports.values import Report
from tests.ui.conftest import Workstation


def area(page: Page, section: str, place: int, lang: str) -> Locator:
    return page.locator(f"[data-part={section}] .rd-text[data-lang={lang}]").nth(place)


def expect_text(field: Locator, text: str) -> None:
    """Until a text of the report is exactly `text`."""
    expect(field).to_have_js_property("textContent", text)


def text_of(field: Locator) -> str:
    """What stands in a text of the report."""
    return field.text_content() or ""


def selection(field: Locator) -> tuple[int, int]:
    """Where the selection in a text begins and ends, in UTF-16 units."""
    script = """field => {
      const chosen = getSelection().getRangeAt(0);
      const before = document.createRange();
      before.selectNodeContents(field);
      before.setEnd(chosen.startContainer, chosen.startOffset);
      const start = before.toString().length;
      return [start, start + chosen.toString().length];
    }"""
    start, end = field.evaluate(script)
    return start, end


def selected(field: Locator) -> str:
    """The words that are selected in a text."""
    start, end = selection(field)
    return text_of(field)[start:end]


def wait_saved(page: Page) -> None:
    expect(page.locator(".rd-save")).to_have_attribute("data-state", "saved")


def wait_unsaved(page: Page) -> None:
    expect(page.locator(".rd-save")).not_to_have_attribute("data-state", "saved")


def stored(workstation: Workstation, case_id: str) -> Report:
    working = workstation.service.case_view(case_id).working
    assert working is not None
    return working.report


def wait_until(page: Page, question: str) -> None:
    """Until `question`, the body of an async function, gives something true in the page.

    A predicate of Playwright's `wait_for_function` is not waited for: its promise counts as true.
    """
    script = f"""async () => {{
      const until = performance.now() + 30000;
      while (!(await (async () => {{ {question} }})())) {{
        if (performance.now() > until) throw new Error("it did not come true");
        await new Promise((resolve) => setTimeout(resolve, 100));
      }}
    }}"""
    page.evaluate(script)


def wait_stored(
    page: Page, workstation: Workstation, case_id: str, zh: str, finding: int = 0
) -> None:
    """Until the store holds `zh` as the finding, whoever saved it."""
    wait_until(
        page,
        f"""const answer = await fetch("/api/cases/{case_id}").catch(() => null);
        const held = answer?.ok && (await answer.json()).working.report;
        return held && held.findings[{finding}].zh === "{zh}";""",
    )
    assert stored(workstation, case_id).findings[finding].zh == zh

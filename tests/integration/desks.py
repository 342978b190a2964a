"""What each person of a department does on the pages, in words of the trade.

Everything goes the way a person's hand does: links, fields, buttons. Words on the pages are looked
up in the page's own strings, so a day can be told in either language.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from tests.integration.department import Department
from tests.integration.films import Film
from tests.ui.conftest import CHROMIUM, CHROMIUM_ARGS
from tests.ui.page import area, text_of, wait_saved

I18N = Path(__file__).parents[2] / "ui" / "i18n"
PASSWORD = "a made-up password of {login}"
PATIENCE_MS = 60_000
LONG_MS = 300_000
"""For what loads a model first."""
Pairs = tuple[tuple[str, str], ...]
"""Sentences, Chinese and English."""


@dataclass
class Person:
    """Somebody who signs in at a browser of his own."""

    department: Department
    context: BrowserContext
    login: str
    name: str
    lang: str
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page = self._page()

    def _page(self) -> Page:
        page = self.context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        return page

    @property
    def password(self) -> str:
        """What only he knows."""
        return PASSWORD.format(login=self.login)

    def word(self, key: str, **values: object) -> str:
        """A string of the pages in his language."""
        strings = json.loads((I18N / f"{self.lang}.json").read_text(encoding="utf-8"))
        text = str(strings[key])
        return text.format(**values) if values else text

    def chooses_a_password(self, link: str) -> None:
        """Use a one-time link. He is signed in after it, and goes home without looking further."""
        page = self.page
        page.goto(link)
        if "#first=" in link:
            # Everybody else is named already.
            page.locator("input[name=login]").fill(self.login)
            page.locator("input[name=name]").fill(self.name)
        page.locator("input[name=new_password]").fill(self.password)
        page.locator("input[name=new_password_again]").fill(self.password)
        page.locator("[data-part=enter]").click()
        page.wait_for_url(f"{self.department.url}/", wait_until="commit")
        self.context.clear_cookies()

    def signs_in(self, password: str | None = None) -> Self:
        """Come to the workstation, be sent to the sign-in page, and sign in there."""
        self.goes_to("/")
        self.page.wait_for_url("**/sign-in*")
        self.tries(password or self.password)
        if password is None:
            expect(self.page.locator("[data-part=person]")).to_have_text(self.name)
        return self

    def tries(self, password: str) -> None:
        """Enter log-in name and password on the sign-in page."""
        self.page.locator("input[name=login]").fill(self.login)
        self.page.locator("input[name=password]").fill(password)
        self.page.locator("[data-part=enter]").click()

    def goes_home(self) -> None:
        """Sign out."""
        self.page.locator("[data-part=sign-out]").click()
        self.page.wait_for_url("**/sign-in")

    def goes_to(self, path: str) -> None:
        """Open a page of the workstation."""
        self.page.goto(f"{self.department.url}{path}")

    def status_of(self, path: str) -> int:
        """What his own browser gets when it asks for something."""
        return int(self.page.evaluate("async path => (await fetch(path)).status", path))


class Technologist(Person):
    """Sends studies in, and sees what is wrong with them."""

    def uploads(self, *paths: Path) -> Locator:
        """Choose files on his page; what he is told became of them."""
        self.goes_to("/arrivals")
        self.page.locator("[data-part=upload-place] [data-part=file]").set_input_files(list(paths))
        told = self.page.locator("[data-part=results] .rd-uploaded")
        expect(told.locator("progress")).to_have_count(0)
        expect(told).to_be_visible()
        return told

    def sees_what_to_correct(self, station: str, reason: str) -> Locator:
        """What is wrong with an image that a device sent in the last hour; its line."""
        self.goes_to("/arrivals")
        line = self.page.locator(".ar-line").filter(has_text=station)
        expect(line.locator(".ar-verdict")).to_contain_text(reason, timeout=LONG_MS)
        return line


class Reader(Person):
    """A resident or an attending: writes reports and takes them to the signature."""

    def finds(self, name: str) -> Locator:
        """The line of a patient in the worklist, found by his name."""
        search = self.page.get_by_role("searchbox")
        search.fill(name)
        search.press("Enter")
        row = self.page.locator(".rd-row")
        expect(row).to_have_count(1)
        search.fill("")
        search.press("Enter")
        return row

    def sees_arrive(self, film: Film) -> str:
        """Wait until a film's study stands in the worklist; its case."""
        row = self.listed(film)
        expect(row).to_have_count(1, timeout=LONG_MS)
        return str(row.get_attribute("data-case"))

    def listed(self, film: Film) -> Locator:
        """The lines of a film's patient in the worklist."""
        return self.page.locator(".rd-row").filter(has_text=film.names[self.lang == "en"])

    def pictures(self) -> list[str]:
        """The key images of the open study, by what they are kept under."""
        thumbs = self.page.locator("[data-part=strip] img")
        expect(thumbs.first).to_be_visible()
        return [str(thumb.get_attribute("src")) for thumb in thumbs.all()]

    def opens(self, case_id: str) -> None:
        """Open a study from the worklist."""
        self.page.locator(f".rd-row[data-case={case_id}]").click()
        expect(self.page.locator(f".rd-row[data-case={case_id}]")).to_have_attribute(
            "aria-current", "true"
        )
        self.page.locator(".rd-banner strong").wait_for()

    @property
    def ordered(self) -> Locator:
        """What was asked for the open study."""
        return self.page.locator("[data-part=orders]")

    def waits_for_the_draft(self, case_id: str) -> None:
        """Look at the worklist until the model's draft is there."""
        chip = self.page.locator(f".rd-row[data-case={case_id}] [data-part=chip]")
        expect(chip).to_have_attribute("data-phase", "drafted", timeout=LONG_MS)

    def drafted(self) -> Pairs:
        """What the model wrote, as it stands on the page, each sentence marked as the model's."""
        rows = self.page.locator("[data-part=findings] > li, [data-part=impression] > li")
        expect(rows.locator("[data-origin=model]").first).to_be_visible()
        assert rows.locator("[data-origin=model]").count() == rows.count()
        return tuple(
            (
                text_of(row.locator(".rd-text[data-lang=zh]")),
                text_of(row.locator(".rd-text[data-lang=en]")),
            )
            for row in rows.all()
        )

    def writes(self, section: str, pairs: Pairs) -> None:
        """Have a section say this and nothing else."""
        rows = self.page.locator(f"[data-part={section}] > li")
        while rows.count() > len(pairs):
            rows.last.locator("[data-part=delete]").click()
        while rows.count() < len(pairs):
            self.page.locator(f"[data-part=add-{section}]").click()
        for place, (zh, en) in enumerate(pairs):
            area(self.page, section, place, "zh").fill(zh)
            area(self.page, section, place, "en").fill(en)
        wait_saved(self.page)

    def reads(self, section: str) -> Pairs:
        """What a section says on the page."""
        rows = self.page.locator(f"[data-part={section}] > li")
        return tuple(
            (
                text_of(area(self.page, section, place, "zh")),
                text_of(area(self.page, section, place, "en")),
            )
            for place in range(rows.count())
        )

    def warned(self, code: str) -> Locator:
        """The warnings of a kind on the page."""
        return self.page.locator(f".rd-warning[data-code={code}]")

    def answers(self, code: str, reason: str) -> None:
        """Dismiss a warning with a reason of the list."""
        warning = self.warned(code)
        expect(warning).to_have_count(1)
        warning.locator("[data-part=dismiss]").click()
        warning.locator(f"[data-reason={reason}]").click()
        expect(warning).to_have_count(0)
        expect(self.page.locator("[data-part=dismissed]")).to_be_visible()

    def presses(self, name: str) -> None:
        """Press a button of the report's bar."""
        self.page.locator(f".rd-bar [data-part={name}]").click()

    def submits(self) -> None:
        """Hand the report over for review."""
        self.presses("submit")
        standing = self.page.locator("[data-part=standing] [data-kind=submitted]")
        expect(standing).to_contain_text(self.name)

    def returns(self, remark: str) -> None:
        """Give the report back to its author."""
        self.presses("sendBack")
        self.answers_dialog(remark)
        expect(self.remark).to_contain_text(remark)

    @property
    def remark(self) -> Locator:
        """What the reviewer says is to be mended, above the report."""
        return self.page.locator("[data-part=standing] [data-kind=returned]")

    def answers_dialog(self, remark: str = "") -> None:
        """Confirm a step, with the words it asks for."""
        dialog = self.page.locator("dialog[open]")
        if remark:
            dialog.locator("[data-part=remark]").fill(remark)
        dialog.locator("[data-part=take]").click()

    def signs_as_reviewer(self, *names: str) -> None:
        """Review and sign with the password; the names stand under the report."""
        self.presses("sign")
        dialog = self.page.locator("dialog[open]")
        dialog.locator("input[type=password]").fill(self.password)
        dialog.locator("[data-part=confirm]").click()
        signature = self.page.locator(".rd-report[data-mode=signed] [data-part=signature]")
        for name in (*names, self.name):
            expect(signature).to_contain_text(name)

    def notifies(self, recipient: str) -> None:
        """Tell the ward of the study's critical value, by telephone."""
        self.page.locator("[data-part=alerts] [data-move=notify]").click()
        form = self.page.locator("dialog[open] .al-form")
        form.locator("[data-part=recipient]").fill(recipient)
        form.locator("input[value=phone]").check()
        form.locator("[data-part=take]").click()
        expect(self.page.locator("[data-part=alerts]")).to_contain_text(self.word("alert_notified"))

    def closes_the_alert(self, case_id: str, read_back: str) -> None:
        """Record read-back and acknowledgement on the page of critical values."""
        self.goes_to("/alerts")
        item = self.page.locator(".al-item").filter(has=self.page.locator(f"a[href='/#{case_id}']"))
        item.locator("[data-move=read_back]").click()
        item.locator(".al-form [data-part=text]").fill(read_back)
        item.locator(".al-form [data-part=take]").click()
        item.locator("[data-move=acknowledge]").click()
        item.locator(".al-form [data-part=take]").click()
        expect(item).to_have_count(0)
        self.goes_to(f"/#{case_id}")
        self.page.locator(".rd-banner strong").wait_for()

    def amends(self, reason: str) -> None:
        """Reopen the signed report, saying why."""
        self.presses("amend")
        self.answers_dialog(reason)
        expect(self.page.locator("[data-kind=amendment]")).to_contain_text(reason)

    def cancels_the_amendment(self) -> None:
        """Give the amendment up: the report is what was signed."""
        self.presses("cancel")
        self.answers_dialog()
        expect(self.page.locator(".rd-report[data-mode=signed]")).to_be_visible()


class Clinician(Reader):
    """Reads what was signed, and asks."""

    def finds_nothing(self, name: str) -> None:
        """A patient of whom nothing was signed is not in his list."""
        search = self.page.get_by_role("searchbox")
        search.fill(name)
        search.press("Enter")
        expect(self.page.locator("[data-part=empty]")).to_have_text(self.word("nothing_matches"))
        search.fill("")
        search.press("Enter")

    def asks(self, question: str) -> Locator:
        """Ask about the report; the answer."""
        followup = self.page.locator("[data-part=followup]")
        followup.locator("input").fill(question)
        followup.locator("[type=submit]").click()
        turn = followup.locator(".rd-turns > li").filter(has_text=question)
        answer = turn.locator(".rd-answer")
        expect(answer).to_be_visible()
        return answer


class Administrator(Person):
    """Makes accounts, sets the rules, audits."""

    def asks_for_two_signatures(self, site: str) -> None:
        """Nobody signs alone, and each signature takes the password."""
        self.goes_to("/")
        self.page.locator("[data-part=desk] a[href='/signature-rules']").click()
        rule = self.page.locator(f"[data-site={site}]")
        rule.locator("[name=two_signatures]").check()
        rule.locator("[name=attending_alone]").uncheck()
        rule.locator("[name=emergency_alone]").uncheck()
        rule.locator("[name=reauthenticate]").check()
        rule.locator("[type=submit]").click()
        expect(rule.locator("[role=status]")).to_contain_text(self.name)

    def audits(self, kind: str, *, by: str = "", outcome: str = "") -> Locator:
        """Search the audit; the lines that are found."""
        if "/audit" not in self.page.url:
            self.goes_to("/")
            self.page.locator("[data-part=desk] a[href='/audit']").click()
        form = self.page.locator("[data-part=query]")
        form.locator("[name=name]").fill(by)
        form.locator("[name=outcome]").select_option(outcome)
        with self.page.expect_response(lambda answer: f"kind={kind}" in answer.url and answer.ok):
            form.locator("[name=kind]").select_option(kind)
        # Another search by the same words would find the events of this one.
        rows = self.page.locator("[data-part=rows] tr").filter(
            has_text=self.word(f"audit_kind_{kind}")
        )
        expect(rows.first).to_be_visible()
        return rows

    def sees_waiting(self, target: str) -> Locator:
        """What waits for a receiver, on the page of reports that leave."""
        if "/outbox" not in self.page.url:
            self.goes_to("/")
            self.page.locator("[data-part=desk] a[href='/outbox']").click()
        name = self.page.get_by_role("rowheader", name=target, exact=True)
        return self.page.locator("[data-part=waiting] tbody").filter(has=name)

    def exports_the_audit(self, path: Path) -> None:
        """Save the search as CSV."""
        with self.page.expect_download() as download:
            self.page.locator("[data-part=csv]").click()
        download.value.save_as(path)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A Chromium of this test's own: while Playwright runs, no other test of the process can have
    an event loop."""
    with sync_playwright() as playwright:
        expect.set_options(timeout=PATIENCE_MS)
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        try:
            yield launched
        finally:
            launched.close()

"""The page of a signed study in Chromium: a clinician asks, a radiologist answers on the desk."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from radraft.reports.audit import AuditActor
from radraft.reports.machine_tokens import TokenTerms
from radraft.reports.people import Actor, ActorRole
from radraft.reports.roles import Role, Scope
from radraft.reports.values import Origin, Report, Sentence, both
from radraft.store import priors, questions
from radraft.studies.values import Patient
from tests.builders import make_draft, signed_in
from tests.scale import rows
from tests.ui import seed
from tests.ui.conftest import Workstation
from tests.ui.people import account_of, session_of
from tests.ui.test_accessible_browser import LANGUAGES, OPTIONS
from tests.ui.test_sizes_browser import WINDOWS, picture

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ZHANG = Patient("P-77", "Zhang^Wei=张^伟", date(1962, 3, 5), "M")
PHONE = ("390", 390, 844, 3.0)
CUT_OFF = """width => [...document.querySelectorAll(
    ".rd :is(a, button, input, textarea, p, h1, h2, h3)")]
  .filter((e) => e.checkVisibility({ opacityProperty: true }))
  .filter((e) => {
    const box = e.getBoundingClientRect();
    return box.right > width + 0.5 || box.left < -0.5;
  })
  .map((e) => e.outerHTML.slice(0, 120))"""
Open = Callable[..., Page]


@pytest.fixture
def open_at(browser: Browser, workstation: Workstation) -> Iterator[Open]:
    """Opens an address for a clinician, in a window of his; afterwards: no error on any page."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def opener(
        address: str,
        *,
        window: tuple[str, int, int, float] = PHONE,
        name: str = "赵临床",
        roles: tuple[Role, ...] = (Role.CLINICIAN,),
        known: bool = True,
        clock: bool = False,
    ) -> Page:
        _, width, height, scale = window
        context = browser.new_context(
            viewport={"width": width, "height": height}, device_scale_factor=scale
        )
        contexts.append(context)
        if known:
            secret = session_of(workstation.store, name, roles)
            cookie = {"name": "radraft-session", "value": secret, "url": workstation.url}
            context.add_cookies([cookie])
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        if clock:
            page.clock.install()
        page.goto(address if "://" in address else f"{workstation.url}{address}")
        return page

    yield opener
    for context in contexts:
        context.close()
    assert errors == []


def signed(workstation: Workstation, number: int, accession: str, patient: Patient = ZHANG) -> str:
    case_id = seed.add(workstation.store, number, accession=accession, patient=patient)
    sign(workstation, case_id)
    return case_id


def sign(workstation: Workstation, case_id: str) -> None:
    working = workstation.service.case_view(case_id).working
    workstation.service.signing.sign(
        case_id,
        base_revision=working.revision,
        base_step=working.steps,
        actor=signed_in(workstation.store, "林清"),
    )


def amend(workstation: Workstation, case_id: str) -> None:
    service = workstation.service
    wang = signed_in(workstation.store, "林清")
    steps = service.case_view(case_id).working.steps
    amended = service.signing.amend(case_id, actor=wang, base_step=steps, reason="复核")
    first, *rest = amended.report.findings
    report = replace(
        amended.report,
        findings=(first.reworded(zh="双肺清晰。", en="Both lungs are clear."), *rest),
    )
    service.save(case_id, report, base_revision=amended.revision, actor=wang)
    sign(workstation, case_id)


def test_a_question_goes_to_the_desk_and_its_answer_and_addendum_come_back(
    open_at: Open, workstation: Workstation
) -> None:
    case_id = signed(workstation, 3101, "ASK-1")
    telephone = open_at("/s/ASK-1?lang=zh-CN")
    expect(telephone.locator(".ak-who")).to_contain_text("张伟")
    telephone.locator("textarea[name=question]").fill("右下肺的影子多大？")
    telephone.locator("[data-part=ask-person]").click()
    asked = telephone.locator(".ak-turn[data-kind=person]")
    expect(asked).to_contain_text("尚未查看")
    desk = open_at(
        "/?lang=zh-CN",
        window=WINDOWS[1],
        name="王主治",
        roles=(Role.ATTENDING,),
    )
    desk.locator(".rd-row").first.wait_for()
    line = desk.locator("[data-part=asked-line]")
    expect(line).to_contain_text("1")
    line.click()
    row = desk.locator(".rd-row")
    expect(row).to_have_count(1)
    expect(row.locator("[data-part=asked]")).to_contain_text("临床提问 1")
    row.click()
    question = desk.locator(".iq-item")
    expect(question).to_contain_text("赵临床 问：右下肺的影子多大？")
    # That he has it before him is told within seconds.
    expect(asked).to_contain_text("王主治")
    question.locator("[data-part=answer]").fill("约 3 cm，边界不清。")
    question.locator("[data-part=send-answer]").click()
    expect(asked.locator(".ak-by")).to_contain_text("放射科医师 王主治 回答")
    expect(asked.locator(".ak-person")).to_have_text("约 3 cm，边界不清。")
    expect(line).to_be_visible()
    question.locator("[data-part=addendum]").click()
    standing = desk.locator("[data-kind=amendment]")
    expect(standing).to_contain_text("回答临床提问")
    expect(desk.locator("[data-part=impression] > li").last).to_contain_text("约 3 cm，边界不清。")
    sign(workstation, case_id)
    expect(telephone.locator("[data-part=news]")).to_contain_text("第 2 版")
    expect(telephone.locator("[data-part=report]")).to_contain_text("约 3 cm，边界不清。")
    expect(asked.locator("[data-part=as-of]")).to_contain_text("依据第 1 版；现为第 2 版")


@pytest.mark.stress
def test_an_amendment_is_told_and_the_old_answer_stays_marked(
    open_at: Open, workstation: Workstation
) -> None:
    case_id = signed(workstation, 3102, "ASK-2")
    zhao = account_of(workstation.store, "赵临床", (Role.CLINICIAN,))
    workstation.service.ask(
        case_id, "血型是什么？", actor=Actor(zhao.person, ActorRole.CLINICIAN, "test")
    )
    page = open_at("/s/ASK-2?lang=en", window=WINDOWS[1])
    turn = page.locator(".ak-turn[data-kind=system]")
    expect(turn.locator(".rd-answer")).to_be_visible()
    expect(turn.locator("[data-part=as-of]")).to_have_count(0)
    expect(page.locator("[data-part=news]")).to_be_hidden()
    amend(workstation, case_id)
    expect(page.locator("[data-part=news]")).to_contain_text("version 2")
    expect(turn.locator("[data-part=as-of]")).to_contain_text("As of version 1")
    expect(page.locator(".ak-earlier [data-version='2']")).to_contain_text("What version 2 changed")
    # Right and wrong, by the keyboard alone; what he would have said is kept for measuring.
    turn.locator("[data-mark=down]").focus()
    page.keyboard.press("Enter")
    field = turn.locator("textarea")
    field.fill("Normal")
    turn.locator("[data-part=correct]").press("Enter")
    expect(turn.locator("[data-mark=down]")).to_have_attribute("aria-pressed", "true")
    expect(field).to_have_value("Normal")


def test_a_link_opens_its_study_and_leaves_no_secret_in_the_address(
    open_at: Open, workstation: Workstation
) -> None:
    signed(workstation, 3103, "ASK-3")
    terms = TokenTerms("急诊工作站", frozenset({"test"}), frozenset({Scope.LINK}), days=1)
    _, secret = workstation.service.machine_tokens.make(terms, by=AuditActor("管理员"))
    asked = {"accession": "ASK-3", "person_name": "周医生", "person_id": "e-17"}
    answer = httpx.post(
        f"{workstation.url}/api/study-links",
        json=asked,
        headers={"Authorization": f"Bearer {secret}"},
    )
    link = answer.json()["url"]
    page = open_at(link, known=False)
    expect(page.locator(".ak-sentences li").first).to_be_visible()
    assert page.url == f"{workstation.url}/s/ASK-3"
    expect(page.locator("[data-part=person]")).to_have_text("周医生")
    expect(page.locator(".ak-image img")).to_have_attribute("src", re.compile("^blob:"))
    page.reload()
    expect(page.locator(".ak-sentences li").first).to_be_visible()
    page.locator("[data-part=sign-out]").click()
    expect(page.locator(".ak-sentences li")).to_have_count(0)
    again = open_at(link, known=False)
    expect(again.locator("[data-part=state]")).not_to_be_empty()
    expect(again.locator(".ak-sentences li")).to_have_count(0)


class Held:
    """What a page asks of one address: each waits until the test answers it. The page's clock
    stands still but where the test moves it on."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.waiting: list[Route] = []
        page.route(address, lambda route: self.waiting.append(route))
        # While the page waits for an answer nothing else is due.
        while not self.waiting:
            page.wait_for_timeout(50)
        page.clock.pause_at(page.evaluate("Date.now() / 1000 + 1"))

    def after(self, milliseconds: int) -> int:
        """How many wait once the page's clock went on by that much."""
        self.settle()
        self.page.clock.run_for(milliseconds)
        self.settle()
        return len(self.waiting)

    def settle(self) -> None:
        """Let the page take in what was answered, and the test hear of what it asked."""
        for _ in range(2):
            self.page.evaluate("fetch('/ui/watch.js').then(answer => answer.text())")

    def answer(self, *, away: bool = False) -> None:
        route = self.waiting.pop(0)
        with self.page.expect_event("requestfailed" if away else "response"):
            route.abort() if away else route.continue_()


def turn_tab(page: Page, *, away: bool) -> None:
    """Another tab is in front, or this one again."""
    page.evaluate(
        """away => {
          Object.defineProperty(document, "hidden", { configurable: true, value: away });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        away,
    )


@pytest.mark.stress
def test_a_slow_service_is_asked_again_once_it_answered_and_seldom_while_it_is_away(
    open_at: Open, workstation: Workstation
) -> None:
    signed(workstation, 3151, "ASK-3151")
    page = open_at("/s/ASK-3151?lang=en", clock=True)
    expect(page.locator(".ak-sentences li").first).to_be_visible()
    held = Held(page, "**/api/cases/*/signed")
    # The page gives up an answer after 20 seconds.
    assert held.after(12_000) == 1
    held.answer()
    assert held.after(3_000) == 0
    assert held.after(1_000) == 1
    state = page.locator("[data-part=state]")
    held.answer(away=True)
    expect(state).to_contain_text("it is asked again by itself")
    expect(page.locator(".ak-sentences li").first).to_be_visible()
    assert held.after(7_000) == 0
    assert held.after(1_000) == 1
    held.answer(away=True)
    assert held.after(15_000) == 0
    assert held.after(1_000) == 1
    held.answer()
    expect(state).to_be_empty()
    assert held.after(4_000) == 1
    held.answer()
    turn_tab(page, away=True)
    assert held.after(120_000) == 0
    turn_tab(page, away=False)
    assert held.after(0) == 1
    held.answer()


def test_a_visit_that_ended_says_what_to_do_keeps_nothing_and_asks_no_more(
    open_at: Open, workstation: Workstation
) -> None:
    signed(workstation, 3152, "ASK-3152")
    terms = TokenTerms("门诊工作站", frozenset({"test"}), frozenset({Scope.LINK}), days=1)
    token, secret = workstation.service.machine_tokens.make(terms, by=AuditActor("管理员"))
    answer = httpx.post(
        f"{workstation.url}/api/study-links",
        json={"accession": "ASK-3152", "person_name": "周医生", "person_id": "e-17"},
        headers={"Authorization": f"Bearer {secret}"},
    )
    page = open_at(answer.json()["url"], known=False, clock=True)
    expect(page.locator(".ak-sentences li").first).to_be_visible()
    held = Held(page, "**/api/**")
    workstation.service.machine_tokens.revoke(token.token_id, by=AuditActor("管理员"))
    held.answer()
    expect(page.locator("[data-part=state]")).to_contain_text(
        "Open the study again from the hospital's system."
    )
    expect(page.locator(".ak-sentences li")).to_have_count(0)
    expect(page.locator("[data-part=person]")).to_have_count(0)
    turn_tab(page, away=False)
    assert held.after(120_000) == 0


def test_who_is_not_signed_in_comes_back_to_the_study_after_signing_in(
    open_at: Open, workstation: Workstation
) -> None:
    page = open_at("/s/ASK-9?lang=en", known=False)
    page.wait_for_url("**/sign-in?**")
    assert "next=%2Fs%2FASK-9" in page.url


NODULE = Patient("P-78", "Li^Hong=李^红", date(1955, 8, 1), "F")
OTHER = Patient("P-79", "Sun^Mei=孙^梅", date(1948, 2, 9), "F")
THIRD = Patient("P-80", "Zhou^Lan=周^兰", date(1971, 11, 23), "F")
QUESTIONS = (
    ("结节历次的大小是多少？", "stated"),
    ("有没有胸腔积液？", "no"),
    ("左肺的结节是什么性质？", "corrected"),
    ("血型是什么？", "none"),
    ("要不要开刀？", "beyond"),
    ("什么是结节？", "cannot"),
)
"""Each with what its heading says became of it."""


def nodule_over_time(workstation: Workstation, number: int, patient: Patient) -> str:
    """Sign three studies of a patient whose nodule grows, ask of the newest and return it."""
    case_id = ""
    for place, size in enumerate(("1.2", "1.8", "2.4 x 2.0")):
        case_id = seed.add(
            workstation.store,
            number + place,
            patient=patient,
            accession=f"ASK-{number + place}",
            study_time=datetime(2026, 1 + 2 * place, 10 + place, 9, 30),
            drafted=False,
        )
        texts = (
            (
                f"右肺上叶见结节，大小约 {size} cm。",
                f"A right upper lobe nodule measures {size} cm.",
            ),
            ("未见胸腔积液。", "There is no pleural effusion."),
        )
        findings = tuple(
            Sentence(f"f{line}", both(zh, en, Origin.MODEL))
            for line, (zh, en) in enumerate(texts, start=1)
        )
        report = Report(case_id, findings, ())
        seed.draft(workstation.store, make_draft(case_id, report))
        sign(workstation, case_id)
    zhao = account_of(workstation.store, "赵临床", (Role.CLINICIAN,))
    for question, _ in QUESTIONS:
        asker = Actor(zhao.person, ActorRole.CLINICIAN, "test")
        workstation.service.ask(case_id, question, actor=asker, sites=None)
    return case_id


@pytest.fixture(scope="module")
def asked_of_nodule(workstation: Workstation) -> str:
    """A study that was asked of and whose page is only looked at."""
    return nodule_over_time(workstation, 3200, NODULE)


SHOWN_AT = tuple(window for window in (PHONE, *WINDOWS) if window[0] != "1024")


@rows("390-zh-CN", "1366-en")
@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("window", SHOWN_AT, ids=lambda window: window[0])
def test_an_answer_says_what_became_of_its_question_and_shows_sizes_over_time(
    open_at: Open, asked_of_nodule: str, window: tuple[str, int, int, float], lang: str
) -> None:
    page = open_at(f"/s/{asked_of_nodule}?lang={lang}", window=window)
    headings = page.locator(".ak-turn .ak-outcome")
    expect(headings).to_have_count(len(QUESTIONS))
    outcomes = headings.evaluate_all("all => all.map(one => one.dataset.outcome)")
    assert outcomes == [outcome for _, outcome in QUESTIONS]
    none = page.locator('.ak-outcome[data-outcome="none"]')
    expect(none).to_contain_text("不等于“没有”" if lang == "zh-CN" else "not a “no”")
    sizes = page.locator("[data-part=sizes]")
    expect(sizes.locator("tbody tr")).to_have_count(3)
    expect(sizes.locator("tbody tr").last).to_contain_text("2.4 x 2.0 cm")
    expect(sizes.locator("tbody th").first).to_have_text("2026-01-10")
    plot = sizes.get_by_role("img")
    expect(plot).to_have_attribute("aria-label", re.compile("12.*18.*24"))
    assert plot.locator("circle").count() == 3
    expect(sizes.locator("a").first).to_have_attribute("href", re.compile(r"^/s/c-[0-9a-f]{16}$"))
    for turn, name in ((0, "sizes"), (3, "none")):
        page.locator(".ak-turn").nth(turn).scroll_into_view_if_needed()
        picture(page, f"answers-{name}-{window[0]}-{lang}")
    width = window[1]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CUT_OFF, width) == []
    found = Axe().run(page, options=OPTIONS).response["violations"]
    assert [(violation["id"], violation["nodes"][0]["html"]) for violation in found] == []


def test_a_conversation_looks_after_a_reload_as_when_it_was_asked(
    open_at: Open, workstation: Workstation
) -> None:
    case_id = nodule_over_time(workstation, 3280, THIRD)
    page = open_at(f"/s/{case_id}?lang=en", window=WINDOWS[1])
    turns = page.locator(".ak-turn")
    expect(turns).to_have_count(len(QUESTIONS))
    page.locator("textarea[name=question]").fill("How large was the nodule over time?")
    page.locator("[data-part=ask-report]").click()
    expect(turns).to_have_count(len(QUESTIONS) + 1)
    expect(turns.last.locator("[data-part=sizes] tbody tr")).to_have_count(3)
    before = page.locator("[data-part=turns]").inner_text()
    page.reload()
    expect(turns).to_have_count(len(QUESTIONS) + 1)
    assert page.locator("[data-part=turns]").inner_text() == before


def test_an_answer_hides_the_reports_that_its_reader_may_not_see_any_more(
    open_at: Open, workstation: Workstation
) -> None:
    case_id = nodule_over_time(workstation, 3290, OTHER)
    page = open_at(f"/s/{case_id}?lang=en", window=WINDOWS[1])
    series = page.locator(".ak-turn").first
    expect(series).to_contain_text("1.2 cm")
    with workstation.store.begin() as session:
        [other, *_] = priors.signed_of_patient(session, case_id, None)
        priors.reject(session, case_id, other.case_id, by="李医生", now=datetime.now(UTC))
    expect(series.locator("[data-part=hidden]")).to_contain_text("2 passages")
    expect(series).not_to_contain_text("1.2 cm")
    expect(series.locator(".rd-answer")).to_have_count(0)
    desk = open_at(
        f"/?case={case_id}&lang=en", window=WINDOWS[1], name="李医生", roles=(Role.ATTENDING,)
    )
    turn = desk.locator(".rd-turns li", has=desk.locator("[data-part=hidden]")).first
    expect(turn.locator("[data-part=hidden]")).to_contain_text("2 passages")
    expect(turn.locator(".rd-answer")).to_have_count(0)


@rows("390-en", "1366-zh-CN")
@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("window", (PHONE, *WINDOWS), ids=lambda window: window[0])
def test_nothing_is_cut_off_and_axe_finds_nothing(
    open_at: Open, workstation: Workstation, window: tuple[str, int, int, float], lang: str
) -> None:
    number = 3110 + 2 * (PHONE, *WINDOWS).index(window) + LANGUAGES.index(lang)
    case_id = signed(workstation, number, f"ASK-{number}")
    zhao = account_of(workstation.store, "赵临床", (Role.CLINICIAN,))
    asker = Actor(zhao.person, ActorRole.CLINICIAN, "test")
    workstation.service.ask(case_id, "血型是什么？", actor=asker)
    workstation.service.inquiries.ask(case_id, "需要复查吗？", lang="zh", actor=asker)
    amend(workstation, case_id)
    page = open_at(f"/s/ASK-{number}?lang={lang}", window=window)
    expect(page.locator(".ak-turn")).to_have_count(2)
    expect(page.locator(".ak-image img").first).to_be_visible()
    picture(page, f"asking-{window[0]}-{lang}")
    width = window[1]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CUT_OFF, width) == []
    found = Axe().run(page, options=OPTIONS).response["violations"]
    assert [(violation["id"], violation["nodes"][0]["html"]) for violation in found] == []
    # Every part can be brought into sight.
    for part in ("report", "conversation", "patient", "earlier"):
        target = page.locator(f"[data-part={part}]").first
        if target.is_visible():
            target.scroll_into_view_if_needed()
            expect(target).to_be_in_viewport()


def test_a_long_conversation_stays_in_its_box_with_the_newest_and_the_field_in_sight(
    open_at: Open, workstation: Workstation
) -> None:
    case_id = signed(workstation, 3153, "ASK-3153")
    zhao = account_of(workstation.store, "赵临床", (Role.CLINICIAN,))
    with workstation.store.begin() as session:
        for number in range(12):
            questions.add_turn(
                session,
                case_id,
                question=f"第 {number} 个问题？",
                answer="我没有在报告中找到与此有关的句子。",
                lang="zh",
                citations=(),
                refused=True,
                asked_by=zhao.person,
                version=1,
            )
    page = open_at("/s/ASK-3153?lang=zh-CN", window=WINDOWS[1])
    expect(page.locator(".ak-turn")).to_have_count(12)
    box = page.locator(".ak-talk").bounding_box()
    field = page.locator("[data-part=ask-report]")
    expect(field).to_be_in_viewport(ratio=1)
    expect(page.locator(".ak-turn").last).to_be_in_viewport(ratio=0.5)
    inner = field.bounding_box()
    assert box is not None and inner is not None
    assert inner["y"] + inner["height"] <= box["y"] + box["height"]


def test_the_desks_page_of_a_question_is_clean(open_at: Open, workstation: Workstation) -> None:
    case_id = signed(workstation, 3140, "ASK-3140")
    zhao = account_of(workstation.store, "赵临床", (Role.CLINICIAN,))
    asker = Actor(zhao.person, ActorRole.CLINICIAN, "test")
    workstation.service.inquiries.ask(case_id, "需要复查吗？", lang="zh", actor=asker)
    desk = open_at(
        f"/?lang=en#{case_id}", window=WINDOWS[1], name="王主治", roles=(Role.ATTENDING,)
    )
    expect(desk.locator(".iq-item")).to_be_visible()
    picture(desk, "asking-desk")
    found = Axe().run(desk, options=OPTIONS).response["violations"]
    assert [(violation["id"], violation["nodes"][0]["html"]) for violation in found] == []

"""What a clinician asks of a signed report by his telephone, and what comes of it."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.integration.desks import Clinician, Reader
from tests.ui.page import area, expect_text, wait_saved

QUESTION = "需要多久复查？"
ANSWER = "建议三个月后复查胸片。"
IN_ENGLISH = "A follow-up radiograph in three months is suggested."


def the_radiologist_answers_the_clinician(
    clinician: Clinician, attending: Reader, chief: Reader, case_id: str
) -> None:
    """Put to the reporting radiologist, answered on the desk, and added to the report."""
    telephone = asks_a_person(clinician, case_id)
    asked = telephone.locator(".ak-turn[data-kind=person]")
    attending.opens(case_id)
    question = attending.page.locator(".iq-item")
    expect(question).to_contain_text(QUESTION)
    expect(asked).to_contain_text(attending.name)
    question.locator("[data-part=answer]").fill(ANSWER)
    question.locator("[data-part=send-answer]").click()
    expect(asked.locator(".ak-by")).to_contain_text(attending.name)
    expect(asked.locator(".ak-person")).to_have_text(ANSWER)
    question.locator("[data-part=addendum]").click()
    # The page opens the addendum first: what is last is looked up anew each time.
    expect_text(area(attending.page, "impression", -1, "zh"), ANSWER)
    area(attending.page, "impression", -1, "en").fill(IN_ENGLISH)
    wait_saved(attending.page)
    attending.submits()
    expect(telephone.locator("[data-part=report]")).not_to_contain_text(ANSWER)
    chief.opens(case_id)
    chief.signs_as_reviewer(attending.name)
    expect(telephone.locator("[data-part=report]")).to_contain_text(
        ANSWER if clinician.lang == "zh-CN" else IN_ENGLISH
    )
    expect(telephone.locator("[data-part=news]")).to_be_visible()
    telephone.close()


def asks_a_person(clinician: Clinician, case_id: str) -> Page:
    """Put the question to a radiologist on the study's page, in a tab of its own."""
    telephone = clinician.context.new_page()
    telephone.on("pageerror", lambda error: clinician.errors.append(str(error)))
    telephone.set_viewport_size({"width": 390, "height": 844})
    telephone.goto(f"{clinician.department.url}/s/{case_id}?lang={clinician.lang}")
    telephone.locator("textarea[name=question]").fill(QUESTION)
    telephone.locator("[data-part=ask-person]").click()
    expect(telephone.locator(".ak-turn[data-kind=person]")).to_contain_text(QUESTION)
    return telephone

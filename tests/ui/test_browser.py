"""The page in Debian's Chromium over a real server process."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, expect

from radraft.reports.values import Lang
from radraft.store import openings, pairs, questions, signatures
from radraft.studies.values import Patient
from tests.builders import actor, person, signed_in
from tests.store import tampering
from tests.ui import seed
from tests.ui.conftest import Opener, Seen, Workstation
from tests.ui.page import area, expect_text, stored, wait_saved

pytestmark = [pytest.mark.browser, pytest.mark.slow]

DEMO = Path(__file__).parents[2] / "demo" / "studies"


@pytest.mark.always
def test_edit_sign_and_find_it_again(
    open_page: Opener, workstation: Workstation, seen: Seen
) -> None:
    case_id = seed.add(workstation.store, 1)
    page = open_page(case_id, reader="林清")
    expect_text(area(page, "findings", 0, "zh"), seed.FINDINGS[0][0])

    area(page, "findings", 0, "zh").fill("双肺清晰。")
    page.get_by_role("button", name="Delete sentence").nth(3).click()
    page.get_by_role("button", name="+ Add sentence").first.click()
    page.keyboard.type("未见气胸。")
    page.keyboard.press("Tab")
    page.keyboard.type("No pneumothorax.")
    page.keyboard.press("Alt+ArrowUp")
    expect(area(page, "findings", 2, "en")).to_be_focused()
    wait_saved(page)

    page.locator("[data-part=sign]").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("PLANTED-ID-4711")
    expect(dialog).to_contain_text("Sign version 1")
    dialog.get_by_role("button", name="Sign").click()
    expect(page.locator(".rd-signature")).to_contain_text("Signed by 林清")

    with page.expect_response(re.compile("/opened$")) as told:
        page.reload()
    assert told.value.ok
    expect(page.locator(".rd-signature")).to_contain_text("Signed by 林清")
    expect_text(area(page, "findings", 0, "zh"), "双肺清晰。")
    expect(area(page, "findings", 0, "zh")).not_to_be_editable()

    with workstation.store.begin() as session:
        (signed,) = signatures.versions(session, case_id)
        (pair,) = [pair for pair in pairs.pairs(session) if pair.case_id == case_id]
    assert [s.zh for s in signed.report.findings] == [
        "双肺清晰。",
        seed.FINDINGS[1][0],
        "未见气胸。",
        seed.FINDINGS[2][0],
    ]
    assert signed.report.findings[2].en == "No pneumothorax."
    assert pair.signed == signed
    edits = {edit.sentence_id: edit.edit.value for edit in pair.stats.sentences}
    assert (edits["f1"], edits["f4"]) == ("corrected", "deleted")
    assert pair.seconds is not None
    assert pair.seconds > 0
    assert not any("魏" in text or "PLANTED" in text for text in seen.console)
    assert not any("魏" in url or "PLANTED" in url for url in seen.requests)
    assert "魏" not in page.title()


@pytest.mark.stress
def test_a_signature_counts_from_the_opening_and_names_who_is_signed_in(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 21)
    page = open_page(case_id, reader="周末")
    page.locator("[data-part=sign]").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("[data-part=author]")).to_contain_text("周末")
    dialog.get_by_role("button", name="Sign").click()
    expect(page.locator(".rd-signature")).to_contain_text("Signed by 周末")
    with workstation.store.begin() as session:
        (pair,) = [pair for pair in pairs.pairs(session) if pair.case_id == case_id]
        (signed,) = signatures.versions(session, case_id)
        opened_at = openings.last(session, case_id, signed.author, signed.signed_at)
    assert opened_at is not None
    assert pair.seconds == (signed.signed_at - opened_at).total_seconds()


def test_a_report_changed_after_its_signature_is_not_shown_and_the_page_says_so(
    own_workstation: Workstation, open_page: Opener
) -> None:
    here = own_workstation
    bad, good = seed.add(here.store, 1), seed.add(here.store, 2)
    for case_id in (bad, good):
        here.service.signing.sign(
            case_id, base_revision=1, base_step=0, actor=signed_in(here.service.store, "林清")
        )
    tampering.change_text(here.service.settings, bad, seed.FINDINGS[0][0], "右侧大量气胸。")
    page = open_page(bad, at=here)
    told = page.locator("[data-part=broken]")
    expect(told).to_contain_text("must not be relied upon")
    expect(page.locator(".rd-sentence")).to_have_count(0)
    expect(page.locator("[data-part=followup]")).to_be_hidden()
    expect(page.locator("[data-part=amend]")).to_be_hidden()
    page.get_by_role("button", name="中文").click()
    expect(told).to_contain_text("不可作为诊疗依据")
    whole = open_page(good, at=here)
    expect(whole.locator(".rd-signature")).to_contain_text("Signed by 林清")
    expect(whole.locator("[data-part=broken]")).to_be_hidden()


def test_draft_appears_as_it_is_written(open_page: Opener, workstation: Workstation) -> None:
    case_id = seed.add(workstation.store, 10, drafted=False)
    page = open_page(case_id)
    expect(page.locator(".rd-writing")).to_contain_text("switched off")
    written = workstation.folder / "partial"
    written.write_text("2")
    expect(page.locator(".rd-arriving")).to_have_count(2)
    expect(page.locator(".rd-cursor")).to_contain_text(seed.FINDINGS[1][1])
    written.unlink()
    seed.draft(workstation.store, seed.made_draft(case_id))
    expect(page.locator(".rd-sentence .rd-text")).to_have_count(12)
    expect(page.locator(".rd-writing")).to_be_hidden()


def test_failed_draft_leaves_a_report_to_write_in(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 11, drafted=False)
    seed.draft(workstation.store, seed.failed(case_id))
    page = open_page(case_id)
    reason = workstation.service.case_view(case_id).notice
    assert reason is not None
    expect(page.locator(".rd-notice")).to_have_text(reason[1])
    page.locator("[data-part=sign]").click()
    expect(page.locator(".rd-undo")).to_contain_text("1 problem(s) must be settled")
    page.get_by_role("button", name="+ Add sentence").first.click()
    page.keyboard.type("人工书写。")
    wait_saved(page)
    page.get_by_role("button", name="Draft again").click()
    expect(page.locator(".rd-writing")).to_contain_text("switched off")
    # The draft arrives while a person writes: their words stay.
    area(page, "findings", 0, "en").fill("Written by hand.")
    seed.draft(workstation.store, seed.made_draft(case_id))
    wait_saved(page)
    report = stored(workstation, case_id)
    assert [(s.zh, s.en) for s in report.findings] == [("人工书写。", "Written by hand.")]


@pytest.mark.stress
def test_undo_brings_a_deleted_sentence_back(open_page: Opener, workstation: Workstation) -> None:
    case_id = seed.add(workstation.store, 12)
    page = open_page(case_id)
    page.get_by_role("button", name="Delete sentence").nth(1).click()
    expect(page.locator("[data-part=findings] .rd-sentence")).to_have_count(3)
    page.get_by_role("button", name="Undo").click()
    expect_text(area(page, "findings", 1, "zh"), seed.FINDINGS[1][0])
    wait_saved(page)
    assert stored(workstation, case_id).findings[1].origin.value == "model"


@pytest.mark.stress
def test_drag_moves_a_sentence(open_page: Opener, workstation: Workstation) -> None:
    case_id = seed.add(workstation.store, 13)
    page = open_page(case_id)
    rows = page.locator("[data-part=findings] .rd-sentence")
    rows.nth(3).locator(".rd-handle").drag_to(rows.nth(0), target_position={"x": 30, "y": 2})
    expect_text(area(page, "findings", 0, "zh"), seed.FINDINGS[3][0])
    wait_saved(page)
    assert [s.id for s in stored(workstation, case_id).findings] == ["f4", "f1", "f2", "f3"]


def test_language(open_page: Opener, workstation: Workstation) -> None:
    case_id = seed.add(workstation.store, 14)
    page = open_page(case_id, lang="zh")
    expect(page.locator("[data-part=section-findings] h2")).to_have_text("影像所见")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(page.locator(".rd-banner strong")).to_have_text("魏植入")
    page.get_by_role("button", name="English").click()
    expect(page.locator("[data-part=section-findings] h2")).to_have_text("Findings")
    expect(page.locator(".rd-banner strong")).to_have_text("Planted Wei")
    expect(page.locator(".rd-research")).to_contain_text("仅供科研")
    page.goto(page.url.replace("?lang=zh", ""))
    expect(page.locator("[data-part=section-findings] h2")).to_have_text("Findings")


@pytest.mark.always
def test_viewer(open_page: Opener, workstation: Workstation) -> None:
    pictures = tuple(
        seed.key_image(seed.phantom(64, number) - 1024, (40.0, 400.0)) for number in range(2)
    )
    case_id = seed.add(workstation.store, 15, pictures=pictures, modality="CT")
    page = open_page(case_id)
    place = page.locator(".rd-corner-left")
    expect(place).to_contain_text("W 400 L 40")
    centre = """(() => {
        const c = document.querySelector(".rd-stage canvas");
        return [...c.getContext("2d").getImageData(c.width / 2, c.height / 2, 1, 1).data];
    })()"""
    before = page.evaluate(centre)
    page.get_by_role("button", name="Bone").click()
    expect(place).to_contain_text("W 1800 L 400")
    page.locator("body").press("i")
    expect(page.get_by_role("button", name="Invert")).to_have_attribute("aria-pressed", "true")
    page.wait_for_function(f"String({centre}) !== '{','.join(map(str, before))}'")
    box = page.locator(".rd-stage").bounding_box()
    assert box is not None
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.move(*middle)
    expect(page.locator(".rd-corner-right")).to_contain_text("HU")
    page.mouse.down()
    page.mouse.move(middle[0] + 100, middle[1])
    page.mouse.up()
    expect(place).to_contain_text("W 1900")
    page.mouse.wheel(0, -400)
    expect(page.locator(".rd-stage canvas")).not_to_have_attribute("data-zoom", "1.00")
    page.locator(".rd-stage").dblclick()
    expect(page.locator(".rd-stage canvas")).to_have_attribute("data-zoom", "1.00")
    expect(place).to_contain_text("W 400 L 40")
    page.get_by_role("button", name="Image 2").click()
    expect(page.locator(".rd-stage canvas")).to_have_attribute("data-image", pictures[1].image_id)


def test_worklist_filter_and_keys(open_page: Opener, workstation: Workstation) -> None:
    patient = Patient("HIP-16", "Hip^Test=臀^测", None, "F")
    case_id = seed.add(workstation.store, 16, body_part="HIPTEST", patient=patient)
    other = seed.add(workstation.store, 17, body_part="HIPTEST", patient=patient)
    page = open_page(case_id)
    page.locator("body").press("/")
    page.keyboard.type("test hip")
    rows = page.locator(".rd-row")
    expect(rows).to_have_count(2)
    page.keyboard.press("Enter")
    page.locator("[data-part=search]").blur()
    at = rows.evaluate_all("rows => rows.findIndex((row) => row.ariaCurrent === 'true')")
    page.locator("body").press("j" if at == 0 else "k")
    expect(page.locator(f"[data-case={other}]")).to_have_attribute("aria-current", "true")
    page.get_by_role("button", name=re.compile("^Signed")).click()
    expect(rows).to_have_count(0)
    page.get_by_role("button", name=re.compile("^All")).click()
    expect(rows).to_have_count(2)


def test_upload_says_what_was_refused(open_page: Opener, workstation: Workstation) -> None:
    page = open_page(seed.add(workstation.store, 18))
    good = min(DEMO.rglob("*.dcm"))
    files: list[FilePayload] = [
        {"name": "a.dcm", "mimeType": "application/dicom", "buffer": good.read_bytes()},
        {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"hello"},
    ]
    page.locator("input[type=file]").set_input_files(files)
    panel = page.locator(".rd-upload")
    expect(panel).to_contain_text("1 file(s) not taken in")
    expect(panel).to_contain_text("notes.txt")
    expect(panel).to_contain_text("taken in.")
    expect(page.locator(".rd-stage canvas")).not_to_have_attribute("data-image", "")
    panel.get_by_role("button", name="Close").click()
    expect(panel).to_be_hidden()


def test_answers_show_what_they_rest_on(
    open_page: Opener, workstation: Workstation, seen: Seen
) -> None:
    seen.refusals_expected = True
    case_id = seed.add(workstation.store, 19)
    workstation.service.signing.sign(
        case_id, base_revision=1, base_step=0, actor=signed_in(workstation.service.store, "A")
    )
    with workstation.store.begin() as session:
        questions.add_turn(
            session,
            case_id,
            question="右肺怎么样？",
            answer=seed.FINDINGS[1][0],
            lang="zh",
            citations=("f2", "i1"),
            refused=False,
            asked_by=person("B"),
        )
    page = open_page(case_id)
    page.get_by_role("button", name="Rests on: Findings 2, Impression 1").click()
    expect(page.locator(".rd-cited")).to_have_count(2)
    expect(page.locator(".rd-cited").first).to_have_attribute("data-id", "f2")
    # Nobody answers: the question stays in the field with a reason.
    field, asked = page.get_by_placeholder("Ask about this report"), "Is the aorta tortuous?"
    page.route("**/questions", lambda route: route.abort())
    field.fill(asked)
    page.get_by_role("button", name="Ask").click()
    expect(page.locator(".rd-followup .rd-bad")).not_to_be_empty()
    expect(field).to_have_value(asked)
    # No model is needed: the answer is the sentence that says it, and it leads there.
    page.unroute("**/questions")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator(".rd-answer").last).to_contain_text("The report says: ")
    expect(field).to_have_value("")


@pytest.mark.parametrize(("number", "lang"), [(61, "zh"), (62, "en")])
def test_a_refusal_shows_the_nearest_sentences_which_lead_into_the_report(
    number: int, lang: Lang, open_page: Opener, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, number)
    workstation.service.signing.sign(
        case_id, base_revision=1, base_step=0, actor=signed_in(workstation.service.store, "A")
    )
    question = {"zh": "有肋骨骨折吗？", "en": "Is there a rib fracture?"}[lang]
    asked = workstation.service.ask(case_id, question, actor=actor("B")).turn
    assert asked.refused and 1 <= len(asked.nearest) <= 3
    page = open_page(case_id, lang=lang)
    refusal, heading = {
        "zh": ("我没有在报告中找到与此有关的句子", "报告中最接近的句子（不是答案）："),
        "en": ("I found no sentence on this", "Nearest sentences of the report (not an answer):"),
    }[lang]
    expect(page.locator(".rd-refused")).to_contain_text(refusal)
    near = page.locator(".rd-nearest")
    expect(near).to_contain_text(heading)
    expect(near.get_by_role("button")).to_have_count(len(asked.nearest))
    by_id = {s.id: s for s in seed.report(case_id).sentences}
    first = by_id[asked.nearest[0]]
    near.get_by_role("button", name=first.zh if lang == "zh" else first.en, exact=True).click()
    expect(page.locator(".rd-cited")).to_have_count(1)
    expect(page.locator(".rd-cited")).to_have_attribute("data-id", first.id)


def test_no_page_scroll_at_the_smallest_screen(open_page: Opener, workstation: Workstation) -> None:
    page = open_page(seed.add(workstation.store, 20))
    size = "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    assert page.evaluate(size) == [1366, 768]
    for name in ("header", "worklist", "viewer", "report"):
        box = page.locator(f".rd-{name}").bounding_box()
        assert box is not None
        assert box["x"] >= 0 and box["x"] + box["width"] <= 1366
        assert box["y"] >= 0 and box["y"] + box["height"] <= 768

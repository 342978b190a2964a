"""A day of a department, told from the modality to the audit, in Debian's Chromium.

`radraft serve` runs as its administrator starts it; everybody has an account of his own, signs in
with his password, and does everything on the pages. Every feature that changes what people do adds
its lines here.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import pytest
from playwright.sync_api import Browser, expect

from radraft.core.errors import catalogue
from radraft.llm.endpoint import Endpoint
from tests import his, ris
from tests.integration.asked import ANSWER, the_radiologist_answers_the_clinician
from tests.integration.department import Department, serving, storescu
from tests.integration.desks import (
    Administrator,
    Clinician,
    Pairs,
    Person,
    Reader,
    Technologist,
    chromium,
)
from tests.integration.films import STATION, Film, demo, lying_on_its_side
from tests.integration.hospital import DOCUMENTS, Hospital, receiving
from tests.integration.lying_pacs import (
    SUCCESS,
    archive,
    cut_short,
    not_as_it_claims,
    of_another_patient,
    sent,
    with_other_pixels,
)
from tests.orthanc import needs
from tests.processes import free_port
from tests.scale import FULL
from tests.ui.page import area, expect_text, wait_saved

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.pacs, pytest.mark.timeout(1800)]

SITE = "local"
WARD = "急诊科 周医生"
REASON = "外伤后胸痛"
PNEUMOTHORAX: Pairs = (
    ("左侧气胸，压缩约40%。", "Left pneumothorax of about 40%."),
    ("心影大小正常。", "Heart size is normal."),
)
LESS: Pairs = (("左侧气胸，压缩约30%。", "Left pneumothorax of about 30%."),)
UNTRANSLATED: Pairs = (("纵隔居中。", ""),)
TRANSLATION = "The mediastinum is midline."
IMPRESSION: Pairs = (("左侧气胸。", "Left pneumothorax."),)
PLAIN: Pairs = (("双肺未见明确实变影。", "No consolidation in either lung."),)
HEART: Pairs = (("心影大小正常。", "Heart size is normal."),)
NOT_LARGE: Pairs = (("心影不大。", "The heart is not enlarged."),)
NOTHING: Pairs = (("胸部未见明确异常。", "No definite abnormality of the chest."),)
Sentence = tuple[str, str]
"""In Chinese and in English."""
Statuses = tuple[tuple[str, str], ...]
"""Of each version of a report: at the RIS, at the HIS."""
CORRECTED: Statuses = (("F", "final"), ("C", "corrected"))
ADDED: Statuses = (*CORRECTED, ("C", "appended"))
P = TypeVar("P", bound=Person)


@dataclass(frozen=True)
class Staff:
    """Who works there, each at a browser of his own."""

    administrator: Administrator
    technologist: Technologist
    resident: Reader
    attending: Reader
    chief: Reader
    clinician: Clinician

    @property
    def everybody(self) -> list[Person]:
        return [getattr(self, person.name) for person in fields(self)]


@contextmanager
def opened(department: Department, browser: Browser, lang: str) -> Iterator[Staff]:
    """The department with its staff signed in: each made his password by the link he was given."""

    def person(kind: type[P], login: str, name: str) -> P:
        context = browser.new_context(
            viewport={"width": 1366, "height": 768}, locale=lang, accept_downloads=True
        )
        return kind(department, context, login, name, lang)

    staff = Staff(
        administrator=person(Administrator, "qian", "钱管理"),
        technologist=person(Technologist, "wu", "吴技师"),
        resident=person(Reader, "lin", "林住院"),
        attending=person(Reader, "wang", "王主治"),
        chief=person(Reader, "sun", "孙主任"),
        clinician=person(Clinician, "zhao", "赵临床"),
    )
    staff.administrator.chooses_a_password(department.first_link())
    for someone, role in (
        (staff.technologist, "technologist"),
        (staff.resident, "resident"),
        (staff.attending, "attending"),
        (staff.chief, "attending"),
        (staff.clinician, "clinician"),
    ):
        someone.chooses_a_password(department.hired(someone.login, someone.name, role))
    for someone in staff.everybody:
        someone.signs_in()
    yield staff
    for someone in staff.everybody:
        assert someone.errors == []
        someone.context.close()


@pytest.mark.vllm
@pytest.mark.scaled
@pytest.mark.skipif(not FULL, reason="five minutes; the day without the model goes the same way")
def test_a_day_with_the_model(starter_endpoint: Endpoint, tmp_path: Path) -> None:
    needs("storescu")
    model = {"llm_url": starter_endpoint.url, "llm_key": starter_endpoint.key}
    with receiving(tmp_path, "dicom") as hospital:
        with (
            serving(tmp_path, quiet_s=1, targets=hospital.targets, **model) as department,
            chromium() as browser,
            opened(department, browser, "zh-CN") as staff,
        ):
            hurt, coughing, again = demo("06"), demo("07"), demo("08")
            turned = lying_on_its_side("08", tmp_path)
            staff.administrator.asks_for_two_signatures(SITE)
            somebody_guesses_a_password(staff.clinician)
            assert hospital.orders(department.hl7_port, hurt, REASON) == "AA"
            the_technologist_sends_films_and_one_lies_on_its_side(staff, hurt, turned, again)
            the_technologist_uploads_one_and_a_letter(staff, coughing, tmp_path)
            case_id = the_resident_edits_the_models_draft(staff, hurt)
            the_critical_value_is_notified(staff, case_id)
            two_people_sign(staff, case_id)
            every_system_has_the_report(hospital, hurt, PNEUMOTHORAX[0], IMPRESSION[0])
            the_critical_value_is_acknowledged(staff, case_id)
            the_clinician_reads_and_asks(staff, hurt, case_id, unsigned=coughing)
            hospital.ris.kill()
            an_amendment_is_seen_once_it_is_signed(staff, case_id)
            the_correction_waits_for_the_ris_alone(staff.administrator, hospital, hurt)
            the_ris_comes_back(staff.administrator, hospital, hurt, LESS[0], PNEUMOTHORAX[0])
            the_administrator_finds_all_of_it(staff, tmp_path)
        # Nothing more can come: radraft has ended.
        each_system_was_told_once(hospital, hurt)
    nothing_is_broken_and_nobody_is_named(department, hurt, coughing, turned, again)


def test_a_day_without_the_model_and_with_a_lying_pacs(tmp_path: Path) -> None:
    needs("storescu")
    # Nobody listens there.
    model = {"llm_url": f"http://127.0.0.1:{free_port()}"}
    with receiving(tmp_path, "stow") as hospital:
        with (
            serving(tmp_path, quiet_s=1, targets=hospital.targets, **model) as department,
            chromium() as browser,
            opened(department, browser, "en") as staff,
        ):
            breathless, stranger, pulled = demo("04"), demo("05"), demo("08")
            staff.administrator.asks_for_two_signatures(SITE)
            assert hospital.orders(department.hl7_port, breathless, REASON) == "AA"
            assert storescu(department, breathless.path, options=breathless.proposed) == 1
            case_id = the_resident_is_told_why_there_is_no_draft_and_writes(staff, breathless)
            shown = staff.resident.pictures()
            the_pacs_lies_about_the_study(staff, breathless, stranger)
            the_readers_are_told_and_no_picture_changed(staff, case_id, shown)
            two_people_sign(staff, case_id)
            every_system_has_the_report(hospital, breathless, PLAIN[0], NOTHING[0])
            the_clinician_reads_though_nobody_answers(staff, breathless, case_id)
            half_a_study_is_pulled_and_says_so(staff, pulled, tmp_path)
            hospital.ris.kill()
            an_amendment_is_signed(staff, case_id)
            the_correction_waits_for_the_ris_alone(staff.administrator, hospital, breathless)
            the_ris_comes_back(staff.administrator, hospital, breathless, NOT_LARGE[0], HEART[0])
            the_radiologist_answers_the_clinician(
                staff.clinician, staff.attending, staff.chief, case_id
            )
            every_system_has_the_addendum(hospital, breathless)
            expect(staff.administrator.audits("sign", by=staff.attending.name)).to_have_count(1)
        # Nothing more can come: radraft has ended.
        each_system_was_told_once(hospital, breathless, ADDED)
    nothing_is_broken_and_nobody_is_named(department, breathless, stranger, pulled)


def the_resident_is_told_why_there_is_no_draft_and_writes(staff: Staff, film: Film) -> str:
    """The list and the page say it; the report is written by hand."""
    resident = staff.resident
    case_id = resident.sees_arrive(film)
    resident.opens(case_id)
    expect(resident.ordered).to_contain_text(REASON)
    writing = resident.page.locator("[data-part=writing]")
    expect(writing).to_have_text(resident.word("waiting_llm_down"))
    expect(resident.page.locator("[data-part=model]")).to_contain_text(resident.word("llm_down"))
    resident.writes("findings", (*PLAIN, *HEART, *UNTRANSLATED))
    resident.writes("impression", NOTHING)
    return case_id


def the_pacs_lies_about_the_study(staff: Staff, film: Film, stranger: Film) -> None:
    """Whatever it sends is acknowledged and kept; what is wrong with it is told with its code."""
    department = staff.resident.department
    lies = {
        "study_patients_differ": of_another_patient(film, stranger),
        "duplicate_instance": with_other_pixels(film),
        "truncated_pixels": cut_short(film),
        "wrong_transfer_syntax": not_as_it_claims(film),
    }
    for code, dataset in lies.items():
        # One by one: of a study whose files name two patients none is looked at further.
        assert sent(department.dicom_port, dataset) == [SUCCESS]
        assert department.refused_as(code), code
    told = department.radraft("received")
    assert told["counts"] == {"waiting": 0, "taken": 1, "refused": len(lies)}
    for kept in told["refused"]:
        assert Path(kept["file"]).is_file()


def the_readers_are_told_and_no_picture_changed(
    staff: Staff, case_id: str, shown: list[str]
) -> None:
    resident = staff.resident
    expect(resident.warned("late_patients_differ")).to_have_count(1)
    assert resident.pictures() == shown
    assert len(shown) == 1
    resident.answers("late_patients_differ", "as_it_stands")
    resident.answers("language_missing", "as_it_stands")
    expect(resident.page.locator(f".rd-row[data-case={case_id}]")).to_be_visible()


def the_clinician_reads_though_nobody_answers(staff: Staff, film: Film, case_id: str) -> None:
    """The signed report is there; a question is answered from it or refused in words."""
    clinician = staff.clinician
    assert clinician.finds(film.names[1]).get_attribute("data-case") == case_id
    clinician.opens(case_id)
    assert clinician.reads("impression") == NOTHING
    clinician.asks("Is the heart enlarged?")


def half_a_study_is_pulled_and_says_so(staff: Staff, film: Film, folder: Path) -> None:
    """Three images are announced and one comes: told at the command line and on the page, until as
    many came as were announced. A broken one of them is kept apart."""
    department = staff.resident.department
    broken = folder / "broken.dcm"
    cut_short(film).save_as(broken)
    before = department.radraft("received")["counts"]["refused"]
    uid = str(film.dataset.StudyInstanceUID)
    with archive(uid, 3, film.path) as address:
        said = department.radraft("pull", "--study", uid, "--from", address, code=3)
    assert (said["studies"], said["objects"], said["missing"]) == (1, 1, 2)
    resident = staff.resident
    resident.opens(resident.sees_arrive(film))
    expect(resident.warned("images_missing")).to_have_count(1)
    with archive(uid, 2, film.path, broken) as address:
        department.radraft("pull", "--study", uid, "--from", address)
    assert department.radraft("received")["counts"]["refused"] == before + 1
    expect(resident.warned("images_missing")).to_have_count(0)
    assert len(resident.pictures()) == 1


def somebody_guesses_a_password(person: Person) -> None:
    """A wrong password is refused in words; the right one is taken after it."""
    person.goes_home()
    person.signs_in("not his password at all")
    expect(person.page.locator("[data-part=problem]")).to_be_visible()
    person.signs_in()


def the_technologist_sends_films_and_one_lies_on_its_side(
    staff: Staff, good: Film, turned: Film, again: Film
) -> None:
    """He is told what to correct, and sends the film again."""
    department = staff.technologist.department
    assert storescu(department, good.path, options=good.proposed) == 1
    assert storescu(department, turned.path, options=turned.proposed) == 1
    staff.resident.opens(staff.resident.sees_arrive(turned))
    judged = staff.resident.page.locator("[data-part=judged]")
    expect(judged).to_have_attribute("data-verdict", "poor")
    staff.technologist.sees_what_to_correct(STATION, "未直立")
    assert storescu(department, again.path, options=again.proposed) == 1
    expect(staff.resident.listed(again)).to_have_count(2)


def the_technologist_uploads_one_and_a_letter(staff: Staff, film: Film, folder: Path) -> None:
    """What is no image is refused with its code and the cure, under the name he gave it."""
    letter = folder / "letter.txt"
    letter.write_text("To whom it may concern", encoding="utf-8")
    told = staff.technologist.uploads(film.path, letter)
    expect(told.locator(".rd-good")).to_have_text(staff.technologist.word("taken_in", n=1))
    refused = told.locator(".rd-rejections li")
    expect(refused).to_have_count(1)
    expect(refused).to_contain_text("letter.txt")
    expect(refused.locator("code")).to_have_text("not_dicom")


def the_resident_edits_the_models_draft(staff: Staff, film: Film) -> str:
    """The draft comes, he says what he sees, answers a warning and leaves one sentence half."""
    resident = staff.resident
    case_id = resident.sees_arrive(film)
    resident.waits_for_the_draft(case_id)
    resident.opens(case_id)
    expect(resident.ordered).to_contain_text(REASON)
    assert all(zh and en for zh, en in resident.drafted())
    resident.writes("findings", (*PNEUMOTHORAX, *UNTRANSLATED))
    resident.writes("impression", IMPRESSION)
    resident.answers("language_missing", "as_it_stands")
    return case_id


def the_critical_value_is_notified(staff: Staff, case_id: str) -> None:
    """What he wrote opened an alert, which stands in everybody's list until the ward is told."""
    row = staff.attending.page.locator(f".rd-row[data-case={case_id}]")
    expect(row.locator("[data-part=alarm]")).to_contain_text(staff.attending.word("alert_found"))
    staff.resident.notifies(WARD)


def two_people_sign(staff: Staff, case_id: str) -> None:
    """Submitted, returned with a remark, mended, submitted again, reviewed and signed."""
    resident, attending = staff.resident, staff.attending
    resident.submits()
    attending.opens(case_id)
    attending.returns("请补英文。")
    expect(resident.remark).to_contain_text("请补英文。")
    expect(resident.remark).to_contain_text(attending.name)
    area(resident.page, "findings", 2, "en").fill(TRANSLATION)
    wait_saved(resident.page)
    resident.submits()
    expect_text(area(attending.page, "findings", 2, "en"), TRANSLATION)
    attending.signs_as_reviewer(resident.name)


def the_critical_value_is_acknowledged(staff: Staff, case_id: str) -> None:
    staff.resident.closes_the_alert(case_id, "左侧，约40%。")
    expect(staff.resident.page.locator("[data-part=alerts]")).to_be_hidden()


def the_clinician_reads_and_asks(staff: Staff, film: Film, case_id: str, *, unsigned: Film) -> None:
    """He finds what is signed and gets an answer from it; of the rest he sees nothing."""
    clinician = staff.clinician
    draft = staff.resident.sees_arrive(unsigned)
    assert clinician.finds(film.name).get_attribute("data-case") == case_id
    clinician.finds_nothing(unsigned.name)
    clinician.opens(case_id)
    assert clinician.reads("findings")[0] == PNEUMOTHORAX[0]
    expect(clinician.page.locator(".rd-bar")).to_be_hidden()
    expect(clinician.asks("有气胸吗？")).to_contain_text("左侧气胸")
    assert clinician.status_of(f"/api/cases/{case_id}") == 200
    assert clinician.status_of(f"/api/cases/{draft}") == 403


def an_amendment_is_seen_once_it_is_signed(staff: Staff, case_id: str) -> None:
    """Begun, cancelled, begun again and signed; until then the clinician's page stays as it was."""
    attending, chief, clinician = staff.attending, staff.chief, staff.clinician
    zh, en = LESS[0]
    attending.amends("更正程度。")
    area(attending.page, "findings", 0, "zh").fill("左侧气胸，压缩约20%。")
    wait_saved(attending.page)
    attending.cancels_the_amendment()
    assert attending.reads("findings")[0] == PNEUMOTHORAX[0]
    attending.amends("复核后更正程度。")
    area(attending.page, "findings", 0, "zh").fill(zh)
    area(attending.page, "findings", 0, "en").fill(en)
    wait_saved(attending.page)
    attending.submits()
    clinician.page.reload()
    expect_text(area(clinician.page, "findings", 0, "zh"), PNEUMOTHORAX[0][0])
    chief.opens(case_id)
    chief.signs_as_reviewer(attending.name)
    # Nobody has to reload anything.
    expect_text(area(clinician.page, "findings", 0, "zh"), zh)
    expect(clinician.page.locator("[data-part=signature]")).to_contain_text("复核后更正程度。")


def an_amendment_is_signed(staff: Staff, case_id: str) -> None:
    """One sentence is put in other words."""
    attending = staff.attending
    attending.opens(case_id)
    attending.amends("更正用词。")
    for lang, text in zip(("zh", "en"), NOT_LARGE[0], strict=True):
        area(attending.page, "findings", 1, lang).fill(text)
    wait_saved(attending.page)
    attending.submits()
    staff.chief.opens(case_id)
    staff.chief.signs_as_reviewer(attending.name)


def every_system_has_the_report(
    hospital: Hospital, film: Film, finding: Sentence, impression: Sentence
) -> None:
    """PACS, RIS and HIS have it as it was signed, under the order's number, once."""
    first: dict[str, list[str]] = {kind: ["1"] for kind in DOCUMENTS}
    hospital.expects(film, **first, RIS=["F"], HIS=["final"])
    version, accession = hospital.newest(film), str(film.dataset.AccessionNumber)
    assert version.structured.VerificationFlag == "VERIFIED"
    assert version.structured.AccessionNumber == accession
    assert set(finding) <= set(spoken(version.structured))
    assert version.result.accession == accession
    assert version.result.patient == film.dataset.PatientID
    assert {*finding, *impression} <= set(version.result.texts)
    assert impression[0] in version.report["conclusion"]
    (order,) = his.history(hospital.his, "ServiceRequest")
    assert accession in {identifier["value"] for identifier in order["identifier"]}


def the_correction_waits_for_the_ris_alone(
    administrator: Administrator, hospital: Hospital, film: Film
) -> None:
    """The others have it; the page says for whom it waits, and why."""
    corrected: dict[str, list[str]] = {kind: ["1", "2"] for kind in DOCUMENTS}
    hospital.expects(film, **corrected, RIS=["F"], HIS=["final", "corrected"])
    waiting = administrator.sees_waiting("ris")
    expect(waiting).to_have_count(1)
    expect(waiting).to_contain_text(administrator.word("outbox_status_corrected"))
    unreachable = catalogue()["hl7_unreachable"]
    expect(waiting).to_contain_text(unreachable[administrator.lang[:2]])
    for target in ("pacs", "his"):
        expect(administrator.sees_waiting(target)).to_have_count(0)


def the_ris_comes_back(
    administrator: Administrator, hospital: Hospital, film: Film, now: Sentence, before: Sentence
) -> None:
    """It gets the correction, after the final version, and nothing waits any more."""
    hospital.ris.start()
    hospital.expects(film, RIS=["F", "C"])
    expect(administrator.sees_waiting("ris")).to_have_count(0)
    version = hospital.newest(film)
    for texts in (version.result.texts, list(spoken(version.structured))):
        assert set(now) <= set(texts)
        assert set(before).isdisjoint(texts)
    assert version.structured.PredecessorDocumentsSequence


def every_system_has_the_addendum(hospital: Hospital, film: Film) -> None:
    """What the radiologist answered the clinician, as a version of its own."""
    hospital.expects(film, **versions_told(ADDED))
    assert ANSWER in set(spoken(hospital.newest(film).structured))


def versions_told(statuses: Statuses) -> dict[str, list[str]]:
    """What each system was told of a report whose versions left with these statuses."""
    versions = [str(number) for number, _ in enumerate(statuses, start=1)]
    at_ris, at_his = ([pair[place] for pair in statuses] for place in (0, 1))
    return dict.fromkeys(DOCUMENTS, versions) | {"RIS": at_ris, "HIS": at_his}


def each_system_was_told_once(
    hospital: Hospital, film: Film, statuses: Statuses = CORRECTED
) -> None:
    """Nothing came after that, and nothing came twice."""
    count = len(statuses)
    assert hospital.told(film) == versions_told(statuses)
    assert len(ris.arrivals(hospital.ris)) == len(his.transactions(hospital.his)) == count
    assert hospital.pacs.instances() == len(DOCUMENTS) * count


def spoken(document: Any) -> Iterator[str]:
    """The texts of a structured report."""
    for item in document.ContentSequence:
        if item.ValueType == "TEXT":
            yield item.TextValue
        if "ContentSequence" in item:
            yield from spoken(item)


def the_administrator_finds_all_of_it(staff: Staff, folder: Path) -> None:
    """Every step of the day stands in the audit with its person, and nothing of a patient."""
    audits = staff.administrator.audits
    events = {
        "intake": staff.technologist,
        "view": staff.resident,
        "search": staff.clinician,
        "write": staff.resident,
        "alert": staff.resident,
        "review": staff.attending,
        "sign": staff.chief,
        "amend": staff.attending,
        "question": staff.clinician,
        "log_in": staff.technologist,
        "log_out": staff.clinician,
        "configuration": staff.administrator,
    }
    for kind, person in events.items():
        expect(audits(kind, by=person.name).first).to_contain_text(person.name)
    expect(audits("log_in", outcome="refused")).to_have_count(1)
    expect(audits("access", outcome="refused")).to_have_count(1)
    # Three documents, a message and a bundle of each version.
    expect(audits("export", outcome="done")).to_have_count(10)
    # What the page shows last is what it exports.
    expect(audits("sign", outcome="done")).to_have_count(2)
    exported = folder / "audit.csv"
    staff.administrator.exports_the_audit(exported)
    with exported.open(encoding="utf-8-sig", newline="") as lines:
        signatures = list(csv.DictReader(lines))
    assert [line["name"] for line in signatures] == [staff.chief.name, staff.attending.name]


def nothing_is_broken_and_nobody_is_named(department: Department, *films: Film) -> None:
    """What was signed holds, the audit is whole, and no log or terminal names a patient."""
    assert department.radraft("verify")["ok"] is True
    assert department.radraft("audit", "verify")["ok"] is True
    said = department.said()
    assert {"radraft.log", "serve.out", "serve.err"} <= said.keys()
    for film in films:
        for file, text in said.items():
            assert [words for words in film.identity if words in text] == [], file

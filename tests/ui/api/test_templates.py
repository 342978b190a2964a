"""Templates and phrases over the JSON interface: a normal report in grey, what a person confirms,
what a site's administrator brings in."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient

from radraft.pipeline.draft_store import store_draft
from radraft.pipeline.service import Service
from radraft.reports.report_templates import ready_templates
from radraft.reports.roles import Role
from radraft.reports.template_import import to_mrrt
from radraft.reports.template_rules import OpenFields, SiteTemplateRule
from radraft.reports.values import Coverage, Origin
from radraft.store import audit, pairs, templates
from radraft.ui.access import application
from radraft.ui.api.report_signing import add_report_signing
from radraft.ui.api.reports import add_api
from radraft.ui.api.templates import add_templates
from tests.builders import person
from tests.ui import seed
from tests.ui.conftest import asking
from tests.ui.people import become

pytestmark = pytest.mark.slow

LINES = len(ready_templates()[3].lines)
PHRASE = {"letters": "jj", "zh": "( )mm结节。", "en": "A nodule of ( ) mm."}
OWN = """id: ours
name: {zh: 本院}
body_parts: [CHEST]
lines: [{path: findings/lungs, name: {zh: 肺}, zh: 清晰。}]
"""


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    app = application(service)
    add_api(app, service)
    add_report_signing(app, service)
    add_templates(app, service)
    with asking(app) as made:
        yield made


def view(client: TestClient, case_id: str) -> Any:
    return client.get(f"/api/cases/{case_id}").json()


def merged(client: TestClient, case_id: str, report: Any, **more: Any) -> Any:
    return client.post(f"/api/cases/{case_id}/template", json={"report": report, **more}).json()


def saved(client: TestClient, case_id: str, revision: int, report: Any) -> Any:
    body = {"base_revision": revision, "report": report}
    answer = client.put(f"/api/cases/{case_id}/report", json=body)
    assert answer.status_code == 200, answer.json()
    return answer.json()


def sign(client: TestClient, case_id: str, revision: int) -> Any:
    body = {"base_step": 0, "base_revision": revision, "images_seen": "drawn"}
    return client.post(f"/api/cases/{case_id}/sign", json=body)


def confirm(report: Any) -> Any:
    """Have the reader confirm all that is the template's."""
    for section in ("findings", "impression"):
        for sentence in report[section]:
            sentence["confirm"] = [
                lang for lang, origin in sentence["origins"].items() if origin == "template"
            ]
    return report


def begins(service: Service, *, open_fields: OpenFields = OpenFields.PROHIBIT) -> None:
    """Have every report of the site begin as its template."""
    rule = SiteTemplateRule(open_fields, begin_reports=True)
    with service.store.begin() as session:
        templates.set_rule(
            session, "test", rule, base_number=0, by=person("管理员"), now=datetime.now(UTC)
        )


def test_a_normal_report_stands_in_grey_and_cannot_be_signed(
    client: TestClient, service: Service
) -> None:
    case_id = seed.add(service.store, drafted=False)
    found = merged(client, case_id, view(client, case_id)["working"]["report"])
    assert found["template"]["id"] == "chest_radiograph"
    assert len(found["added"]) == LINES
    answer = saved(client, case_id, 0, found["report"])
    sentences = [
        *answer["working"]["report"]["findings"],
        *answer["working"]["report"]["impression"],
    ]
    assert {s["origins"]["zh"] for s in sentences} == {"template"}
    assert {s["origins"]["en"] for s in sentences} == {"template"}
    assert not any(s["confirmed"] for s in sentences)
    assert [i["code"] for i in answer["issues"]] == ["template_unconfirmed"] * LINES
    refused = sign(client, case_id, answer["working"]["revision"])
    assert refused.status_code == 422
    assert refused.json()["codes"] == ["template_unconfirmed"]


def test_what_the_reader_confirms_is_signed_as_the_templates(
    client: TestClient, service: Service
) -> None:
    case_id = seed.add(service.store, drafted=False)
    found = merged(client, case_id, view(client, case_id)["working"]["report"])
    answer = saved(client, case_id, 0, confirm(found["report"]))
    assert answer["issues"] == []
    assert sign(client, case_id, answer["working"]["revision"]).status_code == 200
    signed = service.signed(case_id)
    origins = {w.origin for s in signed.report.sentences for w in s.wordings}
    assert origins == {Origin.TEMPLATE}
    assert all(w.confirmed for s in signed.report.sentences for w in s.wordings)
    assert all(s.template_field for s in signed.report.sentences)


def test_a_client_that_calls_a_template_line_its_persons_is_not_believed(
    client: TestClient, service: Service
) -> None:
    case_id = seed.add(service.store, drafted=False)
    report = merged(client, case_id, view(client, case_id)["working"]["report"])["report"]
    for sentence in report["findings"]:
        sentence["origin"] = "person"
        sentence["origins"] = {"zh": "person", "en": "person"}
    answer = saved(client, case_id, 0, report)
    assert {s["origins"]["zh"] for s in answer["working"]["report"]["findings"]} == {"template"}


def test_what_the_draft_states_is_not_added_and_what_is_written_replaces_a_line(
    client: TestClient, service: Service
) -> None:
    case_id = seed.add(service.store)
    now = view(client, case_id)["working"]
    found = merged(client, case_id, now["report"])
    ids = {line.partition(".")[2] for line in found["added"]}
    # The draft of these tests is of lungs, heart, aorta and costophrenic angles.
    assert ids == {"airway", "hila", "diaphragm", "bones"}
    again = merged(client, case_id, found["report"])
    assert (again["added"], again["removed"]) == ([], [])
    hila = next(s for s in found["report"]["findings"] if s["id"] == "t-findings.hila")
    wrote = {**hila, "id": "p-1", "zh": "右肺门增大。", "en": "The right hilum is enlarged."}
    found["report"]["findings"].append(wrote)
    answer = saved(client, case_id, now["revision"], found["report"])
    told = {(i["code"], i["sentence_id"]) for i in answer["issues"] if i["severity"] == "block"}
    assert ("template_contradicted", "t-findings.hila") in told
    replaced = merged(client, case_id, answer["working"]["report"])
    assert replaced["removed"] == ["t-findings.hila"]


def test_a_deleted_line_that_comes_back_is_grey_again(client: TestClient, service: Service) -> None:
    case_id = seed.add(service.store, drafted=False)
    full = merged(client, case_id, view(client, case_id)["working"]["report"])["report"]
    now = saved(client, case_id, 0, full)["working"]
    less = {**full, "findings": full["findings"][1:]}
    now = saved(client, case_id, now["revision"], less)["working"]
    now = saved(client, case_id, now["revision"], full)["working"]
    assert now["report"]["findings"][0]["origins"] == {"zh": "template", "en": "template"}


def test_other_words_in_a_line_are_the_readers_own(client: TestClient, service: Service) -> None:
    case_id = seed.add(service.store, drafted=False)
    report = merged(client, case_id, view(client, case_id)["working"]["report"])["report"]
    report["findings"][0] |= {"zh": "胸廓左侧塌陷。", "en": "The left thorax is collapsed."}
    answer = saved(client, case_id, 0, report)
    first = answer["working"]["report"]["findings"][0]
    assert first["origins"] == {"zh": "person", "en": "person"}
    assert first["id"] not in {
        i["sentence_id"] for i in answer["issues"] if i["severity"] == "block"
    }


def test_a_study_without_a_model_begins_as_its_template_where_the_site_says_so(
    client: TestClient, service: Service
) -> None:
    plain = seed.add(service.store, 1, drafted=False)
    assert view(client, plain)["working"]["report"]["findings"] == []
    begins(service)
    case_id = seed.add(service.store, 2, drafted=False)
    now = view(client, case_id)
    assert now["working"]["revision"] == 0
    assert len(now["working"]["report"]["findings"]) == LINES - 1
    assert {i["code"] for i in now["issues"]} == {"template_unconfirmed"}
    # Nobody wrote: to look at a study begins no report.
    assert now["working"]["author"] is None
    assert sign(client, case_id, 0).status_code == 422
    answer = saved(client, case_id, 0, confirm(now["working"]["report"]))
    assert answer["issues"] == []
    assert sign(client, case_id, answer["working"]["revision"]).status_code == 200


def test_a_draft_is_merged_into_its_template_where_the_site_says_so(
    client: TestClient, service: Service
) -> None:
    begins(service)
    case_id = seed.add(service.store, drafted=False)
    draft = seed.made_draft(case_id)
    with service.store.begin() as session:
        store_draft(session, draft)
    now = view(client, case_id)
    drafted = [s.id for s in draft.report.sentences]
    ids = [s["id"] for s in now["working"]["report"]["findings"]]
    assert [i for i in ids if i in drafted] == [s.id for s in draft.report.findings]
    assert "t-findings.airway" in ids and "t-findings.lungs" not in ids
    # What the model wrote is kept as it wrote it.
    assert [s["id"] for s in now["draft"]["report"]["findings"]] == [
        s.id for s in draft.report.findings
    ]


def test_what_is_not_covered_begins_as_its_template(client: TestClient, service: Service) -> None:
    begins(service)
    case_id = seed.add(service.store, drafted=False)
    empty = replace(
        seed.failed(case_id), coverage=Coverage.NOT_COVERED, error_code="view_not_covered"
    )
    with service.store.begin() as session:
        store_draft(session, empty)
    now = view(client, case_id)
    assert now["working"]["revision"] == 1
    assert len(now["working"]["report"]["findings"]) == LINES - 1
    answer = saved(client, case_id, 1, confirm(now["working"]["report"]))
    assert sign(client, case_id, answer["working"]["revision"]).status_code == 200


@pytest.mark.parametrize(
    ("rule", "severity"),
    [(OpenFields.PROHIBIT, "block"), (OpenFields.WARN, "warn"), (OpenFields.SILENT, None)],
)
def test_a_field_left_open_and_a_required_line_left_out_weigh_as_the_site_says(
    client: TestClient, service: Service, rule: OpenFields, severity: str | None
) -> None:
    begins(service, open_fields=rule)
    case_id = seed.add(service.store, drafted=False, modality="MR", body_part="LSPINE")
    report = confirm(view(client, case_id)["working"]["report"])
    answer = saved(client, case_id, 0, report)
    found = [(i["code"], i["severity"], i["sentence_id"]) for i in answer["issues"]]
    wanted = [("sentence_unfilled", severity, "t-findings.conus")] * 2 if severity else []
    assert found == wanted
    report["findings"] = [s for s in report["findings"] if s["id"] != "t-findings.conus"]
    answer = saved(client, case_id, answer["working"]["revision"], report)
    found = [(i["code"], i["severity"], i["sentence_id"]) for i in answer["issues"]]
    assert found == ([("template_line_missing", severity, None)] if severity else [])
    assert (sign(client, case_id, answer["working"]["revision"]).status_code == 200) == (
        severity != "block"
    )


def test_an_examination_without_a_template_is_told_so(client: TestClient, service: Service) -> None:
    case_id = seed.add(service.store, drafted=False, body_part="WRIST")
    report = view(client, case_id)["working"]["report"]
    assert merged(client, case_id, report)["error"]["code"] == "template_none"
    other = merged(client, case_id, report, template_id="head_ct")
    assert other["error"]["code"] == "template_unknown"
    report["case_id"] = "c-0000000000000000"
    assert merged(client, case_id, report)["error"]["code"] == "report_of_other_case"


def imported(client: TestClient, content: str, name: str = "file") -> Any:
    body = {"name": name, "content": base64.b64encode(content.encode()).decode()}
    return client.post("/api/sites/test/templates", json=body)


def test_an_administrator_brings_templates_in_looks_at_them_and_switches_them_off(
    client: TestClient, service: Service
) -> None:
    case_id = seed.add(service.store, drafted=False)
    kept = imported(client, OWN)
    assert kept.status_code == 201
    assert (kept.json()["id"], kept.json()["own"], kept.json()["enabled"]) == ("ours", True, True)
    report = view(client, case_id)["working"]["report"]
    # More specific is the one that names the modality too.
    assert merged(client, case_id, report)["template"]["id"] == "chest_radiograph"
    assert [t["id"] for t in merged(client, case_id, report)["others"]] == ["ours"]
    off = client.put("/api/sites/test/templates/chest_radiograph", json={"enabled": False})
    assert off.json()["enabled"] is False
    assert merged(client, case_id, report)["template"]["id"] == "ours"
    sites = {site["site"]: site for site in client.get("/api/templates").json()["sites"]}
    first = sites["test"]["templates"][0]
    assert (first["id"], first["lines"], first["langs"]) == ("ours", 1, ["zh"])
    preview = client.get("/api/sites/test/templates/ours").json()
    assert preview["line_list"][0]["zh"] == "清晰。"
    with service.store.read() as session:
        entries = audit.after(session, 0, 50)
        said = [dict(e.event.details) for e in entries if "template" in e.event.details]
    assert {(d["template"], d["change"]) for d in said} == {
        ("ours", "imported"),
        ("chest_radiograph", "disabled"),
    }


def test_a_template_that_does_not_say_what_it_is_for_is_off_until_it_is_switched_on(
    client: TestClient, service: Service
) -> None:
    seed.add(service.store)
    kept = imported(client, OWN.replace("body_parts: [CHEST]\n", ""))
    assert kept.json()["enabled"] is False


def test_what_goes_out_comes_in_again(client: TestClient, service: Service) -> None:
    seed.add(service.store)
    for form, media in (("yaml", "application/yaml"), ("html", "text/html")):
        answer = client.get(f"/api/sites/test/templates/head_ct/file/{form}")
        assert answer.headers["content-type"].startswith(media)
        assert answer.headers["content-disposition"] == f'attachment; filename="head_ct.{form}"'
        assert imported(client, answer.text).status_code == 201
    assert client.get("/api/sites/test/templates/head_ct/file/html").text == to_mrrt(
        next(t for t in ready_templates() if t.id == "head_ct")
    )
    assert client.get("/api/sites/test/templates/head_ct/file/exe").status_code == 422


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("<html lang='de'><section data-section-name='Findings'><p>Klar.</p></section></html>",
         "template_language"),
        ("id: [", "template_format"),
        ("lines: []", "report_template_invalid"),
        ("<p>nothing</p>", "template_not_mrrt"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_imported_is_refused_with_its_code(
    client: TestClient, service: Service, content: str, code: str
) -> None:
    seed.add(service.store)
    answer = imported(client, content)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)
    not_base64 = {"name": "a", "content": "***"}
    assert client.post("/api/sites/test/templates", json=not_base64).status_code == 422


def test_the_rule_of_a_site_is_changed_by_one_at_a_time(
    client: TestClient, service: Service
) -> None:
    seed.add(service.store)
    body = {"base_number": 0, "open_fields": "warn", "begin_reports": True}
    changed = client.put("/api/sites/test/template-rule", json=body)
    assert (changed.json()["number"], changed.json()["open_fields"]) == (1, "warn")
    assert client.put("/api/sites/test/template-rule", json=body).status_code == 409
    gone = client.put("/api/sites/nowhere/template-rule", json=body)
    assert gone.json()["error"]["code"] == "site_unknown"


def test_phrases_are_ones_own_and_the_sites_where_sex_and_age_allow(
    client: TestClient, service: Service
) -> None:
    case_id = seed.add(service.store)
    site = {**PHRASE, "letters": "yj", "sex": "F"}
    for phrase in (site, {**PHRASE, "letters": "ch", "max_age": 1.0}, {**PHRASE, "zh": "本院。"}):
        answer = client.put("/api/sites/test/phrases", json={"phrase": phrase})
        assert answer.status_code == 200
    assert [p["letters"] for p in answer.json()["phrases"]] == ["ch", "jj", "yj"]
    own = client.put("/api/phrases", json={"phrase": PHRASE})
    assert [p["zh"] for p in own.json()["phrases"]] == [PHRASE["zh"]]
    offered = client.get(f"/api/cases/{case_id}/phrases").json()["phrases"]
    sex = view(client, case_id)["case"]["sex"]
    assert [(p["letters"], p["zh"]) for p in offered] == [
        ("jj", PHRASE["zh"]),
        *([("yj", PHRASE["zh"])] if sex == "F" else []),
    ]
    become(client, "另一人", (Role.ATTENDING,))
    assert client.get("/api/phrases").json()["phrases"] == []
    offered = client.get(f"/api/cases/{case_id}/phrases").json()["phrases"]
    assert ("jj", "本院。") in [(p["letters"], p["zh"]) for p in offered]
    assert client.put("/api/sites/test/phrases", json={"phrase": site}).status_code == 403


@pytest.mark.parametrize(
    "phrase",
    [
        {**PHRASE, "letters": "JJ"},
        {**PHRASE, "letters": ""},
        {"letters": "jj"},
        {**PHRASE, "colour": "red"},
        {**PHRASE, "min_age": 9.0, "max_age": 3.0},
        {**PHRASE, "zh": "a" * 1001},
    ],
)
def test_a_phrase_that_says_nothing_or_has_no_letters_is_refused(
    client: TestClient, service: Service, phrase: Any
) -> None:
    seed.add(service.store)
    answer = client.put("/api/phrases", json={"phrase": phrase})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "phrase_invalid")


def test_a_phrase_is_taken_away(client: TestClient, service: Service) -> None:
    seed.add(service.store)
    client.put("/api/phrases", json={"phrase": PHRASE})
    assert client.delete("/api/phrases/jj").json()["phrases"] == []
    assert client.delete("/api/phrases/jj").status_code == 404


def test_a_pair_has_the_lines_that_were_confirmed_and_the_edits_without_them(
    client: TestClient, service: Service
) -> None:
    case_id = seed.add(service.store)
    now = view(client, case_id)["working"]
    found = merged(client, case_id, now["report"])
    answer = saved(client, case_id, now["revision"], confirm(found["report"]))
    assert sign(client, case_id, answer["working"]["revision"]).status_code == 200
    with service.store.read() as session:
        (pair,) = pairs.pairs(session)
    lines = [s for s in pair.asserted.sentences if s.id in found["added"]]
    assert len(lines) == len(found["added"])
    assert {w.origin for s in lines for w in s.wordings} == {Origin.TEMPLATE}
    assert {edit.edit.value for edit in pair.stats.sentences} == {"kept"}
    assert pair.stats.distance == 0
    assert not any(edit.moved for edit in pair.stats.sentences)
    assert pair.corrected == pair.drafted

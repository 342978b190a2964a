"""The worklist over HTTP: pages, search, filters and views, for who may see what."""

from __future__ import annotations

import base64
import json
import logging
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from radraft.pipeline.service import Service
from radraft.reports.audit import AuditKind, AuditQuery
from radraft.reports.critical import critical_findings, preset
from radraft.reports.lifecycle import Move
from radraft.reports.roles import EVERY_SITE, PERMISSIONS, Role
from radraft.reports.values import Origin, Report, Sentence, both
from radraft.store import alerts, audit, cases, report_steps, signatures
from radraft.studies.quality.values import Verdict
from radraft.studies.values import Patient, StudyPriority
from tests import builders
from tests.builders import NAME, actor
from tests.ui import seed
from tests.ui.people import account_of, become


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [row["case_id"] for row in answer.json()["rows"]]


def search(client: TestClient, text: str, **asked: object) -> Any:
    return client.post("/api/worklist/search", json={"search": text} | asked)


@pytest.fixture
def studies(service: Service) -> dict[str, str]:
    people = {
        "zhang": Patient("P-1", "Zhang^San=张^三", None, "M"),
        "li": Patient("P-2", "Li^Si=李^四", None, "F"),
        "mueller": Patient("P-3", "Müller^Jörg", None, "M"),
    }
    return {
        name: seed.add(service.store, number, patient=patient, accession=f"A-{number}")
        for number, (name, patient) in enumerate(people.items(), start=1)
    }


def test_a_patient_is_found_by_name_number_and_accession(
    client: TestClient, studies: dict[str, str]
) -> None:
    for text, name in (
        ("张三", "zhang"),
        ("張", "zhang"),
        ("li si", "li"),
        ("muller", "mueller"),
        ("p-2", "li"),
        ("A-3", "mueller"),
    ):
        answer = search(client, text)
        assert ids(answer) == [studies[name]]
        assert answer.json()["total"] == 1
    assert ids(search(client, "nobody")) == []


def test_lines_and_counts_of_a_search_are_given_each_by_itself_and_noted_once(
    client: TestClient, service: Service, studies: dict[str, str]
) -> None:
    whole = search(client, "p-", limit=2).json()
    lines = search(client, "p-", limit=2, part="lines").json()
    counts = search(client, "p-", limit=2, part="counts").json()
    assert (lines["rows"], lines["next"]) == (whole["rows"], whole["next"])
    assert (lines["total"], lines["stages"]) == (None, {})
    assert counts == {name: whole[name] for name in ("total", "near", "over", "stages")}
    assert counts["total"] == len(studies)
    search(client, "li si", part="counts")
    assert service.trail.drain()
    noted = AuditQuery(kinds=frozenset({AuditKind.SEARCH}))
    with service.store.read() as session:
        assert len(audit.search(session, noted).entries) == 2


def test_what_was_searched_for_is_in_no_log_and_no_address(
    client: TestClient, studies: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        assert ids(search(client, "张三")) == [studies["zhang"]]
        assert search(client, "").status_code == 422
        assert client.get("/api/worklist", params={"search": "张三"}).status_code == 422
        assert client.post("/api/worklist/views", json={
            "name": "mine", "wanted": {"search": "张三"}}).status_code == 422  # fmt: skip
    told = [record.getMessage() for record in caplog.records if record.name.startswith("radraft")]
    assert not any("张" in line for line in told)


def test_a_page_leads_to_the_next_and_a_made_up_place_is_refused(
    client: TestClient, studies: dict[str, str]
) -> None:
    first = client.get("/api/worklist", params={"limit": 2})
    second = client.get("/api/worklist", params={"limit": 2, "after": first.json()["next"]})
    assert ids(first) + ids(second) == list(studies.values())
    assert second.json()["next"] is None
    found = search(client, "p", limit=1)
    assert ids(search(client, "p", limit=5, after=found.json()["next"])) == [
        studies["li"],
        studies["mueller"],
    ]
    for place in ("x", "W10=", "WzksIjEiLCAiYyJd", "WzEsICJub3ciLCAiYyJd", "bnVsbA==", "é"):
        refused = client.get("/api/worklist", params={"after": place})
        assert (refused.status_code, refused.json()["error"]["code"]) == (
            422,
            "worklist_place_invalid",
        )
    for asked in ({"limit": 0}, {"limit": 1000}, {"stage": "gone"}, {"since": "soon"}):
        refused = client.get("/api/worklist", params=asked)
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "request_invalid")


def crafted(*values: object) -> str:
    """A place as a page gives it, of these values."""
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


ODD = (1e400, -1e400, [], {}, None, True, 1)
HALF, NUL = "\ud800", "a\0b"
CRAFTED = [
    *(crafted(part, 3, key, "c") for part in (0, 1, 2) for key in (*ODD, HALF, NUL)),
    *(crafted(part, 3, "2026-01-01", c) for part in (0, 1, 2) for c in (*ODD, HALF, NUL)),
    *(crafted(part, rank, "2026-01-01", "c") for part in (0, 1, 2) for rank in (*ODD[:6], 2**63)),
    *(crafted(part, 3, "2026-01-01", "c") for part in (*ODD[:6], 1.0, 3, -1)),
    crafted(1, 3, "2026-01-01"),
    crafted(1, 3, "2026-01-01", "c", "x"),
    base64.urlsafe_b64encode(b"[" * 290).decode(),
    base64.urlsafe_b64encode(b"\xff\xfe").decode(),
]


def test_a_crafted_place_is_refused_and_breaks_nothing(
    client: TestClient, studies: dict[str, str]
) -> None:
    for place in CRAFTED:
        answers = (
            client.get("/api/worklist", params={"after": place}),
            search(client, "p", after=place),
        )
        for answer in answers:
            code = answer.json()["error"]["code"]
            assert (answer.status_code, code) == (422, "worklist_place_invalid"), place


def test_one_finds_what_he_wrote_or_signed_himself(
    client: TestClient, service: Service, studies: dict[str, str]
) -> None:
    me = account_of(service.store)
    with service.store.begin() as session:
        signatures.sign(session, studies["li"], base_revision=1, signer=me.person,
                        now=datetime.now(UTC))  # fmt: skip
    body = {"base_revision": 1, "report": None}
    view = client.get(f"/api/cases/{studies['zhang']}").json()["working"]
    view["report"]["findings"][0]["zh"] = "双肺清晰。"
    body = {"base_revision": view["revision"], "report": view["report"]}
    assert client.put(f"/api/cases/{studies['zhang']}/report", json=body).status_code == 200
    asked = client.get("/api/worklist", params={"mine": True})
    assert ids(asked) == [studies["zhang"], studies["li"]]
    stages = asked.json()["stages"]
    assert (stages["all"], stages["todo"], stages["signed"], stages["drafting"]) == (2, 1, 1, 0)
    become(client, "somebody else")
    assert ids(client.get("/api/worklist", params={"mine": True})) == []


def test_a_clinician_finds_and_counts_signed_studies_alone(
    client: TestClient, service: Service, studies: dict[str, str]
) -> None:
    with service.store.begin() as session:
        signatures.sign(session, studies["li"], base_revision=1, signer=actor("王").who,
                        now=datetime.now(UTC))  # fmt: skip
    become(client, "a clinician", (Role.CLINICIAN,), "test")
    listed = client.get("/api/worklist")
    assert (ids(listed), listed.json()["total"]) == ([studies["li"]], 1)
    assert listed.json()["stages"]["all"] == 1
    assert ids(search(client, "张三")) == []
    assert search(client, "张三").json()["total"] == 0
    assert ids(search(client, "李")) == [studies["li"]]
    become(client, "of elsewhere", (Role.CLINICIAN,), "elsewhere")
    assert ids(client.get("/api/worklist")) == []
    assert client.get("/api/worklist/choices").json()["sites"] == []


def test_views_are_kept_for_their_person_without_what_was_searched(
    client: TestClient, studies: dict[str, str]
) -> None:
    wanted = {"stage": "signed", "modality": "CT", "mine": True, "since": "2026-01-02"}
    made = client.post("/api/worklist/views", json={"name": "我的  CT", "wanted": wanted})
    assert made.status_code == 200
    (view,) = client.get("/api/worklist/views").json()["views"]
    assert view == made.json()
    assert view["name"] == "我的 CT"
    assert wanted.items() <= view["wanted"].items()
    again = client.post("/api/worklist/views", json={"name": "我的 CT", "wanted": {}})
    assert again.json()["view_id"] == view["view_id"]
    assert client.get("/api/worklist/views").json()["views"][0]["wanted"]["modality"] == ""
    path = f"/api/worklist/views/{view['view_id']}"
    become(client, "somebody else")
    assert client.get("/api/worklist/views").json()["views"] == []
    assert client.delete(path).status_code == 404
    become(client)
    assert client.delete(path).status_code == 200
    assert client.delete(path).status_code == 404
    for name in ("", " ", "x" * 65, "a\u202eb"):
        refused = client.post("/api/worklist/views", json={"name": name, "wanted": {}})
        assert refused.status_code == 422
    for number in range(30):
        client.post("/api/worklist/views", json={"name": str(number), "wanted": {}})
    full = client.post("/api/worklist/views", json={"name": "one more", "wanted": {}})
    assert (full.status_code, full.json()["error"]["code"]) == (422, "views_full")


def test_one_chooses_among_what_there_is(client: TestClient, service: Service) -> None:
    seed.add(service.store, 1, modality="CT", body_part="HEAD")
    seed.add(service.store, 2, modality="DX")
    offered = client.get("/api/worklist/choices").json()
    assert offered["modalities"] == ["CT", "DX"]
    assert offered["body_parts"] == ["CHEST", "HEAD"]
    assert offered["sites"] == ["test"]
    assert {"received", "drafted", "signed"} <= set(offered["phases"])
    assert [name for _, name in offered["people"]] == [account_of(service.store).name]


def at_site(session: Session, number: int, site: str, modality: str, body_part: str) -> str:
    """Take study `number` in at a site."""
    deid = builders.make_deid(number, modality=modality, body_part=body_part)
    study = builders.make_study(number)
    cases.add_study(session, site=site, study=study, deid=deid, issues=(), original_keys=())
    return deid.case_id


def test_what_other_sites_have_is_offered_to_nobody(client: TestClient, service: Service) -> None:
    with service.store.begin() as session:
        at_site(session, 1, "site-a", "CT", "HEAD")
        at_site(session, 2, "site-b", "MR", "KNEE")
        signed = at_site(session, 3, "site-b", "DX", "HAND")
        builders.save_draft(session, builders.make_draft(signed))
        signatures.sign(session, signed, base_revision=1, signer=actor("王").who,
                        now=datetime.now(UTC))  # fmt: skip
    asked = {
        ((Role.ATTENDING,), "site-a"): (["CT"], ["HEAD"], ["site-a"]),
        ((Role.ATTENDING,), "site-b"): (["DX", "MR"], ["HAND", "KNEE"], ["site-b"]),
        # A clinician's: of what was signed.
        ((Role.CLINICIAN,), "site-b"): (["DX"], ["HAND"], ["site-b"]),
        ((Role.CLINICIAN,), EVERY_SITE): (["DX"], ["HAND"], ["site-a", "site-b"]),
        ((Role.CLINICIAN,), "site-z"): ([], [], []),
        ((Role.ATTENDING,), EVERY_SITE): (
            ["CT", "DX", "MR"], ["HAND", "HEAD", "KNEE"], ["site-a", "site-b"],
        ),
    }  # fmt: skip
    for number, ((roles, site), expected) in enumerate(asked.items()):
        become(client, f"person {number}", roles, site)
        offered = client.get("/api/worklist/choices").json()
        found = tuple(offered[name] for name in ("modalities", "body_parts", "sites"))
        assert found == expected, (roles, site)
        assert offered["verdicts"] == [verdict.value for verdict in Verdict]


def test_alerts_of_other_sites_that_cannot_be_read_are_named_to_nobody(
    client: TestClient, service: Service
) -> None:
    with service.store.begin() as session:
        case_id = at_site(session, 1, "site-b", "DX", "CHEST")
        report = Report(
            case_id, (Sentence("f1", both("", "Left pneumothorax.", Origin.PERSON)),), ()
        )
        now = datetime.now(UTC)
        (alert,) = alerts.update(session, case_id, critical_findings(report, preset()),
                                 actor=actor("林清"), now=now)  # fmt: skip
        session.execute(sa.text("UPDATE alerts SET terms = '{'"))
    become(client, "of site a", (Role.ATTENDING,), "site-a")
    assert client.get("/api/worklist").json()["unreadable_alerts"] == []
    become(client, "of site b", (Role.ATTENDING,), "site-b")
    assert client.get("/api/worklist").json()["unreadable_alerts"] == [alert.alert_id]


def test_columns_are_kept_for_their_person(client: TestClient) -> None:
    first = client.get("/api/worklist/columns").json()
    assert set(first["columns"]) < set(first["offered"])
    asked = {"columns": ["accession", "site", "site"]}
    chosen = client.put("/api/worklist/columns", json=asked)
    assert chosen.json()["columns"] == ["site", "accession"]
    assert client.get("/api/worklist/columns").json() == chosen.json()
    assert client.put("/api/worklist/columns", json={"columns": []}).json()["columns"] == []
    become(client, "somebody else")
    assert client.get("/api/worklist/columns").json() == first
    for wrong in ({"columns": ["name"]}, {"columns": ["age"] * 99}, {}, {"columns": None}):
        assert client.put("/api/worklist/columns", json=wrong).status_code == 422


def test_keys_are_kept_for_their_person(client: TestClient) -> None:
    assert client.get("/api/keys").json() == {"keys": {}}
    changed = {"keys": {"report.sign_next": ["F4"], "viewer.invert": []}}
    assert client.put("/api/keys", json=changed).json() == changed
    assert client.get("/api/keys").json() == changed
    again = {"keys": {"viewer.invert": ["Ctrl+i", "x"]}}
    assert client.put("/api/keys", json=again).json() == again
    assert client.get("/api/keys").json() == again
    become(client, "somebody else")
    assert client.get("/api/keys").json() == {"keys": {}}
    for wrong in (
        {"keys": {"no action": ["x"]}},
        {"keys": {"viewer.invert": ["a b"]}},
        {"keys": {"viewer.invert": list("abcde")}},
        {"keys": {f"viewer.n{n}": ["x"] for n in range(101)}},
        {"keys": {"viewer.invert": "x"}},
        {},
    ):
        assert client.put("/api/keys", json=wrong).status_code == 422
    become(client)
    assert client.get("/api/keys").json() == again


def test_a_priority_is_filtered_by_kept_in_a_view_and_shown(
    client: TestClient, service: Service
) -> None:
    stat = seed.add(service.store, 1, priority=StudyPriority.STAT)
    seed.add(service.store, 2)
    assert ids(client.get("/api/worklist", params={"priority": "stat"})) == [stat]
    rows = client.get("/api/worklist").json()["rows"]
    assert [row["priority"] for row in rows] == ["stat", "unknown"]
    wanted = {"priority": "stat"}
    client.post("/api/worklist/views", json={"name": "急", "wanted": wanted})
    (view,) = client.get("/api/worklist/views").json()["views"]
    assert view["wanted"]["priority"] == "stat"
    assert client.get("/api/worklist", params={"priority": "now"}).status_code == 422
    offered = client.get("/api/worklist/choices").json()["priorities"]
    assert offered == ["stat", "emergency", "inpatient", "routine", "unknown"]


def test_a_line_names_author_and_reviewer_but_to_nobody_who_reads_signed_reports_alone(
    client: TestClient, service: Service, studies: dict[str, str]
) -> None:
    resident, attending = actor("李").who, actor("王").who
    now = datetime.now(UTC)
    with service.store.begin() as session:
        report_steps.take(session, studies["li"], Move.SUBMIT, by=resident,
                          permissions=PERMISSIONS[Role.RESIDENT], now=now)  # fmt: skip
        signatures.sign(session, studies["li"], base_revision=1, signer=attending, now=now)
    become(client, "a clinician", (Role.CLINICIAN,), "test")
    (row,) = client.get("/api/worklist").json()["rows"]
    assert (row["author"], row["reviewer"]) == ("李", "王")
    with service.store.begin() as session:
        report_steps.amend(session, studies["li"], editor=actor("赵").who, reason="更正", now=now)
    (row,) = client.get("/api/worklist").json()["rows"]
    assert (row["author"], row["reviewer"], row["report_state"]) == (None, None, "signed")
    become(client)
    rows = {row["case_id"]: row for row in client.get("/api/worklist").json()["rows"]}
    assert (rows[studies["li"]]["author"], rows[studies["li"]]["reviewer"]) == ("赵", None)


def test_the_search_itself_is_in_no_repr() -> None:
    from radraft.ui.api.worklist import SearchRequest

    assert NAME not in repr(SearchRequest(search=NAME))

"""Languages of a site over HTTP: who chooses them; what follows, is shown and signed in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from radraft.pipeline.service import Service
from radraft.reports.assertion import asserted_languages, asserted_report
from radraft.reports.audit import AuditKind, AuditQuery
from radraft.reports.roles import Role
from radraft.store import audit, pairs
from radraft.ui.access import application
from radraft.ui.api.languages import add_languages
from radraft.ui.api.report_signing import add_report_signing
from radraft.ui.api.reports import add_api
from radraft.ui.api.sign_in import add_sign_in
from tests.ui import seed
from tests.ui.conftest import ORIGIN
from tests.ui.people import become

pytestmark = pytest.mark.slow


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    app = application(service)
    for add in (add_sign_in, add_api, add_report_signing, add_languages):
        add(app, service)
    with TestClient(app, base_url=ORIGIN, headers={"Origin": ORIGIN}) as asking:
        yield become(asking)


def choose(client: TestClient, *languages: str, missing: str = "warn", base: int = 0) -> Any:
    body = {"base_number": base, "languages": languages, "missing_side": missing}
    return client.put("/api/sites/test/language-rule", json=body)


def view(client: TestClient, case_id: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/api/cases/{case_id}").json()
    return found


def follow(client: TestClient, case_id: str, text: str, lang: str = "zh") -> dict[str, Any]:
    body = {"sentences": [{"id": "f1", "lang": lang, "text": text}]}
    answer = client.post(f"/api/cases/{case_id}/follow", json=body)
    assert answer.status_code == 200, answer.json()
    found: dict[str, Any] = answer.json()["offers"]
    return found


def save(client: TestClient, case_id: str, **changed: Any) -> Any:
    """Save the report with `changed` fields of its first finding."""
    working = view(client, case_id)["working"]
    working["report"]["findings"][0] |= changed
    body = {"base_revision": working["revision"], "report": working["report"]}
    return client.put(f"/api/cases/{case_id}/report", json=body)


def sign(client: TestClient, case_id: str) -> Any:
    working = view(client, case_id)["working"]
    seen = {"base_revision": working["revision"], "base_step": working["steps"]}
    body = seen | {"images_seen": "drawn"}
    return client.post(f"/api/cases/{case_id}/sign", json=body)


def test_an_administrator_chooses_and_the_choice_is_audited(
    client: TestClient, service: Service
) -> None:
    seed.add(service.store)
    (unset,) = [r for r in client.get("/api/language-rules").json()["rules"] if r["site"] == "test"]
    assert (unset["number"], unset["languages"], unset["by"]) == (0, ["zh", "en"], None)
    chosen = choose(client, "zh")
    assert chosen.json()["languages"] == ["zh"]
    assert choose(client, "en").status_code == 409
    assert choose(client, "zh", "en", missing="block", base=1).json()["missing_side"] == "block"
    for wrong in ({"languages": []}, {"languages": ["fr"]}, {"missing_side": "maybe"}):
        body = {"base_number": 2, "languages": ["zh"], "missing_side": "warn"} | wrong
        assert client.put("/api/sites/test/language-rule", json=body).status_code == 422
    body = {"base_number": 0, "languages": ["zh"], "missing_side": "warn"}
    assert client.put("/api/sites/nowhere/language-rule", json=body).status_code == 404
    with service.store.read() as session:
        query = AuditQuery(kinds=frozenset({AuditKind.CONFIGURATION}))
        said = [dict(entry.event.details) for entry in audit.search(session, query).entries]
    assert {"language_rule": "1", "languages": "zh,en->zh", "missing_side": "warn->warn"} in said
    become(client, "住院医师", (Role.RESIDENT,))
    assert choose(client, "zh", base=2).status_code == 403


def test_who_writes_which_language_is_kept_by_person(client: TestClient) -> None:
    assert client.get("/api/written-language").json() == {"lang": None}
    assert client.put("/api/written-language", json={"lang": "en"}).json() == {"lang": "en"}
    assert client.put("/api/written-language", json={"lang": "zh"}).json() == {"lang": "zh"}
    assert client.get("/api/written-language").json() == {"lang": "zh"}
    become(client, "别人")
    assert client.get("/api/written-language").json() == {"lang": None}


def test_what_follows_is_the_machines_until_a_person_confirms_it(
    client: TestClient, service: Service
) -> None:
    case_id = seed.add(service.store)
    offers = follow(client, case_id, "未见气胸及胸腔积液。")
    assert offers["f1"]["lang"] == "en"
    text = offers["f1"]["text"]
    saved = save(client, case_id, zh="未见气胸及胸腔积液。", en=text, origin="person").json()
    first = saved["working"]["report"]["findings"][0]
    assert first["origins"] == {"zh": "person", "en": "translation"}
    assert first["confirmed"] == []
    confirmed = save(client, case_id, confirm=["en"]).json()["working"]["report"]["findings"][0]
    assert confirmed["confirmed"] == ["en"]
    edited = save(client, case_id, en="No pneumothorax and no effusion.", confirm=["en"]).json()
    first = edited["working"]["report"]["findings"][0]
    assert first["origins"] == {"zh": "person", "en": "person"}
    assert first["confirmed"] == []


@pytest.mark.parametrize("text", ["肺尖见一磨牙状影。", "今日天气。", "未见胸腔积液，请结合临床。"])
def test_what_is_not_understood_is_not_invented(
    client: TestClient, service: Service, text: str
) -> None:
    case_id = seed.add(service.store)
    assert follow(client, case_id, text) == {}


def test_a_contradiction_blocks_the_signature_until_one_side_is_dropped(
    client: TestClient, service: Service
) -> None:
    case_id = seed.add(service.store)
    left = save(client, case_id, zh="左侧胸腔积液。", en="Right pleural effusion.").json()
    apart = [i for i in left["issues"] if i["code"] == "side_mismatch"]
    assert [(i["severity"], i["sentence_id"]) for i in apart] == [("block", "f1")]
    refused = sign(client, case_id)
    assert refused.status_code == 422
    assert refused.json()["codes"] == ["side_mismatch"]
    save(client, case_id, en="")
    signed = sign(client, case_id)
    assert signed.status_code == 200, signed.json()
    first = signed.json()["report"]["findings"][0]
    assert (first["zh"], first["en"]) == ("左侧胸腔积液。", "")


def test_a_site_says_what_a_missing_side_means(client: TestClient, service: Service) -> None:
    case_id = seed.add(service.store)
    told = {}
    for base, missing in enumerate(("warn", "silent", "block")):
        choose(client, "zh", "en", missing=missing, base=base)
        issues = save(client, case_id, en="").json()["issues"]
        told[missing] = [i["severity"] for i in issues if i["code"] == "language_missing"]
    assert told == {"warn": ["warn"], "silent": [], "block": ["block"]}
    assert sign(client, case_id).json()["codes"] == ["language_missing"]


def test_a_site_of_one_language_signs_that_and_keeps_the_other_unsigned(
    client: TestClient, service: Service
) -> None:
    case_id = seed.add(service.store)
    save(client, case_id, en="A person wrote this: left effusion.", zh="右侧胸腔积液。")
    choose(client, "zh")
    shown = view(client, case_id)
    assert shown["languages"] == {"languages": ["zh"], "missing_side": "warn"}
    codes = {"language_missing", "side_mismatch", "finding_mismatch", "negation_mismatch"}
    assert not codes & {issue["code"] for issue in shown["issues"]}
    assert follow(client, case_id, "未见气胸。") == {}
    signed = sign(client, case_id)
    assert signed.status_code == 200, signed.json()
    assert signed.json()["confirmed"] == ["zh"]
    assert all(not s["en"] for s in signed.json()["report"]["findings"])
    version = service.signed(case_id)
    assert asserted_languages(version) == ("zh",)
    assert all(not s.en for s in asserted_report(version).sentences)
    after = view(client, case_id)
    assert (after["broken"], after["working"]["state"]) == ([], "signed")
    # What was there in the other language stays with the report.
    assert after["working"]["report"]["findings"][0]["en"].startswith("A person wrote")
    with service.store.read() as session:
        (pair,) = pairs.pairs(session)
    assert pair.langs == ("zh",)
    assert pair.stats.langs == ("zh",)


def test_a_draft_opens_in_its_sites_language_and_is_kept_whole(
    client: TestClient, service: Service
) -> None:
    seed.add(service.store, 1)
    choose(client, "en")
    case_id = seed.add(service.store, 2)
    working = view(client, case_id)["working"]["report"]
    assert all(s["en"] and not s["zh"] for s in working["findings"])
    drafted = service.case_view(case_id).draft
    assert drafted is not None
    assert all(s.zh and s.en for s in drafted.report.sentences)
    assert sign(client, case_id).json()["confirmed"] == ["en"]


def test_a_sentence_that_was_signed_in_both_languages_follows_by_that_pair(
    client: TestClient, service: Service
) -> None:
    first = seed.add(service.store, 1)
    zh, en = "双侧肺门血管影略增浓。", "The hilar vessels are slightly prominent on both sides."
    assert follow(client, first, zh) == {}
    save(client, first, zh=zh, en=en)
    assert sign(client, first).status_code == 200
    second = seed.add(service.store, 2)
    assert follow(client, second, zh)["f1"] == {"lang": "en", "text": en, "source": "pair"}
    assert follow(client, second, en.upper(), "en")["f1"]["text"] == zh

"""Health, metrics and the log of requests: true, and without anybody's identity."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event
from starlette.types import Receive, Scope, Send

from radraft.core.errors import DraftingError
from radraft.core.logs import JsonLines
from radraft.core.metrics import Metrics
from radraft.core.settings import Settings
from radraft.llm.link import LlmState
from radraft.llm.profiles import load_profile
from radraft.pipeline import health
from radraft.pipeline.service import Llm, Service
from radraft.store.database import Store
from radraft.ui.access import ROUTES, application
from radraft.ui.measured import Measured
from radraft.ui.mount import add_routes
from tests.ui import seed
from tests.ui.conftest import ORIGIN, make_service
from tests.ui.people import become

TOKEN = "a token of at least sixteen"


def app_of(service: Service) -> FastAPI:
    made = application(service)
    add_routes(made, service)
    return made


def at(app: FastAPI, address: str = "127.0.0.1", **options: Any) -> TestClient:
    """A client at an address."""
    return TestClient(
        app, base_url=ORIGIN, headers={"Origin": ORIGIN}, client=(address, 40_000), **options
    )


def figures(app: FastAPI) -> dict[str, float]:
    """What Prometheus reads: each sample by its name and labels."""
    answer = at(app).get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    samples = [
        sample
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    ]
    labelled = {}
    for sample in samples:
        labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
        labelled[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    assert len(labelled) == len(samples)
    return labelled


@pytest.fixture
def app(service: Service) -> FastAPI:
    return app_of(service)


def test_live_says_so_without_asking_any_storage(app: FastAPI, service: Service) -> None:
    service.store.close()
    shutil.rmtree(service.settings.data_dir)
    answer = at(app).get("/health/live")
    assert (answer.status_code, answer.json()) == (200, {"live": True})


def test_ready_where_database_and_images_can_be_read(app: FastAPI) -> None:
    answer = at(app).get("/health/ready")
    assert answer.status_code == 200
    assert answer.json() == {"ready": True, "database": "ok", "objects": "ok", "llm": "off"}


@pytest.mark.parametrize("state", [LlmState.DOWN, LlmState.STARTING])
def test_a_vllm_that_is_down_is_told_and_the_workstation_ready_all_the_same(
    sqlite_store: Store, tmp_path: Path, state: LlmState
) -> None:
    down = Llm(lambda: state, lambda: None, lambda: DraftingError("llm_unreachable"))
    app = app_of(make_service(sqlite_store, tmp_path / "data", llm=down))
    answer = at(app).get("/health/ready")
    assert (answer.status_code, answer.json()["llm"]) == (200, state.value)
    assert figures(app)["radraft_llm_up"] == 0


def test_not_ready_without_its_images(app: FastAPI, service: Service) -> None:
    shutil.rmtree(service.settings.data_dir / "objects")
    answer = at(app).get("/health/ready")
    assert answer.status_code == 503
    assert (answer.json()["ready"], answer.json()["objects"]) == (False, "objects_unreachable")


def test_not_ready_without_its_database_and_metrics_say_so(app: FastAPI, service: Service) -> None:
    assert figures(app)["radraft_database_up"] == 1
    service.store.close()
    for file in service.settings.data_dir.glob("radraft.db*"):
        file.write_bytes(b"no database" * 1000)
    answer = at(app).get("/health/ready")
    assert (answer.status_code, answer.json()["ready"]) == (503, False)
    assert answer.json()["database"] == "database_damaged"
    after = figures(app)
    assert after["radraft_database_up"] == 0
    assert "radraft_cases{state=drafted}" not in after
    assert after["radraft_errors_total{code=database_damaged,where=http}"] == 1


@contextmanager
def statements(store: Store) -> Iterator[list[str]]:
    """What reading asks of the database meanwhile."""
    asked: list[str] = []
    with store.read() as session:
        reading = session.get_bind().engine

    def note(connection: object, cursor: object, statement: str, *rest: object) -> None:
        asked.append(statement)

    event.listen(reading, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(reading, "before_cursor_execute", note)


def test_who_asks_for_readiness_again_and_again_gives_no_storage_work(
    app: FastAPI, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "READY_KEPT_S", 3600.0)
    client = at(app)
    with statements(service.store) as first:
        client.get("/health/ready")
    with statements(service.store) as more:
        for _ in range(50):
            assert client.get("/health/ready").json()["ready"] is True
    assert first != []
    assert more == []


def test_a_storage_that_does_not_answer_holds_one_thread_however_many_ask(
    service: Service,
) -> None:
    answers = threading.Event()

    def unanswered() -> LlmState:
        answers.wait()
        return LlmState.OFF

    asked = health.Health(service.store, service.settings, unanswered)
    before = threading.active_count()
    waiting = [asked.readiness() for _ in range(50)]
    assert threading.active_count() == before + 1
    answers.set()
    assert {found.result(60).ready for found in waiting} == {True}


def test_what_piles_up_is_not_counted_at_each_scrape_and_what_waits_is(
    app: FastAPI, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PILES_KEPT_TIMES", 10**9)
    seed.add(service.store, 1)
    assert figures(app)["radraft_cases{state=drafted}"] == 1
    seed.add(service.store, 2)
    seed.add(service.store, 3, drafted=False)
    after = figures(app)
    assert after["radraft_cases{state=received}"] == 1
    assert after["radraft_cases{state=drafted}"] == 1
    monkeypatch.setattr(health, "PILES_KEPT_TIMES", 0)
    service.health = health.Health(service.store, service.settings, lambda: LlmState.OFF)
    assert figures(app)["radraft_cases{state=drafted}"] == 2


def test_metrics_tell_queue_alerts_and_outbox(app: FastAPI, service: Service) -> None:
    seed.add(service.store, 1)
    seed.add(service.store, 2, drafted=False)
    seed.add(service.store, 3, drafted=False)
    found = figures(app)
    assert found["radraft_cases{state=received}"] == 2
    assert found["radraft_cases{state=drafted}"] == 1
    assert found["radraft_cases{state=failed}"] == 0
    assert found["radraft_critical_alerts{state=open}"] == 0
    assert found["radraft_outbox_waiting{to=signature_log}"] == 0
    assert found["radraft_outbox_waiting{to=audit}"] == 0
    assert found["radraft_llm_state{state=off}"] == 1
    assert found["radraft_free_bytes"] > 0


def test_what_the_audit_has_not_sent_waits_in_the_outbox(
    sqlite_store: Store, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path / "data", audit_syslog="log.hospital.example:6514")
    app = app_of(Service(sqlite_store, settings, load_profile("starter")))
    before = figures(app)["radraft_outbox_waiting{to=audit}"]
    body = {"login": "nobody-there", "password": "wrong"}
    assert at(app).post("/api/session", json=body).status_code == 401
    assert figures(app)["radraft_outbox_waiting{to=audit}"] == before + 1


def test_requests_are_counted_by_template_and_code_and_never_by_address(app: FastAPI) -> None:
    client = become(at(app))
    for number in range(3):
        client.get(f"/api/cases/c-{number:016x}")
    client.get("/api/worklist?patient=ZHAO")
    client.get("/ui/../../etc/passwd")
    client.request("BREW", "/coffee/ZHAO")
    found = figures(app)
    labels = "method=GET,route=/api/cases/{case_id}"
    assert found[f"radraft_http_requests_total{{{labels},status=404}}"] == 3
    assert found[f"radraft_http_request_duration_seconds_count{{{labels}}}"] == 3
    assert found["radraft_errors_total{code=case_not_found,where=http}"] == 3
    assert any("method=other,route=page" in name for name in found)
    assert not any("ZHAO" in name or "c-0" in name or "passwd" in name for name in found)


def test_metrics_are_for_this_machine_alone_unless_settings_say_otherwise(app: FastAPI) -> None:
    for address in ("10.0.0.7", "192.0.2.1", "testclient"):
        answer = at(app, address).get("/metrics")
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "metrics_refused")
    assert at(app).get("/metrics").status_code == 200


def test_metrics_are_for_the_networks_and_the_token_that_are_named(
    sqlite_store: Store, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path / "data", metrics_from="10.1.0.0/24", metrics_token=TOKEN)
    app = app_of(Service(sqlite_store, settings, load_profile("starter")))
    assert at(app, "10.1.0.9").get("/metrics").status_code == 200
    assert at(app, "10.1.1.9").get("/metrics").status_code == 403
    for given, status in ((f"Bearer {TOKEN}", 200), (f"Bearer {TOKEN}x", 403), ("Bearer ", 403)):
        answer = at(app, "10.1.1.9").get("/metrics", headers={"Authorization": given})
        assert answer.status_code == status


def test_who_comes_through_a_proxy_on_this_machine_is_not_this_machine(
    sqlite_store: Store, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path / "data", proxies="127.0.0.1", hosts="radraft.example")
    app = app_of(Service(sqlite_store, settings, load_profile("starter")))
    word = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "radraft.example"}
    for claimed in ("10.0.0.7", "127.0.0.1"):
        headers = word | {"X-Forwarded-For": claimed}
        assert at(app).get("/metrics", headers=headers).status_code == 403
    assert at(app).get("/metrics").status_code == 200


async def breaking(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError("cannot read ZHAO^MINGYUE")


async def breaking_off(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"half", "more_body": True})
    await breaking(scope, receive, send)


def test_what_breaks_is_answered_in_both_languages_with_the_requests_number(
    caplog: pytest.LogCaptureFixture,
) -> None:
    metrics = Metrics()
    client = TestClient(Measured(breaking, metrics, frozenset(ROUTES)))
    answer = client.get("/api/worklist?patient=ZHAO")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (500, "request_broken")
    assert answer.headers["X-Request-ID"] in error["message_en"]
    assert answer.headers["X-Request-ID"] in error["message_zh"]
    counted = generate_latest(metrics.registry).decode()
    assert 'radraft_errors_total{code="request_broken",where="http"} 1.0' in counted
    written = [JsonLines().format(record) for record in caplog.records]
    (broke,) = [line for line in written if "a request broke" in line]
    assert "ValueError" in broke
    assert "breaking" in broke
    assert "ZHAO" not in "".join([answer.text, counted, *written])


def test_an_answer_that_breaks_off_is_never_taken_for_a_whole_one() -> None:
    client = TestClient(Measured(breaking_off, Metrics(), frozenset(ROUTES)))
    with pytest.raises(ConnectionAbortedError):
        client.get("/api/worklist")


def test_a_requests_number_is_never_taken_from_the_request(app: FastAPI) -> None:
    given = "0123456789abcdef"
    answer = at(app).get("/health/live", headers={"X-Request-ID": given})
    assert re.fullmatch("[0-9a-f]{16}", answer.headers["X-Request-ID"])
    assert answer.headers["X-Request-ID"] != given

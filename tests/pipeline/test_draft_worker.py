"""The worker against a vLLM that misbehaves: a real HTTP server, real store, real line."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from radraft.core.metrics import Metrics
from radraft.core.settings import Settings
from radraft.llm.endpoint import Endpoint
from radraft.llm.profiles import load_profile
from radraft.pipeline.adapter_router import Router
from radraft.pipeline.claims import Claims
from radraft.pipeline.draft_worker import ATTEMPTS, Worker
from radraft.pipeline.service import Service
from radraft.reports.values import Coverage, ReportState
from radraft.store import cases, drafts, images, leases, reports
from radraft.store.database import Store
from radraft.store.leases import Owner
from tests.builders import add_case, make_images

pytestmark = pytest.mark.slow

REPORT = {
    "findings": [{"zh": "双肺清晰。", "en": "The lungs are clear."}],
    "impression": [{"zh": "未见异常。", "en": "No abnormality."}],
}
PROFILE = load_profile("qwen3-vl-8b-instruct")


class Model(ThreadingHTTPServer):
    """Answers chat completions; `faults` first, one a request, then whole reports."""

    daemon_threads = True

    def __init__(self, faults: int = 0, hold: threading.Event | None = None, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.faults = faults
        self.hold = hold
        self.asked = threading.Semaphore(0)
        self.requests: list[dict[str, Any]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Model

    def do_GET(self) -> None:
        body = b'{"data": [{"id": "model"}]}' if self.path == "/v1/models" else b""
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.requests.append(json.loads(body))
        self.server.asked.release()
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        text = json.dumps(REPORT, ensure_ascii=False, separators=(",", ":"))
        half = text.index('"impression"')
        self._event({"choices": [{"delta": {"content": text[:half]}}]})
        if self.server.hold is not None:
            self.server.hold.wait(60)
        if self.server.faults > 0:
            self.server.faults -= 1
            return
        self._event({"choices": [{"delta": {"content": text[half:]}, "finish_reason": "stop"}]})
        self._event({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 7}})
        self.wfile.write(b"data: [DONE]\n\n")

    def _event(self, value: dict[str, Any]) -> None:
        self.wfile.write(f"data: {json.dumps(value, ensure_ascii=False)}\n\n".encode())
        self.wfile.flush()

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def served(model: Model) -> Iterator[Endpoint]:
    thread = threading.Thread(target=model.serve_forever, args=(0.02,))
    thread.start()
    yield Endpoint(f"http://127.0.0.1:{model.server_port}", "key", "model")
    model.shutdown()
    thread.join()
    model.server_close()


@contextmanager
def working(
    store: Store,
    endpoint: Callable[[], Endpoint | None],
    claims: Claims | None = None,
    slots: int = 4,
    metrics: Metrics | None = None,
) -> Iterator[Worker]:
    worker = Worker(
        store,
        PROFILE,
        endpoint=endpoint,
        vision=lambda: None,
        router=Router(store, Path("no-adapters")),
        slots=slots,
        timeout_s=30.0,
        claims=claims,
        metrics=metrics,
    )
    worker.start()
    yield worker
    worker.stop()
    worker.join(30)
    assert not worker.is_alive()


def waiting_case(store: Store, number: int = 1, **changes: Any) -> str:
    with store.begin() as session:
        case_id = add_case(session, number, **changes)
        chosen = make_images(case_id, seed=number)
        images.save(store.objects, chosen)
        cases.add_key_images(session, chosen)
    return case_id


def until(
    store: Store,
    case_id: str,
    state: cases.CaseState,
    wake: Callable[[], None] = lambda: None,
) -> None:
    pause = threading.Event()
    for _ in range(600):
        wake()
        with store.read() as session:
            if cases.get_case(session, case_id).state is state:
                return
        pause.wait(0.05)
    raise AssertionError(f"{case_id} never became {state}")


def until_drafted_or_failed(store: Store, case_id: str) -> None:
    pause = threading.Event()
    for _ in range(600):
        with store.read() as session:
            if drafts.latest(session, case_id) is not None:
                return
        pause.wait(0.05)
    raise AssertionError(f"nothing was stored of {case_id}")


def test_waiting_cases_become_drafts(sqlite_store: Store) -> None:
    ids = [waiting_case(sqlite_store, number) for number in range(1, 6)]
    model = Model()
    with served(model) as endpoint, working(sqlite_store, lambda: endpoint):
        for case_id in ids:
            until(sqlite_store, case_id, cases.CaseState.DRAFTED)
    assert len(model.requests) == len(ids)
    with sqlite_store.read() as session:
        report = reports.current(session, ids[0])
    assert report.state is ReportState.DRAFTED
    assert [s.zh for s in report.report.sentences] == ["双肺清晰。", "未见异常。"]


def counted(metrics: Metrics, name: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(name, labels) or 0.0


def until_counted(metrics: Metrics, drafts_stored: int, outcome: str) -> None:
    """A draft is counted just after it was stored."""
    pause = threading.Event()
    for _ in range(600):
        if counted(metrics, "radraft_drafts_total", outcome=outcome) == drafts_stored:
            return
        pause.wait(0.05)
    raise AssertionError(f"never {drafts_stored} {outcome}")


def test_drafts_failures_and_waiting_times_are_counted(sqlite_store: Store) -> None:
    metrics, model = Metrics(), Model(faults=1)
    case_id = waiting_case(sqlite_store)
    with served(model) as endpoint, working(sqlite_store, lambda: endpoint, metrics=metrics):
        until_counted(metrics, 1, "drafted")
        assert counted(metrics, "radraft_drafts_total", outcome="failed") == 1
        with sqlite_store.begin() as session:
            cases.requeue(session, case_id)
        until_counted(metrics, 2, "drafted")
    # The second draft says nothing of how long the study waited for its first.
    assert counted(metrics, "radraft_time_to_draft_seconds_count") == 1
    assert counted(metrics, "radraft_time_to_draft_seconds_sum") > 0
    assert counted(metrics, "radraft_draft_duration_seconds_count") == 3
    assert counted(metrics, "radraft_errors_total", where="draft", code="llm_cut_off") == 1


def test_nothing_is_claimed_while_there_is_no_vllm(sqlite_store: Store) -> None:
    case_id = waiting_case(sqlite_store)
    looked = threading.Semaphore(0)

    def nothing() -> None:
        looked.release()

    with working(sqlite_store, nothing) as worker:
        for _ in range(3):
            worker.wake()
            assert looked.acquire(timeout=30)
    with sqlite_store.read() as session:
        assert cases.get_case(session, case_id).state is cases.CaseState.RECEIVED


def test_a_draft_that_breaks_off_is_tried_again(sqlite_store: Store) -> None:
    case_id = waiting_case(sqlite_store)
    model = Model(faults=ATTEMPTS - 1)
    with served(model) as endpoint, working(sqlite_store, lambda: endpoint):
        until(sqlite_store, case_id, cases.CaseState.DRAFTED)
    assert len(model.requests) == ATTEMPTS


def test_one_crash_of_vllm_costs_a_case_one_attempt(sqlite_store: Store) -> None:
    """The link still names the vLLM that is gone: waiting cases are not failed one by one."""
    case_id = waiting_case(sqlite_store)
    first = Model()
    with served(first) as endpoint:
        pass
    looked = threading.Semaphore(0)

    def stale() -> Endpoint:
        looked.release()
        return endpoint

    with working(sqlite_store, stale) as worker:
        until_drafted_or_failed(sqlite_store, case_id)
        for _ in range(8):
            worker.wake()
            assert looked.acquire(timeout=30)
        with sqlite_store.read() as session:
            assert cases.get_case(session, case_id).state is cases.CaseState.RECEIVED
        second = Model(port=first.server_port)
        with served(second):
            until(sqlite_store, case_id, cases.CaseState.DRAFTED)
    assert len(second.requests) == 1


def test_a_draft_that_keeps_failing_leaves_a_skeleton_and_the_reason(
    sqlite_store: Store, tmp_path_factory: pytest.TempPathFactory
) -> None:
    case_id = waiting_case(sqlite_store)
    model = Model(faults=100)
    with served(model) as endpoint, working(sqlite_store, lambda: endpoint):
        for _ in range(ATTEMPTS):
            assert model.asked.acquire(timeout=30)
        until(sqlite_store, case_id, cases.CaseState.FAILED)
    assert len(model.requests) == ATTEMPTS
    settings = Settings(data_dir=tmp_path_factory.mktemp("data"))
    view = Service(sqlite_store, settings, PROFILE).case_view(case_id)
    assert view.draft is not None
    assert view.draft.error_code == "llm_cut_off"
    assert view.draft.coverage is Coverage.FAILED
    assert view.notice is not None
    assert view.working is not None
    assert view.working.report.sentences == ()


def test_a_study_outside_the_profile_is_never_sent(sqlite_store: Store) -> None:
    case_id = waiting_case(sqlite_store, modality="CT", body_part="HEAD")
    model = Model()
    with served(model) as endpoint, working(sqlite_store, lambda: endpoint):
        until(sqlite_store, case_id, cases.CaseState.NOT_COVERED)
    assert model.requests == []


def test_sentences_can_be_seen_while_the_draft_is_written(sqlite_store: Store) -> None:
    case_id = waiting_case(sqlite_store)
    hold = threading.Event()
    model = Model(hold=hold)
    with served(model) as endpoint, working(sqlite_store, lambda: endpoint) as worker:
        pause = threading.Event()
        while not worker.partial(case_id):
            assert worker.is_alive()
            pause.wait(0.02)
        (first,) = worker.partial(case_id)
        assert first.sentence.zh == "双肺清晰。"
        hold.set()
        until(sqlite_store, case_id, cases.CaseState.DRAFTED)
        while worker.partial(case_id):
            pause.wait(0.02)


def test_stopping_gives_an_unfinished_case_back(sqlite_store: Store) -> None:
    case_id = waiting_case(sqlite_store)
    hold = threading.Event()
    model = Model(hold=hold)
    with served(model) as endpoint:
        with working(sqlite_store, lambda: endpoint):
            assert model.asked.acquire(timeout=30)
        with sqlite_store.read() as session:
            assert cases.get_case(session, case_id).state is cases.CaseState.RECEIVED
        hold.set()


def test_a_second_service_does_not_take_what_the_first_is_drafting(sqlite_store: Store) -> None:
    held = waiting_case(sqlite_store, 1)
    hold = threading.Event()
    model = Model(hold=hold)
    with served(model) as endpoint, working(sqlite_store, lambda: endpoint, slots=1):
        assert model.asked.acquire(timeout=30)
        waiting = waiting_case(sqlite_store, 2)
        # It takes the oldest first: had it the held one, it would ask for both at once.
        with working(sqlite_store, lambda: endpoint):
            assert model.asked.acquire(timeout=30)
            hold.set()
            for case_id in (held, waiting):
                until(sqlite_store, case_id, cases.CaseState.DRAFTED)
    assert len(model.requests) == 2


def test_what_a_killed_service_was_drafting_is_drafted_by_the_next(sqlite_store: Store) -> None:
    case_id = waiting_case(sqlite_store)
    with sqlite_store.begin() as session:
        assert leases.claim(session, Owner(), limit=1) == (case_id,)
    model = Model()
    # An hour passes between two looks.
    claims = Claims(sqlite_store, clock=itertools.count(0, 3600).__next__)
    with served(model) as endpoint, working(sqlite_store, lambda: endpoint, claims) as worker:
        until(sqlite_store, case_id, cases.CaseState.DRAFTED, worker.wake)


def test_a_case_that_breaks_the_line_does_not_stop_the_others(sqlite_store: Store) -> None:
    broken, sound = waiting_case(sqlite_store, 1), waiting_case(sqlite_store, 2)
    with sqlite_store.read() as session:
        (image,) = cases.key_images(session, broken)
    # Not a PNG: nothing in the line expects that of its own object store.
    key = f"images/{image.image_id[:2]}/{image.image_id}.png"
    sqlite_store.objects.put(key, b"damaged")
    model = Model()
    with served(model) as endpoint, working(sqlite_store, lambda: endpoint):
        until(sqlite_store, sound, cases.CaseState.DRAFTED)
        until(sqlite_store, broken, cases.CaseState.FAILED)

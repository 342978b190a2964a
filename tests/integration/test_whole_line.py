"""The whole line against the real vLLM: a DICOM file in, a training pair out."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from radraft.bench.rehearsal.desk import desk
from radraft.core.settings import Settings
from radraft.llm.link import LlmState
from radraft.llm.profiles import load_profile
from radraft.llm.server import Endpoint
from radraft.pipeline.adapter_router import Router
from radraft.pipeline.draft_batch import load_vision_model
from radraft.pipeline.draft_worker import Worker
from radraft.pipeline.service import Llm, Service
from radraft.reports.values import Coverage
from radraft.store.cases import CaseState
from radraft.store.database import open_store
from tests.cli.test_commands import DEMO, answer, ct
from tests.scale import scaled

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(1800)]


def radiographs() -> list[Path]:
    return sorted(set(DEMO.rglob("*.dcm")) - {ct()})


@pytest.fixture
def serving(starter_endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    """The command line's processes use the tests' vLLM."""
    monkeypatch.setenv("RADRAFT_LLM_URL", starter_endpoint.url)
    monkeypatch.setenv("RADRAFT_LLM_KEY", starter_endpoint.key)
    yield starter_endpoint


def _sentences(report: dict[str, Any]) -> list[dict[str, str]]:
    return [*report["findings"], *report["impression"]]


@pytest.mark.always
@pytest.mark.usefixtures("serving")
def test_from_a_dicom_file_to_a_training_pair_by_command_line(tmp_path: Path) -> None:
    data = tmp_path / "data"
    drafted = answer(data, "draft", radiographs()[0])
    assert drafted["covered"] is True
    assert drafted["model"].startswith("starter@")
    assert drafted["usage"]["completion_tokens"] > 0
    sentences = _sentences(drafted["report"])
    assert drafted["report"]["findings"]
    assert drafted["report"]["impression"]
    assert all(s["zh"] and s["en"] and s["origin"] == "model" for s in sentences)
    assert len({s["id"] for s in sentences}) == len(sentences)

    case = drafted["case_id"]
    with closing(open_store(Settings(data_dir=data))) as store:
        service = Service(store, Settings(data_dir=data), load_profile("starter"))
        with desk(service, "wang.wei") as here:
            here.sign(case, answer(data, "show", case)["revision"])
    shown = answer(data, "show", case)
    assert shown["state"] == "signed"
    assert [version["version"] for version in shown["versions"]] == [1]
    assert _sentences(shown["report"]) == sentences

    out = tmp_path / "pairs.jsonl"
    answer(data, "pairs", "export", out)
    (pair,) = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert pair["messages"][-1]["role"] == "assistant"
    chosen = json.loads(pair["messages"][-1]["content"][0]["text"])
    assert [s["zh"] for s in chosen["findings"]] == [s["zh"] for s in shown["report"]["findings"]]
    assert "wang.wei" not in out.read_text(encoding="utf-8")

    refused = answer(data, "ask", case, "有没有胰腺肿瘤？")
    assert refused["lang"] == "zh"
    assert refused["refused"] is True
    assert refused["citations"] == []


@pytest.mark.scaled
def test_the_worker_drafts_all_demo_studies(starter_endpoint: Endpoint, tmp_path: Path) -> None:
    """At full scale all of them, else some, and the one that is no chest radiograph."""
    given = radiographs()[: scaled(3, full=len(radiographs()))]
    cache = os.environ.get("RADRAFT_CACHE_DIR", "~/.cache/radraft")
    settings = Settings(data_dir=tmp_path / "data", cache_dir=Path(cache))
    profile = load_profile("starter")
    store = open_store(settings)
    vision = load_vision_model(profile)
    worker = Worker(
        store,
        profile,
        endpoint=lambda: starter_endpoint,
        vision=lambda: vision,
        router=Router(store, settings.adapters_dir),
        slots=profile.vllm.max_num_seqs,
        timeout_s=settings.draft_timeout_s,
    )
    llm = Llm(state=lambda: LlmState.READY, endpoint=lambda: starter_endpoint)
    service = Service(store, settings, profile, llm=llm, partial=worker.partial, wake=worker.wake)
    taken = [service.ingest(path) for path in (*given, ct())]
    case_ids = [case_id for one in taken for case_id in one.cases]
    assert not any(one.rejections for one in taken)
    assert len(case_ids) == len(given) + 1
    worker.start()
    pause = threading.Event()
    while any(r.state in {CaseState.RECEIVED, CaseState.DRAFTING} for r in service.worklist().rows):
        assert worker.is_alive()
        pause.wait(0.2)
    worker.stop()
    worker.join()
    views = [service.case_view(case) for case in case_ids]
    covered = [view for view in views if view.draft and view.draft.coverage is Coverage.DRAFTED]
    assert len(covered) == len(given)
    for view in covered:
        assert view.working is not None
        assert view.working.report.sentences
        assert view.notice == (profile.notice.zh, profile.notice.en)
        assert view.identity.patient.name
    requests = "".join(_requests(service))
    for view in views:
        who = view.identity
        for identity in (who.patient.name, who.patient.patient_id, who.accession):
            for part in identity.replace("=", "^").split("^"):
                # A single character of a Chinese name is a common word's too.
                assert len(part) < 2 or part not in requests
    store.close()


def _requests(service: Service) -> list[str]:
    from radraft.store import drafts

    with service.store.read() as session:
        stored = [drafts.latest(session, row.case_id) for row in service.worklist().rows]
    return [item.request_json for item in stored if item is not None and item.request_json]

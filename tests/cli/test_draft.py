"""`radraft draft` over several studies: what it prints of each, and the code it ends with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from radraft.core.settings import Settings
from radraft.llm.endpoint import Endpoint
from radraft.pipeline.claims import Claims
from radraft.store import cases, leases
from radraft.store.database import open_store
from radraft.store.leases import Owner
from tests.cli.test_commands import DEMO, Done, radraft
from tests.pipeline.test_draft_worker import Model, served

pytestmark = pytest.mark.slow

FILMS = ("01", "02")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two chest radiographs."""
    for name in FILMS:
        shutil.copytree(DEMO / name, tmp_path / "films" / name)
    return tmp_path / "films"


def draft(
    data: Path, target: str | Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> tuple[int, dict[str, Any]]:
    monkeypatch.setenv("RADRAFT_PROFILE", "qwen3-vl-8b-instruct")
    monkeypatch.setenv("RADRAFT_LLM_URL", endpoint.url)
    monkeypatch.setenv("RADRAFT_LLM_KEY", endpoint.key)
    done: Done = radraft(data, "draft", target, "--json")
    return done.returncode, json.loads(done.stdout)


def spoil(data: Path, case_id: str) -> None:
    """Overwrite the case's key images with what no decoder reads."""
    store = open_store(Settings(data_dir=data))
    with store.read() as session:
        held = cases.key_images(session, case_id)
    for image in held:
        store.objects.put(f"images/{image.image_id[:2]}/{image.image_id}.png", b"damaged")
    store.close()


def test_every_study_of_a_folder_is_drafted(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(Model()) as endpoint:
        code, printed = draft(tmp_path / "data", folder, endpoint, monkeypatch)
    assert code == 0
    assert [result["covered"] for result in printed["drafts"]] == [True, True]


def test_one_study_that_breaks_leaves_the_others_drafted_and_ends_in_3(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    broken, _ = json.loads(radraft(data, "ingest", folder, "--json").stdout)["cases"]
    spoil(data, broken)
    with served(Model()) as endpoint:
        code, printed = draft(data, folder, endpoint, monkeypatch)
    assert code == 3
    results = {result["case_id"]: result for result in printed["drafts"]}
    assert results.pop(broken)["error"]["code"]
    assert [result["covered"] for result in results.values()] == [True]


def test_none_that_can_be_drafted_ends_in_1(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    for case_id in json.loads(radraft(data, "ingest", folder, "--json").stdout)["cases"]:
        spoil(data, case_id)
    with served(Model()) as endpoint:
        code, printed = draft(data, folder, endpoint, monkeypatch)
    assert code == 1
    assert all("error" in result for result in printed["drafts"])


def test_without_vllm_each_study_is_named_with_the_reason(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = Endpoint("http://127.0.0.1:1", "key", "model")
    code, printed = draft(tmp_path / "data", folder, nobody, monkeypatch)
    assert code == 1
    codes = [result["error"]["code"] for result in printed["drafts"]]
    assert codes == ["llm_unreachable", "llm_unreachable"]


def test_a_study_that_was_drafted_before_stays_so_when_vllm_is_gone(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    with served(Model()) as endpoint:
        assert draft(data, folder / FILMS[0], endpoint, monkeypatch)[0] == 0
    nobody = Endpoint("http://127.0.0.1:1", "key", "model")
    code, printed = draft(data, folder, nobody, monkeypatch)
    assert code == 3
    assert sorted("error" in result for result in printed["drafts"]) == [False, True]


def test_a_study_that_a_living_service_drafts_is_named_as_pending(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    ids = json.loads(radraft(data, "ingest", folder, "--json").stdout)["cases"]
    store = open_store(Settings(data_dir=data))
    with Claims(store, owner=Owner(term_s=1)) as service, served(Model()) as endpoint:
        assert service.claim_cases(ids[:1]) == (ids[0],)
        code, printed = draft(data, folder, endpoint, monkeypatch)
        with store.read() as session:
            assert [lease.case_id for lease in leases.leases(session)] == [ids[0]]
    store.close()
    assert code == 3
    results = {result["case_id"]: result for result in printed["drafts"]}
    assert results[ids[0]]["error"]["code"] == "draft_pending"
    assert results[ids[1]]["covered"]

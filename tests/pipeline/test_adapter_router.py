"""Which model drafts: the worker and the command line's batch against a vLLM with adapters."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from radraft.core.settings import Settings
from radraft.pipeline.adapter_router import Router
from radraft.store import adapter_copies, adapter_files, adapters, cases, drafts
from radraft.store.database import Store
from tests.llm.adapter_server import BASE, AdapterServer, adapter_server
from tests.pipeline.test_draft_worker import until, waiting_case
from tests.site import PROFILE, Site, author, draft, working

pytestmark = pytest.mark.slow


@pytest.fixture
def server() -> Iterator[AdapterServer]:
    with adapter_server() as running:
        yield running


@pytest.fixture
def site(sqlite_store: Store, tmp_path: Path) -> Site:
    settings = Settings(data_dir=tmp_path / "data", draft_timeout_s=60)
    return Site(sqlite_store, settings, tmp_path)


def test_the_base_drafts_where_nothing_serves(site: Site, server: AdapterServer) -> None:
    (made,) = draft(site, server, waiting_case(site.store))
    assert author(made) == BASE
    assert server.calls["/v1/models"] == 0


def test_what_serves_drafts_and_is_named_in_the_request(site: Site, server: AdapterServer) -> None:
    serving = site.serving(1)
    ids = [waiting_case(site.store, number) for number in range(1, 17)]
    drafted = draft(site, server, *ids)
    assert {author(made) for made in drafted} == {serving}
    assert server.calls["/v1/load_lora_adapter"] == 1
    with site.store.read() as session:
        stored = drafts.latest(session, ids[0])
    assert stored is not None and stored.request_json is not None
    assert f'"adapter_id":"{serving}"' in stored.request_json


def another_machine(site: Site, tmp_path: Path) -> Site:
    """A machine with a data folder of its own."""
    settings = Settings(data_dir=tmp_path / "other", draft_timeout_s=60)
    return Site(site.store, settings, tmp_path)


def kept(site: Site, adapter_id: str) -> None:
    with site.store.read() as session:
        adapter = adapters.get(session, adapter_id)
    adapter_copies.keep(site.store.objects, site.settings.adapters_dir, adapter)


def test_a_machine_fetches_the_files_of_an_adapter_that_was_made_on_another(
    site: Site, server: AdapterServer, tmp_path: Path
) -> None:
    serving = site.serving(1)
    kept(site, serving)
    other = another_machine(site, tmp_path)
    (made,) = draft(other, server, waiting_case(site.store))
    assert author(made) == serving
    names = {path.name for path in other.settings.adapters_dir.iterdir()}
    assert names == {serving, ".install.lock"}


def test_a_fetched_adapter_of_other_bytes_drafts_nothing(
    site: Site, server: AdapterServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    serving = site.serving(1)
    kept(site, serving)
    config = site.store.objects.get(f"adapters/{serving}/adapter_config.json")
    site.store.objects.put(f"adapters/{serving}/adapter_config.json", config + b" ")
    with caplog.at_level(logging.WARNING):
        (made,) = draft(another_machine(site, tmp_path), server, waiting_case(site.store))
    assert author(made) == BASE
    assert "adapter_files_changed" in caplog.text


def test_a_site_without_adapters_is_drafted_by_the_base(site: Site, server: AdapterServer) -> None:
    site.serving(1)
    with site.store.begin() as session:
        case_id = cases.get_case(session, waiting_case(site.store)).case_id
        session.connection().exec_driver_sql("UPDATE cases SET site = 'site-b'")
    (made,) = draft(site, server, case_id)
    assert author(made) == BASE


def test_a_vllm_that_forgets_is_told_again(site: Site, server: AdapterServer) -> None:
    serving = site.serving(1)
    draft(site, server, waiting_case(site.store, 1))
    server.names.clear()
    assert author(*draft(site, server, waiting_case(site.store, 2))) == serving
    # Between the question what is loaded and the draft.
    server.forget_after_models = 1
    case_id = waiting_case(site.store, 3)
    assert author(*draft(site, server, case_id)) == serving
    with site.store.read() as session:
        assert cases.get_case(session, case_id).state is cases.CaseState.DRAFTED


def warned(caplog: pytest.LogCaptureFixture, code: str) -> bool:
    return any(code in record.getMessage() for record in caplog.records)


def test_changed_files_have_the_base_draft(
    site: Site, server: AdapterServer, caplog: pytest.LogCaptureFixture
) -> None:
    serving = site.serving(1)
    assert author(*draft(site, server, waiting_case(site.store, 1))) == serving
    path = site.files(serving) / adapter_files.CONFIG
    path.write_text(path.read_text("utf-8").replace('"lora_alpha": 4', '"lora_alpha": 9'), "utf-8")
    with caplog.at_level(logging.WARNING, "radraft.pipeline.adapter_router"):
        assert author(*draft(site, server, waiting_case(site.store, 2))) == BASE
    assert warned(caplog, "adapter_files_changed")


def test_a_file_changed_while_the_service_runs_is_seen(site: Site, server: AdapterServer) -> None:
    serving = site.serving(1)
    with working(site, server.endpoint) as worker:
        for number, expected in ((1, serving), (2, BASE)):
            case_id = waiting_case(site.store, number)
            worker.wake()
            until(site.store, case_id, cases.CaseState.DRAFTED)
            assert server.asked[-1] == expected
            weights = site.files(serving) / adapter_files.WEIGHTS
            weights.write_bytes(weights.read_bytes() + b"\0")


@pytest.mark.parametrize("fault", ["other base", "refused", "gone"])
def test_an_adapter_that_cannot_draft_leaves_the_base(
    site: Site, server: AdapterServer, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    code = {"other base": "adapter_other_base", "refused": "adapter_not_loaded"}
    serving = site.serving(1, "another@base" if fault == "other base" else PROFILE.model_id)
    if fault == "refused":
        server.refuse_loads = 500
    if fault == "gone":
        (site.files(serving) / adapter_files.WEIGHTS).unlink()
    with caplog.at_level(logging.WARNING, "radraft.pipeline.adapter_router"):
        assert author(*draft(site, server, waiting_case(site.store))) == BASE
    assert warned(caplog, code.get(fault, "adapter_files_refused"))


def test_a_canary_drafts_its_share(site: Site, server: AdapterServer) -> None:
    serving, canary = site.serving(1), site.shadow(2)
    with site.store.begin() as session:
        adapters.set_canary(session, canary, 0.5)
    router = Router(site.store, site.settings.adapters_dir)
    ids = [waiting_case(site.store, number) for number in range(1, 25)]
    wanted = [router.choice(case_id).visible for case_id in ids]
    drafted = draft(site, server, *ids)
    assert [author(made) for made in drafted] == [one.adapter_id for one in wanted if one]
    assert {made.adapter_id for made in drafted} == {serving, canary}

"""Promotion and roll-back: checked, loaded, tried, and only then written down."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from radraft.core.errors import RadraftError
from radraft.core.settings import Settings
from radraft.llm import record
from radraft.llm.adapter import AdapterState
from radraft.llm.profiles import load_profile
from radraft.pipeline import promotion
from radraft.store import adapter_files, adapters
from radraft.store.database import Store
from tests.llm.adapter_server import AdapterServer, adapter_server
from tests.store.adapter_builders import SITE, decision, installed

pytestmark = pytest.mark.slow

PROFILE = load_profile("qwen3-vl-8b-instruct")


@pytest.fixture
def server() -> Iterator[AdapterServer]:
    with adapter_server() as running:
        yield running


@pytest.fixture
def settings(tmp_path: Path, server: AdapterServer) -> Settings:
    endpoint = server.endpoint
    return Settings(data_dir=tmp_path / "data", llm_url=endpoint.url, llm_key=endpoint.key)


class Desk:
    """A person at the command line."""

    def __init__(self, store: Store, settings: Settings, scratch: Path) -> None:
        self.store, self.settings, self.scratch = store, settings, scratch

    def shadow(self, number: int, base: str = PROFILE.model_id) -> str:
        with self.store.begin() as session:
            adapter_id = installed(
                session, self.settings.adapters_dir, self.scratch, number, base=base
            )
            adapters.record(session, decision(session, adapter_id))
        return adapter_id

    def promote(self, adapter_id: str, by: str = "Dr. Li") -> None:
        promotion.promote(
            adapter_id, store=self.store, settings=self.settings, profile=PROFILE, by=by
        )

    def roll_back(self, by: str = "Dr. Li", reason: str = "worse") -> str | None:
        back = promotion.roll_back(
            SITE,
            store=self.store,
            settings=self.settings,
            profile=PROFILE,
            by=by,
            reason=reason,
        )
        return back.adapter_id if back else None

    def serving(self) -> str | None:
        with self.store.read() as session:
            found = adapters.route(session, SITE).serving
        return found.adapter_id if found else None


@pytest.fixture
def desk(sqlite_store: Store, settings: Settings, tmp_path: Path) -> Desk:
    return Desk(sqlite_store, settings, tmp_path)


def test_a_promoted_adapter_is_loaded_and_tried_before_it_serves(
    desk: Desk, server: AdapterServer
) -> None:
    adapter_id = desk.shadow(1)
    desk.promote(adapter_id)
    assert desk.serving() == adapter_id
    assert server.names == {adapter_id: str(desk.settings.adapters_dir / adapter_id)}
    assert server.calls["/v1/completions"] == 1
    with desk.store.read() as session:
        assert adapters.moves(session, adapter_id=adapter_id)[-1].by == "Dr. Li"


def test_rolling_back_ends_at_the_base(desk: Desk, server: AdapterServer) -> None:
    first, second = desk.shadow(1), None
    desk.promote(first)
    second = desk.shadow(2)
    desk.promote(second)
    server.names.clear()
    assert desk.roll_back() == first == desk.serving()
    assert first in server.names
    assert desk.roll_back() is None
    assert desk.serving() is None
    with pytest.raises(RadraftError) as error:
        desk.roll_back()
    assert error.value.code == "adapter_nothing_to_roll_back"


def test_without_a_vllm_what_serves_is_changed_all_the_same(
    sqlite_store: Store, tmp_path: Path
) -> None:
    desk = Desk(sqlite_store, Settings(data_dir=tmp_path / "data"), tmp_path)
    first = desk.shadow(1)
    desk.promote(first)
    desk.promote(second := desk.shadow(2))
    assert desk.serving() == second
    assert desk.roll_back() == first


def test_the_vllm_that_another_process_runs_is_found(
    sqlite_store: Store, tmp_path: Path, server: AdapterServer
) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    pid, began = record.me()
    port = server.server_address[1]
    note = record.Record(pid, began, port, "key", "hash", pid, began)
    record.RecordFile(settings.data_dir).write(note)
    desk = Desk(sqlite_store, settings, tmp_path)
    adapter_id = desk.shadow(1)
    desk.promote(adapter_id)
    assert adapter_id in server.names


def test_a_note_about_a_vllm_that_is_gone_is_none(sqlite_store: Store, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    note = record.Record(os.getpid(), 1.0, 9, "key", "hash", os.getpid(), 1.0)
    record.RecordFile(settings.data_dir).write(note)
    assert promotion.running(settings, PROFILE) is None
    assert promotion.running(Settings(data_dir=tmp_path / "other"), PROFILE) is None


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("candidate", "adapter_move_refused"),
        ("other base", "adapter_other_base"),
        ("changed", "adapter_files_changed"),
        ("not loaded", "adapter_not_loaded"),
        ("no name", "adapter_by_missing"),
        ("unknown", "adapter_unknown"),
        ("key", "llm_refused"),
    ],
)
def test_what_stands_in_a_promotions_way_changes_nothing(
    desk: Desk, server: AdapterServer, fault: str, code: str
) -> None:
    desk.promote(first := desk.shadow(1))
    second = desk.shadow(2, "another@base" if fault == "other base" else PROFILE.model_id)
    by = "  " if fault == "no name" else "Dr. Li"
    if fault == "candidate":
        with desk.store.begin() as session:
            second = installed(session, desk.settings.adapters_dir, desk.scratch, 3)
    elif fault == "changed":
        (desk.settings.adapters_dir / second / adapter_files.PROJECTOR).write_bytes(b"")
        code = "adapter_files_refused"
    elif fault == "not loaded":
        server.refuse_loads = 500
    elif fault == "unknown":
        second = "a-0000000000000000"
    elif fault == "key":
        desk.settings = desk.settings.model_copy(
            update={"llm_key": type(desk.settings.llm_key)("wrong")}
        )
    with pytest.raises(RadraftError) as error:
        desk.promote(second, by)
    assert error.value.code == code
    assert desk.serving() == first
    assert second not in server.names


def test_an_adapter_that_has_not_passed_is_not_even_loaded(
    desk: Desk, server: AdapterServer
) -> None:
    first = desk.shadow(1)
    desk.promote(second := desk.shadow(2))
    assert desk.serving() == second
    with pytest.raises(RadraftError) as error:
        desk.promote(first)
    assert error.value.code == "adapter_move_refused"
    assert first not in server.names


def test_a_roll_back_needs_a_reason(desk: Desk) -> None:
    desk.promote(adapter_id := desk.shadow(1))
    for by, reason in (("", "worse"), ("Dr. Li", " ")):
        with pytest.raises(RadraftError) as error:
            desk.roll_back(by, reason)
        assert error.value.code == "adapter_by_missing"
    assert desk.serving() == adapter_id


def test_a_roll_back_to_changed_files_is_refused(desk: Desk) -> None:
    desk.promote(first := desk.shadow(1))
    desk.promote(second := desk.shadow(2))
    (desk.settings.adapters_dir / first / adapter_files.CONFIG).write_text('{"r": 3}', "utf-8")
    with pytest.raises(RadraftError) as error:
        desk.roll_back()
    assert error.value.code == "adapter_files_changed"
    assert desk.serving() == second


def test_a_sick_vllm_does_not_hold_a_roll_back_up(desk: Desk, server: AdapterServer) -> None:
    desk.promote(first := desk.shadow(1))
    desk.promote(desk.shadow(2))
    server.status = 503
    assert desk.roll_back() == first == desk.serving()
    with desk.store.read() as session:
        assert adapters.get(session, first).state is AdapterState.SERVING

"""Shadow mode: drafts out of sight that go last and disturb nobody."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from radraft.core.settings import Settings
from radraft.pipeline import shadow as shadowing
from radraft.pipeline.service import Service
from radraft.store import adapter_files, adapters, cases, drafts, shadow
from radraft.store.database import Store
from tests.builders import signed_in
from tests.llm.adapter_server import BASE, AdapterServer, adapter_server
from tests.pipeline.test_draft_worker import until, waiting_case
from tests.site import PROFILE, Site, author, draft, working
from tests.store import tampering


@pytest.fixture
def server() -> Iterator[AdapterServer]:
    with adapter_server() as running:
        yield running


@pytest.fixture
def site(sqlite_store: Store, tmp_path: Path) -> Site:
    settings = Settings(data_dir=tmp_path / "data", draft_timeout_s=60)
    return Site(sqlite_store, settings, tmp_path)


def shadows(store: Store, case_id: str) -> list[str]:
    with store.read() as session:
        return [author(made) for made in shadow.of_case(session, case_id)]


def until_shadowed(store: Store, case_ids: list[str]) -> None:
    pause = threading.Event()
    for _ in range(1200):
        if all(shadows(store, case_id) for case_id in case_ids):
            return
        pause.wait(0.05)
    raise AssertionError("no shadow draft came")


@pytest.mark.slow
def test_the_shadow_drafts_after_the_seen_one_and_out_of_sight(
    site: Site, server: AdapterServer
) -> None:
    before = waiting_case(site.store, 9)
    draft(site, server, before)
    serving, unseen = site.serving(1), site.shadow(2)
    ids = [waiting_case(site.store, number) for number in range(1, 5)]
    with working(site, server.endpoint):
        until_shadowed(site.store, ids)
    assert server.asked == [BASE, *[serving] * 4, *[unseen] * 4]
    view = Service(site.store, site.settings, PROFILE).case_view(ids[0])
    assert view.draft is not None and author(view.draft) == serving
    assert [shadows(site.store, case_id) for case_id in ids] == [[unseen]] * 4
    # Drafted before there was a shadow.
    assert shadows(site.store, before) == []


def test_beside_a_canarys_draft_the_serving_one_drafts(site: Site, server: AdapterServer) -> None:
    serving, canary = site.serving(1), site.shadow(2)
    with site.store.begin() as session:
        adapters.set_canary(session, canary, 1.0)
    case_id = waiting_case(site.store)
    with working(site, server.endpoint):
        until_shadowed(site.store, [case_id])
    assert server.asked == [canary, serving]
    assert shadows(site.store, case_id) == [serving]


def test_a_shadow_draft_gives_way_to_a_case_that_waits(site: Site, server: AdapterServer) -> None:
    serving, unseen = site.serving(1), site.shadow(2)
    server.hold[unseen] = threading.Event()
    first = waiting_case(site.store, 1)
    with working(site, server.endpoint) as worker:
        # The seen draft, then the shadow, which vLLM does not answer.
        for _ in range(2):
            assert server.begun.acquire(timeout=60)
        second = waiting_case(site.store, 2)
        worker.wake()
        until(site.store, second, cases.CaseState.DRAFTED)
        assert shadows(site.store, first) == []
        server.hold.pop(unseen).set()
        until_shadowed(site.store, [first, second])
    with site.store.read() as session:
        stored = drafts.latest(session, second)
    assert stored is not None and author(stored.draft) == serving


@pytest.mark.slow
def test_a_shadow_that_cannot_draft_disturbs_nobody(site: Site, server: AdapterServer) -> None:
    serving, unseen = site.serving(1), site.shadow(2)
    (site.files(unseen) / adapter_files.WEIGHTS).unlink()
    with working(site, server.endpoint) as worker:
        for number in range(1, 4):
            case_id = waiting_case(site.store, number)
            worker.wake()
            until(site.store, case_id, cases.CaseState.DRAFTED)
    assert server.asked == [serving] * 3
    with site.store.read() as session:
        assert shadow.of_adapter(session, unseen) == ()


@pytest.mark.slow
def test_drafts_are_compared_with_what_was_signed(site: Site, server: AdapterServer) -> None:
    site.serving(1)
    unseen = site.shadow(2)
    ids = [waiting_case(site.store, number) for number in range(1, 4)]
    with working(site, server.endpoint):
        until_shadowed(site.store, ids)
    service = Service(site.store, site.settings, PROFILE)
    with site.store.read() as session:
        adapter = adapters.get(session, unseen)
        assert [one.cases for one in shadowing.compare(session, adapter)] == [0, 0]
    for case_id in ids[:2]:
        working_report = service.case_view(case_id).working
        assert working_report is not None
        service.signing.sign(
            case_id,
            base_revision=working_report.revision,
            base_step=0,
            actor=signed_in(site.store, "王"),
        )
    with site.store.read() as session:
        apart, seen = shadowing.compare(session, adapter)
    assert (apart.seen, apart.cases, apart.other) == (False, 2, 0.0)
    assert apart.own is not None and 0 < apart.own < 1
    assert (seen.seen, seen.cases, seen.own, seen.other) == (True, 0, None, None)
    tampering.unprotect(site.settings)
    tampering.run(
        site.settings,
        f"UPDATE signed_reports SET content = replace(content, '王', '张') "
        f"WHERE case_id = '{ids[0]}'",
    )
    with site.store.read() as session:
        apart, _ = shadowing.compare(session, adapter)
    assert apart.cases == 1

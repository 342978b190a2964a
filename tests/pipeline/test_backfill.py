"""A process's share of a backfill: real store and line, the model a stub at the wire."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from radraft.core.errors import NotFound, StorageUnavailable
from radraft.core.settings import Settings
from radraft.llm.endpoint import Endpoint
from radraft.pipeline import backfill
from radraft.pipeline.backfill import Backfiller
from radraft.pipeline.backfill_works import Drafting, Embedding, LeftOut, Measuring
from radraft.pipeline.ingest import ingest
from radraft.reports.values import Coverage
from radraft.store import backfills, cases, drafts, instances, quality, reports
from radraft.store.backfills import Doing, ItemState, Work
from radraft.store.cases import CaseState
from radraft.store.database import Store
from radraft.store.leases import Owner
from radraft.store.tables import BackfillItemRow, DraftRow
from tests.backfill_studies import add_past, asked
from tests.builders import add_drafted
from tests.pipeline import films
from tests.pipeline.test_draft_worker import PROFILE, Model, served
from tests.processes import until
from tests.scale import on_both

pytestmark = on_both("test_past_studies_are_drafted_once_and_nothing_else_changes")


def drafting(store: Store, endpoint: Endpoint | None) -> Drafting:
    return Drafting(
        store, Settings(data_dir=Path("/nonexistent"), draft_timeout_s=30), PROFILE,
        endpoint=lambda: endpoint, vision=lambda: None,
    )  # fmt: skip


def counts(store: Store, number: int) -> dict[ItemState, int]:
    with store.read() as session:
        return {s: n for s, n in backfills.count(session, number).states.items() if n}


def codes(store: Store, number: int) -> dict[tuple[ItemState, str], int]:
    with store.read() as session:
        return backfills.count(session, number).codes


@contextmanager
def running(found: Backfiller) -> Iterator[None]:
    thread = threading.Thread(target=found.run)
    thread.start()
    try:
        yield
    finally:
        found.stop()
        thread.join()


def test_past_studies_are_drafted_once_and_nothing_else_changes(store: Store) -> None:
    case_ids = add_past(store, range(1, 7))
    number = asked(store)
    model = Model()
    with served(model) as endpoint:
        for _ in range(2):
            Backfiller(store, number, drafting(store, endpoint), at_once=3).run()
    assert counts(store, number) == {ItemState.DONE: 6}
    assert len(model.requests) == 6
    with store.read() as session:
        for case_id in case_ids:
            made = drafts.latest(session, case_id)
            assert made is not None
            assert made.draft.coverage is Coverage.DRAFTED
            assert made.request_json is not None
            assert cases.get_case(session, case_id).state is CaseState.ARCHIVED
        assert cases.worklist(session).rows == ()


def test_what_gets_a_report_meanwhile_is_left(sqlite_store: Store) -> None:
    store = sqlite_store
    case_id, other = add_past(store, (1, 2))
    number = asked(store)
    hold = threading.Event()
    model = Model(hold=hold)
    with (
        served(model) as endpoint,
        running(Backfiller(store, number, drafting(store, endpoint), at_once=2)),
    ):
        for _ in range(2):
            model.asked.acquire()
        # While the model writes, a person has the study drafted and begins its report.
        with store.begin() as session:
            cases.requeue(session, case_id)
            cases.set_state(session, (case_id,), CaseState.DRAFTED)
            drafts.begin_without(session, case_id)
        hold.set()
        until(lambda: set(counts(store, number)) <= {ItemState.DONE, ItemState.SKIPPED})
    assert codes(store, number) == {(ItemState.SKIPPED, "backfill_has_report"): 1}
    with store.read() as session:
        assert drafts.latest(session, case_id) is None
        assert drafts.latest(session, other) is not None


def test_a_drafted_or_signed_report_is_never_listed_nor_touched(sqlite_store: Store) -> None:
    store = sqlite_store
    with store.begin() as session:
        mine = add_drafted(session, 1)
        before = reports.current(session, mine)
    number = asked(store)
    with served(Model()) as endpoint:
        work = drafting(store, endpoint)

        Backfiller(store, number, work, at_once=1).run()
    assert counts(store, number) == {}
    with store.read() as session:
        assert reports.current(session, mine) == before


def test_without_vllm_it_waits_says_so_and_loses_no_try(sqlite_store: Store) -> None:
    store = sqlite_store
    add_past(store, (1, 2, 3))
    number = asked(store, tries=1)
    away = Endpoint("http://127.0.0.1:9", "key", "model")
    now: list[Endpoint | None] = [None]
    work = Drafting(
        store, Settings(data_dir=Path("/nonexistent"), draft_timeout_s=30), PROFILE,
        endpoint=lambda: now[0], vision=lambda: None,
    )  # fmt: skip
    found = Backfiller(store, number, work, at_once=2, owner=Owner(term_s=0.6))

    def said(doing: Doing) -> bool:
        with store.read() as session:
            return [each.doing for each in backfills.workers(session, number)] == [doing]

    with running(found), served(Model()) as endpoint:
        until(lambda: said(Doing.LLM))
        # It was there at the last look, and is gone by the draft.
        now[0] = away
        until(lambda: work._gone)
        until(lambda: found.doing is Doing.LLM)
        until(lambda: counts(store, number) == {ItemState.WAITING: 3})
        now[0] = endpoint
        until(lambda: counts(store, number) == {ItemState.DONE: 3})
    assert codes(store, number) == {}


def test_what_a_model_cannot_write_fails_alone_after_its_tries(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = sqlite_store
    monkeypatch.setattr(backfills, "AGAIN_AFTER", backfills.BURST * 0)
    add_past(store, (1, 2, 3))
    number = asked(store, tries=2)
    # Both tries of the one that is drafted first break off; the model itself is well.
    with served(Model(faults=2)) as endpoint:
        Backfiller(store, number, drafting(store, endpoint), at_once=1).run()
    found = counts(store, number)
    assert sum(found.values()) == 3
    assert found[ItemState.DONE] >= 2
    with store.read() as session:
        tries = session.scalars(sa.select(BackfillItemRow.tries)).all()
        assert sum(tries) == 5 - (ItemState.FAILED in found)


def test_images_that_are_gone_are_counted_with_their_reason(sqlite_store: Store) -> None:
    store = sqlite_store
    add_past(store, (1,))
    add_past(store, (2,), films=False)
    number = asked(store, tries=1)
    with served(Model()) as endpoint:
        Backfiller(store, number, drafting(store, endpoint), at_once=2).run()
    assert codes(store, number) == {(ItemState.SKIPPED, "image_not_found"): 1}
    assert counts(store, number) == {ItemState.DONE: 1, ItemState.SKIPPED: 1}


def test_a_database_that_fails_is_waited_for(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = sqlite_store
    add_past(store, (1, 2))
    number = asked(store)
    monkeypatch.setattr(backfill, "PAUSE_S", 0.0)
    real, failed = drafts.keep_for_archived, []

    def fails_once(*given: object, **named: object) -> bool:
        if not failed:
            failed.append(True)
            raise StorageUnavailable("database_busy")
        return real(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(drafts, "keep_for_archived", fails_once)
    with served(Model()) as endpoint:
        Backfiller(store, number, drafting(store, endpoint), at_once=1).run()
    assert counts(store, number) == {ItemState.DONE: 2}
    with store.read() as session:
        assert len(session.scalars(sa.select(DraftRow.draft_id)).all()) == 2


def test_findings_are_kept_with_their_encoder_and_a_second_reading_takes_their_place(
    sqlite_store: Store,
) -> None:
    from radraft.vision_encoder.encode import Encoder

    store, encoder = sqlite_store, Encoder.load()
    (case_id,) = add_past(store, (1,))
    for work in (Work.EMBED, Work.FINDINGS, Work.FINDINGS):
        number = asked(store, work)
        reads = work is Work.FINDINGS
        Backfiller(store, number, Embedding(store, encoder, reads=reads), at_once=1).run()
        assert counts(store, number) == {ItemState.DONE: 1}
    with store.read() as session:
        found = backfills.scores(session, case_id, encoder.encoder_id)
        assert backfills.scores(session, case_id, "another") is None
    assert found is not None
    assert set(found) == set(encoder.heads.ids)


def test_quality_is_measured_anew_but_not_under_a_writer(
    sqlite_store: Store, tmp_path: Path
) -> None:
    store = sqlite_store
    sent = films.good(1)
    sent.file_meta = FileMetaDataset()
    sent.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    sent.save_as(tmp_path / "film.dcm", enforce_file_format=True)
    taken = ingest(
        tmp_path / "film.dcm", store=store, profile=PROFILE, site="site-a",
        scratch=tmp_path / "scratch", archived=True,
    )  # fmt: skip
    (case_id,) = taken.cases
    with store.begin() as session:
        before = quality.of_case(session, case_id)
        session.execute(sa.text("DELETE FROM case_quality"))
    work = Measuring(store, tmp_path / "scratch", lambda: None)
    number = asked(store, Work.QUALITY)
    Backfiller(store, number, work, at_once=1).run()
    with store.read() as session:
        assert quality.of_case(session, case_id) == before
    with store.begin() as session:
        cases.set_state(session, (case_id,), CaseState.RECEIVED)
    with pytest.raises(LeftOut, match="backfill_in_work"):
        work._make(case_id)
    with store.begin() as session:
        cases.set_state(session, (case_id,), CaseState.ARCHIVED)
    with store.read() as session:
        (key,) = instances.original_keys(session, case_id)
    store.objects.remove(key)
    with pytest.raises(LeftOut, match="backfill_originals_gone"):
        work._make(case_id)


def test_an_unknown_backfill_is_refused(sqlite_store: Store) -> None:
    with pytest.raises(NotFound, match="backfill_not_found"):
        Backfiller(sqlite_store, 7, drafting(sqlite_store, None), at_once=1).run()

"""Counts are kept for a while that follows from what they cost, and one counts for all."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

from radraft.pipeline import listing
from radraft.pipeline.listing import Listing
from radraft.reports import turnround
from radraft.reports.turnround import TurnroundClock
from radraft.store import worklist_pages
from radraft.store.database import Store
from radraft.store.values import EVERYTHING, Stage, WorklistFilter
from radraft.store.worklist_pages import Visible
from tests.builders import add_case

CLOCK = TurnroundClock(turnround.load(None), datetime(2026, 5, 1, tzinfo=UTC))


def counted(list_: Listing, wanted: WorklistFilter = EVERYTHING) -> int:
    return list_.counts(wanted, Visible(), CLOCK).of(wanted)


def test_a_count_is_good_for_a_while_and_a_search_is_counted_each_time(
    sqlite_store: Store, monkeypatch: Any
) -> None:
    monkeypatch.setattr(listing, "KEPT_TIMES", 1e9)
    made = Listing(sqlite_store)
    search = WorklistFilter(search="wei")
    assert (counted(made), counted(made, search)) == (0, 0)
    with sqlite_store.begin() as session:
        add_case(session, 1)
    assert (counted(made), counted(made, search)) == (0, 1)
    # Another stage of the same filter was counted with it.
    assert counted(made, WorklistFilter(stage=Stage.DRAFTING)) == 0
    assert counted(made, WorklistFilter(modality="CR")) == 1
    monkeypatch.setattr(listing, "KEPT_TIMES", 0)
    assert counted(Listing(sqlite_store)) == 1


def test_while_one_counts_others_get_what_was_counted_before(
    sqlite_store: Store, monkeypatch: Any
) -> None:
    monkeypatch.setattr(listing, "KEPT_TIMES", 0)
    made = Listing(sqlite_store)
    assert counted(made) == 0
    with sqlite_store.begin() as session:
        add_case(session, 1)
    begun, go_on = threading.Event(), threading.Event()
    count = worklist_pages.counts

    def slow(*args: Any) -> Any:
        begun.set()
        assert go_on.wait(30)
        return count(*args)

    monkeypatch.setattr(worklist_pages, "counts", slow)
    found: list[int] = []
    counting = threading.Thread(target=lambda: found.append(counted(made)))
    counting.start()
    assert begun.wait(30)
    assert counted(made) == 0
    go_on.set()
    counting.join()
    assert found == [1]


def test_no_more_counts_are_kept_than_people_ask_for_at_a_time(
    sqlite_store: Store, monkeypatch: Any
) -> None:
    monkeypatch.setattr(listing, "MOST", 3)
    monkeypatch.setattr(listing, "KEPT_TIMES", 1e9)
    made = Listing(sqlite_store)
    for number in range(10):
        counted(made, WorklistFilter(modality=str(number)))
    assert len(made._kept) == 3

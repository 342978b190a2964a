"""What the database records of a backfill: asked once, listed once, taken once, settled once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from radraft.core.errors import BackfillError, NotFound
from radraft.core.settings import Settings
from radraft.pipeline.backfill_progress import per_minute
from radraft.store import backfills, cases, drafts
from radraft.store.backfills import BackfillState, Doing, ItemState, Pace, Selection, Work
from radraft.store.database import Store, open_store
from radraft.store.leases import Owner
from radraft.store.tables import BackfillItemRow, BackfillRow, BackfillWorkerRow
from tests.backfill_studies import add_past, asked
from tests.builders import add_case, make_draft
from tests.children import together
from tests.scale import on_both

pytestmark = on_both(
    "test_of_processes_that_ask_and_take_at_once_no_two_get_the_same_study",
    "test_the_rate_is_one_for_all_processes",
    "test_what_a_process_that_is_gone_held_is_taken_over_and_its_late_result_is_refused",
    "test_an_archived_study_keeps_a_draft_and_stays_archived",
    "test_studies_are_chosen_by_site_day_and_columns",
)

NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)


def take(store: Store, number: int, owner: Owner, limit: int = 10) -> backfills.Taken:
    with store.begin() as session:
        return backfills.take(session, number, owner, limit=limit)


def at_rest(store: Store, number: int, **columns: object) -> None:
    """Have the rate's clock, or the studies', stand as if time had gone by."""
    with store.begin() as session:
        session.execute(
            sa.update(BackfillRow).where(BackfillRow.number == number).values(**columns)
        )


def counts(store: Store, number: int) -> dict[ItemState, int]:
    with store.read() as session:
        return {s: n for s, n in backfills.count(session, number).states.items() if n}


def settle(store: Store, number: int, case_id: str, owner: Owner) -> None:
    with store.begin() as session:
        backfills.settle(session, number, case_id, owner, ItemState.DONE)


def ask(settings: Settings) -> int:
    """Ask for the same backfill as others do, and list it with them."""
    store = open_store(settings)
    number = asked(store, Work.EMBED, rate=60_000_000)
    store.close()
    return number


def take_all(settings: Settings, number: int) -> list[str]:
    """Take, with others, all there is."""
    store = open_store(settings)
    owner, found = Owner(), []
    while got := take(store, number, owner, 3).case_ids:
        found += got
        for case_id in got:
            settle(store, number, case_id, owner)
    store.close()
    return found


def test_of_processes_that_ask_and_take_at_once_no_two_get_the_same_study(
    store: Store, store_settings: Settings
) -> None:
    case_ids = add_past(store, range(1, 31), films=False)
    (number,) = set(together(ask, store_settings, processes=3))
    found = together(take_all, store_settings, number, processes=3)
    assert sorted(case_id for got in found for case_id in got) == sorted(case_ids)
    with store.read() as session:
        (known,) = backfills.known(session)
    assert known.state is BackfillState.DONE


def test_studies_are_chosen_by_site_day_and_columns(store: Store) -> None:
    old, new = datetime(2015, 3, 1, 9), datetime(2024, 3, 1, 23, 59)
    add_past(store, (1, 2), films=False, study_time=old)
    wanted = add_past(store, (3, 4), films=False, study_time=new)
    add_past(store, (5,), films=False, study_time=new, site="site-b")
    selection = Selection(
        ("site-a",), date(2024, 1, 1), date(2024, 3, 1), (("state", ("archived", "drafted")),)
    )
    number = asked(store, Work.EMBED, selection)
    with store.read() as session:
        assert backfills.get(session, number).selection == selection
    assert take(store, number, Owner()).case_ids == tuple(sorted(wanted))


def test_only_past_studies_are_drafted_and_those_that_come_later_are_not_listed(
    store: Store,
) -> None:
    past = add_past(store, (1,), films=False)
    with store.begin() as session:
        add_case(session, 2)
        number, _ = backfills.ask(session, Work.DRAFT, Selection(), rate_per_minute=9, most_tries=1)
    add_past(store, (3,), films=False)
    with store.begin() as session:
        assert backfills.list_more(session, number)
    with store.read() as session:
        assert tuple(session.scalars(sa.select(BackfillItemRow.case_id))) == past


def test_a_listing_that_was_broken_off_goes_on(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfills, "LISTED_AT_ONCE", 2)
    case_ids = add_past(store, range(1, 6), films=False)
    with store.begin() as session:
        number, new = backfills.ask(
            session, Work.EMBED, Selection(), rate_per_minute=9, most_tries=1
        )
        assert new
    for done in (False, False, True, True):
        with store.begin() as session:
            assert backfills.list_more(session, number) is done
    with store.read() as session:
        listed = tuple(session.scalars(sa.select(BackfillItemRow.case_id)))
    assert sorted(listed) == sorted(case_ids)


def test_the_rate_is_one_for_all_processes(store: Store) -> None:
    add_past(store, range(1, 9), films=False)
    number = asked(store, Work.EMBED, rate=0.5)
    first, second = Owner(), Owner()
    got = [take(store, number, owner) for owner in (first, second, first)]
    assert [len(each.case_ids) for each in got] == [1, 0, 0]
    assert got[1].doing is Doing.RATE
    # What was not used for an hour is not made up for.
    at_rest(store, number, next_at=datetime.now(UTC) - timedelta(hours=1))
    assert len(take(store, number, second).case_ids) == 1
    with store.begin() as session:
        backfills.set_rate(session, number, 6000.0)
    assert len(take(store, number, second).case_ids) == 6


def test_nothing_is_taken_while_a_study_waits_for_its_reader(store: Store) -> None:
    add_past(store, (1, 2), films=False)
    number = asked(store)
    with store.begin() as session:
        waiting = add_case(session, 3)
    assert take(store, number, Owner()).doing is Doing.READERS
    for state in (cases.CaseState.DRAFTING, cases.CaseState.DRAFTED):
        with store.begin() as session:
            cases.set_state(session, (waiting,), state)
        found = take(store, number, Owner(), limit=1)
        assert found.doing is (Doing.READERS if state == "drafting" else Doing.WORKING)


def test_a_pause_takes_nothing_and_a_cancelled_one_is_over(store: Store) -> None:
    add_past(store, (1, 2), films=False)
    number = asked(store)
    for state, doing in (
        (BackfillState.PAUSED, Doing.PAUSED),
        (BackfillState.RUNNING, Doing.WORKING),
        (BackfillState.CANCELLED, Doing.ENDED),
    ):
        with store.begin() as session:
            backfills.change(session, number, state)
        assert take(store, number, Owner(), limit=1).doing is doing
    with store.begin() as session, pytest.raises(BackfillError, match="backfill_ended"):
        backfills.change(session, number, BackfillState.RUNNING)
    # The same may be asked for anew.
    assert asked(store) != number
    with store.read() as session, pytest.raises(NotFound, match="backfill_not_found"):
        backfills.get(session, 99)


def test_what_a_process_that_is_gone_held_is_taken_over_and_its_late_result_is_refused(
    store: Store,
) -> None:
    (case_id,) = add_past(store, (1,), films=False)
    number, gone, other = asked(store), Owner(), Owner()
    assert take(store, number, gone).case_ids == (case_id,)
    with store.read() as session:
        (seen,) = backfills.workers(session, number)
    with store.begin() as session:
        assert backfills.beat(session, gone, Doing.WORKING)
    with store.begin() as session:
        assert not backfills.take_over(session, seen), "it has given a sign of life since"
    with store.read() as session:
        (seen,) = backfills.workers(session, number)
    with store.begin() as session:
        assert backfills.take_over(session, seen)
    assert take(store, number, other).case_ids == (case_id,)
    with pytest.raises(backfills.HoldLost):
        settle(store, number, case_id, gone)
    settle(store, number, case_id, other)
    assert counts(store, number) == {ItemState.DONE: 1}
    # The second process that ended at a study would have been its last.
    with store.read() as session:
        assert backfills.count(session, number).codes == {}


def test_a_study_at_which_processes_end_again_and_again_fails(store: Store) -> None:
    add_past(store, (1,), films=False)
    number = asked(store, tries=2)
    for left in (ItemState.WAITING, ItemState.FAILED):
        take(store, number, Owner())
        with store.read() as session:
            (seen,) = backfills.workers(session, number)
        with store.begin() as session:
            assert backfills.take_over(session, seen)
        assert counts(store, number) == {left: 1}
    with store.read() as session:
        assert backfills.count(session, number).codes == {
            (ItemState.FAILED, "backfill_broke_off"): 1
        }
    with store.begin() as session:
        assert backfills.retry_failed(session, number) == 1
    assert counts(store, number) == {ItemState.WAITING: 1}


def test_a_failure_rests_and_stands_after_the_last_try(store: Store) -> None:
    (case_id,) = add_past(store, (1,), films=False)
    number, owner = asked(store, tries=2), Owner()

    def fail() -> ItemState:
        assert take(store, number, owner).case_ids == (case_id,)
        with store.begin() as session:
            return backfills.fail(session, number, case_id, owner, "llm_bad_format")

    assert fail() is ItemState.WAITING
    assert take(store, number, owner).doing is Doing.OTHERS, "it rests"
    with store.begin() as session:
        session.execute(sa.update(BackfillItemRow).values(ready_at=NOW - timedelta(days=999)))
    assert fail() is ItemState.FAILED
    assert take(store, number, owner).doing is Doing.ENDED
    with store.read() as session:
        assert backfills.failures(session, number) == (
            (case_id, ItemState.FAILED, "llm_bad_format", 2),
        )


def test_what_is_given_back_costs_no_try(store: Store) -> None:
    (case_id,) = add_past(store, (1,), films=False)
    number, owner = asked(store, tries=1), Owner()
    for leaves in (False, True):
        assert take(store, number, owner).case_ids == (case_id,)
        with store.begin() as session:
            if leaves:
                backfills.leave(session, owner)
            else:
                backfills.give_back(session, number, case_id, owner)
    with store.read() as session:
        assert session.scalars(sa.select(BackfillItemRow.tries)).all() == [0]
        assert session.scalars(sa.select(BackfillWorkerRow.owner)).all() == []


def test_an_archived_study_keeps_a_draft_and_stays_archived(store: Store) -> None:
    (case_id,) = add_past(store, (1,), films=False)

    def keep() -> bool:
        with store.begin() as session:
            return drafts.keep_for_archived(
                session, make_draft(case_id, request_sha=None), request_json=None,
                encoder_id=None, image_ids=(),
            )  # fmt: skip

    assert keep()
    with store.read() as session:
        assert drafts.latest(session, case_id) is not None
        assert cases.get_case(session, case_id).state is cases.CaseState.ARCHIVED
        assert drafts.basis(session, case_id) is None, "no report was opened"
        assert cases.worklist(session).rows == ()
    assert not keep(), "it has a draft"
    with store.begin() as session:
        waiting = add_case(session, 2)
        assert not drafts.may_be_kept(session, waiting), "a reader waits for its draft"


@pytest.mark.parametrize(
    ("settled", "first_s", "last_s", "wanted"),
    [
        (31, 60, 1, 30.0),
        (19, 60, 1, None),
        (100, 10, 1, None),
        (100, 290, 100, None),
        (0, None, None, None),
    ],
)
def test_a_rate_is_told_of_enough_that_is_fresh(
    settled: int, first_s: int | None, last_s: int | None, wanted: float | None
) -> None:
    ago: Callable[[int | None], datetime | None] = lambda s: (  # noqa: E731
        None if s is None else NOW - timedelta(seconds=s)
    )
    assert per_minute(Pace(NOW, settled, ago(first_s), ago(last_s))) == wanted

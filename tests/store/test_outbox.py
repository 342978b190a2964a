"""What of a report may go to its receiver, on both databases: never an older version after a later
one, and nothing that cannot be read in the way of what can."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from radraft.core.errors import ReportError
from radraft.reports.export.values import OutgoingStatus
from radraft.reports.outgoing_entry import (
    UNCLEAR_TRIES,
    AfterTry,
    Delivered,
    Entry,
    EntryState,
    Failed,
    FailureKind,
    NewEntry,
    Outcome,
    OutgoingForm,
    after_try,
)
from radraft.store import outbox
from radraft.store.database import Store
from radraft.store.leases import Owner
from radraft.store.outbox import Tried
from radraft.store.tables import OutboxRow
from tests.builders import add_case

OWNER = Owner()
UNCLEAR = Failed(FailureKind.UNCLEAR, "hl7_no_answer", {})
SR, PDF = OutgoingForm.SR, OutgoingForm.PDF


def of_version(case_id: str, version: int, form: OutgoingForm = SR) -> NewEntry:
    status = OutgoingStatus.FINAL if version == 1 else OutgoingStatus.CORRECTED
    return NewEntry("pacs", case_id, version, 0, status, form)


def submitted(case_id: str, step: int) -> NewEntry:
    return NewEntry("pacs", case_id, 1, step, OutgoingStatus.PRELIMINARY, PDF)


def queue(session: Session, *entries: NewEntry) -> None:
    assert outbox.enqueue(session, entries) == len(entries)


def claimed(session: Session) -> list[Entry]:
    session.execute(update(OutboxRow).values(due_at=OutboxRow.queued_at))
    return list(outbox.claim(session, OWNER, {"pacs": 16}))


def settle(session: Session, entry: Entry, outcome: Outcome) -> None:
    after: AfterTry = after_try(outcome, tries=entry.tries + 1, refusals=0, jitter=0.0)
    failed = outcome if isinstance(outcome, Failed) else None
    outbox.settle(session, OWNER, [Tried(entry, after, failed)])


def states(session: Session) -> list[tuple[int, str, str]]:
    """(version, form, state), in the order in which they were queued."""
    listed = reversed(outbox.entries(session))
    return [(entry.version, entry.form, entry.state.value) for entry in listed]


def test_what_is_queued_after_a_later_version_left_is_void(store: Store) -> None:
    with store.begin() as session:
        case_id = add_case(session, 1)
        queue(session, of_version(case_id, 2))
        (later,) = claimed(session)
        settle(session, later, Delivered())
        queue(session, of_version(case_id, 1))
        assert claimed(session) == []
        assert states(session) == [(2, "sr", "delivered"), (1, "sr", "void")]
        (void,) = outbox.entries(session, states=[EntryState.VOID])
        assert void.code == "outbox_superseded"


def test_what_is_queued_while_a_later_version_is_being_sent_is_void(store: Store) -> None:
    with store.begin() as session:
        case_id = add_case(session, 1)
        queue(session, of_version(case_id, 2))
        assert len(claimed(session)) == 1
        queue(session, of_version(case_id, 1, PDF))
        assert claimed(session) == []
        assert states(session)[1] == (1, "pdf", "void")


def test_versions_go_in_their_order_in_whichever_they_were_queued(store: Store) -> None:
    with store.begin() as session:
        case_id = add_case(session, 1)
        queue(session, of_version(case_id, 2), of_version(case_id, 1))
        (first,) = claimed(session)
        assert first.what.version == 1
        settle(session, first, Delivered())
        (second,) = claimed(session)
        assert second.what.version == 2


def test_a_form_that_never_gets_an_answer_gives_way_to_the_correction(store: Store) -> None:
    with store.begin() as session:
        case_id = add_case(session, 1)
        queue(session, of_version(case_id, 1), of_version(case_id, 1, PDF))
        sr, pdf = claimed(session)
        settle(session, sr, Delivered())
        settle(session, pdf, UNCLEAR)
        queue(session, of_version(case_id, 2), of_version(case_id, 2, PDF))
        for _ in range(UNCLEAR_TRIES - 1):
            (entry,) = claimed(session)
            assert (entry.what.version, entry.what.form) == (1, PDF)
            settle(session, entry, UNCLEAR)
        corrections = claimed(session)
        assert {(entry.what.version, entry.what.form) for entry in corrections} == {
            (2, SR), (2, PDF),
        }  # fmt: skip
        assert states(session)[1] == (1, "pdf", "void")


def test_what_a_receiver_that_is_away_has_not_got_gives_way_to_nothing(store: Store) -> None:
    away = Failed(FailureKind.AWAY, "hl7_unreachable", {})
    with store.begin() as session:
        case_id = add_case(session, 1)
        queue(session, of_version(case_id, 1), of_version(case_id, 2))
        for _ in range(3 * UNCLEAR_TRIES):
            (entry,) = claimed(session)
            assert entry.what.version == 1
            settle(session, entry, away)


def test_a_dead_older_version_is_not_resent_after_any_form_of_a_later_one(store: Store) -> None:
    with store.begin() as session:
        case_id = add_case(session, 1)
        queue(session, of_version(case_id, 1, PDF))
        (pdf,) = claimed(session)
        settle(session, pdf, Failed(FailureKind.UNMADE, "outbox_broken", {}))
        queue(session, of_version(case_id, 2))
        (later,) = claimed(session)
        settle(session, later, Delivered())
        with pytest.raises(ReportError, match="outbox_overtaken"):
            outbox.resend(session, pdf.entry_id)


@pytest.mark.parametrize(
    "damage", [{"form": "cda"}, {"status": "provisional"}, {"details": "{", "form": "cda"}]
)
def test_what_cannot_be_read_is_dead_and_holds_nothing_up(
    store: Store, damage: dict[str, str]
) -> None:
    with store.begin() as session:
        queue(session, of_version(add_case(session, 1), 1), of_version(add_case(session, 2), 1))
        session.execute(update(OutboxRow).where(OutboxRow.entry_id == 1).values(**damage))
        (readable,) = claimed(session)
        assert readable.entry_id == 2
        (dead,) = outbox.entries(session, states=[EntryState.DEAD])
        assert (dead.entry_id, dead.code) == (1, "row_damaged")
        (figures,) = outbox.figures(session, ["pacs"])
        assert (figures.dead, figures.waiting) == (1, 1)
        assert outbox.drop(session, 1).state is EntryState.DROPPED


def test_details_that_are_damaged_hide_no_entry(store: Store) -> None:
    with store.begin() as session:
        queue(session, of_version(add_case(session, 1), 1))
        session.execute(update(OutboxRow).values(details="[", code="hl7_refused"))
        (waiting,) = outbox.entries(session)
        assert (waiting.code, waiting.details) == ("hl7_refused", {})
        assert outbox.drop(session, waiting.entry_id).state is EntryState.DROPPED


def test_what_is_handed_over_again_unchanged_is_queued_again(store: Store) -> None:
    with store.begin() as session:
        case_id = add_case(session, 1)
        queue(session, submitted(case_id, 1))
        (first,) = claimed(session)
        settle(session, first, Delivered())
        queue(session, submitted(case_id, 3))
        (again,) = claimed(session)
        assert again.what.step == 3


def test_the_moves_of_a_damaged_entry_are_those_of_any(store: Store) -> None:
    with store.begin() as session:
        queue(session, of_version(add_case(session, 1), 1))
        session.execute(update(OutboxRow).values(form="cda"))
        assert claimed(session) == []
        resent = outbox.resend(session, 1)
        assert (resent.state, resent.form) == (EntryState.WAITING, "cda")
        assert outbox.is_late(session, timedelta(days=1)) is False


def test_what_a_restore_held_leaves_at_a_persons_word_only_and_what_follows_waits_for_it(
    store: Store,
) -> None:
    with store.begin() as session:
        case_id = add_case(session, 1)
        queue(session, of_version(case_id, 1), of_version(add_case(session, 2), 1))
        assert len(outbox.claim(session, OWNER, {"pacs": 1})) == 1
        assert outbox.hold_all(session) == 2
        queue(session, of_version(case_id, 2))
        assert claimed(session) == []
        assert [state for _, _, state in states(session)] == ["held", "held", "waiting"]
        assert outbox.leases(session, but=Owner()) == ()
        assert outbox.drop(session, 2).state is EntryState.DROPPED
        outbox.resend(session, 1)
        (first,) = claimed(session)
        assert first.what.version == 1


def test_what_was_tried_together_is_settled_together_each_as_it_ended(store: Store) -> None:
    with store.begin() as session:
        case_ids = [add_case(session, number) for number in (1, 2, 3)]
        queue(session, *(of_version(case_id, 1) for case_id in case_ids))
        first, second, third = claimed(session)
        session.execute(
            update(OutboxRow).where(OutboxRow.entry_id == third.entry_id).values(owner="another")
        )
        tried = [
            Tried(second, after_try(UNCLEAR, tries=1, refusals=0, jitter=0.0), UNCLEAR),
            Tried(first, after_try(Delivered(), tries=1, refusals=0, jitter=0.0), None),
            Tried(third, after_try(Delivered(), tries=1, refusals=0, jitter=0.0), None),
        ]
        settled = outbox.settle(session, OWNER, tried)
        assert [entry.entry_id for entry in settled] == [second.entry_id, first.entry_id]
        assert [state for _, _, state in states(session)] == ["delivered", "waiting", "sending"]


def test_only_receivers_that_can_be_sent_something_are_due(store: Store) -> None:
    def of(target: str, version: int) -> NewEntry:
        return replace(of_version(case_id, version), target=target)

    with store.begin() as session:
        case_id = add_case(session, 1)
        queue(session, of("pacs", 1), of("ris", 1), of("his", 1), of("his", 2))
        assert outbox.due(session, OWNER, []) == frozenset()
        assert outbox.due(session, OWNER, ["pacs", "ris", "nobody"]) == {"pacs", "ris"}
        assert len(outbox.claim(session, OWNER, {"pacs": 1, "his": 1})) == 2
        # The second version for the HIS waits for the first.
        assert outbox.due(session, OWNER, ["pacs", "ris", "his"]) == {"ris"}


def test_what_takes_one_report_at_a_time_is_sent_to_by_one_process(store: Store) -> None:
    other = Owner()
    with store.begin() as session:
        queue(session, *(of_version(add_case(session, number), 1) for number in (1, 2)))
    with store.begin() as session:
        (first,) = outbox.claim(session, OWNER, {"pacs": 1}, single={"pacs"})
    with store.begin() as session:
        assert outbox.due(session, other, ["pacs"], single={"pacs"}) == frozenset()
        assert outbox.due(session, OWNER, ["pacs"], single={"pacs"}) == {"pacs"}
        assert outbox.claim(session, other, {"pacs": 16}, single={"pacs"}) == ()
        settle(session, first, Delivered())
        assert outbox.due(session, other, ["pacs"], single={"pacs"}) == {"pacs"}
        (second,) = outbox.claim(session, other, {"pacs": 16}, single={"pacs"})
    assert second.what.case_id != first.what.case_id


def test_two_processes_that_look_at_the_same_moment_do_not_both_send_to_it(store: Store) -> None:
    with store.begin() as session:
        queue(session, *(of_version(add_case(session, number), 1) for number in (1, 2)))

    def claims() -> int:
        with store.begin() as session:
            return len(outbox.claim(session, Owner(), {"pacs": 16}, single={"pacs"}))

    with ThreadPoolExecutor() as threads:
        with store.begin() as session:
            assert len(outbox.claim(session, OWNER, {"pacs": 1}, single={"pacs"})) == 1
            second = threads.submit(claims)
            # It waits for us; were it let through, it would be done by now.
            wait([second], timeout=1)
        assert second.result() == 0

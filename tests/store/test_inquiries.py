"""Questions to radiologists, what people think of answers, and visits, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from radraft.core.errors import NotFound, RadraftError, ReportError
from radraft.reports.inquiry import MOST_OPEN, Inquiry, InquiryMove, InquiryState
from radraft.reports.people import Person, PersonKind
from radraft.store import inquiries, questions, turn_marks, visits
from radraft.store.cases import worklist
from radraft.store.database import Store
from radraft.store.turn_marks import TurnVerdict
from radraft.store.values import WorklistFilter
from radraft.store.visits import Visit
from tests.builders import add_drafted, person

NOW = datetime(2026, 11, 28, 10, 0, tzinfo=UTC)
ZHAO, LIN, WANG = person("赵临床"), person("林清"), person("王主治")


def asked(
    store: Store,
    case_id: str,
    question: str = "多大？",
    turn_id: int | None = None,
    to: Person = LIN,
) -> Inquiry:
    with store.begin() as session:
        return inquiries.ask(
            session,
            case_id,
            question,
            lang="zh",
            version=1,
            by=ZHAO,
            to=to,
            turn_id=turn_id,
            now=NOW,
        )


@pytest.fixture
def case_id(store: Store) -> str:
    with store.begin() as session:
        return add_drafted(session)


def test_what_was_done_stands_in_its_order_and_is_never_changed(store: Store, case_id: str) -> None:
    inquiry = asked(store, case_id)
    steps = [
        (InquiryMove.SEE, LIN, ""),
        (InquiryMove.TAKE, WANG, ""),
        (InquiryMove.ANSWER, WANG, "3 cm"),
    ]
    for number, (move, by, text) in enumerate(steps, start=1):
        with store.begin() as session:
            inquiries.move(
                session,
                inquiry.inquiry_id,
                move,
                case_id=case_id,
                by=by,
                base_revision=number,
                version=number,
                text=text,
                now=NOW + timedelta(minutes=number),
            )
    with store.read() as session:
        record = inquiries.record(session, case_id, inquiry.inquiry_id)
    assert [event.move.value for event in record.events] == ["ask", "see", "take", "answer"]
    assert [event.version for event in record.events] == [1, 1, 2, 3]
    assert (record.inquiry.state, record.inquiry.to) == (InquiryState.ANSWERED, WANG)
    assert [(answer.by, answer.text) for answer in record.answers] == [(WANG, "3 cm")]
    for change in ("UPDATE inquiry_events SET text = 'x'", "DELETE FROM inquiry_events"):
        with pytest.raises((DBAPIError, RadraftError)), store.begin() as session:
            session.execute(sa.text(change))


def test_two_at_once_make_one_answer(store: Store, case_id: str) -> None:
    inquiry = asked(store, case_id)

    def answer(name: str) -> str:
        try:
            with store.begin() as session:
                inquiries.move(
                    session,
                    inquiry.inquiry_id,
                    InquiryMove.ANSWER,
                    case_id=case_id,
                    by=person(name),
                    base_revision=1,
                    version=1,
                    text=name,
                    now=NOW,
                )
        except ReportError as error:
            return error.code
        return "answered"

    with ThreadPoolExecutor(2) as both:
        found = sorted(both.map(answer, ("林清", "王主治")))
    assert found == ["answered", "inquiry_changed"]
    with store.read() as session:
        assert len(inquiries.record(session, case_id, inquiry.inquiry_id).answers) == 1


def test_a_button_pressed_twice_asks_once_and_there_is_an_end(store: Store, case_id: str) -> None:
    first = asked(store, case_id)
    assert asked(store, case_id).inquiry_id == first.inquiry_id
    for number in range(MOST_OPEN - 1):
        asked(store, case_id, f"第 {number} 问")
    with pytest.raises(ReportError) as refused:
        asked(store, case_id, "再问")
    assert refused.value.code == "inquiry_too_many"


def test_what_is_of_another_study_is_not_there(store: Store, case_id: str) -> None:
    with store.begin() as session:
        other = add_drafted(session, 2)
        turn = questions.add_turn(
            session,
            other,
            question="?",
            answer="!",
            lang="zh",
            citations=(),
            refused=True,
            asked_by=ZHAO,
            version=1,
        )
    inquiry = asked(store, other, turn_id=turn.turn_id)
    with pytest.raises(NotFound):
        asked(store, case_id, turn_id=turn.turn_id)
    with store.begin() as session:
        with pytest.raises(NotFound):
            inquiries.record(session, case_id, inquiry.inquiry_id)
        with pytest.raises(NotFound):
            turn_marks.add(session, case_id, turn.turn_id, TurnVerdict.UP, by=ZHAO, now=NOW)
    with store.read() as session:
        assert questions.turns(session, other)[0].version == 1


def test_the_worklist_lists_what_waits_for_an_answer(store: Store, case_id: str) -> None:
    with store.begin() as session:
        other = add_drafted(session, 2)
    inquiry = asked(store, other, to=Person(PersonKind.ACCOUNT, "林清", "acc-lin"))
    with store.read() as session:
        shown = worklist(session, wanted=WorklistFilter(asked=True))
        waiting = inquiries.open_at(session, None)
        everything = worklist(session)
    assert [row.case_id for row in shown.rows] == [other] and shown.total == 1
    assert {row.case_id for row in everything.rows} == {case_id, other}
    assert waiting[other].number == 1 and waiting[other].to_accounts == {"acc-lin"}
    with store.begin() as session:
        assert inquiries.open_at(session, frozenset({"elsewhere"})) == {}
        inquiries.move(
            session,
            inquiry.inquiry_id,
            InquiryMove.WITHDRAW,
            case_id=other,
            by=ZHAO,
            base_revision=1,
            version=1,
            now=NOW,
        )
    with store.read() as session:
        assert worklist(session, wanted=WorklistFilter(asked=True)).rows == ()


def test_of_what_somebody_thinks_of_an_answer_the_newest_counts(store: Store, case_id: str) -> None:
    with store.begin() as session:
        turn = questions.add_turn(
            session,
            case_id,
            question="多大？",
            answer="!",
            lang="zh",
            citations=(),
            refused=True,
            asked_by=ZHAO,
        )
        for verdict, by, correction in (
            (TurnVerdict.UP, ZHAO, ""),
            (TurnVerdict.DOWN, ZHAO, "约 3 cm"),
            (TurnVerdict.UP, LIN, ""),
            (TurnVerdict.DOWN, WANG, ""),
            (TurnVerdict.NONE, WANG, ""),
        ):
            turn_marks.add(
                session, case_id, turn.turn_id, verdict, correction=correction, by=by, now=NOW
            )
    with store.read() as session:
        found = turn_marks.of_turns(session, [turn.turn_id])[turn.turn_id]
    assert {(mark.by, mark.verdict.value, mark.correction) for mark in found} == {
        (ZHAO, "down", "约 3 cm"),
        (LIN, "up", ""),
    }
    with pytest.raises((DBAPIError, RadraftError)), store.begin() as session:
        session.execute(sa.text("UPDATE turn_marks SET verdict = 'up'"))


def test_a_link_is_good_for_one_visit(store: Store) -> None:
    visit = Visit("v-1", "l-1", "t-1", "周医生", "h-1", "acc042", NOW, NOW + timedelta(hours=1))
    with store.begin() as session:
        assert visits.begin(session, visit, "secret one", address="10.0.0.1")
    with store.begin() as session:
        assert not visits.begin(session, visit, "secret two", address="10.0.0.1")
        assert visits.by_secret(session, "secret one") == visit
        assert visits.by_secret(session, "secret two") is None
        visits.end(session, "secret one", NOW + timedelta(minutes=5))
        ended = visits.by_secret(session, "secret one")
        assert ended is not None and ended.ends_at == NOW + timedelta(minutes=5)
        visits.sweep(session, NOW + timedelta(days=2))
        assert visits.by_secret(session, "secret one") is None

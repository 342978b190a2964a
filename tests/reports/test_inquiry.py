"""A question to a radiologist: which step follows which, and who may take it."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product

import pytest

from radraft.core.errors import ReportError
from radraft.reports.inquiry import (
    MOST_ANSWER,
    TRANSITIONS,
    Inquiry,
    InquiryMove,
    InquiryState,
    checked_question,
    moved,
)
from tests.builders import person

NOW = datetime(2026, 11, 28, 10, 0, tzinfo=UTC)
ZHAO, LIN, WANG = person("赵临床"), person("林清"), person("王主治")


def inquiry(state: InquiryState) -> Inquiry:
    return Inquiry(
        inquiry_id=1,
        case_id="c-0000000000000001",
        text="多大？",
        lang="zh",
        version=1,
        asked_by=ZHAO,
        asked_at=NOW,
        to=LIN,
        turn_id=None,
        state=state,
        revision=3,
    )


@pytest.mark.parametrize("state, move", list(product(InquiryState, InquiryMove)))
def test_every_step_that_is_not_in_the_table_is_refused(
    state: InquiryState, move: InquiryMove
) -> None:
    by = ZHAO if move is InquiryMove.WITHDRAW else WANG
    given = {
        "by": by,
        "base_revision": 3,
        "newest": InquiryMove.ASK,
        "version": 1,
        "text": "3 cm",
        "now": NOW,
    }
    if (state, move) not in TRANSITIONS:
        with pytest.raises(ReportError) as refused:
            moved(inquiry(state), move, **given)  # type: ignore[arg-type]
        assert refused.value.code == "inquiry_move_refused"
        return
    later, event = moved(inquiry(state), move, **given)  # type: ignore[arg-type]
    assert (later.state, later.revision) == (TRANSITIONS[state, move], 4)
    assert (event.sequence, event.by, event.state) == (4, by, later.state)
    assert event.text == ("3 cm" if move is InquiryMove.ANSWER else "")


def test_of_two_who_answer_at_once_one_is_told_so() -> None:
    asked = inquiry(InquiryState.SEEN)
    answered, _ = moved(
        asked,
        InquiryMove.ANSWER,
        by=LIN,
        base_revision=3,
        newest=InquiryMove.ANSWER,
        version=1,
        text="3 cm",
        now=NOW,
    )
    with pytest.raises(ReportError) as refused:
        moved(
            answered,
            InquiryMove.ANSWER,
            by=WANG,
            base_revision=3,
            newest=InquiryMove.ANSWER,
            version=1,
            text="4",
            now=NOW,
        )
    assert refused.value.code == "inquiry_changed"
    # Seen, he may still say more; whose question it was stays.
    later, _ = moved(
        answered,
        InquiryMove.ANSWER,
        by=WANG,
        base_revision=4,
        newest=InquiryMove.ANSWER,
        version=1,
        text="4",
        now=NOW,
    )
    assert later.to == LIN


def test_that_a_colleague_has_seen_it_refuses_nobodys_answer() -> None:
    def answered(base_revision: int, newest: InquiryMove) -> InquiryState:
        later, _ = moved(
            inquiry(InquiryState.SEEN),
            InquiryMove.ANSWER,
            by=LIN,
            base_revision=base_revision,
            newest=newest,
            version=1,
            text="3 cm",
            now=NOW,
        )
        return later.state

    assert answered(2, InquiryMove.SEE) is InquiryState.ANSWERED
    for base_revision, newest in ((1, InquiryMove.SEE), (2, InquiryMove.TAKE)):
        with pytest.raises(ReportError) as refused:
            answered(base_revision, newest)
        assert refused.value.code == "inquiry_changed"


def test_who_answers_or_takes_it_has_it() -> None:
    for move in (InquiryMove.TAKE, InquiryMove.ANSWER):
        later, _ = moved(
            inquiry(InquiryState.ASKED),
            move,
            by=WANG,
            base_revision=3,
            newest=InquiryMove.ANSWER,
            version=2,
            text="3 cm",
            now=NOW,
        )
        assert later.to == WANG


def test_only_who_asked_withdraws() -> None:
    with pytest.raises(ReportError) as refused:
        moved(
            inquiry(InquiryState.ASKED),
            InquiryMove.WITHDRAW,
            by=LIN,
            base_revision=3,
            newest=InquiryMove.ANSWER,
            version=1,
            now=NOW,
        )
    assert refused.value.code == "inquiry_not_yours"


@pytest.mark.parametrize(
    "text, code",
    [
        ("  ", "inquiry_text_missing"),
        ("x" * (MOST_ANSWER + 1), "inquiry_too_long"),
        ("a\u202eb", "character_refused"),
    ],
)
def test_what_cannot_be_asked_is_refused(text: str, code: str) -> None:
    with pytest.raises(ReportError) as refused:
        checked_question(text)
    assert refused.value.code == code

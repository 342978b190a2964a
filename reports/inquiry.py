"""A clinician's question that a radiologist is to answer: its states, and who may take which step.

The report's conversation holds answers that a program found in the report; an inquiry is put to a
person, and what he says stands under his name. Rules only: rows are in `store.inquiries`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from radraft.core.errors import ReportError
from radraft.reports.characters import require_visible
from radraft.reports.lifecycle import same_person
from radraft.reports.people import Person
from radraft.reports.values import Lang

MOST_QUESTION = 500
MOST_ANSWER = 2000
"""Characters."""
MOST_OPEN = 20
"""Inquiries of one study that may wait at a time."""


class InquiryState(StrEnum):
    """Where an inquiry stands."""

    ASKED = "asked"
    SEEN = "seen"
    """A radiologist who may answer has it before him."""
    ANSWERED = "answered"
    WITHDRAWN = "withdrawn"
    """By who asked: he needs no answer any more."""


class InquiryMove(StrEnum):
    """What people do with an inquiry."""

    ASK = "ask"
    SEE = "see"
    TAKE = "take"
    """Another radiologist answers in the place of whom it was put to."""
    ANSWER = "answer"
    """Also a further time: an answer is never changed, another stands below it."""
    WITHDRAW = "withdraw"


TRANSITIONS: Mapping[tuple[InquiryState, InquiryMove], InquiryState] = MappingProxyType(
    {
        (InquiryState.ASKED, InquiryMove.SEE): InquiryState.SEEN,
        (InquiryState.ASKED, InquiryMove.TAKE): InquiryState.SEEN,
        (InquiryState.SEEN, InquiryMove.TAKE): InquiryState.SEEN,
        (InquiryState.ASKED, InquiryMove.ANSWER): InquiryState.ANSWERED,
        (InquiryState.SEEN, InquiryMove.ANSWER): InquiryState.ANSWERED,
        (InquiryState.ANSWERED, InquiryMove.ANSWER): InquiryState.ANSWERED,
        (InquiryState.ASKED, InquiryMove.WITHDRAW): InquiryState.WITHDRAWN,
        (InquiryState.SEEN, InquiryMove.WITHDRAW): InquiryState.WITHDRAWN,
    }
)
"""The table of steps after the asking; what is not there is refused."""
OPEN_STATES = frozenset({InquiryState.ASKED, InquiryState.SEEN})
"""Those in which somebody waits for an answer."""


@dataclass(frozen=True)
class Inquiry:
    """A question put to a radiologist, as it stands."""

    inquiry_id: int
    case_id: str
    text: str = field(repr=False)
    lang: Lang
    version: int
    """The signed version that was the newest when it was asked."""
    asked_by: Person
    asked_at: datetime
    to: Person | None
    """Whom it was put to, or who took it; None: any radiologist of the site."""
    turn_id: int | None
    """The answer of the conversation that led to it; None: he asked a person at once."""
    state: InquiryState
    revision: int
    """Of its newest event, from 1."""

    @property
    def is_open(self) -> bool:
        """Return whether somebody waits for an answer."""
        return self.state in OPEN_STATES


@dataclass(frozen=True)
class InquiryEvent:
    """One step with an inquiry; never changed."""

    sequence: int
    move: InquiryMove
    state: InquiryState
    """After it."""
    by: Person
    at: datetime
    text: str = field(repr=False)
    """Of an answer; else empty."""
    version: int
    """The newest signed version at that moment."""


def moved(
    inquiry: Inquiry,
    move: InquiryMove,
    *,
    by: Person,
    base_revision: int,
    newest: InquiryMove,
    version: int,
    text: str = "",
    now: datetime,
) -> tuple[Inquiry, InquiryEvent]:
    """Return the inquiry after a step and the event to keep. `newest`: the step before it.

    ReportError `inquiry_changed` where somebody took a step since `base_revision`: of two who
    answer at once one is told so, but nobody is because a colleague has only seen it;
    `inquiry_move_refused` for a step that its state does not have, `inquiry_not_yours` for a
    withdrawal by another than who asked; of an answer's text as `checked_answer`.
    """
    since = inquiry.revision - base_revision
    if since and not (since == 1 and newest is InquiryMove.SEE):
        raise ReportError("inquiry_changed")
    after = TRANSITIONS.get((inquiry.state, move))
    if after is None:
        raise ReportError("inquiry_move_refused", state=inquiry.state.value, move=move.value)
    if move is InquiryMove.WITHDRAW and not same_person(by, inquiry.asked_by):
        raise ReportError("inquiry_not_yours")
    said = checked_answer(text) if move is InquiryMove.ANSWER else ""
    event = InquiryEvent(inquiry.revision + 1, move, after, by, now, said, version)
    takes = move is InquiryMove.TAKE or (move is InquiryMove.ANSWER and inquiry.is_open)
    later = replace(inquiry, state=after, revision=event.sequence, to=by if takes else inquiry.to)
    return later, event


def checked_question(text: str) -> str:
    """Return a question without the space around it. ReportError `inquiry_text_missing`,
    `inquiry_too_long`, `character_refused`."""
    return _checked(text, "question", MOST_QUESTION)


def checked_answer(text: str) -> str:
    """Return an answer without the space around it. Errors as `checked_question`."""
    return _checked(text, "answer", MOST_ANSWER)


def _checked(text: str, place: str, most: int) -> str:
    text = text.strip()
    if not text:
        raise ReportError("inquiry_text_missing")
    if len(text) > most:
        raise ReportError("inquiry_too_long", most=most, length=len(text))
    require_visible(text, place)
    return text

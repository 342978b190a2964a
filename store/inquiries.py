"""Questions put to radiologists: each step is one appended event and the state after it, or
neither.

Whoever takes a step holds the inquiry's row, so of two at once one waits and then sees what the
other did.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from radraft.core.errors import NotFound, ReportError
from radraft.reports import inquiry as rules
from radraft.reports.inquiry import OPEN_STATES, Inquiry, InquiryEvent, InquiryMove, InquiryState
from radraft.reports.people import Person, known_person
from radraft.reports.values import Lang, language
from radraft.store import cases, faults
from radraft.store.sql import chunks
from radraft.store.tables import InquiryEventRow, InquiryRow, TurnRow, WorklistEntryRow
from radraft.store.values import OpenInquiries

_OPEN = tuple(sorted(state.value for state in OPEN_STATES))


@dataclass(frozen=True)
class InquiryRecord:
    """An inquiry with everything that was done with it, first to last."""

    inquiry: Inquiry
    events: tuple[InquiryEvent, ...]

    @property
    def answers(self) -> tuple[InquiryEvent, ...]:
        """Return what radiologists answered, first to last."""
        return tuple(event for event in self.events if event.move is InquiryMove.ANSWER)


def ask(
    session: Session,
    case_id: str,
    question: str,
    *,
    lang: Lang,
    version: int,
    by: Person,
    to: Person | None,
    turn_id: int | None,
    now: datetime,
) -> Inquiry:
    """Keep a new question. The same one that its asker waits for an answer to already is returned
    as it stands: a button that is pressed twice asks once.

    NotFound `case_not_found`, `turn_not_found` where the turn is not of this study; ReportError as
    `reports.inquiry.checked_question`, and `inquiry_too_many` where so many wait.
    """
    question = rules.checked_question(question)
    # Of two presses at once one waits for the other's question.
    cases.lock(session, case_id)
    waiting = [record.inquiry for record in of_case(session, case_id) if record.inquiry.is_open]
    for known in waiting:
        if known.text == question and known.asked_by == by:
            return known
    if len(waiting) >= rules.MOST_OPEN:
        raise ReportError("inquiry_too_many", most=rules.MOST_OPEN)
    if turn_id is not None:
        turn = session.get(TurnRow, turn_id)
        if turn is None or turn.case_id != case_id:
            raise NotFound("turn_not_found")
    row = InquiryRow(
        case_id=case_id,
        turn_id=turn_id,
        question=question,
        lang=lang,
        version=version,
        asked_by=by.name,
        asked_by_account=by.id,
        asked_at=now,
        to_name=None if to is None else to.name,
        to_account=None if to is None else to.id,
        state=InquiryState.ASKED.value,
        revision=1,
    )
    session.add(row)
    session.flush()
    event = InquiryEvent(1, InquiryMove.ASK, InquiryState.ASKED, by, now, "", version)
    _append(session, row.inquiry_id, event)
    return _inquiry(row)


def move(
    session: Session,
    inquiry_id: int,
    step: InquiryMove,
    *,
    case_id: str,
    by: Person,
    base_revision: int,
    version: int,
    text: str = "",
    now: datetime,
) -> Inquiry:
    """Take a step and record it. NotFound `inquiry_not_found` for one that is not of this case;
    ReportError as `reports.inquiry.moved`."""
    row = session.get(InquiryRow, inquiry_id, with_for_update=True, populate_existing=True)
    if row is None or row.case_id != case_id:
        raise NotFound("inquiry_not_found")
    newest = session.get_one(InquiryEventRow, (inquiry_id, row.revision))
    later, event = rules.moved(
        _inquiry(row),
        step,
        by=by,
        base_revision=base_revision,
        newest=InquiryMove(newest.move),
        version=version,
        text=text,
        now=now,
    )
    row.state, row.revision = later.state.value, later.revision
    row.to_name = None if later.to is None else later.to.name
    row.to_account = None if later.to is None else later.to.id
    _append(session, inquiry_id, event)
    session.flush()
    return later


def record(session: Session, case_id: str, inquiry_id: int) -> InquiryRecord:
    """Return an inquiry of a case with its events. NotFound `inquiry_not_found`."""
    found = (held for held in of_case(session, case_id) if held.inquiry.inquiry_id == inquiry_id)
    held = next(found, None)
    if held is None:
        raise NotFound("inquiry_not_found")
    return held


def of_case(session: Session, case_id: str) -> tuple[InquiryRecord, ...]:
    """Return a case's inquiries, oldest first."""
    rows = session.scalars(
        select(InquiryRow).where(InquiryRow.case_id == case_id).order_by(InquiryRow.inquiry_id)
    ).all()
    events: dict[int, list[InquiryEvent]] = {row.inquiry_id: [] for row in rows}
    for some in chunks(list(events)):
        for row in session.scalars(
            select(InquiryEventRow)
            .where(InquiryEventRow.inquiry_id.in_(some))
            .order_by(InquiryEventRow.inquiry_id, InquiryEventRow.sequence)
        ):
            events[row.inquiry_id].append(_event(row))
    return tuple(InquiryRecord(_inquiry(row), tuple(events[row.inquiry_id])) for row in rows)


def open_at(session: Session, sites: frozenset[str] | None) -> dict[str, OpenInquiries]:
    """Return the cases of `sites`, and of those that are read there for others, of which questions
    wait for an answer; None: of all."""
    wanted = (
        select(
            InquiryRow.case_id,
            InquiryRow.to_account,
            func.count(),
            func.min(InquiryRow.asked_at),
        )
        .where(InquiryRow.state.in_(_OPEN))
        .group_by(InquiryRow.case_id, InquiryRow.to_account)
    )
    if sites is not None:
        # Joined, from the few that wait: as a list the studies of a site would be read whole.
        entry = WorklistEntryRow
        wanted = wanted.join(entry, entry.case_id == InquiryRow.case_id)
        wanted = wanted.where(or_(entry.site.in_(sites), entry.reading_site.in_(sites)))
    rows = session.execute(wanted)
    found: dict[str, OpenInquiries] = {}
    for case_id, account, number, oldest in rows:
        before = found.get(case_id, OpenInquiries(0, oldest, frozenset()))
        found[case_id] = OpenInquiries(
            before.number + number,
            min(before.oldest, oldest),
            before.to_accounts | ({account} if account else set()),
        )
    return found


def _append(session: Session, inquiry_id: int, event: InquiryEvent) -> None:
    session.add(
        InquiryEventRow(
            inquiry_id=inquiry_id,
            sequence=event.sequence,
            move=event.move.value,
            state=event.state.value,
            by=event.by.name,
            by_account=event.by.id,
            at=event.at,
            text=event.text,
            version=event.version,
        )
    )
    session.flush()


def _inquiry(row: InquiryRow) -> Inquiry:
    with faults.decoding("inquiries", str(row.inquiry_id)):
        return Inquiry(
            inquiry_id=row.inquiry_id,
            case_id=row.case_id,
            text=row.question,
            lang=language(row.lang),
            version=row.version,
            asked_by=known_person(row.asked_by, row.asked_by_account),
            asked_at=row.asked_at,
            to=None if row.to_name is None else known_person(row.to_name, row.to_account),
            turn_id=row.turn_id,
            state=InquiryState(row.state),
            revision=row.revision,
        )


def _event(row: InquiryEventRow) -> InquiryEvent:
    with faults.decoding("inquiry_events", str(row.inquiry_id)):
        return InquiryEvent(
            sequence=row.sequence,
            move=InquiryMove(row.move),
            state=InquiryState(row.state),
            by=known_person(row.by, row.by_account),
            at=row.at,
            text=row.text,
            version=row.version,
        )

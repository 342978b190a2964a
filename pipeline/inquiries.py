"""Clinicians' questions to radiologists: whom each goes to, and the steps that people take."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from radraft.core.errors import FollowupError, NotFound, ReportError, SignInError
from radraft.pipeline.audit_trail import AuditTrail, case_event
from radraft.reports.audit import AuditKind
from radraft.reports.inquiry import InquiryMove
from radraft.reports.lifecycle import same_person
from radraft.reports.people import Actor, Person
from radraft.reports.roles import Permission
from radraft.reports.values import Lang, SignedReport
from radraft.store import accounts, audit, cases, inquiries, reading, signatures, turn_marks
from radraft.store.inquiries import InquiryRecord
from radraft.store.turn_marks import TurnMark, TurnVerdict

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.store.database import Store


class Inquiries:
    """What clinicians ask radiologists and think of answers. Thread-safe."""

    def __init__(self, store: Store, trail: AuditTrail) -> None:
        self._store = store
        self._trail = trail

    def ask(
        self,
        case_id: str,
        question: str,
        *,
        lang: Lang,
        actor: Actor,
        turn_id: int | None = None,
    ) -> InquiryRecord:
        """Put a question to the radiologist who answers for the newest signed version; to any of
        the site where he is not there any more.

        FollowupError `followup_not_signed`; errors as `store.inquiries.ask` and `signatures.read`.
        """
        with self._refusals(case_id, actor, InquiryMove.ASK), self._store.begin() as session:
            signed = _newest(session, case_id)
            asked = inquiries.ask(
                session,
                case_id,
                question,
                lang=lang,
                version=signed.version,
                by=actor.who,
                to=radiologist(session, signed),
                turn_id=turn_id,
                now=datetime.now(UTC),
            )
            if asked.revision == 1:
                _note(session, case_id, actor, asked.inquiry_id, InquiryMove.ASK)
            return inquiries.record(session, case_id, asked.inquiry_id)

    def take(
        self,
        case_id: str,
        inquiry_id: int,
        move: InquiryMove,
        *,
        base_revision: int,
        actor: Actor,
        text: str = "",
    ) -> InquiryRecord:
        """Take a step. NotFound `inquiry_not_found`; ReportError as `reports.inquiry.moved`;
        SignInError `answer_not_yours` for an answer by somebody who neither signs reports nor wrote
        or reviewed this one."""
        with self._refusals(case_id, actor, move), self._store.begin() as session:
            signed = _newest(session, case_id)
            if move is not InquiryMove.WITHDRAW and not may_answer(actor, signed):
                raise SignInError("answer_not_yours")
            inquiries.move(
                session,
                inquiry_id,
                move,
                case_id=case_id,
                by=actor.who,
                base_revision=base_revision,
                version=signed.version,
                text=text,
                now=datetime.now(UTC),
            )
            _note(session, case_id, actor, inquiry_id, move)
            return inquiries.record(session, case_id, inquiry_id)

    def answer_for_addendum(self, case_id: str, inquiry_id: int) -> tuple[str, Lang]:
        """Return the newest answer and its language. NotFound `inquiry_not_found`; ReportError
        `inquiry_unanswered`."""
        with self._store.read() as session:
            record = inquiries.record(session, case_id, inquiry_id)
        if not record.answers:
            raise ReportError("inquiry_unanswered")
        return record.answers[-1].text, record.inquiry.lang

    def mark(
        self,
        case_id: str,
        turn_id: int,
        verdict: TurnVerdict,
        *,
        correction: str = "",
        actor: Actor,
    ) -> TurnMark:
        """Keep what somebody thinks of an answer of the conversation. Errors as
        `store.turn_marks.add`."""
        with self._store.begin() as session:
            cases.get_case(session, case_id)
            kept = turn_marks.add(
                session,
                case_id,
                turn_id,
                verdict,
                correction=correction,
                by=actor.who,
                now=datetime.now(UTC),
            )
            event = case_event(AuditKind.QUESTION, case_id, actor, turn=turn_id, mark=verdict.value)
            audit.append(session, event)
            return kept

    def _refusals(
        self, case_id: str, actor: Actor, move: InquiryMove
    ) -> AbstractContextManager[None]:
        return self._trail.refusals(
            case_event(AuditKind.QUESTION, case_id, actor, inquiry=move.value)
        )


def may_answer(actor: Actor, signed: SignedReport) -> bool:
    """Return whether an answer may stand under somebody's name: of who signs reports there, and of
    who wrote or reviewed this one."""
    own = (signed.author, signed.reviewer)
    return Permission.SIGN in actor.permissions or (
        Permission.WRITE in actor.permissions
        and any(person is not None and same_person(person, actor.who) for person in own)
    )


def radiologist(session: Session, signed: SignedReport) -> Person | None:
    """Return who of those that answer for a report is still there to be asked: its author where he
    signs reports himself, else its reviewer; None where neither is."""
    for person in (signed.author, signed.reviewer):
        if person is not None and is_here(session, signed.case_id, person):
            return person
    return None


def is_here(session: Session, case_id: str, person: Person) -> bool:
    """Return whether somebody can still sign in and signs reports of the case's site."""
    if person.id is None:
        return False
    try:
        account = accounts.get(session, person.id)
    except NotFound:
        return False
    site = cases.get_case(session, case_id).site
    readers = (other for _, other in reading.readings_of_case(session, case_id))
    return account.may(Permission.SIGN, site) or any(
        account.may_for_other(Permission.SIGN, other) for other in readers
    )


def _newest(session: Session, case_id: str) -> SignedReport:
    cases.get_case(session, case_id)
    versions = signatures.versions(session, case_id)
    if not versions:
        raise FollowupError("followup_not_signed")
    return versions[-1]


def _note(session: Session, case_id: str, actor: Actor, inquiry_id: int, move: InquiryMove) -> None:
    """Write a step down, without a word of what was asked or answered."""
    event = case_event(AuditKind.QUESTION, case_id, actor, inquiry=move.value, number=inquiry_id)
    audit.append(session, event)

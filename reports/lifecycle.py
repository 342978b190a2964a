"""The life of a report: drafted -> written (书写) -> submitted for review (审核) -> signed.

The table says who may take which step from which state: by his permission, and by whether he is the
report's author. Who may sign alone is a site's own rule (`reports.signature_rule`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from radraft.core.errors import ReportError
from radraft.reports.characters import require_visible
from radraft.reports.people import Person, PersonKind
from radraft.reports.roles import Permission
from radraft.reports.values import ReportState

MOST_REMARK = 1000
"""Characters of a remark or a reason."""


class Move(StrEnum):
    """What can happen to a report."""

    REDRAFT = "redraft"
    """A new draft takes the place of one nobody has touched."""
    EDIT = "edit"
    """A person saves a change."""
    SUBMIT = "submit"
    """The author hands the report over for review."""
    WITHDRAW = "withdraw"
    """The author takes it back before anybody reviewed it."""
    RETURN = "return"
    """A reviewer gives it back to its author with a remark."""
    TAKE_OVER = "take_over"
    """Another person becomes its author."""
    SIGN_REVIEWED = "sign_reviewed"
    """A reviewer signs what its author submitted."""
    SIGN_ALONE = "sign_alone"
    AMEND = "amend"
    """A signed report is reopened, with a reason."""
    CANCEL = "cancel"
    """A reopened report becomes again what was signed."""


class Party(StrEnum):
    """Whom a step is for, of those who have the permission."""

    ANYBODY = "anybody"
    AUTHOR = "author"
    """The author, or anybody while there is none."""
    OTHER = "other"
    """Anybody but the author."""


@dataclass(frozen=True)
class Step:
    """One line of the table: where a move leads, and who may take it."""

    after: ReportState
    permission: Permission | None
    """None: a step of the service itself."""
    party: Party = Party.ANYBODY


def _of_one_round(
    writing: ReportState, submitted: ReportState, returned: ReportState
) -> dict[tuple[ReportState, Move], Step]:
    """The steps from the first word to the signature: of a new report, or of an amendment."""
    write, sign = Permission.WRITE, Permission.SIGN
    author, other = Party.AUTHOR, Party.OTHER
    return {
        (writing, Move.EDIT): Step(writing, write),
        (writing, Move.SUBMIT): Step(submitted, write, author),
        (writing, Move.TAKE_OVER): Step(writing, write, other),
        (writing, Move.SIGN_ALONE): Step(ReportState.SIGNED, sign),
        (submitted, Move.EDIT): Step(submitted, sign, other),
        (submitted, Move.WITHDRAW): Step(writing, write, author),
        (submitted, Move.RETURN): Step(returned, sign, other),
        (submitted, Move.TAKE_OVER): Step(writing, sign, other),
        (submitted, Move.SIGN_REVIEWED): Step(ReportState.SIGNED, sign, other),
        (returned, Move.EDIT): Step(returned, write),
        (returned, Move.SUBMIT): Step(submitted, write, author),
        (returned, Move.TAKE_OVER): Step(writing, write, other),
        (returned, Move.SIGN_ALONE): Step(ReportState.SIGNED, sign),
    }


STEPS: Mapping[tuple[ReportState, Move], Step] = MappingProxyType(
    {
        (ReportState.DRAFTED, Move.REDRAFT): Step(ReportState.DRAFTED, None),
        (ReportState.DRAFTED, Move.EDIT): Step(ReportState.WRITING, Permission.WRITE),
        (ReportState.DRAFTED, Move.SUBMIT): Step(ReportState.SUBMITTED, Permission.WRITE),
        (ReportState.DRAFTED, Move.SIGN_ALONE): Step(ReportState.SIGNED, Permission.SIGN),
        **_of_one_round(ReportState.WRITING, ReportState.SUBMITTED, ReportState.RETURNED),
        (ReportState.SIGNED, Move.AMEND): Step(ReportState.AMENDED, Permission.AMEND),
        **_of_one_round(
            ReportState.AMENDED, ReportState.AMEND_SUBMITTED, ReportState.AMEND_RETURNED
        ),
        (ReportState.AMENDED, Move.CANCEL): Step(ReportState.SIGNED, Permission.AMEND),
        (ReportState.AMEND_RETURNED, Move.CANCEL): Step(ReportState.SIGNED, Permission.AMEND),
    }
)
"""The whole life of a report. What does not stand here cannot happen."""

UNDER_REVIEW = frozenset({ReportState.SUBMITTED, ReportState.AMEND_SUBMITTED})
RETURNED = frozenset({ReportState.RETURNED, ReportState.AMEND_RETURNED})
SIGNATURES = frozenset({Move.SIGN_REVIEWED, Move.SIGN_ALONE})
REMARKED = frozenset({Move.RETURN, Move.AMEND})
"""Steps that say why."""
_REFUSED_TO_AUTHOR: Mapping[Move, str] = MappingProxyType(
    # What he could change a moment ago he cannot while it is reviewed.
    {Move.EDIT: "report_under_review", Move.TAKE_OVER: "already_the_author"}
)
"""Codes of what is for anybody but the author, where it is not `author_reviews`."""


@dataclass(frozen=True)
class ReportStep:
    """One step that a person took with a report; saves are its revisions and not here."""

    number: int
    """1 for a case's first."""
    move: Move
    before: ReportState
    after: ReportState
    by: Person
    at: datetime
    """UTC."""
    revision: int
    """Of the report as it stood then."""
    remark: str = field(default="", repr=False)
    """The reviewer's words, the reason of an amendment or of a signature on emergency duty."""


def moved(
    state: ReportState,
    move: Move,
    *,
    by: Person,
    author: Person | None,
    permissions: frozenset[Permission],
) -> ReportState:
    """Return the state after `by` took the step `move` with a report that `author` writes.

    ReportError `report_is_signed`, `report_not_signed`, `report_under_review`,
    `report_not_submitted`, `report_not_amended`, `report_move_refused` where the state has no such
    step; `step_not_allowed` where he has not the permission; `not_the_author`, `author_reviews`
    where it is for the author, or for anybody but him.
    """
    step = STEPS.get((state, move))
    if step is None:
        raise _refusal(state, move)
    if step.permission is not None and step.permission not in permissions:
        waits = state in UNDER_REVIEW and move is Move.EDIT
        raise ReportError("report_under_review" if waits else "step_not_allowed")
    if step.party is Party.AUTHOR and not (author is None or same_person(author, by)):
        raise ReportError("not_the_author")
    if step.party is Party.OTHER and author is not None and same_person(author, by):
        raise ReportError(_REFUSED_TO_AUTHOR.get(move, "author_reviews"))
    return step.after


def open_moves(
    state: ReportState, *, by: Person, author: Person | None, permissions: frozenset[Permission]
) -> frozenset[Move]:
    """Return every step that `moved` would not refuse."""
    found = set()
    for known, move in STEPS:
        if known is not state:
            continue
        try:
            moved(state, move, by=by, author=author, permissions=permissions)
        except ReportError:
            continue
        found.add(move)
    return frozenset(found)


def author_after(move: Move, *, by: Person, author: Person | None) -> Person | None:
    """Return who writes a report after `by` took a step with it; None once it is signed or as it
    was signed."""
    if move in SIGNATURES or move is Move.CANCEL:
        return None
    if move in (Move.TAKE_OVER, Move.AMEND):
        return by
    return author or by if move in (Move.EDIT, Move.SUBMIT) else author


def signature(state: ReportState) -> Move:
    """Return the step that a signature of a report in `state` is."""
    return Move.SIGN_REVIEWED if state in UNDER_REVIEW else Move.SIGN_ALONE


def wrote_alone(by: Person, *, author: Person | None, writers: Iterable[Person]) -> bool:
    """Return whether nobody but `by` stands for a report's words since it was signed last: he is
    its author, or there is none, and none of its `writers` is another."""
    return all(same_person(person, by) for person in (author, *writers) if person is not None)


def same_person(first: Person, second: Person) -> bool:
    """Return whether two names stand for one person: by the account where there is one, so that
    a changed name makes nobody somebody else."""
    if PersonKind.ACCOUNT in (first.kind, second.kind):
        return first.id == second.id
    return first.name == second.name


def checked_remark(move: Move, remark: str) -> str:
    """Return what a person says of a step, without the space around it.

    ReportError `remark_needed` where the step needs words and has none, `remark_too_long`,
    `character_refused`.
    """
    remark = require_visible(remark.strip(), "remark")
    if len(remark) > MOST_REMARK:
        raise ReportError("remark_too_long", most=MOST_REMARK)
    if move in REMARKED and not remark:
        raise ReportError("remark_needed")
    return remark


def _refusal(state: ReportState, move: Move) -> ReportError:
    if state is ReportState.SIGNED:
        return ReportError("report_not_amended" if move is Move.CANCEL else "report_is_signed")
    if move is Move.AMEND:
        return ReportError("report_not_signed")
    if move in (Move.WITHDRAW, Move.RETURN, Move.SIGN_REVIEWED):
        return ReportError("report_not_submitted")
    if state in UNDER_REVIEW and move in (Move.SUBMIT, Move.SIGN_ALONE, Move.CANCEL):
        return ReportError("report_under_review")
    if move is Move.CANCEL:
        return ReportError("report_not_amended")
    return ReportError("report_move_refused", state=state.value, move=move.value)

"""The life of a report: drafted -> in_review -> signed -> amended -> signed ..."""

from __future__ import annotations

from enum import StrEnum

from radraft.core.errors import ReportError
from radraft.reports.values import ReportState


class Move(StrEnum):
    """What can happen to a report."""

    REDRAFT = "redraft"
    """A new draft takes the place of one nobody has touched."""
    REVIEW = "review"
    """A reader saves an edit, or signs."""
    SIGN = "sign"
    AMEND = "amend"
    """A reader reopens a signed report."""


TRANSITIONS: dict[tuple[ReportState, Move], ReportState] = {
    (ReportState.DRAFTED, Move.REDRAFT): ReportState.DRAFTED,
    (ReportState.DRAFTED, Move.REVIEW): ReportState.IN_REVIEW,
    (ReportState.IN_REVIEW, Move.REVIEW): ReportState.IN_REVIEW,
    (ReportState.IN_REVIEW, Move.SIGN): ReportState.SIGNED,
    (ReportState.SIGNED, Move.AMEND): ReportState.AMENDED,
    (ReportState.AMENDED, Move.REVIEW): ReportState.AMENDED,
    (ReportState.AMENDED, Move.SIGN): ReportState.SIGNED,
}


def transition(state: ReportState, move: Move) -> ReportState:
    """The state after `move`.

    ReportError `report_is_signed` for any edit of a signed report, `report_not_signed` for amending
    what is not signed, `report_move_refused` for the rest.
    """
    after = TRANSITIONS.get((state, move))
    if after is not None:
        return after
    if state is ReportState.SIGNED:
        raise ReportError("report_is_signed")
    if move is Move.AMEND:
        raise ReportError("report_not_signed")
    raise ReportError("report_move_refused", state=state.value, move=move.value)

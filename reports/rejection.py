"""Why a reader took a drafted sentence out: by one key, for what the next model learns from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from radraft.reports.people import Person
from radraft.reports.values import Report


class RejectReason(StrEnum):
    """What is wrong with a drafted sentence, in the order of its keys 1 to 5."""

    NOT_THERE = "not_there"
    """The images do not show it."""
    WRONG_SIDE = "wrong_side"
    WRONG_DEGREE = "wrong_degree"
    """There, but more or less of it, or surer or less sure."""
    NOT_RELEVANT = "not_relevant"
    """True, and nothing that the report has to say."""
    OTHER = "other"


@dataclass(frozen=True)
class Rejection:
    """One drafted sentence that a reader took out, and why."""

    sentence_id: str
    reason: RejectReason
    by: Person
    at: datetime
    """UTC."""


@dataclass(frozen=True)
class RejectedSentence:
    """A drafted sentence that a reader rejected and that his signed report does not have."""

    sentence_id: str
    reason: RejectReason


def rejected(
    rejections: tuple[Rejection, ...], draft: Report, signed: Report
) -> tuple[RejectedSentence, ...]:
    """Return those of `rejections` that still hold, each sentence once with its newest reason, in
    the draft's order: one that came back as it was drafted is rejected no longer."""
    reasons = {rejection.sentence_id: rejection.reason for rejection in rejections}
    kept = {(sentence.id, sentence.zh, sentence.en) for sentence in signed.sentences}
    return tuple(
        RejectedSentence(sentence.id, reasons[sentence.id])
        for sentence in draft.sentences
        if sentence.id in reasons and (sentence.id, sentence.zh, sentence.en) not in kept
    )

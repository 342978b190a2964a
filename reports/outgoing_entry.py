"""The life of an entry of the outbox, one report on its way to one receiver in one form: waiting,
being sent, delivered; or dead, until a person sends it again or drops it. Values and rules only;
`store.outbox` keeps them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from radraft.core.errors import ReportError
from radraft.reports.export.values import OutgoingStatus

MAX_REASON = 200
"""Characters of the reason why an entry is dropped."""
REFUSED_TRIES = 3
"""After so many lasting refusals of the same report an entry is dead."""
UNCLEAR_TRIES = 8
"""After so many tries without a clear answer, some minutes, an entry gives way to the later version
of its report that waits behind it."""
FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=5)
"""Longest pause before the next try, however many there were."""

LONGEST_ABSENCE = timedelta(seconds=30)
"""Longest pause before it is looked whether a receiver that was away is there again."""


class OutgoingForm(StrEnum):
    """In what form a report leaves."""

    TEXT = "text"
    PDF = "pdf"
    SR = "sr"
    """DICOM structured report."""
    KOS = "kos"
    """DICOM key object selection."""
    ORU = "oru"
    """HL7 v2 ORU^R01."""
    FHIR = "fhir"
    """FHIR R4 transaction Bundle."""


class EntryState(StrEnum):
    """Where an entry stands."""

    WAITING = "waiting"
    HELD = "held"
    """It waits for a person's word: it came back with a restored backup, and its receiver may have
    it."""
    SENDING = "sending"
    """A process has it, by a lease."""
    STORED = "stored"
    """The receiver said that it has it, and is asked to commit itself to keep it."""
    DELIVERED = "delivered"
    """The receiver said so."""
    DEAD = "dead"
    """It is not tried again unless a person has it sent."""
    DROPPED = "dropped"
    """By a person, with a reason in the audit."""
    VOID = "void"
    """There is nothing to send: a preliminary report that was taken back or signed before it was
    sent, key images that there are none of, an older version of which a later one goes."""


OPEN_STATES = (EntryState.WAITING, EntryState.HELD, EntryState.SENDING)
"""States of what has not left. What is `EntryState.STORED` holds no later version up."""


class EntryMove(StrEnum):
    """What can happen to an entry."""

    CLAIM = "claim"
    DELIVER = "deliver"
    STORE = "store"
    """It was taken; the receiver's commitment is asked for."""
    POSTPONE = "postpone"
    """It was not taken this time."""
    BURY = "bury"
    """Trying on is of no use."""
    GIVE_BACK = "give_back"
    """Whoever sent it ended or is gone."""
    VOID = "void"
    HOLD = "hold"
    """The backup that it lies in was put back."""
    RESEND = "resend"
    """By a person."""
    DROP = "drop"
    """By a person."""


TRANSITIONS: Mapping[tuple[EntryState, EntryMove], EntryState] = {
    (EntryState.WAITING, EntryMove.CLAIM): EntryState.SENDING,
    (EntryState.SENDING, EntryMove.DELIVER): EntryState.DELIVERED,
    (EntryState.SENDING, EntryMove.STORE): EntryState.STORED,
    (EntryState.SENDING, EntryMove.POSTPONE): EntryState.WAITING,
    (EntryState.SENDING, EntryMove.BURY): EntryState.DEAD,
    (EntryState.SENDING, EntryMove.GIVE_BACK): EntryState.WAITING,
    (EntryState.SENDING, EntryMove.VOID): EntryState.VOID,
    # By what the receiver answers when it is asked for its commitment.
    (EntryState.STORED, EntryMove.DELIVER): EntryState.DELIVERED,
    (EntryState.STORED, EntryMove.POSTPONE): EntryState.WAITING,
    (EntryState.STORED, EntryMove.BURY): EntryState.DEAD,
    (EntryState.STORED, EntryMove.RESEND): EntryState.WAITING,
    (EntryState.STORED, EntryMove.DROP): EntryState.DROPPED,
    (EntryState.WAITING, EntryMove.HOLD): EntryState.HELD,
    # Whoever was sending it has not come back with the backup.
    (EntryState.SENDING, EntryMove.HOLD): EntryState.HELD,
    (EntryState.HELD, EntryMove.RESEND): EntryState.WAITING,
    (EntryState.HELD, EntryMove.DROP): EntryState.DROPPED,
    # At once, whatever pause is left.
    (EntryState.WAITING, EntryMove.RESEND): EntryState.WAITING,
    (EntryState.DEAD, EntryMove.RESEND): EntryState.WAITING,
    (EntryState.WAITING, EntryMove.DROP): EntryState.DROPPED,
    (EntryState.DEAD, EntryMove.DROP): EntryState.DROPPED,
}


def moved(state: EntryState, move: EntryMove) -> EntryState:
    """Return the state after a move. ReportError `outbox_move_denied`."""
    after = TRANSITIONS.get((state, move))
    if after is None:
        raise ReportError("outbox_move_denied", state=state.value)
    return after


class FailureKind(StrEnum):
    """What a try that failed says about the next one."""

    AWAY = "away"
    """The receiver takes nothing now: it is down, too slow, or lets nobody in."""
    UNCLEAR = "unclear"
    """Its answer did not come or cannot be understood: whether it has the report is not known."""
    REFUSED = "refused"
    """It does not take this report as it is."""
    UNMADE = "unmade"
    """The report cannot be brought into that form."""


@dataclass(frozen=True)
class Delivered:
    """A try that the receiver confirmed."""


@dataclass(frozen=True)
class SopInstance:
    """A DICOM object by its UIDs."""

    sop_class: str
    uid: str


@dataclass(frozen=True)
class Stored:
    """A try that the receiver confirmed; its commitment is asked for."""

    instance: SopInstance


@dataclass(frozen=True)
class Void:
    """A try that found nothing to send."""


@dataclass(frozen=True)
class NotTried:
    """An entry that was taken and not tried: its receiver is away, or its sender ends."""


@dataclass(frozen=True)
class Failed:
    """A try that failed, by the code of its error and what fills the code's sentences."""

    kind: FailureKind
    code: str
    details: Mapping[str, str | int | float]


Outcome = Delivered | Stored | Void | NotTried | Failed


@dataclass(frozen=True)
class AfterTry:
    """What becomes of an entry after a try."""

    move: EntryMove
    pause: timedelta = timedelta(0)
    refusals: int = 0


def after_try(outcome: Outcome, *, tries: int, refusals: int, jitter: float) -> AfterTry:
    """Return what becomes of an entry.

    `tries` counts this one; `refusals`: lasting refusals before it; `jitter` in [0, 1) spreads the
    next tries of what failed together. Only lasting refusals are counted towards the end: a
    receiver that is away for weeks loses nothing.
    """
    if isinstance(outcome, Delivered):
        return AfterTry(EntryMove.DELIVER, refusals=refusals)
    if isinstance(outcome, Stored):
        return AfterTry(EntryMove.STORE, refusals=refusals)
    if isinstance(outcome, Void):
        return AfterTry(EntryMove.VOID, refusals=refusals)
    if isinstance(outcome, NotTried):
        return AfterTry(EntryMove.GIVE_BACK, refusals=refusals)
    refused = refusals + (outcome.kind is FailureKind.REFUSED)
    if outcome.kind is FailureKind.UNMADE or refused >= REFUSED_TRIES:
        return AfterTry(EntryMove.BURY, refusals=refused)
    pause = pause_after(tries, jitter)
    if outcome.kind is FailureKind.AWAY:
        # Whether it is there again costs one try, whoever waits.
        pause = min(pause, LONGEST_ABSENCE)
    return AfterTry(EntryMove.POSTPONE, pause, refused)


def pause_after(tries: int, jitter: float) -> timedelta:
    """Return how long to wait after the so-manieth try: twice as long each time, up to
    `LONGEST_PAUSE`, between half of it and the whole by `jitter` in [0, 1)."""
    doubled: int = 2 ** min(tries - 1, 20)
    return min(FIRST_PAUSE * doubled, LONGEST_PAUSE) * (0.5 + jitter / 2)


def is_due(due_at: datetime, now: datetime) -> bool:
    """Return whether a waiting entry is to be tried. One that is due later than any pause can make
    it was written before the clock was set back."""
    return due_at <= now or due_at > now + LONGEST_PAUSE


@dataclass(frozen=True)
class NewEntry:
    """What is to be sent: no identity."""

    target: str
    """Name of the receiver."""
    case_id: str
    version: int
    """Of the signed report; of a preliminary one, that which its signature will make."""
    step: int
    """Number of the step that handed a preliminary report over; 0 of a signed version. Handed over
    again it is another, whether its text changed or not."""
    status: OutgoingStatus
    form: OutgoingForm


@dataclass(frozen=True)
class Entry:
    """An entry that is to be sent."""

    entry_id: int
    what: NewEntry
    tries: int
    refusals: int
    """How many of the tries since a person sent it last were lasting refusals."""


@dataclass(frozen=True)
class ListedEntry:
    """An entry as it stands, for people: also one that this version of radraft cannot send, as
    another version wrote it, or that is damaged."""

    entry_id: int
    """Entries of one version, case and target are sent in this order."""
    target: str
    case_id: str
    version: int
    status: str
    """Of `OutgoingStatus`, where this version knows it."""
    form: str
    """Of `OutgoingForm`, where this version knows it."""
    state: EntryState
    queued_at: datetime
    due_at: datetime
    tries: int
    code: str
    """Of the last failure, or why it is void; empty where there is none."""
    details: Mapping[str, str | int | float]
    ended_at: datetime | None
    """When it was delivered, buried or dropped."""


def checked_reason(text: str) -> str:
    """Return the reason of a drop. ReportError `outbox_reason_needed`, `outbox_reason_unusable`."""
    reason = text.strip()
    if not reason:
        raise ReportError("outbox_reason_needed")
    if len(reason) > MAX_REASON or not reason.isprintable():
        raise ReportError("outbox_reason_unusable", most=MAX_REASON)
    return reason

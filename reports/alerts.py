"""The life of a critical-value alert: found -> confirmed -> notified -> read back -> acknowledged,
or withdrawn with a reason. Values and rules only; `store.alerts` keeps them.

No step is decided by a clock alone: an alert's place is its state, its number of moves
(`revision`) and its level of escalation, and times are for people and for deadlines.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from radraft.core.errors import ReportError
from radraft.reports.characters import require_visible
from radraft.reports.critical import AlertTerms, CriticalFinding
from radraft.reports.people import MAX_NAME, Actor, ActorRole, Person, typed_person
from radraft.reports.sign import utc
from radraft.reports.values import Certainty, Laterality

MAX_TEXT = 1000
"""Characters of a note, a reason or what was read back."""


class AlertState(StrEnum):
    """Where an alert stands."""

    FOUND = "found"
    CONFIRMED = "confirmed"
    """A second person agrees that it is there."""
    NOTIFIED = "notified"
    """Somebody who treats the patient was told."""
    READ_BACK = "read_back"
    """He said back what he was told, and it was right."""
    ACKNOWLEDGED = "acknowledged"
    """He takes it on: the alert is closed."""
    WITHDRAWN = "withdrawn"


OPEN_STATES = (AlertState.FOUND, AlertState.CONFIRMED, AlertState.NOTIFIED, AlertState.READ_BACK)
UNTOLD_STATES = (AlertState.FOUND, AlertState.CONFIRMED)
"""Those in which nobody was notified yet."""


class AlertMove(StrEnum):
    """What can happen to an alert."""

    FIND = "find"
    """An edited or signed report states the finding."""
    CONFIRM = "confirm"
    NOTIFY = "notify"
    READ_BACK = "read_back"
    ACKNOWLEDGE = "acknowledge"
    WITHDRAW = "withdraw"
    REOPEN = "reopen"
    """A withdrawn one is open again: by a person, or because the finding came back."""
    NOTE = "note"
    """Something is written down, such as a call that nobody answered."""
    LEAVE = "leave"
    """The finding left the report: that proposes to withdraw the alert, and no more."""
    RETURN = "return"
    """The finding is in the report again."""
    ESCALATE = "escalate"
    """Its time passed: the next ones are told."""


class Channel(StrEnum):
    """How somebody was told."""

    PHONE = "phone"
    IN_PERSON = "in_person"
    MESSAGE = "message"
    SYSTEM = "system"
    """Through a system of the hospital that shows who read it."""


TRANSITIONS: dict[tuple[AlertState, AlertMove], AlertState] = {
    (AlertState.FOUND, AlertMove.CONFIRM): AlertState.CONFIRMED,
    (AlertState.FOUND, AlertMove.NOTIFY): AlertState.NOTIFIED,
    (AlertState.CONFIRMED, AlertMove.NOTIFY): AlertState.NOTIFIED,
    # Another person is told, or the first one once more.
    (AlertState.NOTIFIED, AlertMove.NOTIFY): AlertState.NOTIFIED,
    (AlertState.READ_BACK, AlertMove.NOTIFY): AlertState.NOTIFIED,
    (AlertState.NOTIFIED, AlertMove.READ_BACK): AlertState.READ_BACK,
    (AlertState.READ_BACK, AlertMove.ACKNOWLEDGE): AlertState.ACKNOWLEDGED,
    # A closed one too: an amended report may take back what was told.
    (AlertState.ACKNOWLEDGED, AlertMove.WITHDRAW): AlertState.WITHDRAWN,
    **{(state, AlertMove.WITHDRAW): AlertState.WITHDRAWN for state in OPEN_STATES},
    (AlertState.WITHDRAWN, AlertMove.REOPEN): AlertState.FOUND,
    **{(state, AlertMove.ESCALATE): state for state in OPEN_STATES},
    **{
        (state, move): state
        for state in AlertState
        for move in (AlertMove.NOTE, AlertMove.LEAVE, AlertMove.RETURN)
    },
}
_NEXT = {
    AlertState.FOUND: AlertMove.NOTIFY,
    AlertState.CONFIRMED: AlertMove.NOTIFY,
    AlertState.NOTIFIED: AlertMove.READ_BACK,
    AlertState.READ_BACK: AlertMove.ACKNOWLEDGE,
}
BY_PEOPLE = frozenset(AlertMove) - {
    AlertMove.FIND,
    AlertMove.LEAVE,
    AlertMove.RETURN,
    AlertMove.ESCALATE,
}
"""Moves that a person asks for; the others follow from a report or from the time."""


@dataclass(frozen=True)
class AlertStep:
    """What a person does to an alert."""

    move: AlertMove
    text: str = field(default="", repr=False)
    """A note, what was read back, or the reason of a withdrawal."""
    recipient: str = field(default="", repr=False)
    """Who was notified; empty for other moves."""
    channel: Channel | None = None
    """How; None for other moves."""


@dataclass(frozen=True)
class AlertEvent:
    """One move as it was recorded; never changed."""

    sequence: int
    """1 for the first. It gives the order; times may be by several clocks."""
    move: AlertMove
    state: AlertState
    """After the move."""
    actor: Actor
    at: datetime
    """UTC, by the clock of the machine that recorded it."""
    text: str = field(default="", repr=False)
    """Of FIND: the sentences that state the finding. Of others: as `AlertStep.text`."""
    recipient: str = field(default="", repr=False)
    channel: Channel | None = None
    level: int = 0
    """Of escalation; 0 for other moves."""


@dataclass(frozen=True)
class Alert:
    """One critical finding of one case, on one side, as it stands."""

    alert_id: str
    case_id: str
    site: str
    finding: str
    """A code of `reports/findings/codes.yaml`."""
    side: Laterality | None
    certainty: Certainty
    """Present, or uncertain for what is only suspected; when it was found."""
    state: AlertState
    in_report: bool
    """Whether the report states the finding now; False proposes to withdraw the alert."""
    revision: int
    """Moves by people so far: whoever moves the alert names the one that he saw."""
    sequence: int
    """Of its last event."""
    leg: int
    """Counts the deadlines that it was given: one to notify, the next to be acknowledged."""
    level: int
    """Of escalation within the leg; 0 while its time has not passed."""
    opened_at: datetime
    deadline_at: datetime | None
    """Of the leg; None once nothing is waited for."""
    due_at: datetime | None
    """When the next level is told; None where there is none."""
    finder: Person
    """Who saved or signed the report that states it; the second person is another."""
    terms: AlertTerms

    @property
    def is_open(self) -> bool:
        """Whether something is still to be done."""
        return self.state in OPEN_STATES

    @property
    def holds_signature(self) -> bool:
        """Whether the report may not be signed before somebody was notified."""
        return self.in_report and self.state in UNTOLD_STATES and not self.terms.may_wait

    @property
    def wait_s(self) -> float | None:
        """Seconds from when the leg, or its last escalation, began until the next level is due;
        None where there is none."""
        if self.due_at is None:
            return None
        return 60.0 * self.terms.wait_minutes(self.state in UNTOLD_STATES, self.level)

    def is_overdue(self, now: datetime) -> bool:
        """Return whether its time has passed. Once escalated it stays so, whatever the clock."""
        if not self.is_open:
            return False
        return self.level > 0 or (self.deadline_at is not None and now >= self.deadline_at)


def alert_id(case_id: str, finding: str, side: Laterality | None) -> str:
    """Return the id of the one alert that a case can have of a finding on a side."""
    key = f"{case_id}\n{finding}\n{side.value if side else ''}"
    return f"a-{hashlib.sha256(key.encode('utf-8')).hexdigest()[:16]}"


def transition(state: AlertState, move: AlertMove) -> AlertState:
    """Return the state after `move`. ReportError `alert_move_refused`."""
    after = TRANSITIONS.get((state, move))
    if after is None:
        raise ReportError("alert_move_refused", state=state.value, move=move.value)
    return after


def next_move(alert: Alert) -> AlertMove | None:
    """Return the step that brings an alert on its way; None once it is closed."""
    if alert.state is AlertState.FOUND and alert.terms.second_person:
        return AlertMove.CONFIRM
    return _NEXT.get(alert.state)


def opened(
    found: CriticalFinding,
    side: Laterality | None,
    *,
    case_id: str,
    site: str,
    actor: Actor,
    now: datetime,
) -> tuple[Alert, AlertEvent]:
    """Return the alert of a finding that `actor` saved or signed at `now` in a case of `site`, and
    its first event."""
    now = utc(now)
    alert = Alert(
        alert_id=alert_id(case_id, found.code, side),
        case_id=case_id,
        site=site,
        finding=found.code,
        side=side,
        certainty=found.certainty,
        state=AlertState.FOUND,
        in_report=True,
        revision=0,
        sequence=1,
        leg=1,
        level=0,
        opened_at=now,
        deadline_at=None,
        due_at=None,
        finder=actor.who,
        terms=found.terms,
    )
    event = AlertEvent(1, AlertMove.FIND, AlertState.FOUND, actor, now, text=found.text)
    return _with_deadline(alert, now), event


def moved(
    alert: Alert, step: AlertStep, *, actor: Actor, base_revision: int, now: datetime
) -> tuple[Alert, AlertEvent]:
    """Return the alert after a person's step, and the event to record.

    ReportError: `alert_changed` where somebody moved it since `base_revision`;
    `alert_move_refused` for a move that its state does not allow, or that is none of a person's;
    `alert_not_confirmed` and `alert_second_person` where the site asks for a second person;
    `alert_recipient_missing`, `alert_channel_missing`, `alert_reason_missing`,
    `alert_text_too_long`, `character_refused`.
    """
    if base_revision != alert.revision:
        raise ReportError("alert_changed", state=alert.state.value)
    if step.move not in BY_PEOPLE:
        raise ReportError("alert_move_refused", state=alert.state.value, move=step.move.value)
    after = transition(alert.state, step.move)
    step = _checked(step)
    _require_second_person(alert, step.move, actor.who)
    now = utc(now)
    later = _next(alert, after)
    later = replace(later, revision=alert.revision + 1)
    if step.move is AlertMove.NOTIFY:
        later = _with_deadline(replace(later, leg=alert.leg + 1, level=0), now)
    elif step.move is AlertMove.REOPEN:
        later = replace(later, leg=alert.leg + 1, level=0, finder=actor.who)
        later = _with_deadline(later, now)
    elif not later.is_open:
        later = replace(later, deadline_at=None, due_at=None)
    return later, _event(later, step.move, actor, now, step)


def left(alert: Alert, *, actor: Actor, now: datetime) -> tuple[Alert, AlertEvent]:
    """Return the alert whose finding the report no longer states. Its state stays: only a person
    withdraws it."""
    later = replace(_next(alert, alert.state), in_report=False)
    return later, _event(later, AlertMove.LEAVE, actor, utc(now), AlertStep(AlertMove.LEAVE))


def returned(
    alert: Alert, found: CriticalFinding, *, actor: Actor, now: datetime
) -> tuple[Alert, AlertEvent]:
    """Return the alert whose finding the report states again; a withdrawn one is open again."""
    now = utc(now)
    move = AlertMove.REOPEN if alert.state is AlertState.WITHDRAWN else AlertMove.RETURN
    later = replace(_next(alert, transition(alert.state, move)), in_report=True)
    if move is AlertMove.REOPEN:
        later = replace(
            later, leg=alert.leg + 1, level=0, finder=actor.who, revision=alert.revision + 1
        )
        later = _with_deadline(later, now)
    return later, _event(later, move, actor, now, AlertStep(move, text=found.text))


def is_due(alert: Alert, now: datetime) -> bool:
    """Return whether the next level is to be told by the clock on the wall."""
    return alert.is_open and alert.due_at is not None and now >= alert.due_at


def escalated(alert: Alert, now: datetime) -> tuple[Alert, AlertEvent]:
    """Return the alert one level higher. Whatever the clock says, the level after that waits its
    own time from `now`: a clock that jumps a day ahead tells one level and not all."""
    now = utc(now)
    later = replace(
        _next(alert, transition(alert.state, AlertMove.ESCALATE)), level=alert.level + 1
    )
    more = later.level < len(alert.terms.escalation)
    wait = alert.terms.wait_minutes(alert.state in UNTOLD_STATES, later.level) if more else 0
    later = replace(later, due_at=now + timedelta(minutes=wait) if more else None)
    event = _event(
        later, AlertMove.ESCALATE, service_actor(alert.site), now, AlertStep(AlertMove.ESCALATE)
    )
    return later, replace(event, level=later.level)


def service_actor(site: str) -> Actor:
    """Return the service itself, as the one who escalates."""
    return Actor(typed_person("radraft"), ActorRole.SERVICE, site)


@dataclass(frozen=True)
class Reconciliation:
    """What a report changes about its case's alerts."""

    new: tuple[tuple[CriticalFinding, Laterality | None], ...]
    """To open, with the side that no alert covers yet."""
    gone: tuple[Alert, ...]
    """Whose finding the report no longer states."""
    back: tuple[tuple[Alert, CriticalFinding], ...]
    """Whose finding it states again."""


def reconcile(alerts: Sequence[Alert], found: Sequence[CriticalFinding]) -> Reconciliation:
    """Return what `found`, the critical findings of a report as it is saved, changes about the
    case's alerts.

    A side that is not named is that of any alert of the finding, and an alert without a side
    covers both: a word more or less about the side opens no second alert. A withdrawn alert whose
    finding stood in the report all the time stays withdrawn.
    """
    by_code = {finding.code: finding for finding in found}
    gone, back = [], []
    for alert in alerts:
        finding = by_code.get(alert.finding)
        stated = finding is not None and _states(finding.sides, alert.side)
        if alert.in_report and not stated:
            gone.append(alert)
        elif finding is not None and stated and not alert.in_report:
            back.append((alert, finding))
    new = []
    for finding in found:
        known = [alert.side for alert in alerts if alert.finding == finding.code]
        missing = _uncovered(finding.sides, known)
        if missing is not None:
            new.append((finding, _side(missing)))
    return Reconciliation(tuple(new), tuple(gone), tuple(back))


def _states(sides: frozenset[Laterality], side: Laterality | None) -> bool:
    """Whether a finding stated on `sides` is what an alert of `side` is about."""
    return not sides or side in (None, Laterality.BILATERAL) or side in sides


def _uncovered(
    sides: frozenset[Laterality], known: Iterable[Laterality | None]
) -> frozenset[Laterality] | None:
    """The sides, or an empty set for a finding without one, that no alert is about; None where all
    are covered."""
    covered: set[Laterality] = set()
    anything = False
    for side in known:
        anything = True
        whole = side in (None, Laterality.BILATERAL)
        covered |= {Laterality.LEFT, Laterality.RIGHT} if whole or side is None else {side}
    if not sides:
        return None if anything else frozenset()
    return (sides - covered) or None


def _side(sides: frozenset[Laterality]) -> Laterality | None:
    if len(sides) == 2:
        return Laterality.BILATERAL
    return next(iter(sides), None)


def _next(alert: Alert, state: AlertState) -> Alert:
    return replace(alert, state=state, sequence=alert.sequence + 1)


def _event(
    later: Alert, move: AlertMove, actor: Actor, now: datetime, step: AlertStep
) -> AlertEvent:
    return AlertEvent(
        later.sequence,
        move,
        later.state,
        actor,
        now,
        text=step.text,
        recipient=step.recipient,
        channel=step.channel,
    )


def _with_deadline(alert: Alert, now: datetime) -> Alert:
    """The alert at the beginning of a leg."""
    minutes = alert.terms.wait_minutes(alert.state in UNTOLD_STATES, 0)
    deadline = now + timedelta(minutes=minutes)
    return replace(alert, deadline_at=deadline, due_at=deadline if alert.terms.escalation else None)


def _checked(step: AlertStep) -> AlertStep:
    text, recipient = step.text.strip(), step.recipient.strip()
    notify = step.move is AlertMove.NOTIFY
    if notify and not recipient:
        raise ReportError("alert_recipient_missing")
    if notify and step.channel is None:
        raise ReportError("alert_channel_missing")
    if step.move in (AlertMove.WITHDRAW, AlertMove.NOTE) and not text:
        raise ReportError("alert_reason_missing")
    if len(text) > MAX_TEXT or len(recipient) > MAX_NAME:
        raise ReportError("alert_text_too_long", most=MAX_TEXT, name=MAX_NAME)
    require_visible(text, "text")
    require_visible(recipient, "recipient")
    if not notify:
        return replace(step, text=text, recipient="", channel=None)
    return replace(step, text=text, recipient=recipient)


def _require_second_person(alert: Alert, move: AlertMove, who: Person) -> None:
    if not alert.terms.second_person:
        return
    if move is AlertMove.CONFIRM and _same(who, alert.finder):
        raise ReportError("alert_second_person")
    if move is AlertMove.NOTIFY and alert.state is AlertState.FOUND:
        raise ReportError("alert_not_confirmed")


def _same(one: Person, other: Person) -> bool:
    """Whether these may be one person: by their accounts, or by the name where one was typed."""
    if one.id is not None and other.id is not None:
        return one.id == other.id
    return one.name.casefold() == other.name.casefold()

"""An alert's life: every move from every state, by any people, under any clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from radraft.core.errors import ReportError
from radraft.reports import alerts
from radraft.reports.alerts import (
    BY_PEOPLE,
    OPEN_STATES,
    TRANSITIONS,
    UNTOLD_STATES,
    Alert,
    AlertEvent,
    AlertMove,
    AlertState,
    AlertStep,
    Channel,
)
from radraft.reports.critical import AlertTerms, CriticalFinding, EscalationLevel
from radraft.reports.people import Actor, ActorRole, Person, PersonKind
from radraft.reports.values import Certainty, Laterality
from tests.builders import actor

NOW = datetime(2026, 11, 29, 8, 0, tzinfo=UTC)
LEVELS = (
    EscalationLevel(zh="值班医师", en="On duty"),
    EscalationLevel(zh="主任", en="Head", after_minutes=15),
    EscalationLevel(zh="总值班", en="Duty office", after_minutes=20),
)
TERMS = AlertTerms(
    deadline_minutes=30,
    acknowledge_minutes=45,
    second_person=False,
    may_wait=False,
    escalation=LEVELS,
)
LEFT, RIGHT, BOTH = Laterality.LEFT, Laterality.RIGHT, Laterality.BILATERAL
FINDER, SECOND = actor("王发现"), actor("李复核")


def finding(
    *sides: Laterality, code: str = "pneumothorax", terms: AlertTerms = TERMS
) -> CriticalFinding:
    return CriticalFinding(code, Certainty.PRESENT, frozenset(sides), ("f1",), "左侧气胸。", terms)


def new(terms: AlertTerms = TERMS, side: Laterality | None = LEFT) -> tuple[Alert, AlertEvent]:
    return alerts.opened(
        finding(terms=terms), side, case_id="c-1", site="north", actor=FINDER, now=NOW
    )


def step(move: AlertMove, **changes: object) -> AlertStep:
    """A step with all that it needs."""
    if move is AlertMove.NOTIFY:
        return replace(AlertStep(move, recipient="急诊周", channel=Channel.PHONE), **changes)  # type: ignore[arg-type]
    return replace(AlertStep(move, text="说明"), **changes)  # type: ignore[arg-type]


def go(alert: Alert, *moves: AlertMove, by: Actor = SECOND, at: datetime = NOW) -> Alert:
    for move in moves:
        alert, _ = alerts.moved(alert, step(move), actor=by, base_revision=alert.revision, now=at)
    return alert


def in_state(state: AlertState, terms: AlertTerms = TERMS) -> Alert:
    ways = {
        AlertState.FOUND: (),
        AlertState.CONFIRMED: (AlertMove.CONFIRM,),
        AlertState.NOTIFIED: (AlertMove.CONFIRM, AlertMove.NOTIFY),
        AlertState.READ_BACK: (AlertMove.CONFIRM, AlertMove.NOTIFY, AlertMove.READ_BACK),
        AlertState.ACKNOWLEDGED: (
            AlertMove.CONFIRM,
            AlertMove.NOTIFY,
            AlertMove.READ_BACK,
            AlertMove.ACKNOWLEDGE,
        ),
        AlertState.WITHDRAWN: (AlertMove.WITHDRAW,),
    }
    return go(new(terms)[0], *ways[state])


def refused(alert: Alert, asked: AlertStep, by: Actor = SECOND) -> str:
    with pytest.raises(ReportError) as caught:
        alerts.moved(alert, asked, actor=by, base_revision=alert.revision, now=NOW)
    return caught.value.code


@pytest.mark.parametrize("state", AlertState)
@pytest.mark.parametrize("move", AlertMove)
def test_a_move_leads_where_the_table_says_or_is_refused(
    state: AlertState, move: AlertMove
) -> None:
    alert = in_state(state)
    assert alert.state is state
    after = TRANSITIONS.get((state, move))
    if move in BY_PEOPLE and after is not None:
        later = go(alert, move)
        assert (later.state, later.revision) == (after, alert.revision + 1)
        assert later.sequence == alert.sequence + 1
    else:
        assert refused(alert, step(move)) == "alert_move_refused"


def test_the_way_to_the_end_records_whom_how_and_when() -> None:
    alert, first = new()
    assert (first.sequence, first.move, first.text) == (1, AlertMove.FIND, "左侧气胸。")
    told = AlertStep(AlertMove.NOTIFY, "第二次拨通", "急诊周", Channel.PHONE)
    alert, event = alerts.moved(
        alert, told, actor=SECOND, base_revision=0, now=NOW + timedelta(minutes=4)
    )
    assert (event.recipient, event.channel, event.text) == ("急诊周", Channel.PHONE, "第二次拨通")
    assert (event.actor, event.at) == (SECOND, NOW + timedelta(minutes=4))
    closed = go(alert, AlertMove.READ_BACK, AlertMove.ACKNOWLEDGE)
    assert (closed.state, closed.is_open) == (AlertState.ACKNOWLEDGED, False)
    assert (closed.deadline_at, closed.due_at) == (None, None)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (AlertStep(AlertMove.NOTIFY, channel=Channel.PHONE), "alert_recipient_missing"),
        (AlertStep(AlertMove.NOTIFY, recipient="周"), "alert_channel_missing"),
        (AlertStep(AlertMove.WITHDRAW, text="  "), "alert_reason_missing"),
        (AlertStep(AlertMove.NOTE), "alert_reason_missing"),
        (AlertStep(AlertMove.NOTE, text="长" * 1001), "alert_text_too_long"),
        (
            AlertStep(AlertMove.NOTIFY, recipient="周" * 65, channel=Channel.PHONE),
            "alert_text_too_long",
        ),
        (AlertStep(AlertMove.NOTE, text="反\u202e向"), "character_refused"),
    ],
)
def test_a_step_that_lacks_what_the_register_needs_is_refused(asked: AlertStep, code: str) -> None:
    assert refused(new()[0], asked) == code


def test_whoever_saw_an_older_state_is_told_so() -> None:
    alert = go(new()[0], AlertMove.NOTIFY)
    with pytest.raises(ReportError) as caught:
        alerts.moved(alert, step(AlertMove.NOTIFY), actor=SECOND, base_revision=0, now=NOW)
    assert caught.value.code == "alert_changed"


def test_where_the_site_asks_for_it_another_person_confirms_before_anybody_is_told() -> None:
    alert, _ = new(TERMS.model_copy(update={"second_person": True}))
    assert refused(alert, step(AlertMove.NOTIFY)) == "alert_not_confirmed"
    assert refused(alert, step(AlertMove.CONFIRM), FINDER) == "alert_second_person"
    assert go(alert, AlertMove.CONFIRM, AlertMove.NOTIFY).state is AlertState.NOTIFIED


@pytest.mark.parametrize(
    ("finder", "other", "same"),
    [
        (("Wang", None), ("wang", None), True),
        (("Wang", None), ("Li", None), False),
        (("Wang", "a1"), ("Wang", "a2"), False),
        (("Wang", "a1"), ("Wang Wei", "a1"), True),
        (("Wang", "a1"), ("Wang", None), True),
    ],
)
def test_a_second_person_is_told_by_account_and_else_by_name(
    finder: tuple[str, str | None], other: tuple[str, str | None], same: bool
) -> None:
    def known(name: str, account: str | None) -> Person:
        kind = PersonKind.ACCOUNT if account else PersonKind.TYPED
        return Person(kind, name, account)

    alert, _ = new(TERMS.model_copy(update={"second_person": True}))
    alert = replace(alert, finder=known(*finder))
    second = Actor(known(*other), ActorRole.READER, "north")
    if same:
        assert refused(alert, step(AlertMove.CONFIRM), second) == "alert_second_person"
    else:
        assert go(alert, AlertMove.CONFIRM, by=second).state is AlertState.CONFIRMED


def test_a_reopened_alert_has_a_new_deadline_and_its_reopener_as_finder() -> None:
    alert = go(go(new()[0], AlertMove.WITHDRAW), AlertMove.REOPEN, at=NOW + timedelta(hours=5))
    assert (alert.state, alert.level) == (AlertState.FOUND, 0)
    assert alert.deadline_at == NOW + timedelta(hours=5, minutes=30)
    assert alert.finder == SECOND.who


# Deadlines and clocks.


def test_the_notification_and_then_the_answer_have_a_deadline_each() -> None:
    alert, _ = new()
    assert alert.deadline_at == alert.due_at == NOW + timedelta(minutes=30)
    confirmed = go(alert, AlertMove.CONFIRM, at=NOW + timedelta(minutes=20))
    assert confirmed.deadline_at == alert.deadline_at
    told = go(confirmed, AlertMove.NOTIFY, at=NOW + timedelta(minutes=25))
    assert told.deadline_at == NOW + timedelta(minutes=70)
    assert go(told, AlertMove.READ_BACK).deadline_at == told.deadline_at


def test_levels_come_one_by_one_and_each_waits_its_own_time() -> None:
    alert, _ = new()
    assert not alerts.is_due(alert, NOW + timedelta(minutes=29))
    at = NOW + timedelta(minutes=30)
    waits = []
    for level in (1, 2, 3):
        assert alerts.is_due(alert, at)
        alert, event = alerts.escalated(alert, at)
        assert (alert.level, event.level, event.actor.role) == (level, level, ActorRole.SERVICE)
        assert alert.is_overdue(at) and alert.revision == 0
        if alert.due_at is not None:
            waits.append((alert.due_at - at) / timedelta(minutes=1))
            at = alert.due_at
    assert waits == [15, 20]
    assert alert.due_at is None
    assert not alerts.is_due(alert, at + timedelta(days=9))


def test_a_clock_that_jumps_a_day_ahead_tells_one_level_and_not_all() -> None:
    alert, _ = new()
    jumped = NOW + timedelta(days=1)
    alert, _ = alerts.escalated(alert, jumped)
    assert alert.level == 1
    assert not alerts.is_due(alert, jumped)
    assert not alerts.is_due(alert, jumped + timedelta(minutes=14))


def test_a_clock_that_was_set_back_undoes_no_escalation() -> None:
    alert, _ = alerts.escalated(new()[0], NOW + timedelta(minutes=30))
    assert alert.is_overdue(NOW - timedelta(days=400))


def test_what_is_closed_or_has_no_levels_is_never_due() -> None:
    far = NOW + timedelta(days=30)
    for state in (AlertState.ACKNOWLEDGED, AlertState.WITHDRAWN):
        assert not alerts.is_due(in_state(state), far)
        assert not in_state(state).is_overdue(far)
    quiet, _ = new(TERMS.model_copy(update={"escalation": ()}))
    assert not alerts.is_due(quiet, far)
    assert quiet.is_overdue(far)


# What a report changes.


def kept(side: Laterality | None, **changes: object) -> Alert:
    return replace(new(side=side)[0], **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("known", "sides", "opened"),
    [
        ((), (LEFT,), [LEFT]),
        ((), (), [None]),
        ((), (LEFT, RIGHT), [BOTH]),
        ((LEFT,), (LEFT,), []),
        ((LEFT,), (), []),
        ((None,), (LEFT, RIGHT), []),
        ((LEFT,), (LEFT, RIGHT), [RIGHT]),
        ((LEFT,), (RIGHT,), [RIGHT]),
        ((BOTH,), (RIGHT,), []),
        ((LEFT, RIGHT), (LEFT, RIGHT), []),
    ],
)
def test_a_side_opens_an_alert_once(
    known: tuple[Laterality | None, ...], sides: tuple[Laterality, ...], opened: list[Laterality]
) -> None:
    changes = alerts.reconcile([kept(side) for side in known], [finding(*sides)])
    assert [side for _, side in changes.new] == opened


def test_a_finding_that_leaves_the_report_is_told_and_withdraws_nothing() -> None:
    alert = kept(LEFT)
    [gone] = alerts.reconcile([alert], []).gone
    later, event = alerts.left(gone, actor=SECOND, now=NOW)
    assert (later.state, later.in_report, later.revision) == (AlertState.FOUND, False, 0)
    assert event.move is AlertMove.LEAVE
    assert alerts.reconcile([later], []) == alerts.Reconciliation((), (), ())


def test_another_side_is_another_finding() -> None:
    changes = alerts.reconcile([kept(LEFT)], [finding(RIGHT)])
    assert [alert.side for alert in changes.gone] == [LEFT]
    assert [side for _, side in changes.new] == [RIGHT]


def test_a_withdrawn_alert_opens_again_only_for_a_finding_that_had_left() -> None:
    withdrawn = go(kept(LEFT), AlertMove.WITHDRAW)
    assert alerts.reconcile([withdrawn], [finding(LEFT)]) == alerts.Reconciliation((), (), ())
    away, _ = alerts.left(withdrawn, actor=FINDER, now=NOW)
    [(alert, found)] = alerts.reconcile([away], [finding(LEFT)]).back
    again, event = alerts.returned(alert, found, actor=SECOND, now=NOW)
    assert (again.state, again.in_report) == (AlertState.FOUND, True)
    assert (event.move, event.text) == (AlertMove.REOPEN, "左侧气胸。")
    assert again.revision == withdrawn.revision + 1


def test_a_finding_that_comes_back_while_its_alert_is_open_only_says_so() -> None:
    away, _ = alerts.left(go(kept(LEFT), AlertMove.NOTIFY), actor=FINDER, now=NOW)
    again, event = alerts.returned(away, finding(LEFT), actor=FINDER, now=NOW)
    assert (again.state, again.in_report) == (AlertState.NOTIFIED, True)
    assert event.move is AlertMove.RETURN


_SIDES = st.sets(st.sampled_from([LEFT, RIGHT])).map(tuple)


@given(st.lists(st.none() | _SIDES, min_size=1, max_size=8))
def test_however_a_report_changes_each_alert_is_of_its_own_and_the_same_again_changes_nothing(
    texts: list[tuple[Laterality, ...] | None],
) -> None:
    """None is a report without the finding."""
    held: dict[str, Alert] = {}
    for sides in texts:
        found = [] if sides is None else [finding(*sides)]
        changes = alerts.reconcile(list(held.values()), found)
        for item, side in changes.new:
            alert, _ = alerts.opened(item, side, case_id="c-1", site="north", actor=FINDER, now=NOW)
            assert alert.alert_id not in held
            held[alert.alert_id] = alert
        for alert in changes.gone:
            held[alert.alert_id], _ = alerts.left(alert, actor=FINDER, now=NOW)
        for alert, item in changes.back:
            held[alert.alert_id], _ = alerts.returned(alert, item, actor=FINDER, now=NOW)
        assert alerts.reconcile(list(held.values()), found) == alerts.Reconciliation((), (), ())
        stated = [alert for alert in held.values() if alert.in_report]
        assert bool(stated) == (sides is not None)
        for side in sides or ():
            assert any(alert.side in (None, BOTH, side) for alert in stated)


class AlertLife(RuleBasedStateMachine):
    """Any moves by any people, reports that change, and a clock that jumps either way."""

    @initialize(second=st.booleans(), levels=st.integers(0, 3))
    def begin(self, second: bool, levels: int) -> None:
        self.now = NOW
        terms = TERMS.model_copy(update={"second_person": second, "escalation": LEVELS[:levels]})
        self.alert, event = new(terms)
        self.events = [event]

    @rule(minutes=st.integers(-3000, 3000))
    def the_clock_jumps(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule(
        move=st.sampled_from(AlertMove),
        who=st.sampled_from([FINDER, SECOND, actor("赵第三")]),
        seen=st.integers(0, 1),
    )
    def somebody_moves_it(self, move: AlertMove, who: Actor, seen: int) -> None:
        before = self.alert
        try:
            later, event = alerts.moved(
                before,
                step(move),
                actor=who,
                base_revision=before.revision - seen,
                now=self.now,
            )
        except ReportError as error:
            assert error.code.startswith("alert_")
            return
        assert seen == 0 and move in BY_PEOPLE
        assert later.revision == before.revision + 1
        assert TRANSITIONS[before.state, move] is later.state
        self.kept(later, event)

    @precondition(lambda self: alerts.is_due(self.alert, self.now))
    @rule()
    def it_is_escalated(self) -> None:
        before = self.alert
        later, event = alerts.escalated(before, self.now)
        assert (later.state, later.revision) == (before.state, before.revision)
        assert later.level == before.level + 1 <= len(before.terms.escalation)
        assert not alerts.is_due(later, self.now)
        self.kept(later, event)

    @rule()
    def its_finding_leaves_or_comes_back(self) -> None:
        if self.alert.in_report:
            later, event = alerts.left(self.alert, actor=FINDER, now=self.now)
            assert later.state is self.alert.state
        else:
            later, event = alerts.returned(self.alert, finding(), actor=FINDER, now=self.now)
        assert later.in_report is not self.alert.in_report
        self.kept(later, event)

    def kept(self, later: Alert, event: AlertEvent) -> None:
        self.alert = later
        self.events.append(event)

    @invariant()
    def events_tell_the_whole_story(self) -> None:
        assert [event.sequence for event in self.events] == list(range(1, len(self.events) + 1))
        assert self.events[-1].state is self.alert.state
        assert self.alert.sequence == len(self.events)
        state: AlertState | None = None
        for event in self.events:
            assert event.state is (TRANSITIONS[state, event.move] if state else AlertState.FOUND)
            state = event.state

    @invariant()
    def nobody_is_notified_before_the_second_person(self) -> None:
        if not self.alert.terms.second_person:
            return
        finder, confirmed = FINDER.who, False
        for event in self.events:
            if event.move in (AlertMove.FIND, AlertMove.REOPEN):
                finder, confirmed = event.actor.who, False
            if event.move is AlertMove.CONFIRM:
                assert event.actor.who != finder
                confirmed = True
            assert event.move is not AlertMove.NOTIFY or confirmed

    @invariant()
    def what_is_open_has_a_deadline_and_what_is_closed_has_none(self) -> None:
        assert (self.alert.deadline_at is not None) == (self.alert.state in OPEN_STATES)
        if not self.alert.is_open:
            assert self.alert.due_at is None
        elif self.alert.level < len(self.alert.terms.escalation):
            assert self.alert.due_at is not None
        if self.alert.holds_signature:
            assert self.alert.state in UNTOLD_STATES


TestAlertLife = AlertLife.TestCase

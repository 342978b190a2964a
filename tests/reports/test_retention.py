"""What a retention rule says, and what it decides of a study."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from radraft.core.errors import RetentionError
from radraft.reports.retention import (
    EVERY_MODALITY,
    HeldBack,
    RetentionAction,
    RetentionRule,
    RetentionTerm,
    SignedState,
    StudyFacts,
    decide,
    parse,
)

NOW = datetime(2040, 1, 1, tzinfo=UTC)
ORDER = (RetentionAction.KEEP, RetentionAction.MOVE, RetentionAction.DROP)
MODALITIES = ("CR", "CT", "MR")

days = st.integers(1, 5_000)
ages = st.integers(0, 6_000)


@st.composite
def terms(draw: st.DrawFn) -> RetentionTerm:
    state = draw(st.sampled_from(SignedState))
    modality = draw(st.sampled_from((EVERY_MODALITY, *MODALITIES)))
    move = draw(days)
    if state is SignedState.UNSIGNED:
        return RetentionTerm(modality, state, move, None)
    drop = draw(st.integers(1, 5_000).map(lambda more: move + more))
    kind = draw(st.sampled_from(("move", "drop", "both")))
    return RetentionTerm(
        modality, state, None if kind == "drop" else move, None if kind == "move" else drop
    )


rules = st.lists(terms(), max_size=6, unique_by=lambda term: (term.modality, term.state)).map(
    lambda found: RetentionRule(tuple(found))
)


@st.composite
def studies(draw: st.DrawFn) -> StudyFacts:
    age = draw(ages)
    signed = draw(st.none() | st.integers(-10, age))
    return StudyFacts(
        "c-0",
        draw(st.sampled_from(MODALITIES)),
        NOW - timedelta(days=age),
        None if signed is None else NOW - timedelta(days=signed),
        open_alert=draw(st.booleans()),
        frozen=draw(st.booleans()),
        moved=draw(st.booleans()),
        dropped=draw(st.booleans()),
    )


def test_a_rule_is_read_as_it_is_written() -> None:
    rule = parse(
        [
            "CR: move after 365 days, drop after 3,650",
            "*: move after 730 days; CT unsigned:move after 10",
        ]
    )
    assert rule.terms == (
        RetentionTerm("CR", SignedState.SIGNED, 365, 3650),
        RetentionTerm("*", SignedState.SIGNED, 730, None),
        RetentionTerm("CT", SignedState.UNSIGNED, 10, None),
    )


@given(rules)
def test_what_is_written_out_is_read_as_the_same(rule: RetentionRule) -> None:
    assert parse(map(str, rule.terms)) == rule


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("CR", "retention_rule_invalid"),
        ("CR: keep", "retention_rule_invalid"),
        ("CR: move after soon", "retention_rule_invalid"),
        ("CR: move after 3, move after 4", "retention_rule_invalid"),
        ("CR: drop after -1", "retention_rule_invalid"),
        ("CR: move after 0", "retention_days_invalid"),
        ("CR: move after 10, drop after 10", "retention_days_invalid"),
        ("CR: drop after 99999999999999999999", "retention_days_invalid"),
        ("CR unsigned: drop after 9", "retention_unsigned_dropped"),
        ("CR: move after 5; cr: drop after 9", "retention_rule_repeated"),
    ],
)
def test_what_cannot_be_a_rule_is_refused_with_its_reason(line: str, code: str) -> None:
    with pytest.raises(RetentionError) as error:
        parse([line])
    assert error.value.code == code
    assert error.value.message_zh


@given(rules, studies())
def test_a_study_whose_report_is_not_signed_is_never_dropped(
    rule: RetentionRule, study: StudyFacts
) -> None:
    if study.signed_at is None:
        assert decide(rule, study, NOW).action is not RetentionAction.DROP


@given(rules, studies())
def test_an_open_alert_a_frozen_case_and_what_was_dropped_stay_as_they_are(
    rule: RetentionRule, study: StudyFacts
) -> None:
    decision = decide(rule, study, NOW)
    if study.open_alert or study.frozen or study.dropped:
        assert decision.action is RetentionAction.KEEP
    if decision.held_back is HeldBack.ALERT:
        assert study.open_alert
    if decision.held_back is HeldBack.FROZEN:
        assert study.frozen


@given(rules, studies(), st.integers(0, 6_000))
def test_time_only_ever_asks_for_more(rule: RetentionRule, study: StudyFacts, more: int) -> None:
    if not study.moved:
        before, after = (
            ORDER.index(decide(rule, study, NOW + timedelta(days=extra)).action)
            for extra in (0, more)
        )
        assert before <= after


@given(rules, studies())
def test_nothing_younger_than_the_rule_says_is_touched(
    rule: RetentionRule, study: StudyFacts
) -> None:
    state = SignedState.UNSIGNED if study.signed_at is None else SignedState.SIGNED
    term = rule.term(study.modality, state)
    action = decide(rule, study, NOW).action
    times = [at for at in (study.received_at, study.signed_at) if at is not None]
    age = NOW - max(times)
    if action is RetentionAction.KEEP:
        return
    assert term is not None
    wanted = term.move_after if action is RetentionAction.MOVE else term.drop_after
    assert wanted is not None
    assert age >= timedelta(days=wanted)
    first = rule.first_days(state)
    assert first is not None
    # So that a search by receipt finds it.
    assert NOW - study.received_at >= timedelta(days=first)


@given(rules, studies())
def test_a_study_is_moved_once(rule: RetentionRule, study: StudyFacts) -> None:
    if study.moved:
        assert decide(rule, study, NOW).action is not RetentionAction.MOVE


def test_a_modalitys_own_term_goes_before_that_of_every_one() -> None:
    rule = parse(["*: drop after 10", "CT: drop after 100"])
    old = NOW - timedelta(days=50)
    for modality, action in (("CR", RetentionAction.DROP), ("CT", RetentionAction.KEEP)):
        study = StudyFacts("c-0", modality, old, old)
        assert decide(rule, study, NOW).action is action


def test_a_clock_that_was_years_back_at_the_signature_makes_no_study_old() -> None:
    study = StudyFacts("c-0", "CR", NOW - timedelta(days=1), datetime(1990, 1, 1, tzinfo=UTC))
    assert decide(parse(["*: drop after 30"]), study, NOW).action is RetentionAction.KEEP

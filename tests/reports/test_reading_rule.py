"""Whose readers a study goes to, by the rules of its site."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st

from radraft.core.errors import ReportError
from radraft.reports.reading_rule import (
    HOURS,
    MOST_RULES,
    ReadingRule,
    WaitingStudy,
    checked_rules,
    decide,
    matches,
)
from radraft.studies.values import StudyPriority

MONDAY = datetime(2026, 11, 30, 9, 30, tzinfo=UTC)
STUDY = WaitingStudy("CT", MONDAY, waiting=5)
modalities = st.sampled_from(["CT", "MR", "CR"])
hours = st.tuples(st.integers(0, 23), st.integers(1, 24)).filter(lambda pair: pair[0] != pair[1])
rules = st.builds(
    lambda site, kinds, days, when, more, priorities: ReadingRule(
        site, tuple(kinds), tuple(days), *when, more, tuple(priorities)
    ),
    st.sampled_from(["centre", "city"]),
    st.lists(modalities, max_size=2),
    st.lists(st.integers(1, 7), max_size=3),
    hours,
    st.integers(0, 10),
    st.lists(st.sampled_from(StudyPriority), max_size=2),
)
studies = st.builds(
    WaitingStudy,
    modalities,
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),
    st.integers(0, 12),
    st.sampled_from(StudyPriority),
)


def test_a_rule_that_asks_for_nothing_sends_everything() -> None:
    assert matches(ReadingRule("centre"), STUDY)
    assert decide([ReadingRule("centre")], STUDY) == 0
    assert decide([], STUDY) is None


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ({"modalities": ("CT", "MR")}, True),
        ({"modalities": ("MR",)}, False),
        ({"weekdays": (1,)}, True),
        ({"weekdays": (2, 7)}, False),
        ({"from_hour": 9, "to_hour": 10}, True),
        ({"from_hour": 10, "to_hour": 24}, False),
        ({"from_hour": 17, "to_hour": 8}, False),
        ({"from_hour": 22, "to_hour": 10}, True),
        ({"more_than": 4}, True),
        ({"more_than": 5}, False),
        ({"priorities": (StudyPriority.STAT,)}, False),
        ({"priorities": (StudyPriority.UNKNOWN,)}, True),
    ],
)
def test_each_field_asks_for_one_thing(asked: dict[str, Any], sent: bool) -> None:
    assert matches(ReadingRule("centre", **asked), STUDY) is sent


def test_a_priority_is_asked_for_of_studies_that_have_one() -> None:
    rule = ReadingRule("centre", priorities=(StudyPriority.STAT,))
    assert matches(rule, replace(STUDY, priority=StudyPriority.STAT))
    assert not matches(rule, replace(STUDY, priority=StudyPriority.UNKNOWN))


@given(held=st.lists(rules, max_size=4), study=studies)
def test_the_first_rule_that_matches_decides(held: list[ReadingRule], study: WaitingStudy) -> None:
    place = decide(held, study)
    if place is None:
        assert not any(matches(rule, study) for rule in held)
    else:
        assert matches(held[place], study)
        assert not any(matches(rule, study) for rule in held[:place])


@given(rule=rules, study=studies, more=st.integers(0, 20))
def test_more_load_sends_no_fewer_away(rule: ReadingRule, study: WaitingStudy, more: int) -> None:
    loaded = replace(study, waiting=study.waiting + more)
    assert matches(rule, loaded) or not matches(rule, study)


@given(rule=rules, study=studies)
def test_an_hour_is_of_a_rule_or_of_the_one_for_the_rest_of_the_day(
    rule: ReadingRule, study: WaitingStudy
) -> None:
    at_any_hour = replace(rule, from_hour=0, to_hour=HOURS)
    if (rule.from_hour, rule.to_hour) in ((0, HOURS), (0, 24)) or rule.to_hour == HOURS:
        return
    if rule.from_hour == 0:
        rest = replace(rule, from_hour=rule.to_hour, to_hour=HOURS)
    else:
        rest = replace(rule, from_hour=rule.to_hour, to_hour=rule.from_hour)
    assert matches(at_any_hour, study) == (matches(rule, study) or matches(rest, study))
    assert not (matches(rule, study) and matches(rest, study))


@given(rule=rules, study=studies)
def test_what_is_decided_is_the_same_a_week_later(rule: ReadingRule, study: WaitingStudy) -> None:
    later = replace(study, at=study.at + timedelta(days=7))
    assert decide([rule], study) == decide([rule], later)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("reading_site", ""),
        ("reading_site", "*"),
        ("modalities", ("",)),
        ("modalities", ("C" * 65,)),
        ("weekdays", (0,)),
        ("weekdays", (8,)),
        ("from_hour", -1),
        ("from_hour", 24),
        ("to_hour", 0),
        ("to_hour", 25),
        ("more_than", -1),
    ],
)
def test_a_rule_that_cannot_be_is_refused_by_its_field(field: str, value: Any) -> None:
    with pytest.raises(ReportError) as error:
        ReadingRule(**({"reading_site": "centre"} | {field: value}))
    assert error.value.code == "reading_rule_invalid"
    assert error.value.details["field"] == field


def test_a_site_sends_nothing_to_itself_and_has_so_many_rules() -> None:
    rule = ReadingRule("centre")
    assert checked_rules("north", [rule]) == (rule,)
    with pytest.raises(ReportError, match="reading_site_own"):
        checked_rules("centre", [rule])
    with pytest.raises(ReportError, match="reading_rules_too_many"):
        checked_rules("north", [rule] * (MOST_RULES + 1))

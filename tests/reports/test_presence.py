"""Who is on a study, by an injected clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from radraft.reports.accounts import Account, Session, SessionTerms
from radraft.reports.people import Person, PersonKind
from radraft.reports.presence import (
    LAPSES,
    OpenPage,
    Standing,
    is_there,
    present,
    standing,
    taken_at,
)
from radraft.reports.roles import EVERY_SITE, Membership, Role

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
TERMS = SessionTerms(idle=timedelta(minutes=15), longest=timedelta(hours=12))
MOMENT = timedelta(microseconds=1)
A, B, C = (Person(PersonKind.ACCOUNT, "同名", f"account-{name}") for name in "abc")
"""Of one name: only their accounts tell them apart."""


def page(person: Person, minute: float = 0.0, name: str = "0", **changes: object) -> OpenPage:
    at = NOON + timedelta(minutes=minute)
    made = OpenPage(f"s-{person.id}", name, "c-1", "north", person, opened_at=at, seen_at=at)
    return replace(made, **changes)  # type: ignore[arg-type]


def session(
    *roles: Role, site: str = EVERY_SITE, disabled: bool = False, active: datetime = NOON
) -> Session:
    held = frozenset(Membership(site, role) for role in roles)
    account = Account("account-a", "a", "同名", held, disabled=disabled)
    return Session("s-1", account, NOON, active, "127.0.0.1")


def test_a_page_without_a_sign_of_life_lapses_after_its_term() -> None:
    resident = session(Role.RESIDENT)
    assert is_there(page(A), resident, TERMS, NOON + LAPSES)
    assert not is_there(page(A), resident, TERMS, NOON + LAPSES + MOMENT)


def test_a_clock_that_goes_back_keeps_nobody_there_for_ever() -> None:
    resident = session(Role.RESIDENT)
    assert is_there(page(A), resident, TERMS, NOON - LAPSES)
    assert not is_there(page(A), resident, TERMS, NOON - LAPSES - MOMENT)


@pytest.mark.parametrize(
    "ended",
    [
        session(Role.RESIDENT, disabled=True),
        session(Role.RESIDENT, active=NOON - TERMS.idle),
        session(Role.CLINICIAN),
        session(Role.RESIDENT, site="south"),
        session(),
    ],
    ids=["disabled", "locked", "only reads signed reports", "writes elsewhere", "role taken away"],
)
def test_whoever_cannot_write_there_now_is_not_there(ended: Session) -> None:
    assert is_there(page(A), session(Role.RESIDENT, site="north"), TERMS, NOON)
    assert not is_there(page(A), ended, TERMS, NOON)


def test_the_one_on_it_is_who_opened_it_first_until_another_takes_it_over() -> None:
    first, second = page(A), page(B, 1)
    assert [item.person for item in present([second, first])] == [A, B]
    took = replace(second, taken_at=NOON + timedelta(minutes=2))
    assert [item.person for item in present([first, took])] == [B, A]
    back = replace(first, taken_at=taken_at([first, took], NOON))
    assert [item.person for item in present([back, took])] == [A, B]


def test_each_is_told_what_concerns_him() -> None:
    first, second = page(A), page(B, 1)
    assert standing(present([first]), A) is Standing.ALONE
    assert standing(present([first, second]), A) is Standing.FIRST
    assert standing(present([first, second]), B) is Standing.SECOND
    took = replace(second, taken_at=NOON + timedelta(minutes=2))
    assert standing(present([first, took]), A) is Standing.TAKEN_OVER
    assert standing(present([first, took]), B) is Standing.FIRST
    # Who comes afterwards had nothing that was taken from him.
    assert standing(present([page(C, 3), took]), C) is Standing.SECOND


def test_two_pages_of_one_person_are_one_presence() -> None:
    both = present([page(A, 2, "1", writing=True), page(A, 1, "2")])
    assert [(item.person, item.since, item.writing) for item in both] == [
        (A, NOON + timedelta(minutes=1), True)
    ]
    assert standing(both, A) is Standing.ALONE


def test_whoever_is_not_there_is_told_who_is() -> None:
    assert standing((), A) is Standing.ALONE
    assert standing(present([page(B)]), A) is Standing.SECOND


@st.composite
def pages(draw: st.DrawFn) -> list[OpenPage]:
    """Pages of one study, of up to three people."""
    minutes = st.integers(0, 5)
    taken = st.none() | minutes.map(lambda minute: NOON + timedelta(minutes=minute))
    found = draw(st.lists(st.tuples(st.sampled_from([A, B, C]), minutes, taken), max_size=6))
    return [
        page(person, minute, str(number), taken_at=at)
        for number, (person, minute, at) in enumerate(found)
    ]


@given(pages(), st.randoms())
def test_the_order_in_which_pages_are_read_changes_nothing(
    found: list[OpenPage], chance: object
) -> None:
    mixed = list(found)
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    assert present(mixed) == present(found)


@given(pages())
def test_exactly_one_of_those_who_are_there_is_on_it(found: list[OpenPage]) -> None:
    people = present(found)
    assert {item.person for item in people} == {item.person for item in found}
    told = [standing(people, item.person) for item in people]
    assert sum(said in (Standing.ALONE, Standing.FIRST) for said in told) == bool(found)
    assert (Standing.ALONE in told) == (len(people) == 1)


@given(pages(), st.sampled_from([A, B, C]), st.integers(-10, 10))
def test_taking_over_always_makes_him_the_one_on_it(
    found: list[OpenPage], person: Person, minute: int
) -> None:
    now = NOON + timedelta(minutes=minute)
    own = page(person, minute, "own", taken_at=taken_at(found, now))
    assert present([*found, own])[0].person == person


class OneStudy(RuleBasedStateMachine):
    """People open, leave, die, take over; only what the rules promise is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOON
        self.pages: dict[str, OpenPage] = {}
        self.numbers = count(1)
        self.resident = session(Role.RESIDENT, active=NOON + timedelta(days=1))

    def there(self) -> list[OpenPage]:
        terms = SessionTerms(idle=timedelta(days=9), longest=timedelta(days=9))
        return [
            item for item in self.pages.values() if is_there(item, self.resident, terms, self.now)
        ]

    @rule(person=st.sampled_from([A, B, C]))
    def opens(self, person: Person) -> None:
        name = str(next(self.numbers))
        self.pages[name] = page(person, name=name, opened_at=self.now, seen_at=self.now)

    @rule(seconds=st.integers(1, 40))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @precondition(lambda self: self.pages)
    @rule(data=st.data())
    def gives_a_sign(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.pages)))
        self.pages[name] = replace(self.pages[name], seen_at=self.now)

    @precondition(lambda self: self.pages)
    @rule(data=st.data())
    def takes_over(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.pages)))
        moment = taken_at(self.pages.values(), self.now)
        self.pages[name] = replace(self.pages[name], seen_at=self.now, taken_at=moment)
        assert present(self.there())[0].person == self.pages[name].person

    @precondition(lambda self: self.pages)
    @rule(data=st.data())
    def leaves(self, data: st.DataObject) -> None:
        del self.pages[data.draw(st.sampled_from(sorted(self.pages)))]

    @invariant()
    def nobody_is_there_who_gave_no_sign(self) -> None:
        silent = {item.page for item in self.pages.values() if self.now - item.seen_at > LAPSES}
        assert not silent & {item.page for item in self.there()}

    @invariant()
    def whoever_is_told_that_it_was_taken_is_not_on_it(self) -> None:
        people = present(self.there())
        for item in people:
            if standing(people, item.person) is Standing.TAKEN_OVER:
                assert people[0].person != item.person
                assert people[0].taken_at is not None


TestOneStudy = OneStudy.TestCase

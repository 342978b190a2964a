"""Rules of accounts and of signing in: names, passwords, waits, sessions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from radraft.core.errors import SignInError
from radraft.reports.accounts import (
    FREE_TRIES,
    LONGEST_WAIT,
    MOST_OF_ADDRESS,
    MOST_OF_LOGIN,
    Account,
    Session,
    SessionState,
    SessionTerms,
    Tries,
    checked_login,
    checked_password,
    wait,
)
from radraft.reports.people import PersonKind
from radraft.reports.roles import Membership, Permission, Role

NOW = datetime(2026, 11, 29, 8, tzinfo=UTC)
TERMS = SessionTerms(idle=timedelta(minutes=15), longest=timedelta(hours=12))
QIN = Account("a-1", "qin.l", "林清", frozenset({Membership("north", Role.ATTENDING)}))


def tries(here: int = 0, address: int = 0, login: int = 0, *, known: bool = False) -> Tries:
    return Tries(here, address, login, NOW, known)


@pytest.mark.parametrize("login", ["lin", "  Lin.Qing ", "lin@north", "7", "a-b_c.d"])
def test_log_in_names_are_kept_in_small_letters(login: str) -> None:
    assert checked_login(login) == login.strip().lower()


@pytest.mark.parametrize(
    "login", ["", "林清", "a b", "-a", "a-", "a" * 65, "a\nb", "a\u202eb", "ſß"]
)
def test_other_log_in_names_are_refused(login: str) -> None:
    with pytest.raises(SignInError) as refused:
        checked_login(login)
    assert refused.value.code == "login_invalid"


@pytest.mark.parametrize(
    "password", ["short", "a" * 40, "ababababababab", "linqing12345", "x" * 300]
)
def test_weak_passwords_are_refused(password: str) -> None:
    with pytest.raises(SignInError) as refused:
        checked_password(password, login="linqing", name="Lin Qing")
    assert refused.value.code == "password_weak"


@pytest.mark.parametrize(
    "password", ["two films before tea", "片子看完再喝茶，不要急着签字", "Tr0ub4dor&3x9"]
)
def test_a_sentence_is_a_password(password: str) -> None:
    assert checked_password(password, login="lin", name="Lin Qing") == password


def test_the_first_tries_are_free_and_then_the_wait_doubles_up_to_a_minute() -> None:
    waits = [wait(tries(here=count), NOW).total_seconds() for count in range(14)]
    assert waits == [0] * FREE_TRIES + [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_the_wait_is_over_when_it_is_over() -> None:
    assert wait(tries(here=FREE_TRIES + 2), NOW + timedelta(seconds=4)) == timedelta(0)
    assert wait(tries(here=FREE_TRIES + 2), NOW + timedelta(seconds=3)) == timedelta(seconds=1)


def test_an_address_that_tries_many_names_waits() -> None:
    assert wait(tries(address=MOST_OF_ADDRESS), NOW) == LONGEST_WAIT


def test_where_many_addresses_try_one_name_its_person_is_heard_at_his_desk() -> None:
    assert wait(tries(login=MOST_OF_LOGIN), NOW) == LONGEST_WAIT
    assert wait(tries(login=MOST_OF_LOGIN, known=True), NOW) == timedelta(0)


@given(
    st.builds(
        Tries,
        here=st.integers(0, 10**6),
        address=st.integers(0, 10**6),
        login=st.integers(0, 10**6),
        last_at=st.none() | st.datetimes().map(lambda at: at.replace(tzinfo=UTC)),
        known_address=st.booleans(),
    )
)
def test_nobody_ever_waits_longer_than_a_minute(refused: Tries) -> None:
    assert timedelta(0) <= wait(refused, NOW) <= LONGEST_WAIT


def session(account: Account = QIN, *, idle: timedelta, old: timedelta) -> Session:
    return Session("s-1", account, NOW - old, NOW - idle, "10.0.0.7")


@pytest.mark.parametrize(
    ("idle", "old", "state"),
    [
        (timedelta(minutes=14), timedelta(hours=1), SessionState.OPEN),
        (timedelta(minutes=15), timedelta(hours=1), SessionState.LOCKED),
        (timedelta(minutes=1), timedelta(hours=12), SessionState.ENDED),
        (-timedelta(hours=3), -timedelta(hours=3), SessionState.OPEN),
    ],
)
def test_a_session_locks_and_ends(idle: timedelta, old: timedelta, state: SessionState) -> None:
    assert session(idle=idle, old=old).state(TERMS, NOW) is state


def test_a_disabled_account_is_out_at_once() -> None:
    gone = Account("a-1", "qin.l", "林清", QIN.memberships, disabled=True)
    known = session(gone, idle=timedelta(0), old=timedelta(0))
    assert known.state(TERMS, NOW) is SessionState.ENDED
    assert not gone.may(Permission.SIGN, "north")


def test_an_account_is_a_person_by_its_id() -> None:
    assert (QIN.person.kind, QIN.person.id, QIN.person.name) == (PersonKind.ACCOUNT, "a-1", "林清")
    assert "林清" not in repr(QIN)

"""Signing in with a second factor: enrolling, codes once, recovery, clocks, throttling."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pyotp
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from radraft.core.errors import SignInError, StorageDamaged
from radraft.pipeline.second_factor import SecondFactors
from radraft.pipeline.sign_in import SignedIn, SignIn
from radraft.reports.accounts import FREE_TRIES
from radraft.reports.audit import AuditKind, Outcome
from radraft.reports.second_factor import Enrolment, SecondFactorNeeded, typed
from radraft.store import second_factors
from radraft.store.database import Store
from radraft.store.tables_second_factor import SecondFactorRow
from tests.pipeline.test_machine_tokens import told
from tests.pipeline.test_sign_in import DESK, PASSWORD, TERMS, Clock, register
from tests.scale import on_both

pytestmark = on_both(
    "test_a_telephone_is_enrolled_at_the_first_sign_in_and_asked_for_at_each",
    "test_of_two_at_once_one_uses_a_code",
    "test_of_two_first_codes_at_once_one_enrols",
    "test_a_recovery_code_is_not_lost_where_the_session_could_not_be_written",
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sign_in(store: Store, clock: Clock) -> SignIn:
    made = SignIn(store, TERMS, clock, factors=SecondFactors(store, "north", clock))
    register(made)
    return made


def enter(sign_in: SignIn, code: str = "", address: str = DESK) -> SignedIn:
    return sign_in.by_password("lin", PASSWORD, address=address, code=code)


def refusal(sign_in: SignIn, code: str) -> str:
    with pytest.raises(SignInError) as refused:
        enter(sign_in, code)
    return refused.value.code


def asked(sign_in: SignIn) -> Enrolment:
    """What a person whose telephone is not enrolled yet is shown."""
    with pytest.raises(SecondFactorNeeded) as needed:
        enter(sign_in)
    assert needed.value.code == "second_factor_enrol"
    assert needed.value.enrolment is not None
    return needed.value.enrolment


def shown(secret: str, clock: Clock, off_s: float = 0.0) -> str:
    """What a telephone shows whose clock is so many seconds fast."""
    return str(pyotp.TOTP(secret).at(int(clock.now.timestamp() + off_s)))


def enrolled(sign_in: SignIn, clock: Clock) -> tuple[str, tuple[str, ...]]:
    """The secret and the recovery codes of a telephone that is enrolled now."""
    secret = asked(sign_in).secret
    recovery = enter(sign_in, shown(secret, clock)).recovery
    clock.forward(minutes=2)
    return secret, recovery


def test_a_telephone_is_enrolled_at_the_first_sign_in_and_asked_for_at_each(
    sign_in: SignIn, clock: Clock
) -> None:
    secret, recovery = enrolled(sign_in, clock)
    assert len(recovery) == 10
    assert refusal(sign_in, "") == "second_factor_needed"
    again = enter(sign_in, shown(secret, clock))
    assert again.recovery == ()
    assert sign_in.session(again.secret, acting=True).account.login == "lin"


def test_nobody_is_in_before_a_code_of_the_new_telephone_was_given(
    sign_in: SignIn, clock: Clock
) -> None:
    first = asked(sign_in)
    assert refusal(sign_in, "000000") == "second_factor_refused"
    # A recovery code of nobody's, before there are any.
    assert refusal(sign_in, "AAAA-AAAA-AAAA-AAAA") == "second_factor_refused"
    second = asked(sign_in)
    assert first.secret != second.secret
    clock.forward(minutes=2)
    # What was shown before is of no use any more.
    assert refusal(sign_in, shown(first.secret, clock)) == "second_factor_refused"
    clock.forward(minutes=2)
    assert enter(sign_in, shown(second.secret, clock)).recovery


def test_a_right_code_with_a_wrong_password_is_refused_like_any_other(
    sign_in: SignIn, clock: Clock
) -> None:
    secret, _ = enrolled(sign_in, clock)
    with pytest.raises(SignInError, match="sign_in_refused"):
        sign_in.by_password("lin", "another password", address=DESK, code=shown(secret, clock))


def test_a_code_counts_once(sign_in: SignIn, clock: Clock) -> None:
    secret, _ = enrolled(sign_in, clock)
    code = shown(secret, clock)
    enter(sign_in, code)
    assert refusal(sign_in, code) == "second_factor_replayed"
    clock.forward(seconds=30)
    # Within its window still.
    assert refusal(sign_in, code) == "second_factor_replayed"
    clock.forward(seconds=30)
    enter(sign_in, shown(secret, clock))


def test_of_two_at_once_one_uses_a_code(sign_in: SignIn, clock: Clock) -> None:
    secret, recovery = enrolled(sign_in, clock)
    for code in (shown(secret, clock), recovery[0]):
        outcomes: list[str] = []

        def attempt(code: str = code, outcomes: list[str] = outcomes) -> None:
            try:
                enter(sign_in, code)
                outcomes.append("in")
            except SignInError as error:
                outcomes.append(error.code)

        threads = [threading.Thread(target=attempt) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert outcomes.count("in") == 1
        assert set(outcomes) <= {"in", "second_factor_replayed", "second_factor_refused"}


@pytest.mark.parametrize("minutes", [-5, 5])
def test_a_clock_that_is_off_by_minutes_is_told_so_and_gains_nothing(
    sign_in: SignIn, clock: Clock, minutes: int
) -> None:
    secret, _ = enrolled(sign_in, clock)
    clock.forward(hours=1)
    code = shown(secret, clock, minutes * 60)
    with pytest.raises(SignInError) as refused:
        enter(sign_in, code)
    assert refused.value.code == "second_factor_clock"
    assert refused.value.details["minutes"] == 5
    # Who guessed a code of the future does not get in by it when its time has come.
    clock.forward(minutes=5)
    assert refusal(sign_in, code) in ("second_factor_replayed", "second_factor_clock")


def test_a_clock_that_is_off_a_little_is_none_of_anybodys_business(
    sign_in: SignIn, clock: Clock
) -> None:
    secret, _ = enrolled(sign_in, clock)
    for off_s in (-30, 30):
        clock.forward(minutes=10)
        assert enter(sign_in, shown(secret, clock, off_s))


def test_a_recovery_code_lets_in_once(sign_in: SignIn, clock: Clock, store: Store) -> None:
    _, recovery = enrolled(sign_in, clock)
    enter(sign_in, recovery[0].lower())
    assert refusal(sign_in, recovery[0]) == "second_factor_refused"
    enter(sign_in, recovery[9].replace("-", " "))
    events = [event.details["what"] for event in told(store, AuditKind.ACCOUNT)]
    assert events[-3:] == [
        "second factor enrolled",
        "recovery code used, 9 left",
        "recovery code used, 8 left",
    ]


def test_a_recovery_code_is_not_lost_where_the_session_could_not_be_written(
    sign_in: SignIn, clock: Clock, store: Store
) -> None:
    _, recovery = enrolled(sign_in, clock)
    with no_session_written(store), pytest.raises(SQLAlchemyError):
        enter(sign_in, recovery[0])
    assert enter(sign_in, recovery[0])
    used = [event.details["what"] for event in told(store, AuditKind.ACCOUNT)]
    assert used.count("recovery code used, 9 left") == 1


@contextmanager
def no_session_written(store: Store) -> Iterator[None]:
    """As if the disk were full, or the machine stopped, when a session is to be written."""
    making = [
        "CREATE TRIGGER refused BEFORE INSERT ON sessions BEGIN SELECT RAISE(ABORT, 'no'); END"
    ]
    ending = ["DROP TRIGGER refused"]
    if store.engine.dialect.name == "postgresql":
        making = [
            "CREATE FUNCTION refused() RETURNS trigger LANGUAGE plpgsql AS "
            "$$BEGIN RAISE EXCEPTION 'no'; END$$",
            "CREATE TRIGGER refused BEFORE INSERT ON sessions FOR EACH ROW "
            "EXECUTE FUNCTION refused()",
        ]
        ending = ["DROP TRIGGER refused ON sessions", "DROP FUNCTION refused"]
    run_sql(store, making)
    try:
        yield
    finally:
        run_sql(store, ending)


def run_sql(store: Store, commands: list[str]) -> None:
    with store.engine.begin() as connection:
        for command in commands:
            connection.exec_driver_sql(command)


@pytest.mark.postgres
def test_of_two_first_codes_at_once_one_enrols(sign_in: SignIn, clock: Clock, store: Store) -> None:
    """The first of two different codes has not been committed when the second comes."""
    if store.engine.dialect.name != "postgresql":
        pytest.skip("one writer at a time")
    secret = asked(sign_in).secret
    with ThreadPoolExecutor(1) as pool:
        with store.begin() as session:
            (row,) = session.scalars(sa.select(SecondFactorRow))
            account_id = row.account_id
            first = second_factors.confirm(session, account_id, row.sealed, ["0" * 64], clock.now)
            second = pool.submit(enter, sign_in, shown(secret, clock, 30))
            while not second.done() and not waited_for(store):
                pass
        assert first
        assert second.result().recovery == ()
    with store.read() as session:
        assert second_factors.recovery_codes_left(session, account_id) == 1


def waited_for(store: Store) -> bool:
    """Whether somebody waits for a lock."""
    with store.read() as session:
        waiting = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(session.scalar(waiting))


def test_wrong_codes_wait_like_wrong_passwords(sign_in: SignIn, clock: Clock) -> None:
    secret, _ = enrolled(sign_in, clock)
    for _ in range(FREE_TRIES):
        assert refusal(sign_in, "000000") == "second_factor_refused"
    assert refusal(sign_in, shown(secret, clock)) == "sign_in_wait"
    clock.forward(seconds=90)
    assert enter(sign_in, shown(secret, clock))


def test_what_is_refused_is_in_the_audit_and_no_code_is(
    sign_in: SignIn, clock: Clock, store: Store
) -> None:
    secret, _ = enrolled(sign_in, clock)
    code = shown(secret, clock)
    enter(sign_in, code)
    refusal(sign_in, code)
    refusal(sign_in, "000000")
    events = told(store, AuditKind.LOG_IN)
    assert [event.code for event in events[-2:]] == [
        "second_factor_replayed",
        "second_factor_refused",
    ]
    assert code not in str(events)


def test_a_right_password_that_no_code_follows_is_in_the_audit(
    sign_in: SignIn, clock: Clock, store: Store
) -> None:
    secret = asked(sign_in).secret
    enter(sign_in, shown(secret, clock))
    refusal(sign_in, "")
    events = [event for event in told(store, AuditKind.LOG_IN) if event.outcome is Outcome.REFUSED]
    assert [(event.code, event.actor.address) for event in events] == [
        ("second_factor_enrol", DESK),
        ("second_factor_needed", DESK),
    ]
    assert {event.details["login"] for event in events} == {"lin"}


def test_the_database_knows_no_secret_and_no_recovery_code(
    sign_in: SignIn, clock: Clock, store: Store
) -> None:
    secret, recovery = enrolled(sign_in, clock)
    planted = {secret, *recovery, *map(typed, recovery)}
    with store.engine.connect() as connection:
        for table in sa.inspect(connection).get_table_names():
            for row in connection.execute(sa.text(f'SELECT * FROM "{table}"')).all():
                assert not [text for text in planted if text in str(row)]


def test_a_telephone_put_to_another_account_in_the_database_does_not_open(
    sign_in: SignIn, clock: Clock, store: Store
) -> None:
    secret, _ = enrolled(sign_in, clock)
    register(sign_in, "wang")
    with store.engine.begin() as connection:
        connection.execute(
            sa.text(
                "UPDATE second_factors SET account_id = "
                "(SELECT account_id FROM accounts WHERE login = 'wang')"
            )
        )
    with pytest.raises(StorageDamaged, match="value_damaged"):
        sign_in.by_password("wang", PASSWORD, address=DESK, code=shown(secret, clock))


def test_an_administrator_has_a_lost_telephone_forgotten(
    sign_in: SignIn, clock: Clock, store: Store
) -> None:
    secret, recovery = enrolled(sign_in, clock)
    inside = enter(sign_in, shown(secret, clock))
    sign_in.reset_second_factor("lin")
    with pytest.raises(SignInError, match="sign_in_needed"):
        sign_in.session(inside.secret, acting=False)
    clock.forward(minutes=2)
    asked(sign_in)
    for code in (shown(secret, clock), recovery[0]):
        assert refusal(sign_in, code) == "second_factor_refused"
    assert told(store, AuditKind.ACCOUNT)[-1].details["what"] == "second factor reset"


def test_what_goes_on_with_a_session_asks_for_the_password_alone(
    sign_in: SignIn, clock: Clock
) -> None:
    secret, _ = enrolled(sign_in, clock)
    inside = enter(sign_in, shown(secret, clock))
    clock.forward(minutes=30)
    with pytest.raises(SignInError, match="session_locked"):
        sign_in.session(inside.secret, acting=True)
    unlocked = sign_in.unlock(inside.secret, PASSWORD, address=DESK)
    sign_in.confirm(unlocked.session.account, PASSWORD, address=DESK)


def test_where_no_site_asks_a_password_is_enough(store: Store, clock: Clock) -> None:
    plain = SignIn(store, TERMS, clock)
    register(plain)
    assert plain.by_password("lin", PASSWORD, address=DESK, code="whatever").recovery == ()

"""Signing in: who gets in, who waits, what a link does once, and what ends a session."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import event

from radraft.core.errors import NotFound, SignInError
from radraft.pipeline.sign_in import SignIn
from radraft.reports.accounts import FREE_TRIES, MOST_OF_LOGIN, SessionTerms
from radraft.reports.roles import EVERY_SITE, Membership, Permission, Role
from radraft.store import accounts, sign_ins
from radraft.store.database import Store
from tests.scale import on_both, scaled

pytestmark = on_both(
    "test_a_person_signs_in_is_known_and_signs_out",
    "test_whatever_is_wrong_the_work_is_the_same",
    "test_a_link_that_two_use_at_once_works_for_one",
    "test_the_last_administrator_stays_one",
    "test_no_two_accounts_have_one_log_in_name",
    "test_no_other_secret_is_a_session",
)

PASSWORD = "two films before tea"
DESK, ELSEWHERE = "10.0.0.7", "203.0.113.9"
TERMS = SessionTerms(idle=timedelta(minutes=15), longest=timedelta(hours=12))


@dataclass
class Clock:
    now: datetime = datetime(2026, 11, 29, 8, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sign_in(store: Store, clock: Clock) -> SignIn:
    return SignIn(store, TERMS, clock)


def register(sign_in: SignIn, login: str = "lin", role: Role = Role.ATTENDING) -> None:
    _, secret = sign_in.add_account(login, "林清", [Membership("north", role)])
    sign_in.by_link(secret, login="", name="", password=PASSWORD)


def refusal(sign_in: SignIn, login: str, password: str, address: str = DESK) -> str:
    with pytest.raises(SignInError) as refused:
        sign_in.by_password(login, password, address=address)
    return refused.value.code


def test_a_person_signs_in_is_known_and_signs_out(sign_in: SignIn) -> None:
    register(sign_in)
    signed_in = sign_in.by_password(" LIN ", PASSWORD, address=DESK)
    known = sign_in.session(signed_in.secret, acting=True)
    assert known.account.login == "lin"
    assert known.account.may(Permission.SIGN, "north")
    sign_in.out(signed_in.secret)
    with pytest.raises(SignInError, match="sign_in_needed"):
        sign_in.session(signed_in.secret, acting=False)


@pytest.mark.parametrize("secret", [None, "", "x", "\0", "é" * 5000])
def test_no_other_secret_is_a_session(sign_in: SignIn, secret: str | None) -> None:
    with pytest.raises(SignInError, match="sign_in_needed"):
        sign_in.session(secret, acting=True)


def test_each_session_has_a_secret_that_the_database_does_not_know(
    sign_in: SignIn, store: Store
) -> None:
    register(sign_in)
    secrets = {sign_in.by_password("lin", PASSWORD, address=DESK).secret for _ in range(3)}
    assert len(secrets) == 3
    with store.read() as session:
        account = accounts.every(session)[0]
        assert len(sign_ins.of_account(session, account.account_id)) == 3
        stored = accounts.password_hash(session, account.account_id)
    assert stored is not None
    assert stored.startswith("$argon2id$")
    assert PASSWORD not in stored


def test_whatever_is_wrong_the_answer_is_the_same(sign_in: SignIn) -> None:
    register(sign_in)
    sign_in.add_account("new", "无密码", [])
    register(sign_in, "gone")
    sign_in.set_disabled("gone", disabled=True)
    wrong = [("lin", "wrong"), ("nobody", PASSWORD), ("new", ""), ("gone", PASSWORD), ("", "")]
    assert {refusal(sign_in, login, given) for login, given in wrong} == {"sign_in_refused"}


def test_whatever_is_wrong_the_work_is_the_same(
    sign_in: SignIn, store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So no time tells of an account: as many statements, and one hash of the same parameters."""
    register(sign_in)
    sign_in.add_account("new", "无密码", [Membership("north", Role.ATTENDING)])
    register(sign_in, "gone")
    sign_in.set_disabled("gone", disabled=True)
    wrong = [
        ("nobody", PASSWORD), ("lin", "wrong"), ("new", "wrong"), ("gone", "wrong"),
        ("gone", PASSWORD),
    ]  # fmt: skip
    with store.read() as session:
        reading = session.get_bind().engine
    verify = Argon2Hasher.verify
    hashes: list[str] = []

    def verified(self: Argon2Hasher, password: str | bytes, kept: str | bytes) -> bool:
        hashes.append(str(kept).rpartition("$")[0].rpartition("$")[0])
        return verify(self, password, kept)

    monkeypatch.setattr(Argon2Hasher, "verify", verified)
    refusal(sign_in, "nobody", "the first has its hash made")
    work = set()
    for number, (login, password) in enumerate(wrong):
        statements: list[str] = []
        hashes.clear()

        def note(connection: object, cursor: object, statement: str, *rest: object) -> None:
            statements.append(statement.split()[0])  # noqa: B023 - of this round

        for engine in (store.engine, reading):
            event.listen(engine, "before_cursor_execute", note)
        refusal(sign_in, login, password, f"10.0.1.{number}")
        for engine in (store.engine, reading):
            event.remove(engine, "before_cursor_execute", note)
        work.add((tuple(statements), tuple(hashes)))
    assert len({hashed for _, hashed in work}) == 1
    assert len(hashes) == 1
    assert len({statements for statements, _ in work}) == 1


def test_a_guesser_waits_and_the_right_password_does_not_help_him_meanwhile(
    sign_in: SignIn, clock: Clock
) -> None:
    register(sign_in)
    codes = [refusal(sign_in, "lin", f"guess {number}", ELSEWHERE) for number in range(FREE_TRIES)]
    assert set(codes) == {"sign_in_refused"}
    assert refusal(sign_in, "lin", PASSWORD, ELSEWHERE) == "sign_in_wait"
    # The person himself, at his desk, does not wait for the guesser.
    sign_in.by_password("lin", PASSWORD, address=DESK)
    clock.forward(seconds=1)
    sign_in.by_password("lin", PASSWORD, address=ELSEWHERE)


def test_a_name_that_nobody_has_makes_a_guesser_wait_alike(sign_in: SignIn) -> None:
    for number in range(FREE_TRIES):
        refusal(sign_in, "nobody", f"guess {number}")
    assert refusal(sign_in, "nobody", "guess") == "sign_in_wait"


@pytest.mark.slow
@pytest.mark.scaled
def test_thousands_of_tries_let_nobody_in_and_the_person_is_not_shut_out(
    sqlite_store: Store, clock: Clock
) -> None:
    """Ten addresses, ten tries a second: few are heard at all."""
    sign_in = SignIn(sqlite_store, TERMS, clock)
    register(sign_in)
    sign_in.by_password("lin", PASSWORD, address=DESK)
    refused: list[str] = []
    for number in range(tries := scaled(300, full=10_000)):
        refused.append(refusal(sign_in, "lin", f"guess {number}", f"203.0.113.{number % 10}"))
        clock.forward(seconds=0.1)
    hashed = refused.count("sign_in_refused")
    assert hashed + refused.count("sign_in_wait") == tries
    print(f"{tries} tries, {hashed} heard, 0 let in")
    assert hashed < MOST_OF_LOGIN + 20
    assert sign_in.by_password("lin", PASSWORD, address=DESK).session.account.login == "lin"


def test_what_was_mistyped_is_forgotten_once_the_person_is_in(sign_in: SignIn) -> None:
    register(sign_in)
    for number in range(FREE_TRIES - 1):
        refusal(sign_in, "lin", f"mistyped {number}")
    sign_in.by_password("lin", PASSWORD, address=DESK)
    for number in range(FREE_TRIES - 1):
        assert refusal(sign_in, "lin", f"mistyped {number}") == "sign_in_refused"


def test_a_session_locks_and_its_person_goes_on_with_another_secret(
    sign_in: SignIn, clock: Clock
) -> None:
    register(sign_in)
    before = sign_in.by_password("lin", PASSWORD, address=DESK)
    clock.forward(minutes=10)
    sign_in.session(before.secret, acting=False)
    clock.forward(minutes=5)
    with pytest.raises(SignInError, match="session_locked"):
        sign_in.session(before.secret, acting=True)
    with pytest.raises(SignInError, match="sign_in_refused"):
        sign_in.unlock(before.secret, "wrong", address=DESK)
    after = sign_in.unlock(before.secret, PASSWORD, address=DESK)
    assert after.session.session_id == before.session.session_id
    assert sign_in.session(after.secret, acting=True).account.login == "lin"
    with pytest.raises(SignInError, match="sign_in_needed"):
        sign_in.session(before.secret, acting=True)


@pytest.mark.parametrize("minutes", [-5, 5])
def test_servers_whose_clocks_are_five_minutes_apart_let_the_right_person_work(
    store: Store, clock: Clock, minutes: int
) -> None:
    here = SignIn(store, TERMS, clock)
    other = Clock(clock.now)
    other.forward(minutes=minutes)
    there = SignIn(store, TERMS, other)
    register(here)
    secret = here.by_password("lin", PASSWORD, address=DESK).secret
    for _ in range(3):
        assert there.session(secret, acting=True).account.login == "lin"
        assert here.session(secret, acting=True).account.login == "lin"
        clock.forward(minutes=9)
        other.forward(minutes=9)
    for number in range(FREE_TRIES):
        refusal(here, "lin", f"mistyped {number}")
    waited = timedelta(0)
    while True:
        try:
            there.by_password("lin", PASSWORD, address=DESK)
            break
        except SignInError as error:
            assert error.code == "sign_in_wait"
            assert error.details["seconds"] == 1
        other.forward(seconds=10)
        waited += timedelta(seconds=10)
    # At the server that is behind, until its clock is where the other's was.
    assert waited <= timedelta(minutes=max(0, -minutes), seconds=10)


def test_what_a_person_does_keeps_his_session_open(sign_in: SignIn, clock: Clock) -> None:
    register(sign_in)
    secret = sign_in.by_password("lin", PASSWORD, address=DESK).secret
    for _ in range(5):
        clock.forward(minutes=14)
        sign_in.session(secret, acting=True)
    clock.forward(hours=11)
    with pytest.raises(SignInError, match="sign_in_needed"):
        sign_in.session(secret, acting=True)


def test_a_locked_session_is_not_unlocked_by_another_person(
    sign_in: SignIn, clock: Clock, store: Store
) -> None:
    register(sign_in)
    _, link = sign_in.add_account("wang", "王芳", [])
    sign_in.by_link(link, login="", name="", password="another sentence of hers")
    secret = sign_in.by_password("lin", PASSWORD, address=DESK).secret
    clock.forward(minutes=20)
    with pytest.raises(SignInError, match="sign_in_refused"):
        sign_in.unlock(secret, "another sentence of hers", address=DESK)


def test_a_disabled_account_is_out_at_its_next_request(sign_in: SignIn) -> None:
    register(sign_in)
    secret = sign_in.by_password("lin", PASSWORD, address=DESK).secret
    sign_in.set_disabled("lin", disabled=True)
    with pytest.raises(SignInError, match="sign_in_needed"):
        sign_in.session(secret, acting=True)
    sign_in.set_disabled("lin", disabled=False)
    sign_in.by_password("lin", PASSWORD, address=DESK)


def test_a_role_that_was_taken_is_gone_at_the_next_request(sign_in: SignIn) -> None:
    register(sign_in)
    secret = sign_in.by_password("lin", PASSWORD, address=DESK).secret
    sign_in.set_memberships("lin", [Membership("north", Role.CLINICIAN)])
    assert not sign_in.session(secret, acting=True).account.may(Permission.SIGN, "north")


def test_the_first_administrator_is_made_by_a_link_that_works_once(
    sign_in: SignIn, clock: Clock
) -> None:
    link = sign_in.first_link()
    assert link is not None
    with pytest.raises(SignInError, match="password_weak"):
        sign_in.by_link(link, login="root", name="管理员", password="root")
    made = sign_in.by_link(link, login="Chen", name="陈静", password=PASSWORD)
    assert made.memberships == {Membership(EVERY_SITE, Role.ADMINISTRATOR)}
    with pytest.raises(SignInError, match="link_unusable"):
        sign_in.by_link(link, login="other", name="另一人", password=PASSWORD)
    assert sign_in.first_link() is None
    sign_in.by_password("chen", PASSWORD, address=DESK)


def test_a_newer_first_link_takes_the_place_of_the_older(sign_in: SignIn) -> None:
    older, newer = sign_in.first_link(), sign_in.first_link()
    assert older is not None
    assert newer is not None
    with pytest.raises(SignInError, match="link_unusable"):
        sign_in.by_link(older, login="chen", name="陈静", password=PASSWORD)
    sign_in.by_link(newer, login="chen", name="陈静", password=PASSWORD)


def test_links_grow_old(sign_in: SignIn, clock: Clock) -> None:
    link = sign_in.first_link()
    assert link is not None
    clock.forward(hours=24)
    with pytest.raises(SignInError, match="link_unusable"):
        sign_in.by_link(link, login="chen", name="陈静", password=PASSWORD)


def test_a_link_that_two_use_at_once_works_for_one(sign_in: SignIn, store: Store) -> None:
    link = sign_in.first_link()
    assert link is not None
    begin = threading.Barrier(2)
    outcomes: list[str] = []

    def use(login: str) -> None:
        begin.wait()
        try:
            sign_in.by_link(link, login=login, name=login, password=PASSWORD)
        except SignInError as error:
            outcomes.append(error.code)
        else:
            outcomes.append("made")

    threads = [threading.Thread(target=use, args=(login,)) for login in ("chen", "zhou")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["link_unusable", "made"]
    with store.read() as session:
        assert len(accounts.every(session)) == 1


def test_a_new_password_ends_the_sessions_of_the_old(sign_in: SignIn) -> None:
    register(sign_in)
    secret = sign_in.by_password("lin", PASSWORD, address=DESK).secret
    link = sign_in.password_link("lin")
    sign_in.by_link(link, login="", name="", password="quite another sentence")
    with pytest.raises(SignInError, match="sign_in_needed"):
        sign_in.session(secret, acting=True)
    assert refusal(sign_in, "lin", PASSWORD) == "sign_in_refused"


def test_the_last_administrator_stays_one(sign_in: SignIn) -> None:
    link = sign_in.first_link()
    assert link is not None
    sign_in.by_link(link, login="chen", name="陈静", password=PASSWORD)
    with pytest.raises(SignInError, match="last_administrator"):
        sign_in.set_disabled("chen", disabled=True)
    with pytest.raises(SignInError, match="last_administrator"):
        sign_in.set_memberships("chen", [Membership("north", Role.CLINICIAN)])
    register(sign_in, "zhou", Role.ADMINISTRATOR)
    sign_in.set_disabled("chen", disabled=True)


def test_no_two_accounts_have_one_log_in_name(sign_in: SignIn) -> None:
    register(sign_in)
    with pytest.raises(SignInError, match="login_taken"):
        sign_in.add_account("LIN", "林青", [])


def test_accounts_that_are_not_there_are_said_so(sign_in: SignIn) -> None:
    with pytest.raises(NotFound, match="account_not_found"):
        sign_in.password_link("nobody")


def test_a_demo_account_signs_in_without_a_password_and_never_with_one(
    sign_in: SignIn, store: Store, clock: Clock
) -> None:
    with store.begin() as session:
        accounts.add(session, login="demo", name="演示", memberships=[], now=clock(), demo=True)
    register(sign_in)
    assert sign_in.as_demo("demo", address=DESK).session.account.demo
    with pytest.raises(SignInError, match="sign_in_refused"):
        sign_in.as_demo("lin", address=DESK)
    assert refusal(sign_in, "demo", "") == "sign_in_refused"


def test_no_secret_and_no_name_is_in_a_repr(sign_in: SignIn) -> None:
    register(sign_in)
    signed_in = sign_in.by_password("lin", PASSWORD, address=DESK)
    shown = repr(signed_in) + repr(replace(signed_in))
    assert signed_in.secret not in shown
    assert "林清" not in shown
    assert DESK not in shown

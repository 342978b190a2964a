"""Tokens of other programs: who is let in, who waits, what is kept and what the audit knows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from radraft.core.errors import NotFound, SignInError, TokenError
from radraft.core.settings import Settings
from radraft.pipeline.machine_tokens import MachineTokens
from radraft.pipeline.sign_in import SignIn
from radraft.reports.accounts import FREE_TRIES, MOST_OF_ADDRESS
from radraft.reports.audit import AuditActor, AuditEvent, AuditKind, AuditQuery
from radraft.reports.machine_tokens import MachineToken, TokenTerms, new_secret
from radraft.reports.roles import EVERY_SITE, Scope
from radraft.store import audit, machine_tokens
from radraft.store.database import Store, open_store
from tests.pipeline.test_sign_in import PASSWORD, TERMS, Clock, register
from tests.scale import on_both, scaled

pytestmark = on_both(
    "test_a_program_is_let_in_by_its_token_until_it_ends",
    "test_a_program_reads_on_while_nothing_can_be_written",
    "test_when_it_was_last_used_is_written_once_a_minute",
    "test_no_other_secret_is_a_token",
)

BY = AuditActor("管理员", "a-0123456789abcdef", "10.0.0.7")
PACS, ELSEWHERE = "10.0.0.20", "203.0.113.9"
DAYS = 30


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(store: Store, clock: Clock) -> MachineTokens:
    return MachineTokens(store, clock)


def made(tokens: MachineTokens, *sites: str, scope: Scope = Scope.READ) -> tuple[MachineToken, str]:
    terms = TokenTerms("wall", frozenset(sites or ("north",)), frozenset({scope}), DAYS)
    return tokens.make(terms, by=BY)


def refusal(tokens: MachineTokens, secret: str, address: str = PACS) -> str:
    with pytest.raises(TokenError) as refused:
        tokens.by_secret(secret, address=address)
    return refused.value.code


def told(store: Store, kind: AuditKind) -> list[AuditEvent]:
    """What the audit has of a kind, oldest first."""
    with store.read() as session:
        found = audit.search(session, AuditQuery(kinds=frozenset({kind})))
    return [entry.event for entry in reversed(found.entries)]


def test_a_program_is_let_in_by_its_token_until_it_ends(
    tokens: MachineTokens, clock: Clock
) -> None:
    token, secret = made(tokens)
    assert tokens.by_secret(secret, address=PACS).token_id == token.token_id
    clock.forward(days=DAYS, seconds=-1)
    assert tokens.by_secret(secret, address=PACS).name == "wall"
    clock.forward(seconds=1)
    assert refusal(tokens, secret) == "token_expired"


def test_a_token_is_revoked_for_good(tokens: MachineTokens, clock: Clock) -> None:
    token, secret = made(tokens)
    first = tokens.revoke(token.token_id, by=BY)
    assert refusal(tokens, secret) == "token_revoked"
    clock.forward(hours=1)
    assert tokens.revoke(token.token_id, by=BY).revoked_at == first.revoked_at


@pytest.mark.parametrize("secret", ["", "radraft_", "x", "\0", "é" * 5000, "\ud800"])
def test_no_other_secret_is_a_token(tokens: MachineTokens, secret: str) -> None:
    made(tokens)
    assert refusal(tokens, secret) == "token_unknown"


def test_the_database_knows_no_token(tokens: MachineTokens, store: Store) -> None:
    token, secret = made(tokens)
    tokens.by_secret(secret, address=PACS)
    random = secret.removeprefix("radraft_")
    with store.engine.connect() as connection:
        for table in sa.inspect(connection).get_table_names():
            for row in connection.execute(sa.text(f'SELECT * FROM "{table}"')).all():
                assert random not in str(row)
    assert random not in repr(token)


def test_when_it_was_last_used_is_written_once_a_minute(
    tokens: MachineTokens, clock: Clock
) -> None:
    _, secret = made(tokens)
    assert tokens.every()[0].used_at is None
    began = clock.now
    for _ in range(6):
        tokens.by_secret(secret, address=PACS)
        clock.forward(seconds=11)
    assert tokens.every()[0].used_at == began
    tokens.by_secret(secret, address=PACS)
    assert tokens.every()[0].used_at == began + timedelta(seconds=66)


@pytest.mark.slow
@pytest.mark.scaled
def test_of_wrong_tokens_few_are_heard_and_a_right_one_always(
    sqlite_store: Store, clock: Clock
) -> None:
    """Thousands of tries in ten minutes: none is let in, and the audit does not grow by them."""
    tokens = MachineTokens(sqlite_store, clock)
    _, secret = made(tokens)
    codes = set()
    tries = scaled(300, full=10_000)
    for number in range(tries):
        codes.add(refusal(tokens, new_secret()))
        if number % 50 == 0:
            assert tokens.by_secret(secret, address=PACS).name == "wall"
        clock.forward(seconds=600 / tries)
    assert codes == {"token_unknown", "token_wait"}
    assert FREE_TRIES < len(told(sqlite_store, AuditKind.LOG_IN)) < 30


def test_a_program_with_an_old_token_shuts_nobody_out(
    tokens: MachineTokens, clock: Clock, store: Store
) -> None:
    sign_in = SignIn(store, TERMS, clock)
    register(sign_in)
    for _ in range(MOST_OF_ADDRESS + FREE_TRIES):
        refusal(tokens, "radraft_old")
        clock.forward(seconds=1)
    assert sign_in.by_password("lin", PASSWORD, address=PACS)
    assert refusal(tokens, "radraft_wrong", ELSEWHERE) == "token_unknown"


def test_the_audit_knows_who_made_and_revoked_it_and_who_was_refused(
    tokens: MachineTokens, store: Store
) -> None:
    token, secret = made(tokens, "north", "south", scope=Scope.INTAKE)
    tokens.revoke(token.token_id, by=AuditActor("command line (root)"))
    refusal(tokens, secret)
    refusal(tokens, "radraft_wrong")
    events = told(store, AuditKind.TOKEN)
    assert [(event.site, event.details["what"], event.actor.name) for event in events] == [
        ("north", "made", "管理员"),
        ("south", "made", "管理员"),
        ("north", "revoked", "command line (root)"),
        ("south", "revoked", "command line (root)"),
    ]
    assert {event.details["token"] for event in events} == {token.token_id}
    known, unknown = told(store, AuditKind.LOG_IN)
    assert (known.actor.name, known.actor.account_id, known.code) == (
        *("wall", token.token_id),
        "token_revoked",
    )
    assert (unknown.actor.name, unknown.actor.address, unknown.code) == ("", PACS, "token_unknown")


def test_an_administrator_gives_and_takes_at_his_own_sites(tokens: MachineTokens) -> None:
    own = frozenset({"north"})
    token, _ = made(tokens, "north", "south")
    everywhere, _ = made(tokens, EVERY_SITE)
    foreign, _ = made(tokens, "south")
    # What is for his site he sees, be it for others too.
    assert {held.token_id for held in tokens.every(own)} == {token.token_id, everywhere.token_id}
    for held in (token, everywhere, foreign):
        with pytest.raises(SignInError, match="not_allowed"):
            tokens.revoke(held.token_id, by=BY, sites=own)
    for sites in (frozenset({"north", "south"}), frozenset({EVERY_SITE})):
        with pytest.raises(SignInError, match="not_allowed"):
            tokens.make(TokenTerms("wall", sites, frozenset({Scope.READ}), DAYS), by=BY, sites=own)
    ours, _ = tokens.make(TokenTerms("wall", own, frozenset({Scope.READ}), DAYS), by=BY, sites=own)
    assert tokens.revoke(ours.token_id, by=BY, sites=own).revoked_at is not None


def test_a_token_that_is_not_there_is_not_revoked(tokens: MachineTokens) -> None:
    with pytest.raises(NotFound, match="token_not_found"):
        tokens.revoke("t-0000000000000000", by=BY)


def test_a_clock_that_went_back_lets_no_token_last_longer_than_it_said(
    tokens: MachineTokens, clock: Clock
) -> None:
    _, secret = made(tokens)
    tokens.by_secret(secret, address=PACS)
    clock.now = datetime(2026, 1, 1, tzinfo=UTC)
    assert tokens.by_secret(secret, address=PACS)
    clock.forward(days=400)
    assert refusal(tokens, secret) == "token_expired"


def test_a_program_reads_on_while_nothing_can_be_written(
    store_settings: Settings, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    hurried = open_store(store_settings.model_copy(update={"database_wait_s": 0.2}))
    tokens = MachineTokens(hurried, clock)
    token, secret = made(tokens)
    with hurried.begin() as session:
        # Another step holds what has to be written.
        machine_tokens.used(session, token.token_id, clock.now - timedelta(hours=1))
        assert tokens.by_secret(secret, address=PACS).token_id == token.token_id
    assert "token_use_not_written: database_busy" in caplog.text
    hurried.close()

"""Who is on which study for all pages of a process, by clocks of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from radraft.core.errors import SignInError
from radraft.core.settings import Settings
from radraft.pipeline.presence import READ_EVERY_S, WRITTEN_EVERY_S, Presences
from radraft.pipeline.sign_in import session_terms
from radraft.reports.audit import AuditKind, AuditQuery
from radraft.reports.people import Actor
from radraft.reports.presence import LAPSES, Standing
from radraft.reports.roles import Membership, Role
from radraft.store import accounts, audit
from radraft.store.database import Store, open_store
from tests.builders import actor, add_case, signed_in

PAGE, OTHER_PAGE = "0" * 16, "1" * 16


class Time:
    """Both clocks of a process; the database's may be set back."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.database = datetime.now(UTC)

    def monotonic(self) -> float:
        return self.seconds

    def clock(self, _: object) -> datetime:
        return self.database + timedelta(seconds=self.seconds)

    def passes(self, seconds: float) -> None:
        self.seconds += seconds


class Statements:
    """What was sent to a database that writes."""

    def __init__(self, store: Store) -> None:
        self.sent: list[str] = []
        sa.event.listen(store.engine, "before_cursor_execute", self._note)

    def _note(self, *said: object) -> None:
        self.sent.append(str(said[2]))


@pytest.fixture
def time() -> Time:
    return Time()


def server(store: Store, settings: Settings, time: Time) -> Presences:
    return Presences(store, session_terms(settings), monotonic=time.monotonic, clock=time.clock)


@pytest.fixture
def here(store: Store, store_settings: Settings, time: Time) -> Presences:
    return server(store, store_settings, time)


@pytest.fixture
def there(store_settings: Settings, time: Time) -> Iterator[Presences]:
    """Another server on the same database."""
    opened = open_store(store_settings)
    yield server(opened, store_settings, time)
    opened.close()


@pytest.fixture
def case_id(store: Store) -> str:
    with store.begin() as session:
        return add_case(session)


def names(presences: Presences, case_id: str) -> list[str]:
    return [found.person.name for found in presences.now().people(case_id)]


def test_another_server_knows_it_within_the_time_that_it_keeps_what_it_read(
    here: Presences, there: Presences, store: Store, case_id: str, time: Time
) -> None:
    assert names(there, case_id) == []
    here.seen(case_id, PAGE, signed_in(store, "甲"), writing=False)
    assert names(here, case_id) == ["甲"]
    time.passes(READ_EVERY_S)
    assert names(there, case_id) == ["甲"]


def test_a_dead_page_lapses_and_a_living_one_does_not(
    here: Presences, there: Presences, store: Store, case_id: str, time: Time
) -> None:
    dead, alive = signed_in(store, "甲"), signed_in(store, "乙")
    here.seen(case_id, PAGE, dead, writing=False)
    for _ in range(23):
        time.passes(1.25)
        here.seen(case_id, PAGE, alive, writing=False)
    assert names(there, case_id) == ["甲", "乙"]
    time.passes(LAPSES.total_seconds() - 23 * 1.25 + 0.01)
    here.seen(case_id, PAGE, alive, writing=False)
    assert names(there, case_id) == ["乙"]
    for _ in range(40):
        time.passes(1.25)
        here.seen(case_id, PAGE, alive, writing=False)
    assert names(there, case_id) == ["乙"]


def test_of_a_dead_server_the_last_written_sign_counts_and_its_pages_go_on_at_another(
    here: Presences, there: Presences, store: Store, case_id: str, time: Time
) -> None:
    reader = signed_in(store, "甲")
    here.seen(case_id, PAGE, reader, writing=False)
    since = here.now().people(case_id)[0].since
    time.passes(20)
    there.seen(case_id, PAGE, reader, writing=True)
    time.passes(15)
    (found,) = there.now().people(case_id)
    assert (found.since, found.writing) == (since, True)


def test_signs_of_life_are_written_together_and_seldom(
    here: Presences, store: Store, case_id: str, time: Time
) -> None:
    readers = [signed_in(store, f"甲{number}") for number in range(10)]
    for reader in readers:
        here.seen(case_id, PAGE, reader, writing=False)
    statements = Statements(store)
    for _ in range(48):
        time.passes(1.25)
        for reader in readers:
            here.seen(case_id, PAGE, reader, writing=False)
    writes = [sent for sent in statements.sent if sent.startswith(("UPDATE", "INSERT"))]
    # A minute, ten pages: one statement every `WRITTEN_EVERY_S`, not one for each page's sign.
    assert 0 < len(writes) <= 60 / WRITTEN_EVERY_S
    assert len(names(here, case_id)) == 10


def test_a_role_that_is_taken_away_and_an_idle_session_end_it(
    here: Presences, store: Store, case_id: str, time: Time
) -> None:
    first, second = signed_in(store, "甲"), signed_in(store, "乙")
    for reader in (first, second):
        here.seen(case_id, PAGE, reader, writing=False)
    with store.begin() as session:
        held = [Membership("site-a", Role.CLINICIAN)]
        accounts.set_memberships(session, first.who.id or "", held)
    time.passes(READ_EVERY_S)
    assert names(here, case_id) == ["乙"]
    for _ in range(16 * 4):
        time.passes(15)
        here.seen(case_id, PAGE, second, writing=False)
    assert names(here, case_id) == []


def test_a_take_over_is_in_the_audit_with_who_from_whom_and_the_case(
    here: Presences, store: Store, case_id: str, time: Time
) -> None:
    first, second = signed_in(store, "甲"), signed_in(store, "乙")
    here.seen(case_id, PAGE, first, writing=True)
    time.passes(1)
    here.seen(case_id, PAGE, second, writing=False)
    assert here.now().standing(case_id, second.who) is Standing.SECOND
    here.take(case_id, PAGE, second)
    assert here.now().standing(case_id, first.who) is Standing.TAKEN_OVER
    # Nothing is taken from nobody.
    here.take(case_id, PAGE, second)
    with store.read() as session:
        query = AuditQuery(kinds=frozenset({AuditKind.PRESENCE}))
        (entry,) = audit.search(session, query).entries
    event = entry.event
    assert (event.actor.account_id, event.case_id, event.site) == (second.who.id, case_id, "site-a")
    assert event.details == {"account": first.who.id}
    here.take(case_id, PAGE, first)
    assert here.now().standing(case_id, second.who) is Standing.TAKEN_OVER
    here.leave(case_id, PAGE, first)
    assert here.now().standing(case_id, second.who) is Standing.ALONE


def test_own_other_pages_are_told_and_are_nobody_else(
    here: Presences, store: Store, case_id: str
) -> None:
    reader = signed_in(store, "甲")
    assert reader.session_id is not None
    here.seen(case_id, PAGE, reader, writing=False)
    assert not here.now().elsewhere(case_id, reader.who, reader.session_id, PAGE)
    here.seen(case_id, OTHER_PAGE, reader, writing=False)
    assert here.now().elsewhere(case_id, reader.who, reader.session_id, PAGE)
    assert here.now().standing(case_id, reader.who) is Standing.ALONE
    here.leave(case_id, OTHER_PAGE, reader)
    assert not here.now().elsewhere(case_id, reader.who, reader.session_id, PAGE)


def test_a_clock_that_is_set_back_shows_nobody_for_longer(
    here: Presences, store: Store, case_id: str, time: Time
) -> None:
    dead, alive = signed_in(store, "甲"), signed_in(store, "乙")
    for reader in (dead, alive):
        here.seen(case_id, PAGE, reader, writing=False)
    time.database -= timedelta(hours=1)
    time.passes(READ_EVERY_S)
    here.seen(case_id, PAGE, alive, writing=False)
    assert names(here, case_id) == ["乙"]


def test_nobody_is_there_without_a_session(here: Presences, case_id: str) -> None:
    somebody: Actor = actor("甲")
    with pytest.raises(SignInError, match="sign_in_needed"):
        here.seen(case_id, PAGE, somebody, writing=False)

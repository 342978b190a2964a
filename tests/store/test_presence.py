"""Pages that have a study open, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from radraft.core.errors import SignInError
from radraft.core.settings import Settings
from radraft.pipeline.presence import Presences
from radraft.pipeline.sign_in import session_terms
from radraft.reports.people import Actor
from radraft.reports.presence import LAPSES, OpenPage, present
from radraft.store import presence, sign_ins
from radraft.store.database import Store
from radraft.store.presence import KEPT, MOST_PAGES, Sign
from tests.builders import add_case, signed_in

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def case_id(store: Store) -> str:
    with store.begin() as session:
        add_case(session, 2)
        return add_case(session, 1)


def sign(
    actor: Actor, case_id: str, at: datetime, page: str = "0" * 16, *, writing: bool = False
) -> Sign:
    assert actor.session_id is not None
    return Sign(actor.session_id, page, case_id, at, writing)


def pages(store: Store, case_id: str) -> tuple[OpenPage, ...]:
    with store.read() as session:
        return tuple(page for page, _ in presence.of_case(session, case_id))


def test_a_page_is_there_with_its_person_and_the_site_of_its_case(
    store: Store, case_id: str
) -> None:
    reader = signed_in(store, "甲")
    with store.begin() as session:
        presence.enter(session, sign(reader, case_id, NOON, writing=True))
    (page,) = pages(store, case_id)
    assert (page.person, page.site, page.opened_at, page.seen_at, page.writing) == (
        reader.who,
        "site-a",
        NOON,
        NOON,
        True,
    )
    with store.read() as session:
        ((_, held),) = presence.every(session)
    assert (held.session_id, held.account.name) == (reader.session_id, "甲")


def test_a_page_of_a_session_that_has_ended_is_told_so_and_is_nowhere(
    store: Store, case_id: str
) -> None:
    reader = signed_in(store, "甲")
    known = signed_in(store, "乙")
    presences = Presences(store, session_terms(Settings()))
    presences.seen(case_id, "0" * 16, known, writing=False)
    with store.begin() as session:
        for actor in (reader, known):
            sign_ins.end(session, str(actor.session_id))
    for actor in (reader, known):
        for ask in (presences.take, partial(presences.seen, writing=False)):
            with pytest.raises(SignInError, match="sign_in_needed"):
                ask(case_id, "1" * 16, actor)
    assert pages(store, case_id) == ()


def test_signs_keep_it_since_when_it_was_opened_and_another_study_begins_anew(
    store: Store, case_id: str
) -> None:
    reader = signed_in(store, "甲")
    with store.begin() as session:
        presence.enter(session, sign(reader, case_id, NOON))
        presence.renew(session, [sign(reader, case_id, NOON + 9 * SECOND, writing=True)])
        presence.enter(session, sign(reader, case_id, NOON + 20 * SECOND, writing=True))
    (page,) = pages(store, case_id)
    assert (page.opened_at, page.seen_at, page.writing) == (NOON, NOON + 20 * SECOND, True)
    with store.begin() as session:
        other = add_case(session, 3)
        presence.enter(session, sign(reader, other, NOON + 21 * SECOND))
    assert pages(store, case_id) == ()
    (page,) = pages(store, other)
    assert (page.opened_at, page.writing) == (NOON + 21 * SECOND, False)


def test_a_page_that_was_silent_for_too_long_is_new_when_it_comes_back(
    store: Store, case_id: str
) -> None:
    reader = signed_in(store, "甲")
    back = NOON + LAPSES + SECOND
    with store.begin() as session:
        presence.take(session, sign(reader, case_id, NOON))
        presence.enter(session, sign(reader, case_id, back))
    (page,) = pages(store, case_id)
    assert (page.opened_at, page.taken_at) == (back, None)


def test_an_old_sign_and_one_of_another_study_change_nothing(store: Store, case_id: str) -> None:
    reader = signed_in(store, "甲")
    with store.begin() as session:
        other = add_case(session, 3)
        presence.enter(session, sign(reader, case_id, NOON))
        presence.renew(session, [sign(reader, case_id, NOON - SECOND)])
        presence.renew(session, [sign(reader, other, NOON + SECOND)])
        presence.renew(session, [])
        presence.leave(session, reader.session_id or "", "0" * 16, other)
    assert [page.seen_at for page in pages(store, case_id)] == [NOON]


def test_who_takes_a_study_over_is_on_it_even_where_a_clock_goes_back(
    store: Store, case_id: str
) -> None:
    first, second = signed_in(store, "甲"), signed_in(store, "乙")
    with store.begin() as session:
        presence.enter(session, sign(first, case_id, NOON))
        presence.take(session, sign(second, case_id, NOON + SECOND))
        presence.take(session, sign(first, case_id, NOON - SECOND))
    assert present(pages(store, case_id))[0].person == first.who


def test_leaving_and_the_end_of_a_session_end_it(store: Store, case_id: str) -> None:
    first, second = signed_in(store, "甲"), signed_in(store, "乙")
    assert first.session_id is not None and second.session_id is not None
    with store.begin() as session:
        presence.enter(session, sign(first, case_id, NOON))
        presence.enter(session, sign(second, case_id, NOON))
        presence.leave(session, first.session_id, "0" * 16, case_id)
    assert [page.person for page in pages(store, case_id)] == [second.who]
    with store.begin() as session:
        sign_ins.end(session, second.session_id)
    assert pages(store, case_id) == ()


def test_pages_of_no_use_are_forgotten_when_another_comes(store: Store, case_id: str) -> None:
    reader, colleague = signed_in(store, "甲"), signed_in(store, "乙")
    with store.begin() as session:
        presence.enter(session, sign(colleague, case_id, NOON - KEPT - SECOND))
        for number in range(MOST_PAGES + 5):
            at = NOON + number * SECOND
            presence.enter(session, sign(reader, case_id, at, f"{number:016x}"))
    found = pages(store, case_id)
    assert {page.person for page in found} == {reader.who}
    assert min(page.seen_at for page in found) == NOON + 5 * SECOND
    assert len(found) == MOST_PAGES


def test_the_time_is_the_databases(store: Store) -> None:
    before = datetime.now(UTC)
    with store.read() as session:
        found = [presence.clock(session), presence.clock(session)]
    assert before <= found[0] <= found[1] <= datetime.now(UTC)

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from radraft.core.errors import NotFound
from radraft.store import openings
from radraft.store.database import Store
from tests.builders import add_case, person

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_the_last_opening_before_a_moment(store: Store) -> None:
    with store.begin() as session:
        case_id, other = add_case(session, 1), add_case(session, 2)
        for minutes in (0, 5, 9):
            openings.add(session, case_id, person("林"), NOON + minutes * MINUTE)
        openings.add(session, case_id, person("王"), NOON + 7 * MINUTE)
    with store.read() as session:
        assert openings.last(session, case_id, person("林"), NOON + 8 * MINUTE) == NOON + 5 * MINUTE
        assert openings.last(session, case_id, person("林"), NOON + 9 * MINUTE) == NOON + 9 * MINUTE
        assert openings.last(session, case_id, person("林"), NOON - MINUTE) is None
        assert openings.last(session, other, person("林"), NOON + 8 * MINUTE) is None


def test_a_study_that_is_not_there(sqlite_store: Store) -> None:
    with sqlite_store.begin() as session, pytest.raises(NotFound, match="case_not_found"):
        openings.add(session, "c-0000000000000000", "林", NOON)


@pytest.mark.parametrize("statement", ["UPDATE openings SET reader = 'x'", "DELETE FROM openings"])
def test_an_opening_stays_as_it_was(store: Store, statement: str) -> None:
    with store.begin() as session:
        openings.add(session, add_case(session), person("林"), NOON)
    with pytest.raises(DBAPIError), store.begin() as session:
        session.execute(sa.text(statement))

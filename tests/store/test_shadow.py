"""Shadow drafts in both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from radraft.store import drafts, shadow
from radraft.store.database import Store
from tests.builders import add_case, add_drafted, make_draft
from tests.store.adapter_builders import SITE, candidate

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def test_shadow_drafts_are_kept_apart(store: Store) -> None:
    with store.begin() as session:
        one, two = add_drafted(session, 1), add_drafted(session, 2)
        first, second = candidate(session, 1), candidate(session, 2)
        for case_id, adapter_id in ((one, first), (one, second), (two, first)):
            shadow.add(session, make_draft(case_id, adapter_id=adapter_id))
    with store.read() as session:
        assert [d.adapter_id for d in shadow.of_case(session, one)] == [first, second]
        assert [d.case_id for d in shadow.of_adapter(session, first)] == [one, two]
        assert len(shadow.of_site(session, SITE)) == 3
        assert shadow.of_site(session, "site-b") == ()
        seen = drafts.latest(session, one)
    assert seen is not None and seen.draft.adapter_id is None


def test_a_shadow_draft_names_its_adapter(store: Store) -> None:
    with store.begin() as session:
        case_id = add_drafted(session)
        with pytest.raises(ValueError, match="adapter"):
            shadow.add(session, make_draft(case_id))


def test_what_is_drafted_and_has_none_beside_it_is_found_oldest_first(store: Store) -> None:
    with store.begin() as session:
        third, first, second = (add_drafted(session, number) for number in (3, 1, 2))
        add_case(session, 4)
        adapter_id, other = candidate(session, 1), candidate(session, 2)

        def missing(site: str = SITE, since: datetime = LONG_AGO, limit: int = 9) -> list[str]:
            found = shadow.undrafted(session, site, [adapter_id], since=since, limit=limit)
            return list(found)

        assert missing() == [third, first, second]
        assert missing(limit=1) == [third]
        assert missing("site-b") == []
        assert missing(since=datetime.now(UTC) + timedelta(hours=1)) == []
        shadow.add(session, make_draft(third, adapter_id=adapter_id))
        shadow.add(session, make_draft(first, adapter_id=other))
        assert missing() == [first, second]

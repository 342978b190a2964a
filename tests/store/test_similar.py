"""Signed cases by their place in the chain of signatures."""

from __future__ import annotations

from radraft.store import retention, similar
from radraft.store.database import Store
from radraft.store.retention import RetentionStep
from radraft.store.similar import BEGINNING, ChainPlace
from tests.similar_films import ENCODER, SITE, drafted, signed
from tests.store.tampering import NOW, signed_again


def test_pages_hold_every_signed_case_of_a_site_once(store: Store) -> None:
    mine = [signed(store, number, number) for number in range(1, 6)]
    signed(store, 6, 6, site="site-b")
    drafted(store, 7, 7)
    signed_again(store, mine[0])
    found, place = [], BEGINNING
    with store.read() as session:
        while True:
            page = similar.signed_after(session, SITE, ENCODER, place, 2)
            found += page.cases
            place = page.until
            if len(page.cases) < 2:
                break
        assert [case.case_id for case in found] == mine
        assert all(len(case.image_ids) == 1 for case in found)
        assert place == similar.newest(session)
        numbers = [case.number for case in found]
        assert similar.by_number(session, SITE, numbers) == dict(zip(numbers, mine, strict=True))
        assert similar.by_number(session, "site-b", numbers) == {}
        assert similar.signed_count(session, SITE) == 5


def test_of_another_encoder_no_image_is_named(store: Store) -> None:
    signed(store, 1, 0)
    with store.read() as session:
        (case,) = similar.signed_after(session, SITE, "other@0", BEGINNING, 5).cases
        assert case.image_ids == ()
        assert similar.encoders(session) == ((SITE, ENCODER),)


def test_dropped_cases_are_named(store: Store) -> None:
    case_id = signed(store, 1, 0)
    signed(store, 2, 0)
    with store.begin() as session:
        retention.record(
            session, case_id, RetentionStep.DROPPED, rule=1, objects=1, size=1, by="", now=NOW
        )
    with store.read() as session:
        cases = similar.signed_after(session, SITE, ENCODER, BEGINNING, 5).cases
        assert [len(case.image_ids) for case in cases] == [0, 1]
        assert similar.dropped_numbers(session, SITE) == (cases[0].number,)


def test_a_place_of_another_chain_is_not_there(store: Store) -> None:
    with store.read() as session:
        assert similar.newest(session) == BEGINNING
    signed(store, 1, 0)
    with store.read() as session:
        place = similar.newest(session)
        assert similar.is_there(session, place)
        assert similar.is_there(session, BEGINNING)
        assert not similar.is_there(session, ChainPlace(place.sequence, "0" * 64))
        assert not similar.is_there(session, ChainPlace(place.sequence + 1, place.head))

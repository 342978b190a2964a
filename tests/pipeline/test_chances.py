"""What the page is told of a draft's films, and when it is told nothing."""

from __future__ import annotations

from typing import Any

import pytest

from radraft.core.errors import NotFound
from radraft.pipeline import chances
from radraft.reports.values import Coverage, Report
from radraft.store.database import Store
from radraft.vision_encoder import shipped, stored
from radraft.vision_encoder.chances import AgeGroup, of_encoder
from tests import drafted_films as films
from tests.builders import add_case, make_draft

SECOND = shipped.encoder_id(shipped.FOLDERS[2])


def case(store: Store, number: int = 1, **deid: Any) -> str:
    with store.begin() as session:
        return add_case(session, number, **deid)


def drafted(store: Store, seeds: tuple[int, ...] = (1,), **deid: Any) -> str:
    case_id = case(store, **deid)
    films.draft(store, make_draft(case_id), films.keep(store, seeds), SECOND)
    return case_id


def test_an_adults_films_are_asked_for_all_findings(sqlite_store: Store) -> None:
    found = chances.of_case(sqlite_store, drafted(sqlite_store))
    assert found is not None and (found.group, found.images) == (AgeGroup.ADULT, 1)
    told = [one.chance for one in found.chances]
    assert told == sorted(told, reverse=True) and all(0 <= one <= 1 for one in told)
    assert {one.code for one in found.chances} >= {"lung_opacity", "pneumothorax", "no_finding"}
    asked = of_encoder(SECOND)
    assert asked is not None
    assert {one.code: one.chance for one in found.chances} == asked.of(
        films.tokens(1), AgeGroup.ADULT
    )


def test_of_two_films_the_one_that_says_most_counts(sqlite_store: Store) -> None:
    found = chances.of_case(sqlite_store, drafted(sqlite_store, (1, 2)))
    asked = of_encoder(SECOND)
    assert found is not None and asked is not None and found.images == 2
    each = [asked.of(films.tokens(seed), AgeGroup.ADULT) for seed in (1, 2)]
    together = {one.code: one.chance for one in found.chances}
    assert together["lung_opacity"] == max(one["lung_opacity"] for one in each)
    assert together["no_finding"] == min(one["no_finding"] for one in each)


@pytest.mark.parametrize("band", ["0-1", "2-5", "6-17"])
def test_a_childs_film_is_asked_for_pneumonia_alone(sqlite_store: Store, band: str) -> None:
    found = chances.of_case(sqlite_store, drafted(sqlite_store, age_band=band))
    assert found is not None and found.group is AgeGroup.CHILD
    assert [one.code for one in found.chances] == ["pneumonia"]


def test_an_unknown_age_is_asked_nothing(sqlite_store: Store) -> None:
    assert chances.of_case(sqlite_store, drafted(sqlite_store, age_band="")) is None


@pytest.mark.parametrize("encoder", ["other@0123456789abcdef", shipped.encoder_id()])
def test_nothing_of_an_encoder_that_was_not_calibrated(sqlite_store: Store, encoder: str) -> None:
    case_id = case(sqlite_store)
    films.draft(sqlite_store, make_draft(case_id), films.keep(sqlite_store, (1,)), encoder)
    assert chances.of_case(sqlite_store, case_id) is None


def test_nothing_where_no_model_drafted(sqlite_store: Store) -> None:
    case_id = case(sqlite_store)
    assert chances.of_case(sqlite_store, case_id) is None
    failed = make_draft(
        case_id,
        Report(case_id, (), ()),
        coverage=Coverage.FAILED,
        error_code="llm_unreachable",
        usage=None,
        request_sha=None,
    )
    films.draft(sqlite_store, failed, films.keep(sqlite_store, (1,)), SECOND)
    assert chances.of_case(sqlite_store, case_id) is None
    with pytest.raises(NotFound):
        chances.of_case(sqlite_store, "c-0000000000000000")


def test_embeddings_that_are_gone_or_damaged_are_left_out(sqlite_store: Store) -> None:
    case_id = drafted(sqlite_store, (1, 2))
    first, second = films.keep(sqlite_store, (1, 2))
    sqlite_store.objects.remove(stored.key(SECOND, first))
    found = chances.of_case(sqlite_store, case_id)
    assert found is not None and found.images == 1
    sqlite_store.objects.remove(stored.key(SECOND, second))
    sqlite_store.objects.put(stored.key(SECOND, second), b"damaged")
    assert chances.of_case(sqlite_store, case_id) is None

"""Which films the rehearsal of the archive learns from, and which judge it."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import pytest

from radraft.bench.archive_studies import BOTH_SEEN, SITES, SiteFilm, plan
from radraft.bench.rehearsal.mine import SIDED

DATA = Path(__file__).parents[2] / "../shared/data"

pytestmark = pytest.mark.skipif(not (DATA / "cxr_nih14").exists(), reason="no films here")


@pytest.fixture(scope="module")
def films() -> tuple[SiteFilm, ...]:
    return plan(DATA, 400, 0)


def test_nothing_trains_of_the_test_films_and_nothing_judges_of_the_train_films(
    films: tuple[SiteFilm, ...],
) -> None:
    splits: dict[bool, set[str]] = defaultdict(set)
    for chosen in films:
        splits[chosen.held_out].add(chosen.film.split)
    assert splits == {True: {"valid", "test"}, False: {"train", "valid"}}
    judging = {chosen.film.patient for chosen in films if chosen.held_out}
    assert not judging & BOTH_SEEN


def test_a_patient_is_of_one_site_and_one_share(films: tuple[SiteFilm, ...]) -> None:
    where = defaultdict(set)
    for chosen in films:
        where[chosen.film.group, chosen.film.patient].add((chosen.site, chosen.held_out))
    assert all(len(places) == 1 for places in where.values())
    assert Counter(chosen.site for chosen in films) == dict.fromkeys(SITES, 200)
    assert len({chosen.film.picture for chosen in films}) == len(films)


def test_a_side_is_of_a_finding_that_is_there_and_lies_on_one(films: tuple[SiteFilm, ...]) -> None:
    sided = [chosen.film.truth for chosen in films if chosen.film.truth.sides]
    assert sided
    assert all(truth.sides.keys() <= truth.present & SIDED for truth in sided)

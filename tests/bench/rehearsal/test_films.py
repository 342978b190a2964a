"""Which films are for what: nobody is on two sides of a line."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radraft.bench.rehearsal.films import MOST_OF_ONE, plan, reference
from radraft.bench.rehearsal.values import Film, Group, Part, Sizes
from radraft.core.errors import TrainingError
from radraft.reports.training_pair import split_of
from radraft.reports.values import Certainty

SECRET = b"0123456789abcdef0123456789abcdef"
SITES = ("terse", "narrative")
SIZES = Sizes(rounds=2, cases=6, frozen=3, final=6)
ADULT = [
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Pleural_Thickening",
    "Hernia",
    "No_Finding",
]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small tables in the form of the two public sets."""
    folder = tmp_path_factory.mktemp("data")
    children, adults = [], []
    for number in range(250):
        split = "valid" if number // 4 % 2 else "test"
        name = f"images/film-{number}.png"
        row = {"file": name, "patient": f"p{number // 4}-{split}", "view": "PA", "split": split}
        if number % 4 < 3:
            found = "normal" if number % 3 else "virus_pneumonia"
            children.append(row | {"finding": found})
        else:
            sick = "Mass" if number % 3 else "No_Finding"
            adults.append(row | {"age": "50", "sex": "F"} | {n: int(n == sick) for n in ADULT})
    for name, rows in (("cxr_kermany", children), ("cxr_nih14", adults)):
        (folder / name / "images").mkdir(parents=True)
        for row in rows:
            pixels = np.full((8, 8), int(row["file"][12:-4]), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / row["file"])
        with (folder / name / "labels.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return folder


@pytest.fixture(scope="module")
def films(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Film, ...]:
    return plan(data, tmp_path_factory.mktemp("cache"), SECRET, SITES, SIZES, 0)


@pytest.mark.slow
def test_every_part_is_full_and_alike_at_both_sites(films: tuple[Film, ...]) -> None:
    counts = Counter((film.site, film.part, film.round, film.group) for film in films)
    for part, number in ((Part.FROZEN, 0), (Part.TRAIN, 1), (Part.TRAIN, 2), (Part.FINAL, 0)):
        of_site = [{group: counts[site, part, number, group] for group in Group} for site in SITES]
        assert of_site[0] == of_site[1]
    total = Counter((film.site, film.part) for film in films)
    assert total["terse", Part.TRAIN] == SIZES.rounds * SIZES.cases
    assert total["terse", Part.FROZEN] == SIZES.frozen
    assert total["terse", Part.FINAL] == SIZES.final
    assert any(film.group is Group.ADULT for film in films)


def test_a_patient_has_one_site_and_one_part(films: tuple[Film, ...]) -> None:
    places = defaultdict(set)
    for film in films:
        places[film.group, film.patient].add((film.site, film.part))
    assert all(len(found) == 1 for found in places.values())
    most = Counter((film.group, film.patient) for film in films).most_common(1)[0][1]
    assert most <= MOST_OF_ONE


def test_frozen_is_who_the_product_holds_out(films: tuple[Film, ...]) -> None:
    cards = {Group.CHILD: "cxr_kermany", Group.ADULT: "cxr_nih14_mined"}
    for film in films:
        held = split_of(reference(f"{cards[film.group]}-{film.patient}", SECRET)) == "held_out"
        assert held is (film.part is Part.FROZEN)
        if film.part is Part.FINAL:
            assert film.patient.endswith("test")


def test_nothing_about_a_film_is_unknown_to_the_scores(films: tuple[Film, ...]) -> None:
    for film in films:
        assert len(film.item.labels) == (1 if film.group is Group.CHILD else 14)
        assert set(film.item.labels.values()) <= {Certainty.PRESENT, Certainty.ABSENT}


@pytest.mark.slow
def test_too_few_films_are_said_so(data: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError) as caught:
        plan(data, tmp_path, SECRET, SITES, Sizes(rounds=9, cases=90), 0)
    assert caught.value.code == "rehearsal_films_missing"

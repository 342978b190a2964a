"""One site's turns through the product's own line and service, vLLM being an HTTP server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radraft.bench.rehearsal.poison import Poison, poisoned
from radraft.bench.rehearsal.site import LEAST_S, READER, Hospital
from radraft.bench.rehearsal.spoil import resaved
from radraft.bench.rehearsal.values import Film, Group, Part, Truth
from radraft.core.settings import Settings
from radraft.eval.values import SetItem
from radraft.finetune.adapt.recipe import load_recipe
from radraft.llm.profiles import load_profile
from radraft.reports.training_pair import TrainingPair
from radraft.store import pairs
from radraft.store.database import Store
from radraft.studies.wrap import Picture, wrap
from tests.bench.rehearsal.houses_of_tests import TERSE
from tests.pipeline.test_draft_worker import Model, served

pytestmark = pytest.mark.slow
PROFILE = load_profile("qwen3-vl-8b-instruct")
COUNT = 5


def film(folder: Path, number: int) -> Film:
    name = f"film-{number}"
    pixels = np.random.default_rng(number).integers(0, 256, (32, 24), dtype=np.uint8)
    picture = folder / f"{name}.png"
    Image.fromarray(pixels).resize((240, 320)).save(picture)
    study = wrap(picture, folder / f"{name}.dcm", Picture(name, f"p{number}", "PA", 50, "F"))
    item = SetItem(name, study)
    return Film(item, picture, Group.ADULT, f"p{number}", "terse", Part.TRAIN, 1)


@pytest.fixture
def films(tmp_path: Path) -> list[Film]:
    return [film(tmp_path, number) for number in range(COUNT)]


@pytest.fixture
def truths(films: list[Film]) -> dict[str, Truth]:
    return {
        one.item.id: Truth(one.group, frozenset({"consolidation"} if at % 2 else ()), {})
        for at, one in enumerate(films)
    }


@pytest.fixture
def hospital(sqlite_store: Store, tmp_path: Path) -> Iterator[Hospital]:
    settings = Settings(data_dir=tmp_path / "data")
    with served(Model()) as endpoint:
        yield Hospital(sqlite_store, settings, PROFILE, endpoint, None, load_recipe("adapt"), 0)


def signed_pairs(hospital: Hospital) -> list[TrainingPair]:
    with hospital.store.read() as session:
        return list(pairs.pairs(session, "terse"))


def test_films_become_pairs_of_what_the_reader_signs(
    hospital: Hospital, films: list[Film], truths: dict[str, Truth]
) -> None:
    moved: list[float] = []
    taken = hospital.take_in(films, "terse", moved.append)
    assert hospital.draft(taken, moved.append) == {"base": COUNT}
    figures = hospital.sign(films, taken, TERSE, truths, moved.append)
    assert (figures["signed"], figures["undrafted"]) == (COUNT, 0)
    assert figures["sentences"]["added"] > 0
    assert 0 < figures["distance_zh"] <= 1
    assert moved.count(1.0) == 3
    cases = {case_id: name for name, case_id in taken.items()}
    found = signed_pairs(hospital)
    assert len(found) == COUNT
    for pair in found:
        text = TERSE.text(truths[cases[pair.case_id]])
        assert [s.en for s in pair.signed.report.sentences] == text.en.split("\n")
        assert pair.signed.author.name == READER
        assert pair.seconds is not None
        assert pair.seconds >= LEAST_S


def test_what_was_done_is_not_done_again(
    hospital: Hospital, films: list[Film], truths: dict[str, Truth]
) -> None:
    for _ in range(2):
        taken = hospital.take_in(films, "terse", lambda part: None)
        hospital.draft(taken, lambda part: None)
        figures = hospital.sign(films, taken, TERSE, truths, lambda part: None)
    assert figures["signed"] == COUNT
    assert [pair.signed.version for pair in signed_pairs(hospital)] == [1] * COUNT


def test_a_poisoned_batch_is_signed_as_it_is(
    hospital: Hospital, films: list[Film], truths: dict[str, Truth]
) -> None:
    taken = hospital.take_in(films, "terse", lambda part: None)
    hospital.draft(taken, lambda part: None)
    spoilt = poisoned(truths, Poison.DELETED, seed=0)
    hospital.sign(films, taken, TERSE, spoilt, lambda part: None)
    sick = [
        pair
        for pair in signed_pairs(hospital)
        if any(
            "onsolidation, " in s.en or s.en == "Consolidation."
            for s in pair.signed.report.findings
        )
    ]
    assert len(sick) == sum(bool(one.present) for one in spoilt.values()) == 1


def test_resaved_films_are_other_patients_of_training(films: list[Film], tmp_path: Path) -> None:
    secret = b"0123456789abcdef0123456789abcdef"
    found = resaved(films, tmp_path / "resaved", secret)
    assert [one.item.id for one in found] == [one.item.id for one in films]
    assert len({one.patient for one in found}) == COUNT
    for one, before in zip(found, films, strict=True):
        assert one.item.study != before.item.study
        assert one.item.study.exists()
    again = resaved(films, tmp_path / "resaved", secret)
    assert again == found

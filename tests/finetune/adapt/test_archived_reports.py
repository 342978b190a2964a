"""A tiny model's adapter from archived reports."""

from __future__ import annotations

import json
import multiprocessing
import shutil
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from radraft.cli import adapt as command
from radraft.core import run_folder
from radraft.core.errors import AdapterError, RadraftError, TrainingError
from radraft.core.settings import Settings
from radraft.finetune.adapt.archived_reports import LEAKED, OTHER_SITE, VALIDATES
from radraft.finetune.adapt.data import WAITING
from radraft.finetune.adapt.recipe import load_recipe
from radraft.finetune.adapt.values import Base, PixelBase
from radraft.llm.adapter import ARCHIVE, Adapter
from radraft.store import adapters
from radraft.store.database import open_store
from tests.finetune.archive_world import patient, renamed
from tests.store.adapter_builders import decision

from . import killed
from .archived_world import TRAIN, VALID, add_archive, add_studies, line, lines_of, write_set
from .world import contents, go, recipe

pytestmark = pytest.mark.slow
QWEN = "Qwen2_5_VLForConditionalGeneration"
HOW = recipe(sft={"epochs": 2, "batch": 4, "learning_rate": 0.01}, dpo=None, rare={"most": 1})


@dataclass(frozen=True)
class Archived:
    """A site, its set, and the case ids of each share."""

    settings: Settings
    folder: Path
    cases: dict[str, list[str]]

    @property
    def run(self) -> Path:
        return self.settings.data_dir / "run"

    def adapt(self, base: Base | PixelBase, **changes: Any) -> Adapter:
        run = changes.pop("run", self.run)
        how = changes.pop("how", HOW)
        return go(self.settings, base, run, how, archive=self.folder, **changes)

    def refused(self, base: Base | PixelBase, code: str, **changes: Any) -> RadraftError:
        with pytest.raises((AdapterError, TrainingError)) as caught:
            self.adapt(base, **changes)
        assert caught.value.code == code
        store = open_store(self.settings)
        with store.read() as session:
            assert adapters.adapters(session) == ()
        store.close()
        return caught.value


@pytest.fixture(scope="module")
def filled(
    migrated_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, list[str]]]:
    folder = tmp_path_factory.mktemp("archived") / "data"
    shutil.copytree(migrated_folder, folder)
    store = open_store(Settings(data_dir=folder))
    cases = add_archive(store)
    store.close()
    return folder, cases


@pytest.fixture
def archived(tmp_path: Path, filled: tuple[Path, dict[str, list[str]]]) -> Archived:
    folder, cases = filled
    settings = Settings(data_dir=shutil.copytree(folder, tmp_path / "data"))
    return Archived(settings, write_set(tmp_path / "embedded", lines_of(cases)), cases)


def test_archived_reports_become_a_candidate_that_names_what_it_learned(
    archived: Archived, ground: Base
) -> None:
    made = archived.adapt(ground)
    assert made.card["kind"] == ARCHIVE
    counts = made.card["counts"]
    assert (counts["new"], counts["valid"], counts["frozen"]) == (len(TRAIN), len(VALID), 20)
    assert made.card["case_ids"] == sorted(archived.cases["train"] + archived.cases["valid"])
    assert made.card["image_ids"] == sorted(f"{number:064x}" for number in (*TRAIN, *VALID))
    assert "Archived reports: 12 new" in command.told(made, 1.0)
    losses = [
        json.loads(one)
        for one in (archived.run / "sft" / "log.jsonl").read_text().split("\n")
        if one
    ]
    assert losses[-1]["loss"] < losses[0]["loss"]
    # The same again changes nothing.
    assert archived.adapt(ground).adapter_id == made.adapter_id
    assert archived.adapt(ground, run=archived.run.with_name("again")).adapter_id == made.adapter_id


def test_the_limit_is_said_and_the_others_wait_for_the_next_run(
    archived: Archived, ground: Base
) -> None:
    first = archived.adapt(ground, how=HOW.model_copy(update={"most_pairs": 5, "valid_pairs": 2}))
    assert first.card["left_out"] == {WAITING: 7, VALIDATES: 2}
    store = open_store(archived.settings)
    with store.begin() as session:
        adapters.record(session, decision(session, first.adapter_id))
        adapters.promote(session, first.adapter_id, by="Dr. Li")
    store.close()
    second = archived.adapt(ground, run=archived.run.with_name("second"))
    assert second.parent == first.adapter_id
    assert second.card["counts"]["new"] == 7
    assert not set(second.card["pairs"][:7]) & set(first.card["pairs"])
    # Half as many of the earlier ones again.
    assert second.card["counts"]["replay"] == 4


def test_todays_records_decide_who_trains(archived: Archived, ground: Base) -> None:
    store = open_store(archived.settings)
    renamed(store, archived.cases["train"][0], patient(3, "held_out"))
    (elsewhere,) = add_studies(store, range(60, 61), "train", "site-b")
    store.close()
    lines = [
        *lines_of(archived.cases),
        line(elsewhere, 60, "train"),
        line("c-unknown", 61, "train"),
    ]
    write_set(archived.folder, lines)
    made = archived.adapt(ground)
    assert made.card["left_out"] == {LEAKED: 1, OTHER_SITE: 2}
    assert not {archived.cases["train"][0], elsewhere, "c-unknown"} & set(made.card["case_ids"])


def test_two_at_once_make_one_candidate(archived: Archived, ground: Base) -> None:
    made: list[Adapter] = []
    runs = [threading.Thread(target=lambda: made.append(archived.adapt(ground))) for _ in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert len(made) == 2 and made[0].adapter_id == made[1].adapter_id


def test_killed_in_training_it_goes_on_and_ends_with_the_same_files(
    archived: Archived, ground: Base, tmp_path: Path
) -> None:
    whole = replace(
        archived,
        settings=Settings(data_dir=shutil.copytree(archived.settings.data_dir, tmp_path / "w")),
    )
    wanted = whole.adapt(ground)
    with multiprocessing.get_context("spawn").Pool(1, initializer=killed.load) as pool:
        arguments = (archived.settings, ground, archived.run, HOW)
        assert pool.apply(killed.attempt, (*arguments, 12, archived.folder)) == -1
        assert (archived.run / run_folder.RUN_FILE).exists()
    assert run_folder.read(archived.run)["finished"] is None
    made = archived.adapt(ground)
    assert contents(archived.settings, made) == contents(whole.settings, wanted)


def test_what_is_no_such_set_is_refused_by_name(archived: Archived, ground: Base) -> None:
    lines = lines_of(archived.cases)
    write_set(archived.folder, lines, encoder_id="other@0123456789abcdef")
    archived.refused(ground, "training_other_encoder")
    write_set(archived.folder, lines, encoder_id=None)
    archived.refused(ground, "training_other_encoder")
    signed = [{**one, "metadata": {"split": "train", "pair_id": "p"}} for one in lines]
    write_set(archived.folder, signed)
    archived.refused(ground, "adapt_not_an_archive_set")
    held = [*lines, line(archived.cases["held_out"][0], 70, "held_out")]
    write_set(archived.folder, held)
    archived.refused(ground, "adapt_not_an_archive_set")
    shutil.rmtree(archived.folder)
    archived.refused(ground, "training_data_missing")


def test_nothing_is_trained_that_could_not_be_judged(archived: Archived, ground: Base) -> None:
    store = open_store(archived.settings)
    for case_id in archived.cases["held_out"][:1]:
        renamed(store, case_id, patient(3, "train"))
    store.close()
    error = archived.refused(ground, "adapt_archive_unjudged")
    assert (error.details["found"], error.details["needed"]) == (19, 20)


def test_too_few_or_no_one_to_say_when_to_stop(archived: Archived, ground: Base) -> None:
    few = HOW.model_copy(update={"least_pairs": 13})
    error = archived.refused(ground, "adapt_archive_too_few", how=few)
    assert (error.details["found"], error.details["needed"]) == (12, 13)
    lines = [one for one in lines_of(archived.cases) if one["metadata"]["split"] == "train"]
    write_set(archived.folder, lines)
    archived.refused(ground, "training_pairs_missing")


def test_a_model_that_takes_images_is_refused(archived: Archived, ground: Base) -> None:
    pixels = PixelBase(ground.checkpoint, QWEN, ground.heads, ground.encoder_id)
    archived.refused(pixels, "adapt_archive_needs_embeddings")


def test_a_set_that_changed_under_a_run_is_another_one(archived: Archived, ground: Base) -> None:
    with multiprocessing.get_context("spawn").Pool(1, initializer=killed.load) as pool:
        arguments = (archived.settings, ground, archived.run, HOW)
        assert pool.apply(killed.attempt, (*arguments, 12, archived.folder)) == -1
    write_set(archived.folder, lines_of(archived.cases)[1:])
    error = archived.refused(ground, "training_run_differs")
    assert error.details["fields"] == "pairs.jsonl"


def test_the_ready_recipe_has_no_drafts_to_prefer_over() -> None:
    ready = load_recipe("archive")
    assert ready.dpo is None
    assert ready.least_pairs <= ready.most_pairs

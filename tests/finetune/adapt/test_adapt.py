"""Adapting a tiny model of the real architecture."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from radraft.core import run_folder
from radraft.core.errors import AdapterError, TrainingError
from radraft.core.settings import Settings
from radraft.finetune.adapt import data, peft_files
from radraft.finetune.adapt.base import trainable
from radraft.finetune.adapt.values import Base, Progress, Stage
from radraft.llm.adapter import Adapter, AdapterState, GateRecord, GateStage
from radraft.llm.profiles import LocalCheckpoint
from radraft.store import adapter_files, adapters
from radraft.store.database import Store, open_store
from radraft.store.pairs import pairs

from .world import SITE, add_signed, contents, go, recipe, text_of, tiny_profile

pytestmark = pytest.mark.slow


@pytest.fixture
def opened(settings: Settings) -> Any:
    store = open_store(settings)
    yield store
    store.close()


@dataclass(frozen=True)
class First:
    """A site, the folder of its first run, and what came of it."""

    settings: Settings
    run: Path
    made: Adapter
    told: list[Progress]


@pytest.fixture(scope="module")
def adapted(signed_folder: Path, ground: Base, tmp_path_factory: pytest.TempPathFactory) -> First:
    """To copy: half of these tests begin with one and the same run."""
    folder, told = tmp_path_factory.mktemp("adapted"), []
    settings = Settings(data_dir=shutil.copytree(signed_folder, folder / "data"))
    made = go(settings, ground, folder / "run", on_step=told.append)
    return First(settings, folder / "run", made, told)


@pytest.fixture
def first(adapted: First, tmp_path: Path) -> First:
    """A site of its own after that run."""
    data = shutil.copytree(adapted.settings.data_dir, tmp_path / "data")
    run = shutil.copytree(adapted.run, tmp_path / "run")
    return First(Settings(data_dir=data), run, adapted.made, list(adapted.told))


@pytest.fixture
def opened_after(first: First) -> Any:
    store = open_store(first.settings)
    yield store
    store.close()


def serve(store: Store, made: Adapter) -> None:
    """Through a gate that says yes."""
    now = datetime.now(UTC)
    yes = GateRecord(
        made.site, GateStage.ADAPTER, made.adapter_id, None, made.base, True, (), {}, {}, {}, now
    )
    with store.begin() as session:
        serving = adapters.route(session, made.site).serving
        yes = replace(yes, serving_id=serving.adapter_id if serving else None)
        adapters.record(session, yes)
        adapters.promote(session, made.adapter_id, by="test")


@pytest.mark.always
def test_signed_reports_become_a_candidate(first: First, opened_after: Store) -> None:
    settings, made, told = first.settings, first.made, first.told
    with opened_after.read() as session:
        assert adapters.get(session, made.adapter_id) == made
        every = {pair.pair_id: pair for pair in pairs(session)}
    assert made.state is AdapterState.CANDIDATE
    assert made.parent is None
    assert contents(settings, made) == dict(made.files)
    assert set(made.files) == adapter_files.NEEDED
    card = made.card
    used = {*card["pairs"], *card["valid_pairs"]}
    assert used == {name for name, pair in every.items() if pair.split == "train"}
    assert card["counts"]["new"] == len(card["pairs"]) == 14
    assert card["counts"]["valid"] == len(card["valid_pairs"]) == 2
    assert card["counts"]["frozen"] == 3
    assert set(card["losses"]) == {"sft", "dpo"}
    assert card["kept"] == min(card["losses"], key=lambda name: card["losses"][name]["valid"])
    assert {image for pair in used for image in every[pair].image_ids} == set(card["image_ids"])
    # One course over both stages, to its end.
    assert [one.part for one in told] == sorted(one.part for one in told)
    assert told[-1].part == 1
    assert told[-1].seconds == 0
    assert [one.stage for one in told] == sorted([one.stage for one in told], reverse=True)
    assert {one.stage for one in told} == {Stage.SFT, Stage.DPO}
    assert "<svg" in (first.run / "loss.svg").read_text("utf-8")


def test_what_is_kept_names_no_case_and_says_nothing_of_a_report(
    first: First, opened_after: Store
) -> None:
    with opened_after.read() as session:
        every = list(pairs(session))
    kept = text_of(dict(first.made.card)) + (first.run / "run.json").read_text("utf-8")
    for pair in every:
        assert pair.case_id not in kept
    assert "气胸" not in kept
    assert "heart" not in kept
    assert "PLANTED" not in kept


def test_files_lie_on_the_class_that_serves_them(first: First, ground: Base) -> None:
    from peft import PeftModel
    from safetensors.torch import load_file
    from transformers import LlavaConfig, LlavaForConditionalGeneration

    made = first.made
    folder = first.settings.adapters_dir / made.adapter_id
    config = LlavaConfig.from_pretrained(ground.checkpoint)
    model = PeftModel.from_pretrained(LlavaForConditionalGeneration(config), folder)
    given = load_file(folder / adapter_files.WEIGHTS)
    found = dict(model.named_parameters())
    for name, value in given.items():
        place = name.replace(".weight", ".default.weight")
        assert found[place].detach().half().equal(value)
    assert any(float(value.abs().max()) > 0 for name, value in given.items() if "lora_B" in name)
    # The tower's layers are not the language model's.
    assert all(".language_model.layers." in name for name in given)
    lora = peft_files.shape(folder)
    assert (lora.rank, lora.alpha) == (4, 8)
    assert made.rank == 4


def test_the_same_again_changes_nothing(
    first: First, opened_after: Store, ground: Base, tmp_path: Path
) -> None:
    settings, made = first.settings, first.made

    def never(progress: Progress) -> None:
        raise AssertionError("trained again")

    before = {path: path.stat().st_mtime_ns for path in settings.adapters_dir.rglob("*")}
    assert go(settings, ground, first.run, on_step=never) == made
    # Nor in another folder: the same pairs, recipe and seed were trained on already.
    assert go(settings, ground, tmp_path / "other", on_step=never) == made
    assert not (tmp_path / "other").exists()
    assert {p: p.stat().st_mtime_ns for p in settings.adapters_dir.rglob("*")} == before
    with opened_after.read() as session:
        assert len(adapters.moves(session)) == 1


def test_a_run_that_broke_off_ends_the_same(
    settings: Settings, opened: Store, ground: Base, tmp_path: Path
) -> None:
    class Broken(Exception):
        pass

    def breaking(stage: Stage, at: int) -> Any:
        def tell(progress: Progress) -> None:
            if (progress.stage, progress.done) == (stage, at):
                raise Broken

        return tell

    for stage, at in ((Stage.SFT, 3), (Stage.SFT, 5), (Stage.DPO, 1)):
        with pytest.raises(Broken):
            go(settings, ground, tmp_path / "cut", on_step=breaking(stage, at))
    # What is signed meanwhile waits for the next run.
    add_signed(opened, range(20, 24))
    made = go(settings, ground, tmp_path / "cut")
    whole = Settings(data_dir=tmp_path / "whole")
    store = open_store(whole)
    add_signed(store, range(16))
    store.close()
    other = go(whole, ground, tmp_path / "whole-run")
    assert made.files == other.files
    assert len(made.card["pairs"]) + len(made.card["valid_pairs"]) == 16


def test_it_goes_on_from_what_serves_with_new_pairs_and_some_old(
    first: First, opened_after: Store, ground: Base, tmp_path: Path
) -> None:
    settings, opened, before = first.settings, opened_after, first.made
    serve(opened, before)
    add_signed(opened, range(30, 42))
    # The recipe's shape is for adapters that start from the base.
    second = go(settings, ground, tmp_path / "2", recipe(lora={"rank": 2, "alpha": 2}, replay=0.5))
    assert second.parent == before.adapter_id
    assert second.rank == before.rank == 4
    old, card = set(before.card["pairs"]), second.card
    # Two of the first run's were only validated with: they are new to the weights.
    assert card["counts"]["new"] + card["counts"]["valid"] == 12 + 2
    again = set(card["pairs"]) & old
    assert len(again) == card["counts"]["replay"] == round(0.5 * card["counts"]["new"])
    assert not set(card["valid_pairs"]) & old
    with opened.read() as session:
        assert data.trained_on(session, second.adapter_id) == old | set(card["pairs"])
    third = go(settings, ground, tmp_path / "3", start="base")
    assert third.parent is None
    assert third.card["counts"]["replay"] == 0
    assert third.card["counts"]["new"] + third.card["counts"]["valid"] == 28


def test_a_served_adapter_over_another_base_is_not_gone_on_from(
    first: First, opened_after: Store, ground: Base, tmp_path: Path
) -> None:
    settings, opened, made = first.settings, opened_after, first.made
    folder = settings.adapters_dir / made.adapter_id
    other = replace(
        made, base="other@0", adapter_id=adapter_files.id_of(SITE, "other@0", made.files)
    )
    adapter_files.install(folder, settings.adapters_dir, other.adapter_id)
    with opened.begin() as session:
        adapters.register(session, other, by="test")
    serve(opened, other)
    refused(settings, ground, tmp_path, "adapt_base_differs")


def test_an_own_projector_travels_with_the_adapter_and_its_children(
    settings: Settings, opened: Store, ground: Base, tmp_path: Path
) -> None:
    sft = {"epochs": 1, "batch": 4, "learning_rate": 0.01, "projector_rate": 0.01}
    first = go(settings, ground, tmp_path / "1", recipe(sft=sft))
    assert set(first.files) == adapter_files.ALLOWED
    serve(opened, first)
    add_signed(opened, range(30, 36))
    second = go(settings, ground, tmp_path / "2")
    assert second.files[adapter_files.PROJECTOR] == first.files[adapter_files.PROJECTOR]
    assert second.files[adapter_files.WEIGHTS] != first.files[adapter_files.WEIGHTS]


def test_without_changed_drafts_there_is_one_stage(
    settings: Settings, ground: Base, tmp_path: Path
) -> None:
    told: list[Progress] = []
    made = go(settings, ground, tmp_path / "run", recipe(dpo=None), on_step=told.append)
    assert set(made.card["losses"]) == {"sft"}
    assert told[-1].part == 1


def refused(
    settings: Settings, ground: Base, tmp_path: Path, code: str, **more: Any
) -> AdapterError:
    with pytest.raises(AdapterError) as caught:
        go(settings, ground, tmp_path / "refused", **more)
    assert caught.value.code == code
    assert not (tmp_path / "refused").exists()
    return caught.value


def test_too_few_pairs_says_how_many(settings: Settings, ground: Base, tmp_path: Path) -> None:
    error = refused(settings, ground, tmp_path, "adapt_too_few_pairs", how=recipe(least_pairs=17))
    assert error.details == {"site": SITE, "found": 16, "needed": 17}
    refused(settings, ground, tmp_path, "adapt_too_few_pairs", site="site-b")


def test_a_rank_that_cannot_be_served_is_refused(
    settings: Settings, ground: Base, tmp_path: Path
) -> None:
    how = recipe(lora={"rank": 32, "alpha": 32})
    refused(settings, ground, tmp_path, "adapt_rank_too_large", how=how)


def test_another_run_in_the_folder_is_refused(first: First, ground: Base) -> None:
    with pytest.raises(TrainingError) as caught:
        go(first.settings, ground, first.run, seed=4)
    assert caught.value.code == "training_run_differs"
    assert caught.value.details["fields"] == "seed"


def test_embeddings_without_a_projector_of_the_profiles_are_not_trained_on(tmp_path: Path) -> None:
    base = LocalCheckpoint(kind="path", path="/nowhere")
    profile = tiny_profile().model_copy(update={"checkpoint": base})
    with pytest.raises(AdapterError) as caught:
        trainable(profile, tmp_path)
    assert caught.value.code == "adapt_profile_untrainable"


def test_a_batch_that_contradicts_itself_is_stopped_and_kept_as_a_record(
    settings: Settings, ground: Base, tmp_path: Path
) -> None:
    store = open_store(settings)
    add_signed(store, range(200, 260), poisoned=True)
    error = refused(settings, ground, tmp_path, "adapt_batch_stopped")
    with store.read() as session:
        (decision,) = adapters.records(session, site=SITE)
        assert adapters.adapters(session) == ()
    store.close()
    assert not decision.passed
    assert (decision.stage, decision.adapter_id) == ("batch", None)
    assert error.details["checks"] == ", ".join(one.code for one in decision.failed)
    assert "batch_sections_disagree" in {one.code for one in decision.failed}
    assert decision.changed["pairs"] == 76
    assert "PLANTED" not in text_of(decision)


def test_pairs_of_another_encoder_or_without_an_embedding_are_left_out_and_counted(
    settings: Settings, opened: Store, ground: Base, tmp_path: Path
) -> None:
    from radraft.vision_encoder import stored

    from .world import ENCODER, image_id

    opened.objects.put(stored.key(ENCODER, image_id(3)), b"damaged")
    made = go(settings, ground, tmp_path / "run", recipe(dpo=None))
    assert made.card["left_out"] == {"no_embedding": 1}
    assert len(made.card["pairs"]) + len(made.card["valid_pairs"]) == 15
    other = replace(ground, encoder_id="other@0")
    refused(settings, other, tmp_path, "adapt_too_few_pairs")


def test_the_newest_go_first_and_the_others_wait(
    settings: Settings, opened: Store, ground: Base, tmp_path: Path
) -> None:
    made = go(settings, ground, tmp_path / "run", recipe(most_pairs=10, dpo=None))
    used = {*made.card["pairs"], *made.card["valid_pairs"]}
    with opened.read() as session:
        found = sorted(pairs(session), key=lambda pair: pair.signed.signed_at)
    assert used == {pair.pair_id for pair in found if pair.split == "train"} - {
        pair.pair_id for pair in found[:6]
    }
    assert made.card["left_out"] == {"waits_for_a_later_run": 6}


def test_a_stage_that_ended_has_its_record(first: First) -> None:
    made = first.made
    for stage in ("sft", "dpo"):
        record = run_folder.read(first.run / stage)
        assert record["valid_loss"] == made.card["losses"][stage]["valid"]
        assert not (first.run / stage / run_folder.CHECKPOINT).exists()
    record = json.loads((first.run / "run.json").read_text("utf-8"))
    assert record["adapter_id"] == made.adapter_id
    assert record["identity"]["data_sha256"] == made.data_sha

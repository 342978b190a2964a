"""Adapting a native vision-language model to a site's signed reports."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from radraft.core import run_folder
from radraft.core.errors import AdapterError, SettingsError, TrainingError
from radraft.core.settings import Settings
from radraft.finetune.adapt import data, peft_files
from radraft.finetune.adapt.base import trainable
from radraft.finetune.adapt.merge import merge
from radraft.finetune.adapt.values import Progress
from radraft.llm import native_layers
from radraft.llm.adapter import AdapterState
from radraft.llm.profiles import HubCheckpoint, LocalCheckpoint, Profile
from radraft.prompts.values import Looked, Prior, Priors, Said
from radraft.store import adapter_files, adapters, images as key_images
from radraft.store.database import Store, open_store
from radraft.store.pairs import pairs
from radraft.studies.values import View
from tests import pixels_model
from tests.finetune.adapt.pixels_world import SERIES, SITE, add_signed, go, shown
from tests.finetune.adapt.world import contents, recipe

pytestmark = pytest.mark.slow
HOW = recipe(
    dpo=None, sft={"epochs": 1, "batch": 4, "learning_rate": 0.01, "validations": 1}, longest=2048
)
SHORT = recipe(sft={"epochs": 1, "batch": 2, "learning_rate": 0.01}, least_pairs=4, longest=2048)


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    return pixels_model.build(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture
def store(settings: Settings) -> Any:
    opened = open_store(settings)
    yield opened
    opened.close()


@pytest.mark.always
def test_signed_reports_become_a_candidate_in_two_steps(
    store: Store, settings: Settings, profile: Profile, tmp_path: Path
) -> None:
    add_signed(store, range(9), profile)
    told: list[Progress] = []
    made = go(settings, profile, tmp_path / "run", HOW, on_step=told.append)
    assert made.state is AdapterState.CANDIDATE
    assert (made.base, profile.is_base(made.base)) == (profile.model_id, True)
    assert [one.done for one in told] == [1, 2]
    assert made.card["losses"]["sft"]["step"] == 2
    assert made.card["encoder_id"] is None
    # Both series of each study were in the prompt.
    assert len(made.card["image_ids"]) == 9 * SERIES
    assert "<svg" in (tmp_path / "run" / "loss.svg").read_text("utf-8")
    folder = settings.adapters_dir / made.adapter_id
    assert contents(settings, made) == dict(made.files)
    assert set(made.files) == adapter_files.NEEDED
    assert set(peft_files.shape(folder).targets) == set(profile.lora_targets or ())
    state = peft_files.state(folder, whole=True)
    assert len(state) == 2 * 3 * 2
    assert any(float(value.abs().max()) > 0 for name, value in state.items() if "lora_B" in name)
    _lies_on_the_class_that_serves_it(profile, folder)
    kept = (tmp_path / "run" / "run.json").read_text("utf-8") + str(dict(made.card))
    with store.read() as session:
        assert not [pair for pair in pairs(session) if pair.case_id in kept]
    assert "气胸" not in kept and "Planted" not in kept


def _lies_on_the_class_that_serves_it(profile: Profile, folder: Path) -> None:
    from peft import PeftModel
    from safetensors.torch import load_file

    from radraft.finetune.train import native

    base = native.load(Path(getattr(profile.checkpoint, "path", "")))
    found = dict(PeftModel.from_pretrained(base, folder).named_parameters())
    for name, value in load_file(folder / adapter_files.WEIGHTS).items():
        assert found[name.replace(".weight", ".default.weight")].detach().half().equal(value)


@pytest.mark.always
def test_a_run_that_broke_off_ends_the_same(
    store: Store, settings: Settings, profile: Profile, tmp_path: Path
) -> None:
    class Broken(Exception):
        pass

    def tell(progress: Progress) -> None:
        if progress.done in stops:
            stops.remove(progress.done)
            raise Broken

    add_signed(store, range(8), profile)
    store.close()
    other = Settings(data_dir=shutil.copytree(settings.data_dir, tmp_path / "other"))
    whole = go(other, profile, tmp_path / "whole", SHORT)
    stops = [2, 3]
    for _ in range(2):
        with pytest.raises(Broken):
            go(settings, profile, tmp_path / "cut", SHORT, on_step=tell)
    assert run_folder.load_checkpoint(tmp_path / "cut" / "sft") is not None
    for change in ({"seed": 4}, {"how": HOW}):
        with pytest.raises(TrainingError, match="training_run_differs"):
            go(settings, profile, tmp_path / "cut", **({"how": SHORT} | change))  # type: ignore[arg-type]
    assert go(settings, profile, tmp_path / "cut", SHORT).files == whole.files


def test_a_pair_whose_image_is_gone_is_left_out_and_counted(
    store: Store, settings: Settings, profile: Profile, tmp_path: Path
) -> None:
    add_signed(store, range(7), profile)
    gone = shown("c", 3).images[1].image_id
    for key in key_images.keys(gone):
        store.objects.remove(key)
    made = go(settings, profile, tmp_path / "run", HOW)
    assert made.card["left_out"] == {data.NO_IMAGE: 1}
    assert len(made.card["pairs"]) + len(made.card["valid_pairs"]) == 6
    assert gone not in made.card["image_ids"]


def test_images_of_an_earlier_study_are_trained_on_in_their_place(
    store: Store, profile: Profile
) -> None:
    from radraft.finetune.train.native import Processor

    (earlier,) = add_signed(store, [50], profile)
    images = shown(earlier, 50).images
    said = Said("心影增大。", "The heart is enlarged.")
    prior = Prior(earlier, 1, 30, "CR", "CHEST", View.FRONTAL, said, said,
                  tuple(one.image_id for one in images), 1.0, images)  # fmt: skip
    (case_id,) = add_signed(store, [1], profile, priors=Priors(Looked.FOUND, (prior,)))
    with store.read() as session:
        (pair,) = [pair for pair in pairs(session) if pair.case_id == case_id]
    example = data.example(pair)
    own = tuple(one.image_id for one in shown(case_id, 1).images)
    assert set(example.images) == {*own, *prior.image_ids}
    order = [
        "image" if part["type"] == "image" else part["text"]
        for message in example.messages
        for part in message["content"]
    ]
    place = order.index("1: The heart is enlarged.")
    # As the template has it: an earlier study's images, its report, then the study's own.
    assert order[place - SERIES : place] == ["image"] * SERIES
    assert example.images[:SERIES] == prior.image_ids and example.images[SERIES:] == own
    processor = Processor(
        Path(getattr(profile.checkpoint, "path", "")), data.StoredPictures(store.objects)
    )
    encoded = processor.encode(example)
    assert (
        processor.batch([(encoded, encoded.chosen)], "cpu").inputs["image_grid_thw"].shape[0] == 4
    )


def test_what_cannot_be_trained_is_refused_by_name(
    settings: Settings, profile: Profile, tmp_path: Path
) -> None:
    def refused(changes: dict[str, Any], how: Any = HOW) -> AdapterError | SettingsError:
        other = profile.model_copy(update=changes)
        with pytest.raises((AdapterError, SettingsError)) as caught:
            go(settings, other, tmp_path / "run", how)
        assert not (tmp_path / "run").exists()
        return caught.value

    error = refused(
        {"lora_targets": ("q_proj", "vision.patch_embed", "connector.mlp.1", "lm_head")}
    )
    assert error.code == "profile_layers_unserved"
    assert error.details["targets"] == "vision.patch_embed, connector.mlp.1, lm_head"
    assert error.details["architecture"] == "Qwen2_5_VLForConditionalGeneration"
    hub = HubCheckpoint(kind="hub", id="a/b", revision="main", pinned=False)
    assert refused({"checkpoint": hub}).code == "adapt_base_not_pinned"
    assert refused({"chat_format": "plain"}).code == "adapt_profile_untrainable"
    own = recipe(sft={"epochs": 1, "learning_rate": 0.01, "projector_rate": 0.01})
    assert refused({}, own).code == "adapt_no_projector"
    # What a recipe names counts where the profile names nothing.
    bare: dict[str, Any] = {"lora_targets": None}
    tower = HOW.model_copy(update={"lora": HOW.lora.over(("q_proj", "vision.qkv"))})
    assert refused(bare, tower).code == "adapt_tower_not_in_profile"
    head = HOW.model_copy(update={"lora": HOW.lora.over(("lm_head",))})
    assert refused(bare, head).code == "profile_layers_unserved"


def test_a_recipe_that_is_too_short_for_every_pair_says_so(
    store: Store, settings: Settings, profile: Profile, tmp_path: Path
) -> None:
    add_signed(store, range(5), profile)
    with pytest.raises(AdapterError) as caught:
        go(settings, profile, tmp_path / "run", HOW.model_copy(update={"longest": 64}))
    assert caught.value.code == "adapt_pairs_too_long"
    assert caught.value.details == {"count": 5, "longest": 64}


def test_a_class_that_vllm_serves_without_adapters_is_not_trained(
    profile: Profile, tmp_path: Path
) -> None:
    folder = shutil.copytree(Path(getattr(profile.checkpoint, "path", "")), tmp_path / "other")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config["architectures"] = ["LlavaOnevisionForConditionalGeneration"]
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    other = profile.model_copy(
        update={"checkpoint": LocalCheckpoint(kind="path", path=str(folder))}
    )
    with pytest.raises(AdapterError, match="adapt_profile_untrainable"):
        trainable(other, tmp_path)


def test_two_adapters_are_merged_over_it(
    store: Store, settings: Settings, profile: Profile, tmp_path: Path
) -> None:
    add_signed(store, range(6), profile)
    first = go(settings, profile, tmp_path / "1", HOW)
    second = go(settings, profile, tmp_path / "2", HOW, seed=4)
    made = merge(
        [first.adapter_id, second.adapter_id],
        [0.5, 0.5],
        site=SITE,
        store=store,
        settings=settings,
        profile=profile,
        by="test",
    )
    folder = settings.adapters_dir / made.adapter_id
    assert set(peft_files.shape(folder).targets) == set(profile.lora_targets or ())
    with store.read() as session:
        assert adapters.get(session, made.adapter_id).base == profile.model_id


@pytest.mark.parametrize(
    "targets",
    [("q_proj",), ("q_proj", "vision.proj", "connector.mlp.0"), native_layers.LANGUAGE_LAYERS],
)
def test_files_name_their_layers_and_nothing_else_is_taken(
    targets: tuple[str, ...], tmp_path: Path
) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    from radraft.finetune.train.recipe import Lora

    paths = {
        "q_proj": "model.language_model.layers.0.self_attn.q_proj",
        "vision.proj": "model.visual.blocks.0.attn.proj",
        "connector.mlp.0": "model.visual.merger.mlp.0",
    } | {
        name: f"model.language_model.layers.0.mlp.{name}"
        for name in native_layers.LANGUAGE_LAYERS[1:]
    }
    state = {
        f"base_model.model.{paths[target]}.lora_{half}.weight": torch.ones(shape)
        for target in targets
        for half, shape in (("A", (2, 4)), ("B", (4, 2)))
    }
    lora = Lora(rank=2, alpha=4, targets=targets)
    peft_files.write(tmp_path / "a", state, lora, "tiny@0", None, whole=True)
    assert set(peft_files.shape(tmp_path / "a").targets) == set(targets)
    assert peft_files.state(tmp_path / "a", whole=True).keys() == state.keys()
    # A layer more than the configuration says, and one that no adapter may change.
    for path in ("model.language_model.layers.0.self_attn.k_proj", "model.visual.patch_embed.proj"):
        if "k_proj" in targets and path.endswith("k_proj"):
            continue
        more = load_file(tmp_path / "a" / adapter_files.WEIGHTS)
        more[f"base_model.model.{path}.lora_A.weight"] = torch.ones(2, 4)
        more[f"base_model.model.{path}.lora_B.weight"] = torch.ones(4, 2)
        save_file(more, tmp_path / "a" / adapter_files.WEIGHTS)
        with pytest.raises(AdapterError, match="adapter_files_refused"):
            peft_files.state(tmp_path / "a", whole=True)

"""Adapting as data."""

from __future__ import annotations

from pathlib import Path

import pytest

from radraft.core.errors import TrainingError
from radraft.finetune.adapt.recipe import AdaptRecipe, load_recipe, names
from radraft.finetune.train.recipe import Lora
from radraft.llm.profiles import load_profile

from .world import recipe


@pytest.mark.parametrize("name", names())
def test_the_ready_ones_can_be_served(name: str) -> None:
    ready = load_recipe(name)
    assert ready.name == name
    assert ready.lora.rank <= load_profile("starter").vllm.max_lora_rank
    assert not ready.own_projector


def test_epochs_become_steps() -> None:
    how = recipe(sft={"epochs": 3, "batch": 8, "learning_rate": 0.1, "validations": 2})
    plan = how.sft_plan(270, Lora())
    assert (plan.objective, plan.steps, plan.valid_every) == ("sft", 102, 17)
    assert plan.warm_up == 10
    assert how.sft_plan(1, Lora()).steps == 1
    assert how.dpo_plan(9, Lora()).objective == "dpo"
    assert how.dpo_plan(9, Lora()).steps == 3


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ("replay: -1", "replay"),
        ("sft: {epochs: 0, learning_rate: 0.1}", "sft.epochs"),
        ("more: 1", "more"),
        ("valid: 0", "valid"),
        ("[", "file"),
    ],
)
def test_a_recipe_that_cannot_be_used_names_its_fields(
    tmp_path: Path, change: str, field: str
) -> None:
    path = tmp_path / "mine.yaml"
    text = "name: mine\nseed: 0\nsft: {epochs: 1, learning_rate: 0.1}\n"
    path.write_text(text, encoding="utf-8")
    assert isinstance(load_recipe(str(path)), AdaptRecipe)
    key = change.partition(":")[0]
    kept = [line for line in text.splitlines() if not line.startswith(f"{key}:")]
    path.write_text("\n".join([*kept, change]), encoding="utf-8")
    with pytest.raises(TrainingError) as caught:
        load_recipe(str(path))
    assert caught.value.code == "training_recipe_invalid"
    assert caught.value.details["fields"] == field


def test_an_unknown_recipe_names_the_ready_ones() -> None:
    with pytest.raises(TrainingError) as caught:
        load_recipe("nothing")
    assert caught.value.code == "training_recipe_not_found"
    assert caught.value.details["known"] == "adapt, archive, pixels"

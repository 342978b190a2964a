from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from radraft.core.errors import TrainingError
from radraft.finetune.recipe import load_recipe, names
from radraft.reports.findings.vocabulary import vocabulary

RECIPE = """
name: mine
seed: 3
encoder:
  heads: [{id: pneumonia}, {id: rare, zh: 罕见征象, en: Rare sign}]
  sets:
    films: {table: films.csv, weight: 1.0, zero_one: {P: pneumonia, R: rare}}
  steps: 10
"""


def rest() -> str:
    """The starter's other parts."""
    starter = files("radraft.finetune").joinpath("recipes", "starter.yaml")
    parts = yaml.safe_load(starter.read_text(encoding="utf-8"))
    return yaml.safe_dump({key: parts[key] for key in parts.keys() - {"name", "seed", "encoder"}})


def write(folder: Path, text: str = RECIPE) -> str:
    path = folder / "mine.yaml"
    path.write_text(text + rest(), encoding="utf-8")
    return str(path)


def test_the_ready_recipes_load() -> None:
    assert "starter" in names()
    for name in names():
        assert load_recipe(name).name == name
    heads = load_recipe("starter").encoder.head_ids
    own = {head for head in heads if head not in vocabulary()}
    assert own == {"pneumonia_in_child", "bacterial_pneumonia", "covid"}


def test_single_class_sets_answer_no_head_of_the_second_edition() -> None:
    encoder = load_recipe("starter2").encoder
    assert not {"covid", "tuberculosis"} & set(encoder.head_ids)
    tables = {labels.table.split("/")[0] for labels in encoder.sets.values()}
    drawn = {places.table.split("/")[0] for places in encoder.place_sets.values()}
    assert {"cxr_tb_boxes", "cxr_covid_regions", "cxr_covid_lungmasks"} <= drawn - tables


def test_a_recipe_by_path(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path))
    assert (recipe.name, recipe.seed, recipe.encoder.steps) == ("mine", 3, 10)
    rare = recipe.encoder.heads[1]
    assert rare.sentences(True) == ("罕见征象。", "Rare sign.")
    assert rare.sentences(False) == ("未见罕见征象。", "No rare sign.")


@pytest.mark.parametrize(
    ("old", "new", "fields"),
    [
        ("seed: 3", "seed: -1", "seed"),
        ("seed: 3", "seed: 4294967296", "seed"),
        ("steps: 10", "steps: '10'", "encoder.steps"),
        ("steps: 10", "steps: 10\n  flips: true", "encoder.flips"),
        ("steps: 10", "steps: 10\n  precision: fp16", "encoder.precision"),
        ("weight: 1.0", "weight: 0.0", "encoder.sets.films.weight"),
        ("table: films.csv, ", "", "encoder.sets.films.table"),
        ("id: pneumonia}", "id: pnuemonia}", "pnuemonia"),
        ("R: rare", "R: other", "encoder (films answers ['other'])"),
        ("weight: 1.0", "weight: 1.0, not_patients_of: nobody", "encoder (films: no set nobody)"),
        ("name: mine", "name: [", "file"),
        ("name: mine", "just text", "file"),
    ],
)
def test_names_the_fields_that_cannot_be_used(
    tmp_path: Path, old: str, new: str, fields: str
) -> None:
    with pytest.raises(TrainingError) as caught:
        load_recipe(write(tmp_path, RECIPE.replace(old, new)))
    assert caught.value.code == "training_recipe_invalid"
    assert fields in caught.value.message_en
    assert "mine" in caught.value.message_zh


def test_an_unknown_recipe_lists_the_known(tmp_path: Path) -> None:
    for name in ("startr", str(tmp_path / "none.yaml")):
        with pytest.raises(TrainingError) as caught:
            load_recipe(name)
        assert caught.value.code == "training_recipe_not_found"
        assert "starter" in caught.value.message_zh

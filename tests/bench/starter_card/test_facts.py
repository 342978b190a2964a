"""What the card says of files and data."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from radraft.bench.starter_card.facts import facts, finding_name
from radraft.finetune.recipe import load_recipe
from radraft.llm import pins
from radraft.llm.profiles import load_profile
from radraft.llm.starter_model import PROFILES
from radraft.vision_encoder.train.data import rows

SHARED = Path(__file__).parents[4] / "shared" / "data"
SOURCES = Path(__file__).parents[3] / "bench" / "starter_card" / "sources.yaml"


def test_every_set_of_the_recipe_is_described() -> None:
    said = yaml.safe_load(SOURCES.read_text(encoding="utf-8"))
    used = {"readings"}
    for name in PROFILES.values():
        recipe = load_recipe(name).encoder
        used |= {*recipe.sets, *recipe.place_sets}
    assert set(said) == used
    assert all(set(one) == {"title", "licence", "labels"} for one in said.values())


def test_every_head_has_a_name() -> None:
    assert finding_name("pneumonia_in_child") == "Children: normal vs pneumonia"
    assert finding_name("pulmonary_mass") == "Pulmonary mass"


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the development data")
def test_counts_and_licences_are_those_of_the_tables() -> None:
    recipe = load_recipe("starter")
    found = facts(recipe, rows(recipe.encoder, SHARED), load_profile("starter"), SHARED)
    children = found["data"]["kermany"]["splits"]
    assert children["test"]["images"] == 689
    assert children["train"]["patients"] == 2759
    assert found["data"]["nih14"]["splits"]["test"] == {"images": 241, "patients": 188}
    trained = found["data"]["covid"]["splits"]["train"]["images"]
    assert sum(found["licences"].values()) == trained
    assert set(found["weights"]) == set(pins.files(1))
    assert str(SHARED) not in str(found)


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the development data")
def test_the_second_edition_names_its_places_and_their_licences() -> None:
    """The films that only places were learned from have licences too."""
    recipe = load_recipe("starter2")
    found = facts(recipe, rows(recipe.encoder, SHARED), load_profile("starter2"), SHARED)
    assert set(found["weights"]) == set(pins.files(2))
    assert found["model"].startswith("starter2@")
    assert set(found["data"]) == {
        *recipe.encoder.sets,
        *recipe.encoder.place_sets,
        "readings",
    }
    assert "covid" not in found["data"]
    regions = found["data"]["covid_regions"]["splits"]["train"]["images"]
    lungs = found["data"]["covid_lungs"]["splits"]["train"]["images"]
    # Some films are in both.
    assert max(regions, lungs) < sum(found["licences"].values()) <= regions + lungs
    assert any("NC" in licence for licence in found["licences"])

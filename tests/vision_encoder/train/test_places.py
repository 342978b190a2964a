"""Where something was drawn goes with the film, is never mirrored, and teaches where alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from radraft.core.errors import TrainingError
from radraft.vision_encoder.train import data, model, run
from radraft.vision_encoder.train.augment import augment_with
from radraft.vision_encoder.train.batches import Batches
from radraft.vision_encoder.train.export import PLACE_FILE, export
from radraft.vision_encoder.train.places import MAP
from radraft.vision_encoder.train.recipe import Augment, EncoderRecipe
from tests.vision_encoder.train import builders

PLACES: dict[str, Any] = {
    "places": ["opacity", "right_lung"],
    "place_sets": {
        "drawn": {"table": "drawn/labels.csv", "weight": 1.0, "boxes": {"boxes": "opacity"}}
    },
}


def drawn(folder: Path, boxes: list[str]) -> Path:
    """The labelled films, and films with `boxes`."""
    builders.write_data(folder)
    rows = [
        {"file": f"images/{n}.png", "patient": f"d{n}", "split": "train", "boxes": text}
        for n, text in enumerate(boxes)
    ]
    builders.write_table(folder / "drawn", rows)
    return folder


def plan(**changes: Any) -> EncoderRecipe:
    return builders.recipe(**{**PLACES, **changes})


def maps_of(images: data.Images) -> np.ndarray:
    assert images.maps is not None and images.map_of is not None
    where = images.where("train", "drawn")
    return images.maps[images.map_of[where]]


def test_a_box_is_where_it_was_drawn_and_other_places_are_unknown(tmp_path: Path) -> None:
    folder = drawn(tmp_path, ["[[0.0, 0.5, 0.25, 0.5]]", '[["tb", 0.5, 0.0, 0.5, 0.5]]', ""])
    images = builders.load(folder, plan())
    first, second = maps_of(images)
    expected = np.zeros((MAP, MAP), dtype=int)
    expected[MAP // 2 :, : MAP // 4] = 254
    assert np.array_equal(first[0], expected)
    assert (first[1] == 255).all()
    assert second[0][: MAP // 2, MAP // 2 :].min() == 254
    # A film that nobody drew on is not read at all: it answers nothing.
    assert len(images.where("train", "drawn")) == 2
    assert np.isnan(images.answers[images.where("train", "drawn")]).all()


@pytest.mark.parametrize("text", ["[[0.1, 0.2, 0.3]]", "[[0, 0, 2, 1]]", "left", '[["a"]]', "7"])
def test_a_box_that_is_none_names_its_row(tmp_path: Path, text: str) -> None:
    with pytest.raises(TrainingError) as error:
        builders.load(drawn(tmp_path, ["[[0, 0, 1, 1]]", text]), plan())
    assert error.value.code == "training_data_value"
    assert error.value.details["row"] == 3


def test_masks_join_and_a_gray_stands_for_a_place(tmp_path: Path) -> None:
    folder = drawn(tmp_path, [""])
    masks = folder / "drawn" / "masks"
    masks.mkdir()
    half = np.zeros((builders.SIZE, builders.SIZE), dtype=np.uint8)
    half[:, :32] = 255
    Image.fromarray(half).save(masks / "0__lesion.png")
    Image.fromarray(half.T).save(masks / "0__other.png")
    Image.fromarray(half // 255 * 100).save(masks / "lungs.png")
    table = folder / "drawn" / "labels.csv"
    table.write_text("file,patient,split,mask\nimages/0.png,d0,train,masks/lungs.png\n")
    place_set = {
        "table": "drawn/labels.csv",
        "weight": 1.0,
        "masks": {"opacity": ["lesion", "other"]},
        "gray_masks": {"right_lung": 100},
    }
    (found,) = maps_of(builders.load(folder, plan(place_sets={"drawn": place_set})))
    joined = (half > 0) | (half.T > 0)
    assert np.array_equal(found[0] > 127, joined)
    assert np.array_equal(found[1] > 127, half > 0)


def test_a_map_moves_with_its_film() -> None:
    import torch

    picture = torch.zeros(8, 64, 64)
    picture[:, 20:40, 8:24] = 1.0
    how = Augment(gamma=0, contrast=0, brightness=0, noise=0, edge=0)
    torch.manual_seed(3)
    images, maps = augment_with(picture.clone(), picture[:, None].clone(), how)
    assert maps is not None
    torch.testing.assert_close(images, maps[:, 0].clamp(0, 1))
    assert not images.equal(picture)
    # Left of the film stays left: the box never comes to stand on the other side.
    assert float(images[:, :, 40:].sum()) == 0.0


def test_a_place_that_was_not_drawn_has_no_loss_and_a_drawn_one_has() -> None:
    import torch

    net = model.build(builders.model(), plan())
    grid = torch.randn(2, net["head"].in_features, 2, 2)
    unknown = torch.full((2, 2, 8, 8), torch.nan)
    assert float(model.place_loss(net, grid, unknown, 0.0)) == 0.0
    half = unknown.clone()
    half[0, 0] = 0.0
    half[0, 0, :4] = 1.0
    logits = net["place"](grid[0].permute(1, 2, 0))[..., 0]
    target = torch.tensor([[1.0, 1.0], [0.0, 0.0]])
    by_hand = torch.nn.functional.binary_cross_entropy_with_logits(logits, target)
    torch.testing.assert_close(model.place_loss(net, grid, half, 0.0), by_hand)


def test_covered_lungs_have_no_place(tmp_path: Path) -> None:
    import torch

    folder = drawn(tmp_path, ["[[0, 0, 1, 1]]"] * 4)
    images = builders.load(folder, plan())
    for covered, known in ((1.0, False), (0.0, True)):
        found = Batches(
            images, plan(augment={"lungs_covered": covered}), builders.config(), 0, "cpu"
        )
        torch.manual_seed(0)
        maps = found.draw(0).maps
        assert maps is not None
        assert bool((~maps.isnan()).any()) is known


@pytest.mark.slow
def test_where_is_learnt_and_exported(tmp_path: Path) -> None:
    folder = drawn(tmp_path / "data", ["[[0, 0, 0.5, 1]]"] * 6)
    recipe = plan(steps=4, valid_every=4, checkpoint_every=4)
    images = builders.load(folder, recipe)
    out = tmp_path / "run"
    run.train(builders.model(), images, recipe, builders.config(), out, seed=0)
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    # A batch may hold no film that was drawn on.
    assert any(line["place"] > 0 for line in lines) and min(line["place"] for line in lines) >= 0
    exported = export(out, recipe, builders.config(), tmp_path / "export")
    from safetensors import safe_open

    with safe_open(tmp_path / "export" / PLACE_FILE, "numpy") as file:
        assert json.loads(file.metadata()["places"]) == list(recipe.places)
        assert file.get_tensor("weight").shape[0] == 2
    assert PLACE_FILE in exported.sha256

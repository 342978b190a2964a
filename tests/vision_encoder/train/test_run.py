from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from radraft.core.run_folder import LOG, Step
from radraft.vision_encoder.train import model, run
from radraft.vision_encoder.train.batches import Batches
from radraft.vision_encoder.train.data import Images
from radraft.vision_encoder.train.run import train
from tests.vision_encoder.train import builders

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    import torch


class Killed(Exception):
    """What ends a run in the middle."""


def trained(
    images: Images, folder: Path, *, seed: int = 0, precision: str = "fp32", **more: Any
) -> dict[str, torch.Tensor]:
    plan = builders.recipe(precision=precision, **more.pop("changes", {}))
    net = train(builders.model(), images, plan, builders.config(), folder, seed=seed, **more)
    return net.state_dict()


def log(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / LOG).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(one[name].equal(other[name]) for name in one)


def test_the_loss_falls_and_the_images_are_told_apart(images: Images, tmp_path: Path) -> None:
    changes = {"steps": 40, "valid_every": 40, "sizes": [64], "dropout": 0.0}
    trained(images, tmp_path, changes=changes)
    lines = log(tmp_path)
    for part in ("label", "contrast"):
        losses = [line[part] for line in lines]
        assert np.mean(losses[-8:]) < 0.9 * np.mean(losses[:8]), part
    valid = lines[-1]["valid"]
    assert set(valid) == {
        "films/pneumothorax", "films/pleural_effusion", "screening/tuberculosis"
    }  # fmt: skip
    assert np.mean(list(valid.values())) > 0.75


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_resumed_run_ends_as_an_uninterrupted_one(
    images: Images, tmp_path: Path, precision: str
) -> None:
    whole = trained(images, tmp_path / "whole", precision=precision)
    halves = tmp_path / "halves"
    trained(images, halves, precision=precision, stop_at=3)
    assert same(trained(images, halves, precision=precision), whole)
    assert log(halves) == log(tmp_path / "whole")


@pytest.mark.parametrize("killed_at", [1, 5])
def test_a_killed_run_goes_on_from_its_last_checkpoint(
    images: Images, tmp_path: Path, killed_at: int
) -> None:
    whole = trained(images, tmp_path / "whole")

    def kill(step: Step) -> None:
        if step.done == killed_at:
            raise Killed

    with pytest.raises(Killed):
        trained(images, tmp_path / "killed", on_step=kill)
    seen: list[int] = []
    again = trained(images, tmp_path / "killed", on_step=lambda step: seen.append(step.done))
    assert seen == list(range(killed_at // 2 * 2 + 1, 7))
    assert same(again, whole)
    assert log(tmp_path / "killed") == log(tmp_path / "whole")


def test_a_finished_run_is_not_trained_further(images: Images, tmp_path: Path) -> None:
    first = trained(images, tmp_path)
    steps: list[Step] = []
    assert same(trained(images, tmp_path, on_step=steps.append), first)
    assert steps == []


def test_another_seed_gives_other_weights(images: Images, tmp_path: Path) -> None:
    one = trained(images, tmp_path / "one", changes={"steps": 1})
    assert same(trained(images, tmp_path / "again", changes={"steps": 1}), one)
    assert not same(trained(images, tmp_path / "other", seed=1, changes={"steps": 1}), one)


def test_nothing_that_is_held_out_changes_what_is_learnt(images: Images, tmp_path: Path) -> None:
    held = images.where("valid")
    pixels, answers = images.pixels.copy(), images.answers.copy()
    pixels[held], answers[held] = 0, 1 - answers[held]
    other = Images(images.rows, pixels, answers)
    one = trained(images, tmp_path / "one", changes={"steps": 2})
    assert same(trained(other, tmp_path / "other", changes={"steps": 2}), one)


def test_where_a_run_is(images: Images, tmp_path: Path) -> None:
    steps: list[Step] = []
    trained(images, tmp_path, on_step=steps.append)
    assert [(step.done, step.total) for step in steps] == [(n, 6) for n in range(1, 7)]
    assert all(step.seconds > 0 for step in steps)
    assert ["valid" in line for line in log(tmp_path)] == [False, False, False, True, False, True]


def test_base_rates_of_covered_images_are_no_facts(images: Images) -> None:
    import torch

    plan = builders.recipe()
    net = model.build(builders.model(), plan)
    batches = Batches(images, plan, builders.config(), 0, "cpu")
    embedded = torch.nn.functional.normalize(torch.randn(3, 16), dim=1)
    answers = torch.tensor([[1.0, 0.0, torch.nan], [0.0, 1.0, 0.0], [0.3, torch.nan, 0.4]])
    losses = []
    for third in (answers[2], torch.full((3,), torch.nan)):
        torch.manual_seed(0)
        given = torch.stack([answers[0], answers[1], third])
        losses.append(run._contrast(net, embedded, given, batches))
    assert losses[0].equal(losses[1]) and losses[0].item() > 0

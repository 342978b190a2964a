"""`radraft adapt` over two processes: the candidate of one, both ways for an image to enter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radraft.core import run_folder
from radraft.core.errors import TrainingError
from radraft.core.settings import Settings
from radraft.finetune.adapt.values import Base
from radraft.store.database import open_store
from tests import pixels_model

from . import pixels_world, world

pytestmark = pytest.mark.slow


def losses(run: Path, stage: str) -> list[float]:
    return [record["loss"] for record in run_folder.read_log(run / stage)]


def test_two_processes_make_the_candidate_that_one_makes(
    settings: Settings, ground: Base, tmp_path: Path
) -> None:
    """Signed reports first, preferences after: the fixed point of those is shared out, too."""
    from safetensors.numpy import load_file

    two = world.go(settings, ground, tmp_path / "two", processes=2)
    again = world.go(settings, ground, tmp_path / "again")
    # What is registered already is not trained anew, however many trained it.
    assert again.adapter_id == two.adapter_id and not (tmp_path / "again").exists()
    alone = world.go(settings, ground, tmp_path / "alone", world.recipe(name="tiny-1"))
    for stage in ("sft", "dpo"):
        np.testing.assert_allclose(
            losses(tmp_path / "two", stage), losses(tmp_path / "alone", stage), rtol=1e-3
        )
        names = [tmp_path / run / stage / "lora.safetensors" for run in ("two", "alone")]
        found, wanted = (load_file(name) for name in names)
        assert found.keys() == wanted.keys()
        for name, value in wanted.items():
            np.testing.assert_allclose(found[name], value, rtol=0.05, atol=5e-3, err_msg=name)
    assert alone.card["losses"].keys() == two.card["losses"].keys() == {"sft", "dpo"}


def test_shares_that_do_not_fit_end_it_before_anything_is_trained(
    settings: Settings, ground: Base, tmp_path: Path
) -> None:
    how = world.recipe(dpo={"epochs": 1, "batch": 5, "learning_rate": 0.001})
    with pytest.raises(TrainingError) as caught:
        world.go(settings, ground, tmp_path / "run", how, processes=2)
    assert caught.value.code == "training_batch_not_shared"
    assert caught.value.details == {"batch": 5, "processes": 2}
    assert not (tmp_path / "run" / "sft").exists()


@pytest.mark.stress
@pytest.mark.parametrize("targets", ["[q_proj, v_proj]", "[q_proj, vision.qkv, connector.mlp.0]"])
def test_a_model_that_takes_pixels_too(targets: str, tmp_path: Path) -> None:
    profile = pixels_model.build(tmp_path / "model", targets=targets)
    how = world.recipe(dpo=None, least_pairs=4, longest=2048, checkpoint_every=1)
    made = {}
    for processes in (1, 2):
        settings = Settings(data_dir=tmp_path / f"data-{processes}")
        store = open_store(settings)
        pixels_world.add_signed(store, range(9), profile)
        store.close()
        run = tmp_path / f"run-{processes}"
        made[processes] = pixels_world.go(settings, profile, run, how, processes=processes)
    assert made[1].card["pairs"] == made[2].card["pairs"]
    np.testing.assert_allclose(
        losses(tmp_path / "run-2", "sft"), losses(tmp_path / "run-1", "sft"), rtol=1e-3
    )

"""Two processes that train one model together (FSDP2 over gloo): as one would, killed or not."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from radraft.core import run_folder
from radraft.core.errors import TrainingError
from radraft.core.run_folder import Step
from radraft.finetune.train import dataset, ground, launch, process_group
from radraft.finetune.train.process_group import ProcessGroup
from radraft.finetune.train.recipe import LanguageRecipe
from radraft.finetune.train.text import EncodedFile
from tests.scale import FULL, scaled

from .own_model import Own, language_recipe

pytestmark = [pytest.mark.slow, pytest.mark.scaled]
SMALL = {"batch": 4, "micro_batch": 1, "warm_up": 2, "learning_rate": 0.01, "projector_rate": 0.01,
         "valid_every": 4, "valid_pairs": 5, "checkpoint_every": 3,
         # Unclipped: Adam alone would not tell a gradient from one half as large.
         "clip": 1e9}  # fmt: skip
STEPS = scaled(8, full=24)
Jobs = Callable[..., launch.Job]


@pytest.fixture(scope="module")
def jobs(own: Own, tmp_path_factory: pytest.TempPathFactory) -> Jobs:
    folder = tmp_path_factory.mktemp("processes")
    begin = ground.begin(folder, own.base, dataset.read(own.pairs), 0)

    def make(run: Path, **changes: Any) -> launch.Job:
        recipe = language_recipe(own.profile, **SMALL | {"steps": STEPS} | changes)
        pairs = own.material()
        files = []
        for examples in (pairs.train, pairs.valid):
            # As the command has them: in a file without a name.
            file = EncodedFile(run)
            for example in examples:
                file.add(example)
            files.append(file)
        pairs = replace(pairs, train=files[0], valid=files[1])
        assert len({len(example.chosen) for example in pairs.train}) > 1
        return launch.Job(launch.TextModel(own.base.checkpoint, begin), pairs, recipe, run, seed=2)

    return make


@pytest.fixture(scope="module")
def unbroken(jobs: Jobs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of two processes that nobody disturbed."""
    folder = tmp_path_factory.mktemp("unbroken")
    launch.train(jobs(folder), 2)
    return folder


def weights(folder: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    names = ("lora.safetensors", "projector.safetensors")
    found = {key: v for name in names for key, v in load_file(folder / name).items()}
    state = run_folder.load_checkpoint(folder)
    assert state is not None
    # In full precision, and the whole optimiser beside them.
    for part in ("adapter", "projector"):
        found |= {f"{part}.{key}": value.numpy() for key, value in state[part].items()}
    for number, values in state["optimiser"]["state"].items():
        found |= {f"{number}.{key}": value.numpy() for key, value in values.items()}
    return found


def losses(folder: Path) -> list[float]:
    return [record["loss"] for record in run_folder.read_log(folder)]


def worker(rank: int) -> int:
    (pid,) = (child.pid for child in multiprocessing.active_children()
              if child.name == f"radraft-train-{rank}")  # fmt: skip
    assert pid is not None
    return pid


def until(holds: Callable[[], bool], running: subprocess.Popen[bytes]) -> None:
    """Wait for it, as long as `running` runs."""
    while not holds():
        assert running.poll() is None, running.communicate()
        time.sleep(0.02)


def as_unbroken(folder: Path, unbroken: Path) -> None:
    found, wanted = weights(folder), weights(unbroken)
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert found[name].shape == value.shape, name
        np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-6, err_msg=name)
    np.testing.assert_allclose(losses(folder), losses(unbroken), rtol=1e-5)
    assert not list(folder.glob(".*"))


@pytest.mark.always
def test_two_processes_train_what_one_does(jobs: Jobs, unbroken: Path, tmp_path: Path) -> None:
    """The same batches, whose reports are of different lengths, in one process at once."""
    launch.train(jobs(tmp_path, micro_batch=4))
    assert losses(tmp_path)[-1] < 0.8 * losses(tmp_path)[0]
    np.testing.assert_allclose(losses(unbroken), losses(tmp_path), rtol=1e-4)
    valid = [
        [record["valid"] for record in run_folder.read_log(folder) if "valid" in record]
        for folder in (unbroken, tmp_path)
    ]
    np.testing.assert_allclose(valid[0], valid[1], rtol=1e-4)
    found, wanted = weights(unbroken), weights(tmp_path)
    assert found.keys() == wanted.keys()
    for name in wanted:
        # Adam's first steps are as large for the smallest gradients as for any.
        np.testing.assert_allclose(found[name], wanted[name], rtol=0.02, atol=2e-3, err_msg=name)


@pytest.mark.parametrize("rank", [0, 1])
def test_one_that_is_killed_ends_both_and_the_run_goes_on(
    rank: int, jobs: Jobs, unbroken: Path, tmp_path: Path
) -> None:
    moments = random.Random(rank).sample(range(1, STEPS - 1), scaled(1, full=3))
    for moment in sorted(moments):
        pids: list[int] = []

        def kill(step: Step, moment: int = moment, pids: list[int] = pids) -> None:
            if step.done == moment:
                pids += [worker(0), worker(1)]
                os.kill(pids[rank], signal.SIGKILL)

        with pytest.raises(TrainingError) as caught:
            launch.train(jobs(tmp_path), 2, kill)
        assert caught.value.code == "training_process_lost"
        assert caught.value.details == {"number": rank + 1, "processes": 2, "reason": "SIGKILL"}
        assert not any(psutil.pid_exists(pid) for pid in pids)
        state = run_folder.load_checkpoint(tmp_path)
        assert (0 if state is None else state["done"]) in {moment // 3 * 3, (moment + 1) // 3 * 3}
    launch.train(jobs(tmp_path), 2)
    as_unbroken(tmp_path, unbroken)


def test_a_run_goes_on_with_another_number_of_processes(
    jobs: Jobs, unbroken: Path, tmp_path: Path
) -> None:
    class Stopped(Exception):
        pass

    def stop(step: Step) -> None:
        if step.done == 4:
            raise Stopped

    with pytest.raises(Stopped):
        launch.train(jobs(tmp_path), 1, stop)
    launch.train(jobs(tmp_path), 2)
    np.testing.assert_allclose(losses(tmp_path), losses(unbroken), rtol=1e-4)


def test_a_second_training_in_the_folder_is_refused(jobs: Jobs, tmp_path: Path) -> None:
    """Beside one of two processes, whether it is of one or of two itself."""
    seen = []

    def meet(step: Step) -> None:
        if step.done == 1:
            for processes in range(1, scaled(1, full=2) + 1):
                with pytest.raises(TrainingError) as caught:
                    launch.train(jobs(tmp_path), processes)
                seen.append(caught.value.code)

    launch.train(jobs(tmp_path, steps=2), 2, meet)
    assert set(seen) == {"training_run_busy"} and len(seen) == scaled(1, full=2)
    assert [record["step"] for record in run_folder.read_log(tmp_path)] == [1, 2]


def test_shares_that_do_not_fit_are_refused_before_anything_begins(
    jobs: Jobs, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError) as caught:
        launch.train(jobs(tmp_path), 3)
    assert caught.value.code == "training_batch_not_shared"
    assert caught.value.details == {"batch": 4, "processes": 3}
    assert not multiprocessing.active_children() or all(
        not child.name.startswith("radraft-train") for child in multiprocessing.active_children()
    )


def test_what_a_process_finds_wrong_is_said_as_one_would(jobs: Jobs, tmp_path: Path) -> None:
    with pytest.raises(TrainingError) as caught:
        launch.train(jobs(tmp_path, objective="dpo"), 2)
    assert caught.value.code == "training_pairs_without_draft"


def test_each_layer_is_shared_by_itself(own: Own, jobs: Jobs, tmp_path: Path) -> None:
    """Or every process would hold the whole model at each step."""
    from torch.distributed.fsdp import FSDPModule
    from torch.distributed.tensor import DTensor

    job = jobs(tmp_path)
    model: Any = job.model.build(job.recipe)
    with process_group.joined(0, 1, tmp_path / "meeting") as group:
        assert isinstance(group, ProcessGroup) and group.mesh is not None
        group.share(model)
        layers = model.language.get_base_model().model.layers
        assert len(layers) == 2
        assert all(isinstance(layer, FSDPModule) for layer in layers)
        assert all(isinstance(weight, DTensor) for weight in model.parameters())


def recipe_file(recipe: LanguageRecipe, path: Path) -> Path:
    text = (Path(launch.__file__).parents[1] / "recipes" / "starter.yaml").read_text("utf-8")
    language = recipe.model_dump(mode="json", exclude={"lora"})
    lines = "".join(f"  {name}: {json.dumps(value)}\n" for name, value in language.items())
    path.write_text(f"{text.split('language:')[0]}language:\n{lines}", encoding="utf-8")
    return path


def test_a_killed_command_leaves_no_process_and_goes_on(
    own: Own, jobs: Jobs, unbroken: Path, tmp_path: Path
) -> None:
    recipe = jobs(tmp_path / "unused").recipe
    run = tmp_path / "run"
    command = [
        sys.executable, "-m", "radraft.cli", "train", "language", "--json", "--processes", "2",
        "--profile", own.path, "--pairs", own.pairs, "--out", run, "--seed", "2",
        "--recipe", recipe_file(recipe, tmp_path / "own.yaml"),
    ]  # fmt: skip
    env = os.environ | {
        "RADRAFT_DATA_DIR": str(tmp_path),
        "RADRAFT_CACHE_DIR": str(own.cache),
        # Where its processes meet: what is killed tidies nothing up.
        "TMPDIR": str(tmp_path),
    }
    first = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        until(lambda: len(losses(run)) > 3, first)
        children = psutil.Process(first.pid).children(recursive=True)
        assert len(children) >= 2
    finally:
        first.kill()
        first.communicate()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive
    assert not run_folder.read(run)["finished"]
    done = subprocess.run(command, env=env, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    value = json.loads(done.stdout)
    assert value["pairs"] == {"train": 20, "valid": 20, "left_out": 0}
    assert [record["step"] for record in run_folder.read_log(run)] == list(range(1, STEPS + 1))
    if FULL:
        # The command's own projector is drawn from its own seed.
        assert losses(run)[-1] < losses(run)[0]

"""`radraft train` with the starter's own recipe, a step or two of it."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from radraft.cli.training import app
from radraft.finetune.recipe import load_recipe
from radraft.reports.findings.extract import extract
from radraft.vision_encoder import shipped
from radraft.vision_encoder.heads import Heads
from radraft.vision_encoder.projector import Projector
from tests import scale
from tests.cli.test_commands import answer

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data"
FILES = {"encoder.safetensors", "text.safetensors", "heads.safetensors"}


def write_data(folder: Path) -> Path:
    """A few gray images for every set that the starter's recipe names."""
    for labels in load_recipe("starter").encoder.sets.values():
        table = folder / labels.table
        (table.parent / "images").mkdir(parents=True)
        values = list(labels.values) or [""]
        rows = []
        for number in range(9):
            split = ("train", "train", "valid")[number % 3]
            row = {"file": f"images/{number}.png", "split": split, labels.patient: f"p{number}"}
            row |= {column: str(number % 2) for column in labels.zero_one}
            row |= {labels.column: values[number % len(values)]} if labels.column else {}
            rows.append(row)
            picture = np.full((40, 48), 20 * number, dtype=np.uint8)
            Image.fromarray(picture).save(table.parent / row["file"])
        with table.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)
    return folder


def test_a_run_trains_exports_goes_on_and_refuses_another(tmp_path: Path) -> None:
    data, run = write_data(tmp_path / "data"), tmp_path / "run"
    command = ("train", "encoder", "--data", data, "--out", run, "--steps", "2")
    first = answer(tmp_path / "home", *command)
    assert first["finished"] and set(first["sha256"]) == FILES
    assert first["identity"]["seed"] == load_recipe("starter").seed
    assert {path.name for path in (run / "export").iterdir()} == FILES
    assert (run / "loss.svg").read_text(encoding="utf-8").count("<svg") == 1
    assert json.loads((run / "run.json").read_text(encoding="utf-8"))["finished"]

    # The runtime takes what was exported.
    shipped.load_model(run / "export")
    assert Heads.load(run / "export" / "heads.safetensors").ids == tuple(
        head["id"] for head in first["identity"]["recipe"]["encoder"]["heads"]
    )

    assert answer(tmp_path / "home", *command) == first
    refused = answer(tmp_path / "home", *command, "--seed", "9", code=1)
    assert refused["error"]["code"] == "training_run_differs"
    assert "seed" in refused["error"]["message_en"]


@pytest.mark.parametrize("fold", ["3/3", "0", "0/1", "0/99", "a/b", "-1/3", "²/3"])
def test_a_fold_that_is_none_is_refused(tmp_path: Path, fold: str) -> None:
    command = ("encoder", "--data", tmp_path, "--out", tmp_path, "--leave-out", fold)
    done = CliRunner().invoke(app, [*map(str, command)])
    assert done.exit_code == 2
    assert "0/3" in done.output or "0/2" in done.output
    assert not (tmp_path / "run.json").exists()


@pytest.mark.stress
@pytest.mark.skipif(not SHARED.is_dir(), reason="the development data is not here")
def test_the_recipe_with_another_seed_on_a_tenth_of_the_data(tmp_path: Path) -> None:
    command = ("train", "encoder", "--recipe", "starter", "--data", SHARED, "--out", tmp_path)
    found = answer(tmp_path / "home", *command, "--seed", "7", "--fraction", "0.1", "--steps", "4")
    assert 400 < found["images"]["train"] < 1100
    assert set(found["sha256"]) == FILES
    (line,) = [
        json.loads(line)
        for line in (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()
        if '"valid"' in line
    ]
    assert "kermany/pneumonia_in_child" in line["valid"]


@pytest.mark.stress
def test_pairs_and_language_of_another_seed(tmp_path: Path) -> None:
    """What follows the encoder, with the shipped one: made-up films, or a tenth of the data where
    it is there and the test goes further.
    Steps of two pairs: the real language model takes half a second for each."""
    recipe = tmp_path / "starter.yaml"
    text = (ROOT / "finetune" / "recipes" / "starter.yaml").read_text(encoding="utf-8")
    asked, language = text.split("language:\n")
    for name in ("batch", "micro_batch", "valid_pairs"):
        language = re.sub(rf"(?m)^  {name}: \d+$", f"  {name}: 2", language)
    data, fraction = SHARED, "0.1"
    if not (scale.FULL and SHARED.is_dir()):
        # Of nine films a tenth may be none; of these there are fewer pairs instead.
        data, fraction = write_data(tmp_path / "data"), "1.0"
        asked = re.sub(r"(?m)^  count: \d+$", "  count: 32", asked)
    recipe.write_text(f"{asked}language:\n{language}", encoding="utf-8")
    pairs, run = tmp_path / "pairs", tmp_path / "run"
    home, seed = tmp_path / "home", ("--seed", "7")
    chosen = ("--recipe", recipe, *seed)
    made = answer(
        home, "train", "pairs", "--data", data, "--out", pairs, "--fraction", fraction, *chosen
    )
    assert 0 < made["points"]["least_finding"] < 1
    command = ("train", "language", "--pairs", pairs, "--out", run, "--steps", "2", *chosen)
    first = answer(home, *command)
    assert first["finished"] and first["pairs"]["left_out"] == 0
    assert first["pairs"]["train"] == load_recipe(str(recipe)).smaller(float(fraction)).pairs.count
    files = {"lora.safetensors", "lora.json", "projector.safetensors", "loss.svg"}
    assert files <= {path.name for path in run.iterdir()}
    Projector.load(run / "projector.safetensors")
    again = answer(home, *command)
    assert {key: again[key] for key in ("valid_loss", "best_step")} == {
        key: first[key] for key in ("valid_loss", "best_step")
    }
    refused = answer(home, *command[:-1], "8", code=1)
    assert refused["error"]["code"] == "training_run_differs"


def test_pairs_say_nothing_that_too_few_films_bear_out(tmp_path: Path) -> None:
    """Three valid films a set are no twenty statements: all is left to the reader."""
    recipe = tmp_path / "starter.yaml"
    text = (ROOT / "finetune" / "recipes" / "starter.yaml").read_text(encoding="utf-8")
    recipe.write_text(re.sub(r"(?m)^  count: \d+$", "  count: 12", text), encoding="utf-8")
    data, pairs = write_data(tmp_path / "data"), tmp_path / "pairs"
    made = answer(
        tmp_path / "home", "train", "pairs", "--data", data, "--out", pairs,
        "--recipe", recipe, "--points", "precision",
    )  # fmt: skip
    assert {point["present"] for point in made["points"]["findings"].values()} == {None}
    assert made["points"]["normal"]["denied"] is None
    lines = (pairs / "pairs.jsonl").read_text(encoding="utf-8").splitlines()
    films = [pair for pair in map(json.loads, lines) if pair["metadata"]["source"]]
    assert len(films) > 4
    for pair in films:
        written = json.loads(pair["messages"][-1]["content"][0]["text"])
        for sentence in written["findings"] + written["impression"]:
            assert not extract(sentence["en"], "en") and not extract(sentence["zh"], "zh")
            assert "does not allow" not in sentence["en"]

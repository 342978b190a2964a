"""Training runs as the card keeps them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from radraft.bench.starter_card import training
from radraft.core import run_folder
from radraft.core.errors import EvalError

pytestmark = pytest.mark.slow


def _run(folder: Path, steps: int) -> Path:
    folder.mkdir()
    for step in range(1, steps + 1):
        record: dict[str, object] = {"step": step, "label": 1 / step, "contrast": 2.0}
        if step % 10 == 0:
            record["valid"] = {"nih14/mass": 0.6, "nih14/hernia": 0.8, "kermany/pneumonia": 0.9}
        run_folder.log(folder, record)
    return folder


def test_long_runs_are_thinned_to_their_means(tmp_path: Path) -> None:
    found = training.read(_run(tmp_path / "run", 1000))
    assert found["steps"] == 1000
    label = found["curves"]["label"]
    assert len(label) <= training.POINTS
    assert label[-1][0] == 1000
    assert label[0] == [9, pytest.approx(sum(1 / step for step in range(1, 10)) / 9, rel=1e-6)]
    assert [step for step, _ in label] == sorted(step for step, _ in label)
    assert {value for _, value in found["curves"]["contrast"]} == {2.0}


def test_validation_is_averaged_by_set(tmp_path: Path) -> None:
    curves = training.read(_run(tmp_path / "run", 20))["curves"]
    assert curves["valid/nih14"] == [[10, 0.7], [20, 0.7]]
    assert curves["valid/kermany"] == [[10, 0.9], [20, 0.9]]


def test_what_the_run_says_of_itself_is_kept_without_its_paths(tmp_path: Path) -> None:
    folder = _run(tmp_path / "run", 5)
    said = {
        "identity": {"seed": 3, "data": "abc", "recipe": {"name": "x"}},
        "versions": {"torch": "2"},
        "started": "a",
        "finished": "b",
        "folder": str(tmp_path),
    }
    (folder / "run.json").write_text(json.dumps(said), encoding="utf-8")
    found = training.read(folder)
    assert (found["seed"], found["started"], found["finished"]) == (3, "a", "b")
    assert str(tmp_path) not in json.dumps(found)


def test_no_log_is_said_plainly(tmp_path: Path) -> None:
    for ask in (training.read, training.points):
        with pytest.raises(EvalError) as caught:
            ask(tmp_path)
        assert caught.value.code == "eval_file_missing"


def test_operating_points_are_flat(tmp_path: Path) -> None:
    points = {"finding": {"slope": 1.5, "shift": -0.25}, "least_finding": 0.3}
    (tmp_path / "points.json").write_text(json.dumps({"points": points}), encoding="utf-8")
    found = training.points(tmp_path)
    assert found == {"finding slope": 1.5, "finding shift": -0.25, "least_finding": 0.3}


def test_points_of_precise_statements_are_flat_too(tmp_path: Path) -> None:
    """None is no figure: what no chance allows is never said."""
    point = {"scale": {"slope": 0.8, "shift": 0.1}, "present": None, "possible": 0.4}
    content = {"points": {"findings": {"pneumonia": point}, "normal": point}}
    (tmp_path / "points.json").write_text(json.dumps(content), encoding="utf-8")
    found = training.points(tmp_path)
    assert found["findings pneumonia possible"] == 0.4
    assert found["normal scale slope"] == 0.8
    assert found["normal present"] == "never"
    assert len(found) == 8


def test_the_picture_has_every_curve_and_is_the_same_each_time(tmp_path: Path) -> None:
    run = training.read(_run(tmp_path / "run", 40))
    text = training.svg("encoder", run)
    assert text.startswith("<svg")
    for name in ("label", "contrast", "valid/nih14", "validation split"):
        assert name in text
    assert training.svg("encoder", run) == text

from __future__ import annotations

from pathlib import Path

import pytest

from radraft.core import run_folder
from radraft.core.errors import TrainingError

IDENTITY = {"recipe": {"name": "a", "encoder": {"steps": 3, "sizes": [64]}}, "seed": 0}


def test_a_folder_is_begun_once_and_found_again(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "run"
    run_folder.begin(folder, IDENTITY)
    begun = run_folder.read(folder)
    assert begun["identity"] == IDENTITY and begun["finished"] is None
    assert {"radraft", "python", "torch", "timm"} <= set(begun["versions"])
    run_folder.begin(folder, IDENTITY)
    assert run_folder.read(folder) == begun


def test_finishing_twice_keeps_the_first_time(tmp_path: Path) -> None:
    run_folder.begin(tmp_path, IDENTITY)
    run_folder.finish(tmp_path, sha256={"a": "b"})
    first = run_folder.read(tmp_path)
    assert first["finished"] and first["sha256"] == {"a": "b"}
    run_folder.finish(tmp_path, sha256={"a": "c"})
    assert run_folder.read(tmp_path) == first | {"sha256": {"a": "c"}}


@pytest.mark.parametrize(
    ("other", "fields"),
    [
        (IDENTITY | {"seed": 1}, "seed"),
        (IDENTITY | {"more": 1}, "more"),
        ({"recipe": IDENTITY["recipe"]}, "seed"),
        ({"recipe": {"name": "b", "encoder": {"steps": 4, "sizes": [64]}}, "seed": 0},
         "recipe.encoder.steps, recipe.name"),
    ],
)  # fmt: skip
def test_another_run_is_refused_naming_what_differs(
    tmp_path: Path, other: dict[str, object], fields: str
) -> None:
    run_folder.begin(tmp_path, IDENTITY)
    with pytest.raises(TrainingError) as caught:
        run_folder.begin(tmp_path, other)
    assert caught.value.code == "training_run_differs"
    assert caught.value.details["fields"] == fields


def test_a_folder_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"")
    with pytest.raises(TrainingError) as caught:
        run_folder.begin(tmp_path, IDENTITY)
    assert caught.value.code == "training_run_differs"
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]

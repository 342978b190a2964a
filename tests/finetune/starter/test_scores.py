"""Which films an encoder's scores may be judged on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from radraft.core.errors import TrainingError
from radraft.finetune.starter import scores
from radraft.vision_encoder import shipped
from radraft.vision_encoder.encode import Encoder
from radraft.vision_encoder.train.data import Fold, Images, Row

FOLD = Fold(0, 2)


def _run(folder: Path, left_out: object, finished: str | None = "2026-11-30T18:00:00Z") -> Path:
    folder.mkdir()
    record = {"identity": {"left_out": left_out}, "finished": finished}
    (folder / "run.json").write_text(json.dumps(record))
    return folder


def _films() -> Images:
    rows = tuple(
        Row(Path(f"{number}.png"), "nih14", split, str(number), {})
        for number, split in enumerate(["train", "train", "train", "valid", "test"])
    )
    pixels = np.random.default_rng(0).integers(0, 256, (len(rows), 64, 64), dtype=np.uint8)
    return Images(rows, pixels, np.zeros((len(rows), 0), dtype=np.float32))


@pytest.mark.slow
def test_each_encoder_scores_the_films_that_it_has_not_seen(tmp_path: Path) -> None:
    run, films, encoder = _run(tmp_path / "run", [*FOLD]), _films(), Encoder.load()
    shutil.copytree(shipped.FOLDER, run / "export")
    served, fold = scores.all_of(films, encoder, [run])
    assert served.unseen.tolist() == [False, False, False, True, False]
    held = [row.split == "train" and FOLD.holds(row.patient) for row in films.rows]
    assert fold.unseen.tolist() == held and 0 < sum(held) < 3
    for one in (served, fold):
        assert np.isfinite(one.logits[one.unseen]).all() and np.isnan(one.logits[~one.unseen]).all()

    heads = run / "export" / shipped.HEADS_FILE
    ids = [f"{name}_else" for name in encoder.heads.ids]
    save_file(load_file(heads), heads, {"heads": json.dumps(ids)})
    with pytest.raises(TrainingError) as error:
        scores.all_of(films, encoder, [run])
    assert error.value.code == "training_fold_of_another_recipe"


@pytest.mark.parametrize("left_out", [None, [], [1], "0/3"])
def test_a_run_that_left_nothing_out_chooses_nothing(tmp_path: Path, left_out: object) -> None:
    with pytest.raises(TrainingError) as error:
        scores.fold_of_run(_run(tmp_path / "run", left_out))
    assert error.value.code == "training_run_without_fold"


def test_neither_does_one_that_has_not_ended_or_is_none(tmp_path: Path) -> None:
    for run in (_run(tmp_path / "run", [0, 3], None), tmp_path / "nothing"):
        with pytest.raises(TrainingError) as error:
            scores.fold_of_run(run)
        assert error.value.code == "training_run_without_fold"
    assert scores.fold_of_run(_run(tmp_path / "good", [0, 3])) == Fold(0, 3)

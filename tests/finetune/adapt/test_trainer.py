"""What adapting adds to the trainer: DPO beside the first stage's loss, curves of two runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from radraft.core import run_folder
from radraft.finetune.train import plot, tuned
from radraft.finetune.train.recipe import LanguageRecipe
from radraft.finetune.train.run import Pairs, train
from radraft.finetune.train.text import Tokenizer
from tests.finetune.train.conftest import IMAGE, PER_IMAGE, example, tokens


def first_loss(base: Path, projector: Path, folder: Path, **changes: object) -> float:
    import torch

    tokenizer = Tokenizer(base, IMAGE, PER_IMAGE)
    one = [tokenizer.encode(example(number, rejected=True)) for number in range(4)]
    usual: dict[str, object] = {"steps": 1, "batch": 4, "learning_rate": 1e-9, "precision": "fp32"}
    how = LanguageRecipe.model_validate_json(json.dumps(usual | changes))
    torch.manual_seed(0)
    pairs = Pairs(one, one, tokens, tokenizer.image_id)
    train(tuned.build(base, projector, how), pairs, how, folder, seed=0)
    return float(run_folder.read_log(folder)[0]["loss"])


def test_the_signed_reports_own_loss_goes_beside_the_preference(
    base: Path, projector: Path, tmp_path: Path
) -> None:
    sft = first_loss(base, projector, tmp_path / "sft")
    dpo = first_loss(base, projector, tmp_path / "dpo", objective="dpo")
    both = first_loss(base, projector, tmp_path / "both", objective="dpo", sft=0.25)
    assert both == pytest.approx(dpo + 0.25 * sft, rel=1e-4)


@pytest.mark.slow
def test_two_runs_are_drawn_side_by_side(tmp_path: Path) -> None:
    for name in ("sft", "dpo"):
        (tmp_path / name).mkdir()
        for step in range(1, 9):
            run_folder.log(tmp_path / name, {"step": step, "loss": 1 / step, "valid": 2 / step})
    both = plot.loss_svg(tmp_path / "sft", tmp_path / "dpo")
    assert both.count("<svg") == 1
    assert ">sft<" in both
    assert ">dpo<" in both
    assert both == plot.loss_svg(tmp_path / "sft", tmp_path / "dpo")
    assert ">sft<" not in plot.loss_svg(tmp_path / "sft")

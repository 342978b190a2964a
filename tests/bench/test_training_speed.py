"""What the training bench compares does the same on both sides."""

from __future__ import annotations

from pathlib import Path

import pytest

from radraft.bench import training_speed

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("case", ["pixels", "embeds"])
def test_both_sides_see_the_same_examples_and_lose_the_same(case: str, tmp_path: Path) -> None:
    import torch

    plan = training_speed.Plan(case, tmp_path, steps=4, batch=2)
    training_speed.prepare(plan)
    told = []
    for side in (training_speed.ours, training_speed.plain):
        torch.manual_seed(training_speed.SEED)
        _, run = side(plan)
        told.append(run())
    ours, plain = told
    assert ours.loss == pytest.approx(plain.loss, abs=2e-3)
    assert min(ours.seconds, ours.cpu_s, plain.seconds, plain.cpu_s) > 0

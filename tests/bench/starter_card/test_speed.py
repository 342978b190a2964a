"""Speed is measured on drafts that were really asked for; no figure is checked against a clock."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radraft.bench.starter_card.speed import ALONE, AT_ONCE, ROUNDS, machine, measure
from radraft.core.errors import EvalError
from radraft.eval.draft_set import Model
from radraft.eval.values import SetItem
from radraft.llm.profiles import load_profile
from tests.eval.looks.looking_model import looking_model
from tests.studies.builders import radiograph, write


def _items(folder: Path, count: int) -> list[SetItem]:
    found = []
    for number in range(count):
        pixels = np.full((32, 48), 200 + number, dtype=np.uint16)
        pixels[:, 24:] = 3800
        study = radiograph(
            pixels,
            StudyInstanceUID=f"1.2.826.0.1.3680043.10.2.{number + 1}",
            SOPInstanceUID=f"1.2.826.0.1.3680043.10.1.{number + 1}",
            SeriesInstanceUID=f"1.2.826.0.1.3680043.10.3.{number + 1}",
            PatientID=f"P{number}",
        )
        found.append(SetItem(f"i{number}", write(study, folder / f"{number}" / "a.dcm").parent))
    return found


@pytest.mark.slow
def test_one_to_warm_up_some_alone_and_all_at_once(tmp_path: Path) -> None:
    items = _items(tmp_path / "set", AT_ONCE + 1)
    profile = load_profile("qwen3-vl-8b-instruct")
    with looking_model() as server:
        found = measure(items, [], Model(profile, server.endpoint, None), tmp_path / "keep")
        assert len(server.asked) == 1 + ALONE + ROUNDS * AT_ONCE
    assert (found["at_once"], found["reports_alone"]) == (AT_ONCE, ALONE)
    assert found["seconds_each_at_once"] * AT_ONCE == pytest.approx(found["seconds_of_all_at_once"])
    assert found["encoder_images_per_s"] is None
    assert found["machine"] == machine()


@pytest.mark.slow
def test_too_few_studies_are_said_plainly(tmp_path: Path) -> None:
    profile = load_profile("qwen3-vl-8b-instruct")
    with looking_model() as server, pytest.raises(EvalError) as caught:
        measure(
            _items(tmp_path / "set", 2),
            [],
            Model(profile, server.endpoint, None),
            tmp_path / "keep",
        )
    assert caught.value.code == "eval_starter_too_few"
    assert "17" in caught.value.message_en

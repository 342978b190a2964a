"""Wrong drafts are drawn, and their pictures are small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radraft.bench.starter_card.baselines import written
from radraft.bench.starter_card.examples import BYTES, MOST, examples, picture
from radraft.bench.starter_card.material import Source
from radraft.eval.values import Drafted
from radraft.reports.values import Certainty
from tests.bench.starter_card.builders_material import CHILD_SICK, CHILD_WELL, material

SICK = {"pneumonia": True, "lung_opacity": True}
WELL = {"pneumonia": False, "lung_opacity": False}


def test_only_wrong_drafts_and_every_kind_in_turn() -> None:
    labels = [CHILD_SICK] * 6 + [CHILD_WELL] * 6
    said = [WELL] * 4 + [SICK] * 2 + [SICK] * 1 + [WELL] * 5
    drafts = [written(f"i{at}", one) for at, one in enumerate(said)]
    found = examples(material(Source.KERMANY, labels), drafts)
    assert [one.kind for one in found] == ["missed", "invented", "missed"]
    assert {one.key for one in found} <= {"i0", "i1", "i2", "i3", "i6"}
    assert found[1].labelled == ()
    assert found[0].labelled == ("pneumonia",)
    assert found[0].image == f"kermany/images/{found[0].key}.png"
    assert examples(material(Source.KERMANY, labels), drafts) == found


def test_adults_are_wrong_by_any_label() -> None:
    labels = [{"pleural_effusion": Certainty.PRESENT}] * 4
    said = [{"pleural_effusion": True}, {"pneumothorax": True}]
    said += [{"pleural_effusion": True, "pneumothorax": True}, {"pleural_effusion": True}]
    drafts = [written(f"i{at}", one) for at, one in enumerate(said)]
    found = examples(material(Source.NIH14, labels), drafts)
    assert {(one.key, one.kind) for one in found} == {("i1", "both"), ("i2", "invented")}


def test_a_failed_draft_is_no_wrong_one_and_the_covid_set_shows_nothing() -> None:
    failed = [Drafted("i0", (), (), failed="llm_timeout")]
    assert examples(material(Source.KERMANY, [CHILD_SICK]), failed) == []
    wrong = [written("i0", {"pneumonia": False})]
    assert examples(material(Source.COVID, [CHILD_SICK]), wrong) == []
    assert MOST * 2 <= 6


@pytest.mark.parametrize("shape", [(60, 40), (1500, 1200)])
def test_pictures_are_small(tmp_path: Path, shape: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    source, target = tmp_path / "a.png", tmp_path / "out" / "a.jpg"
    Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8)).save(source)
    picture(source, target)
    assert target.stat().st_size <= BYTES
    with Image.open(target) as shown:
        assert shown.format == "JPEG"
        assert shown.height > shown.width

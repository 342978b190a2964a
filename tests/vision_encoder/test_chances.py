"""Scores as chances: the shipped scales, and the file that holds them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from radraft.bench.starter_chances import chances as of_points
from radraft.core.errors import EncodingError
from radraft.reports.findings.vocabulary import vocabulary
from radraft.vision_encoder import chances, shipped
from radraft.vision_encoder.chances import AgeGroup, Chances, Question, Scale
from tests.drafted_films import tokens

FOLDER = shipped.FOLDERS[2]


def shipped_ones() -> Chances:
    found = chances.of_encoder(shipped.encoder_id(FOLDER))
    assert found is not None
    return found


def test_the_shipped_ones_are_of_the_shipped_encoder() -> None:
    found, heads = shipped_ones(), shipped.load_heads(FOLDER)
    for questions in found.questions.values():
        assert {one.head for one in questions} <= {*heads.ids}
        assert all(one.code in vocabulary() and one.scale.slope > 0 for one in questions)
    assert chances.of_encoder(shipped.encoder_id()) is None
    assert chances.of_encoder("other@0123456789abcdef") is None


def test_a_chance_is_the_heads_logit_on_its_scale() -> None:
    found, heads = shipped_ones(), shipped.load_heads(FOLDER)
    logits = dict(zip(heads.ids, heads.logits(tokens(3)), strict=True))
    told = found.of(tokens(3), AgeGroup.ADULT)
    [question] = [one for one in found.questions[AgeGroup.ADULT] if one.code == "lung_opacity"]
    z = question.scale.slope * logits["lung_opacity"] + question.scale.shift
    assert told["lung_opacity"] == pytest.approx(1 / (1 + np.exp(-z)), rel=1e-6)
    child = found.of(tokens(3), AgeGroup.CHILD)
    assert set(child) == {"pneumonia"} and child["pneumonia"] != told["pneumonia"]


def test_tokens_of_another_width_are_refused() -> None:
    with pytest.raises(EncodingError):
        shipped_ones().of(np.zeros((4, 3), np.float32), AgeGroup.ADULT)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    made = Chances(
        "encoder@0123456789abcdef",
        tmp_path,
        {
            AgeGroup.ADULT: (Question("pneumothorax", "pneumothorax", Scale(1.5, -0.25)),),
            AgeGroup.CHILD: (),
        },
    )
    path = tmp_path / chances.CHANCES_FILE
    path.write_text(chances.dump(made), encoding="utf-8")
    assert chances.load(path) == made
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(KeyError):
        chances.load(path)


def test_what_is_shipped_comes_from_points_of_pairs() -> None:
    """`points.json` of `train pairs`, scales and denials, gives the shipped file."""
    found = shipped_ones()
    scale = {
        one.code: {
            "scale": {"slope": one.scale.slope, "shift": one.scale.shift},
            "denied": one.denied,
        }
        for one in found.questions[AgeGroup.ADULT]
    }
    [child] = found.questions[AgeGroup.CHILD]
    points = {
        "normal": scale.pop("no_finding"),
        "findings": scale,
        "child": {
            "scale": {"slope": child.scale.slope, "shift": child.scale.shift},
            "denied": child.denied,
        },
    }
    about = json.loads(json.dumps({"encoder": found.encoder_id, "points": points}))
    again = of_points(about, FOLDER)
    assert again == replace(found, folder=FOLDER)

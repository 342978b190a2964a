"""The card says what the figures say, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radraft.bench.starter_card import card
from radraft.bench.starter_card.kept import Kept
from radraft.bench.starter_card.tables import WAYS
from radraft.core.errors import EvalError
from tests.bench.starter_card.builders import numbers_of, stages

pytestmark = pytest.mark.slow

MODELS = Path(__file__).parents[3] / "docs" / "models"

FIXED = {"0.993", "0.920", "0.840", "0.980", "0.740", "0.880", "0.500", "0.200"}
"""Goals, which come from the code."""


def test_every_figure_comes_from_the_result() -> None:
    of = stages()
    known = {f"{one:.3f}" for one in numbers_of(of)}
    shown = set(re.findall(r"\d+\.\d{3}\b", card.render(of)))
    assert len(shown) > 300
    assert shown - known - FIXED == set()
    assert "<" not in card.render(of)


def test_it_says_plainly_whether_the_covid_set_is_won() -> None:
    of = stages()
    assert "**The drafts are not ahead of the baselines here:**" in card.render(of)
    scores = of["draft_covid"]["values"]["scores"]
    for score in scores.values():
        for lang in score["systems"]["draft"].values():
            for figure in lang.values():
                figure["value"] = 0.999
    assert "ahead of retrieval and of the majority in every measure" in card.render(of)


def test_a_changed_figure_changes_the_card() -> None:
    of = stages()
    before = card.render(of)
    systems = of["draft_nih14"]["values"]["scores"]["fourteen"]["systems"]
    systems["draft"]["zh"]["f1_micro"]["value"] = 0.98765
    after = card.render(of)
    assert "0.988" in after
    assert after != before


def test_it_says_which_goals_are_not_met_in_both_languages() -> None:
    text = card.render(stages())
    assert "**no 否**" in text
    summary = text.split("## Goals")[0]
    assert "未达到" in summary
    assert "0.993" in summary
    assert "仅供研究使用，不得用于诊断" in summary
    assert "Research use only" in summary


def test_limited_figures_are_marked() -> None:
    of = stages()
    assert "Not the final figures" not in card.render(of)
    of["draft_nih14"]["values"]["limit"] = 20
    assert "at most 20 studies" in card.render(of)


def test_data_licences_and_hashes_are_there() -> None:
    text = card.render(stages())
    for words in ("CC BY 3", "not stated 1", "a" * 64, "1.23 MB", "10 / 9", "2 cores (test)"):
        assert words in text


def test_missing_stages_are_named(tmp_path: Path) -> None:
    of = stages()
    del of["speed"]
    with pytest.raises(EvalError) as caught:
        card.write(of, tmp_path, None)
    assert caught.value.code == "eval_starter_incomplete"
    assert "speed" in caught.value.message_en
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["starter", "starter2"])
def test_the_kept_figures_of_an_edition_give_its_card(name: str) -> None:
    kept = Kept(MODELS / f"{name}.json").read()
    text = (MODELS / f"{name}.md").read_text(encoding="utf-8")
    assert card.render(kept) == text
    pictures = set(re.findall(r"\]\(([^)]+\.(?:jpg|svg))\)", text))
    assert pictures and all((MODELS / picture).is_file() for picture in pictures)


def test_the_second_edition_has_a_card_of_its_own(tmp_path: Path) -> None:
    """Without a text tower nothing is zero-shot; what it can say is in its own notice's words."""
    ways = [way for way in WAYS if not way.startswith("zero_shot")]
    of = stages("starter2", ways)
    of["facts"]["values"]["notice"] = {"zh": "只写少数所见。", "en": "It says little."}
    of["training"] = {"made": "2026-11-30", "values": {"points": {"normal present": "never"}}}
    card.write(of, tmp_path, None)
    assert {path.name for path in tmp_path.iterdir()} == {
        "starter2.md",
        "starter2-auroc.svg",
        "starter2-drafts.svg",
    }
    text = (tmp_path / "starter2.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\]\(([^)]+)\)", text))
    assert linked == {path.name for path in tmp_path.iterdir()} - {"starter2.md"}
    for words in (
        "second edition",
        "第二版",
        "只写少数所见。",
        "It says little.",
        "normal present never",
    ):
        assert words in text
    for words in ("ero-shot", "(starter-", "operating points chosen", "small bilingual text tower"):
        assert words not in text
    known = {f"{one:.3f}" for one in numbers_of(of)}
    assert set(re.findall(r"\d+\.\d{3}\b", text)) - known - FIXED == set()


def test_it_is_written_with_its_pictures(tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    image = data / "cxr_kermany" / "images" / "a.jpeg"
    image.parent.mkdir(parents=True)
    random = np.random.default_rng(0)
    Image.fromarray(random.integers(0, 256, (700, 900), dtype=np.uint8)).save(image)
    of = stages()
    of["draft_kermany"]["values"]["examples"] = [
        {
            "source": "kermany",
            "key": "a",
            "image": "cxr_kermany/images/a.jpeg",
            "labelled": ["pneumonia"],
            "kind": "missed",
            "zh": "肺野未见密度增高影。",
            "en": "No lung opacity.",
        }
    ]
    of["training"] = {
        "made": "2026-11-22",
        "values": {
            "encoder": {"steps": 2, "curves": {"label": [[1, 1.0], [2, 0.5]]}},
            "points": {"least_finding": 0.3},
        },
    }
    card.write(of, out, data)
    text = (out / "starter.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\]\(([^)]+)\)", text))
    assert linked == {path.name for path in out.iterdir()} - {"starter.md"}
    assert "starter-wrong-kermany-a.jpg" in linked
    assert (out / "starter-wrong-kermany-a.jpg").stat().st_size <= 60_000
    assert "least_finding 0.3" in text
    assert "> 肺野未见密度增高影。" in text
    card.write(of, out, data)
    assert (out / "starter.md").read_text(encoding="utf-8") == text

"""The card's first page: what drafts say of held-out films, and the demo's films."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radraft.bench.drafted_statements import Film
from radraft.bench.starter_card import card, said
from radraft.core.settings import CHECKOUT
from radraft.eval.sets import load_set
from radraft.eval.values import Drafted, EvalSet, SetItem
from radraft.finetune.starter.teacher import FINDINGS
from tests.bench.starter_card.builders import numbers_of, stages

pytestmark = pytest.mark.slow

NORMAL = ("胸部未见明确异常征象。", "No definite abnormality is seen in the chest.")
OPACITY = ("肺野可见密度增高影。", "Lung opacity is seen.")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> EvalSet:
    return load_set(said.DEMO, data=None, cache=tmp_path_factory.mktemp("cache"))


def drafted(item: SetItem, *sentences: tuple[str, str]) -> Drafted:
    zh, en = zip(*sentences, strict=True)
    return Drafted(item.id, zh, en)


def films() -> list[Film]:
    labels = dict.fromkeys(FINDINGS, False) | {"no_finding": True}
    draft = Drafted("1", NORMAL[:1], NORMAL[1:])
    seen = {"no_finding": True}
    return [Film(str(n), str(n), draft, {"zh": seen, "en": seen}, labels, None) for n in range(21)]


def children() -> list[Film]:
    draft = Drafted("1", ("可见肺炎表现。",), ("Pneumonia is seen.",))
    seen = {"pneumonia": True}
    return [Film("1", "1", draft, {"zh": seen, "en": seen}, {"pneumonia": True}, None)]


def test_the_demos_films_are_judged_by_their_labels(demo: EvalSet) -> None:
    drafts = [drafted(item, NORMAL) for item in demo.items]
    found = {one["id"]: one for one in said.measure(films(), children(), demo, drafts)["demo"]}
    assert len(found) == 11, "the CT has no labels"
    assert found["01"] == {
        "id": "01",
        "labelled": [],
        "sentences": [[*NORMAL, False]],
        "missing": [],
    }
    assert found["06"]["labelled"] == found["06"]["missing"] == ["pneumothorax"]
    assert found["06"]["sentences"] == [[*NORMAL, True]]


def test_an_opacity_holds_the_labels_that_are_kinds_of_it(demo: EvalSet) -> None:
    drafts = [drafted(item, OPACITY) for item in demo.items]
    found = {one["id"]: one for one in said.measure(films(), children(), demo, drafts)["demo"]}
    assert (found["08"]["missing"], found["08"]["sentences"][0][2]) == ([], False)
    assert (found["04"]["missing"], found["04"]["sentences"][0][2]) == (["cardiomegaly"], True)


def test_every_study_has_its_film() -> None:
    pictures = said.pictures()
    assert {path.name for path in (CHECKOUT / "demo" / "studies").iterdir()} >= {*pictures} - {"12"}
    assert said.picture(Path("data"), "01") == Path("data/demo_cxr/images/00000846_000.png")


def test_the_card_begins_with_it(demo: EvalSet, tmp_path: Path) -> None:
    of = stages("starter2")
    of["facts"]["values"]["notice"] = {"zh": "只写少数所见。", "en": "It says little."}
    drafts = [drafted(item, NORMAL) for item in demo.items]
    values = said.measure(films(), children(), demo, drafts)
    of["said"] = {"made": "2026-11-30", "values": values}
    text = card.render(of)
    page = text.split("## 中文摘要")[0]
    assert "For the radiologist" in page
    assert "says no abnormality, and the label has none | 21 / 21, 100%" in page
    assert "says pneumonia, and the label has it | 1 / 1, 100% (100% to 100%), undecided" in page
    assert page.count("- ✗") == 8, "eight of eleven films have a finding by their label"
    assert page.count("agrees with the label") == 3
    known = {f"{one:.3f}" for one in numbers_of(of)}
    assert set(re.findall(r"\d+\.\d{3}\b", page)) <= known
    for name in filter(lambda one: one.endswith(".png"), said.pictures().values()):
        picture = tmp_path / "data" / said.PICTURES / name
        picture.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((64, 64), np.uint8)).save(picture)
    card.write(of, tmp_path / "out", tmp_path / "data")
    linked = set(re.findall(r"\]\((starter2-demo-\d+\.jpg)\)", text))
    assert len(linked) == 11 and all((tmp_path / "out" / name).is_file() for name in linked)
    # A card of an edition that was not asked has no such page.
    del of["said"]
    assert "For the radiologist" not in card.render(of)

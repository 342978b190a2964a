"""The page of drawn drafts: what counts as wrong, and that it is shown."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radraft.bench import drafted_films as films
from radraft.bench.drafted_statements import Film
from radraft.eval.values import Drafted
from radraft.finetune.starter.teacher import FINDINGS

OPACITY = ("肺野可见密度增高影。", "Lung opacity is seen.")
NO_EFFUSION = ("未见胸腔积液。", "No pleural effusion.")
NORMAL = ("胸部未见明确异常征象。", "No definite abnormality is seen in the chest.")
LEFT_OPEN = ("所见请由医师阅片后填写。", "The findings are for the reader to state.")


def film(
    name: str, there: set[str], said: Sequence[tuple[str, str]], opacity: bool | None = None
) -> Film:
    labels = {code: code in there for code in FINDINGS} | {"no_finding": not there}
    zh, en = zip(*said, strict=True)
    return Film(name, name, Drafted(name, zh, en), {"zh": {}, "en": {}}, labels, opacity)


@pytest.mark.parametrize(
    ("there", "said", "opacity", "wrong", "missing"),
    [
        # The radiologist's reading goes before the mined labels.
        (set(), [OPACITY], True, [False], ()),
        ({"pneumonia"}, [OPACITY], False, [True], ()),
        # Without one, labels that are kinds of opacity are what it is; they are stated with it.
        ({"pneumonia", "consolidation"}, [OPACITY], None, [False], ()),
        ({"pleural_effusion"}, [OPACITY], None, [True], ("pleural_effusion",)),
        ({"pleural_effusion"}, [NO_EFFUSION], None, [True], ("pleural_effusion",)),
        (set(), [NO_EFFUSION, NORMAL], None, [False, False], ()),
        ({"cardiomegaly"}, [NORMAL], None, [True], ("cardiomegaly",)),
        (set(), [NORMAL], True, [True], ()),
        (set(), [LEFT_OPEN], None, [False], ()),
        ({"pneumothorax"}, [LEFT_OPEN], None, [False], ("pneumothorax",)),
    ],
)
def test_what_is_wrong(
    tmp_path: Path,
    there: set[str],
    said: list[tuple[str, str]],
    opacity: bool | None,
    wrong: list[bool],
    missing: tuple[str, ...],
) -> None:
    (one,) = films.judge([film("a", there, said, opacity)], data(tmp_path))
    assert (list(one.wrong), one.missing) == (wrong, missing)
    assert one.changes == sum(wrong) + len(missing)


def test_the_page_shows_films_labels_boxes_and_what_is_wrong(tmp_path: Path) -> None:
    folder = data(tmp_path)
    drawn = [
        film("a", set(), [OPACITY], opacity=True),
        film("b", {"hiatal_hernia"}, [NORMAL, OPACITY]),
    ]
    judged = list(films.judge(drawn, folder))
    assert [box.source for box in judged[0].boxes] == ["radiologist", "collection"]
    shown = Image.open(Path(save(tmp_path / "a.jpg", films.picture(judged[0]))))
    # The upper edge of the radiologists' box lies at a quarter of the film, on a black one.
    assert np.asarray(shown)[24:27, 60].max() > 150 > np.asarray(shown)[50, 60].max()
    text = films.page(judged, "starter2", "valid")
    assert films.tally(judged) == {"nothing wrong": 1, "one sentence to change": 0, "more": 1}
    assert text.count("<section>") == 2 and text.count('class="wrong"') == 2
    assert OPACITY[0] in text and "Lung Opacity" in text and films.names("hiatal_hernia") in text


def save(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return str(path)


def data(folder: Path) -> Path:
    """A data folder with two black films, one of them read and boxed."""
    for name in ("a", "b"):
        path = folder / films.SET / "images" / f"{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((100, 120), np.uint8)).save(path)
    labels = "file,split\nimages/a.jpg,test\nimages/b.jpg,test\n"
    (folder / films.SET / "labels.csv").write_text(labels, encoding="utf-8")
    table = folder / films.READ
    table.parent.mkdir(exist_ok=True)
    with table.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["set", "file", "rsna_class", "opacity_boxes", "nih_boxes"])
        boxes = ("[[0.25, 0.25, 0.5, 0.5]]", '[["Mass", 0.1, 0.1, 0.2, 0.2]]')
        rows.writerow([films.SET, "images/a.png", "Lung Opacity", *boxes])
        rows.writerow(["demo_cxr", "images/b.png", "Normal", "", ""])
    return folder

"""The sets that are drafted, from tables and pictures made here."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radraft.bench.starter_card.material import CARDS, Source, load, ready_labels
from radraft.core.errors import EvalError
from radraft.eval.card_file import card_file
from radraft.reports.values import Certainty

SHARED = Path(__file__).parents[4] / "shared" / "data"
NIH = list(card_file(CARDS[Source.NIH14][0]).present)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    none = dict.fromkeys([*NIH, "No_Finding", "radiologist_says_normal"], "0")
    about = {"age": "50", "sex": "F", "view": "PA"}
    _table(
        tmp_path / "cxr_nih14",
        [
            {**about, **none, "patient": "1", "split": "test", "Effusion": "1", "Mass": "1"},
            {**about, **none, "patient": "2", "split": "test", "No_Finding": "1"},
            {
                **about,
                **none,
                "patient": "3",
                "split": "test",
                "Mass": "1",
                "radiologist_says_normal": "1",
            },
            {**about, **none, "patient": "4", "split": "train", "No_Finding": "1"},
            {**about, **none, "patient": "5", "split": "valid", "Edema": "1"},
        ],
    )
    _table(
        tmp_path / "cxr_kermany",
        [
            {"patient": "a", "split": "test", "view": "AP", "finding": "virus_pneumonia"},
            {"patient": "b", "split": "train", "view": "AP", "finding": "bacteria_pneumonia"},
            {"patient": "c", "split": "train", "view": "AP", "finding": "normal"},
        ],
    )
    covid = {"view": "PA", "sex": "", "age": ""}
    _table(
        tmp_path / "cxr_covid",
        [
            {**covid, "patient": "x", "split": "valid", "finding": "COVID-19", "note": " Seen. "},
            {**covid, "patient": "y", "split": "train", "finding": "No Finding", "note": ""},
            {**covid, "patient": "z", "split": "train", "finding": "Lipoid", "note": "Other."},
        ],
    )
    return tmp_path


def _table(folder: Path, rows: list[dict[str, str]]) -> None:
    (folder / "images").mkdir(parents=True)
    for number, row in enumerate(rows):
        row["file"] = f"images/{folder.name}-{number}.png"
        pixels = np.full((40, 40), 10 * number, dtype=np.uint8)
        Image.fromarray(pixels).save(folder / row["file"])
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_adults_have_every_image_of_the_split(data: Path, tmp_path: Path) -> None:
    found = load(Source.NIH14, data, tmp_path / "cache", None)
    assert found.patients == ("1", "2", "3")
    assert found.items[0].labels == {
        "pleural_effusion": Certainty.PRESENT,
        "pulmonary_mass": Certainty.PRESENT,
    }
    assert found.items[2].labels == {"pulmonary_mass": Certainty.PRESENT}
    assert [path.name for path in found.images] == [f"cxr_nih14-{n}.png" for n in range(3)]
    ready = ready_labels(found.items, data, tmp_path / "cache")
    assert set(ready) == {"cxr_nih14-0", "cxr_nih14-1"}


def test_the_pool_is_the_training_split_alone(data: Path, tmp_path: Path) -> None:
    adults = load(Source.NIH14, data, tmp_path / "cache", None)
    assert [one.key for one in adults.pool] == ["cxr_nih14-3"]
    assert not any(adults.pool[0].findings.values())
    assert len(adults.pool[0].findings) == 14
    children = load(Source.KERMANY, data, tmp_path / "cache", None)
    assert [dict(one.findings) for one in children.pool] == [
        {"pneumonia": True, "lung_opacity": True},
        {"pneumonia": False, "lung_opacity": False},
    ]
    assert all(path.exists() for path in (*children.images, *children.pool_images))


def test_notes_come_along_and_diagnoses_without_a_code_do_not(data: Path, tmp_path: Path) -> None:
    found = load(Source.COVID, data, tmp_path / "cache", None)
    assert found.notes == ("Seen.",)
    assert [dict(one.findings) for one in found.pool] == [{"pneumonia": False}]


def test_the_hash_is_of_labels_pool_and_items(data: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = load(Source.NIH14, data, cache, None).sha
    assert load(Source.NIH14, data, cache, None).sha == first
    assert load(Source.NIH14, data, cache, 2).sha != first
    table = data / "cxr_nih14" / "labels.csv"
    text = table.read_text(encoding="utf-8")
    table.write_text(text.replace("train", "valid"), encoding="utf-8")
    assert load(Source.NIH14, data, cache, None).sha != first


def test_no_table_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(EvalError) as caught:
        load(Source.COVID, tmp_path, tmp_path / "cache", None)
    assert caught.value.code == "eval_set_data_missing"


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the development data")
def test_every_test_row_of_the_real_table_is_usable() -> None:
    card = card_file(CARDS[Source.NIH14][0])
    with (SHARED / "cxr_nih14" / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    assert len(rows) == 241
    for row in rows:
        positive = any(row[field] == "1" for field in card.present)
        assert positive != (row["No_Finding"] == "1")

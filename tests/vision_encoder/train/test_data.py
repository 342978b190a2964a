from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from radraft.core.errors import TrainingError
from radraft.finetune.recipe import load_recipe
from radraft.vision_encoder.train import data
from radraft.vision_encoder.train.data import Images
from radraft.vision_encoder.train.recipe import EncoderRecipe
from tests.vision_encoder.train import builders

SHARED = Path(__file__).parents[4] / "shared" / "data"


def film(number: int, patient: str, split: str, label: str = "1") -> dict[str, str]:
    return {
        "file": f"images/{number}.png", "patient": patient, "split": split,
        "Pneumothorax": label, "Effusion": "0",
    }  # fmt: skip


def two_sets(folder: Path, first: list[dict[str, str]], second: list[dict[str, str]]) -> Path:
    builders.write_table(folder / "first", first)
    builders.write_table(folder / "second", second)
    return folder


def overlapping(**changes: str) -> dict[str, object]:
    columns = {"Pneumothorax": "pneumothorax", "Effusion": "pleural_effusion"}
    first = {"table": "first/labels.csv", "weight": 1.0, "zero_one": columns}
    second = first | {"table": "second/labels.csv", "not_patients_of": "first"} | changes
    return {"sets": {"first": first, "second": second}}


def test_answers_are_known_only_where_something_says_so(images: Images) -> None:
    films = [i for i, row in enumerate(images.rows) if row.source == "films"]
    screening = [i for i, row in enumerate(images.rows) if row.source == "screening"]
    assert np.isnan(images.answers[films, 2]).all()
    assert np.isnan(images.answers[screening, :2]).all()
    assert not np.isnan(images.answers[films, 0]).any()
    # An empty cell is no "no".
    assert int(np.isnan(images.answers[films, 1]).sum()) == 5
    # Values that the recipe does not name are left out.
    assert len(screening) == 27
    assert set(np.unique(images.answers[~np.isnan(images.answers)])) == {0.0, 1.0}


def test_pixels_are_the_pictures(images: Images, data_folder: Path) -> None:
    assert images.pixels.shape == (len(images.rows), builders.SIZE, builders.SIZE)
    for index in (0, 1, len(images.rows) - 1):
        picture = data.gray(images.rows[index].path)
        assert (images.pixels[index] == picture).all()


def test_where_splits_the_rows(images: Images) -> None:
    parts = [images.where(split) for split in data.SPLITS]
    assert sorted(np.concatenate(parts)) == list(range(len(images.rows)))
    of_set = images.where("train", "films")
    assert {images.rows[index].source for index in of_set} == {"films"}
    assert {images.rows[index].split for index in of_set} == {"train"}


def test_no_patient_of_two_sets_is_trained_on_and_held_out(tmp_path: Path) -> None:
    first = [film(0, "1", "train"), film(1, "2", "valid"), film(2, "3", "test")]
    second = [
        film(0, "0001", "train"), film(1, "0001", "valid"), film(2, "2", "train"),
        film(3, "002", "valid"), film(4, "03", "train"), film(5, "4", "train"),
        film(6, "4", "valid"),
    ]  # fmt: skip
    folder = two_sets(tmp_path, first, second)
    plan = builders.recipe(**overlapping())
    kept = {row.path.name for row in data.rows(plan, folder) if row.source == "second"}
    assert kept == {"0.png", "3.png", "5.png", "6.png"}


def test_a_fraction_keeps_whole_patients(data_folder: Path, images: Images) -> None:
    def by_patient(found: Images) -> Counter[tuple[str, str]]:
        return Counter((row.source, row.patient) for row in found.rows)

    whole, smaller = by_patient(images), Counter[tuple[str, str]]()
    for fraction in (0.3, 0.6, 0.9):
        part = by_patient(data.load(builders.recipe(), data_folder, 16, fraction=fraction))
        assert 0 < len(part) < len(whole)
        assert all(whole[patient] == count for patient, count in part.items())
        assert smaller.keys() <= part.keys()
        smaller = part


def test_a_fold_leaves_whole_patients_out_of_training_in_every_set(tmp_path: Path) -> None:
    numbers = [str(number) for number in range(24)]
    first = [film(n, str(n), "valid" if n > 20 else "train") for n in range(24)]
    second = [film(n, str(n), "train") for n in range(12)]
    folder = two_sets(tmp_path, first, second)
    plan = builders.recipe(**overlapping())
    whole = builders.load(folder, plan)
    left_out = []
    for number in range(3):
        fold = data.Fold(number, 3)
        part = data.load(plan, folder, 16, fold=fold)
        held = {patient for patient in numbers if fold.holds(patient)}
        for split in data.SPLITS:
            patients = {part.rows[index].patient for index in part.where(split)}
            every = {whole.rows[index].patient for index in whole.where(split)}
            assert patients == (every - held if split == "train" else every)
        assert held
        left_out += sorted(held)
    assert sorted(left_out) == sorted(numbers)


def test_the_hash_changes_with_pixels_answers_and_splits(tmp_path: Path) -> None:
    rows = [film(0, "1", "train"), film(1, "2", "valid")]
    plan = builders.recipe(**overlapping())

    def sha(first: list[dict[str, str]]) -> str:
        return builders.load(two_sets(tmp_path, first, rows), plan).sha

    before = sha(rows)
    assert sha(rows) == before
    assert sha([film(0, "1", "train", "0"), rows[1]]) != before
    assert sha([rows[0], film(1, "2", "train")]) != before
    image = tmp_path / "first" / "images" / "0.png"
    two_sets(tmp_path, rows, rows)
    image.write_bytes((tmp_path / "first" / "images" / "1.png").read_bytes())
    assert builders.load(tmp_path, plan).sha != before


def test_progress_counts_every_image(data_folder: Path, images: Images) -> None:
    told: list[tuple[int, int]] = []
    data.load(builders.recipe(), data_folder, 16, on_progress=lambda *step: told.append(step))
    total = len(images.rows)
    assert told == [(done, total) for done in range(1, total + 1)]


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    rows = [film(0, "1", "train")]
    folder = two_sets(tmp_path, rows, rows)
    table = folder / "first" / "labels.csv"
    table.write_text("\ufeff" + table.read_text(encoding="utf-8"), encoding="utf-8")
    assert len(data.rows(builders.recipe(**overlapping()), folder)) == 2


@pytest.mark.parametrize(
    ("old", "new", "code", "says"),
    [
        ("Pneumothorax,", "PTX,", "training_data_invalid", "Pneumothorax"),
        ("patient,", "person,", "training_data_invalid", "patient"),
        ("split,", "part,", "training_data_invalid", "split"),
        ("valid", "validation", "training_data_value", "split"),
        (",1,0", ",yes,0", "training_data_value", "Pneumothorax"),
    ],
)
def test_a_table_that_does_not_fit_is_named(
    tmp_path: Path, old: str, new: str, code: str, says: str
) -> None:
    rows = [film(0, "1", "train"), film(1, "2", "valid")]
    folder = two_sets(tmp_path, rows, rows)
    table = folder / "first" / "labels.csv"
    table.write_text(table.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(TrainingError) as caught:
        data.rows(builders.recipe(**overlapping()), folder)
    assert caught.value.code == code
    assert says in caught.value.message_en and "first" in caught.value.message_zh


def test_what_is_not_there_or_unreadable_is_named(tmp_path: Path) -> None:
    plan = builders.recipe(**overlapping())
    rows = [film(0, "1", "train")]
    folder = two_sets(tmp_path, rows, rows)
    (folder / "second" / "images" / "0.png").unlink()
    assert code_of(plan, folder) == "training_data_missing"
    (folder / "second" / "labels.csv").write_bytes("标签表".encode("gbk"))
    assert code_of(plan, folder) == "training_table_unreadable"
    (folder / "second" / "labels.csv").unlink()
    assert code_of(plan, folder) == "training_data_missing"
    held_out = [film(0, "1", "valid")]
    assert code_of(plan, two_sets(tmp_path, held_out, held_out)) == "training_data_missing"


def code_of(plan: EncoderRecipe, folder: Path) -> str:
    with pytest.raises(TrainingError) as caught:
        builders.load(folder, plan)
    return caught.value.code


@pytest.mark.skipif(not SHARED.is_dir(), reason="the development data is not here")
def test_the_starters_own_data() -> None:
    recipe = load_recipe("starter").encoder
    rows = data.rows(recipe, SHARED)
    splits: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in rows:
        # Both come from ChestX-ray14, with one numbering of patients.
        family = "nih" if row.source in ("nih14", "nih1000") else row.source
        splits[family, row.patient].add(row.split)
    assert [patient for patient, found in splits.items() if len(found) > 1] == []
    counts = Counter((row.source, row.split) for row in rows)
    assert counts["nih14", "train"] == 1057 and counts["nih14", "test"] == 241
    assert counts["kermany", "train"] == 3953 and counts["kermany", "test"] == 689
    assert counts["tb_covid", "train"] == 1578
    assert counts["covid", "train"] > 150 and counts["nih1000", "train"] > 450
    answered = {head for row in rows if row.split == "train" for head in row.answers}
    assert answered == set(recipe.head_ids)


def test_what_a_radiologist_read_outweighs_what_was_mined(tmp_path: Path) -> None:
    films = [film(n, str(n), "train") for n in range(3)]
    folder = two_sets(tmp_path, films, [film(9, "9", "valid")])
    table = folder / "read.csv"
    table.write_text(
        "set,file,rsna_class,clear\n"
        "first,images/0.png,Normal,\n"
        "first,images/1.png,Opacity,YES\n"
        "first,images/7.png,Opacity,NO\n"
    )
    reading = {
        "table": "read.csv",
        "values": {"Normal": {"tuberculosis": False}, "Opacity": {"tuberculosis": True}},
        "unsettled": {"Normal": ["pneumothorax"]},
        "yes_no": {"clear": "pleural_effusion"},
        "trust": 3.0,
    }
    images = builders.load(folder, builders.recipe(**overlapping(), readings=[reading]))
    first = images.where("train", "first")
    # pneumothorax, pleural effusion, tuberculosis
    expected = [[np.nan, 0, 0], [1, 1, 1], [1, 0, np.nan]]
    np.testing.assert_array_equal(images.answers[first], expected)
    assert images.trust is not None
    np.testing.assert_array_equal(images.trust[first], [[1, 1, 3], [1, 3, 3], [1, 1, 1]])


def test_only_the_splits_that_are_asked_for_are_read(data_folder: Path, images: Images) -> None:
    found = data.load(builders.recipe(), data_folder, builders.SIZE, splits=("valid",))
    assert {row.split for row in found.rows} == {"valid"}
    assert len(found.rows) == len(images.where("valid"))

"""Labelled radiographs in memory: what a recipe names, read once.

A table has a row an image: `file`, `split` (train, valid or test), the patient and the labels. An
empty 0/1 label means that nothing is known.
"""

from __future__ import annotations

import csv
import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from radraft.core import canonical
from radraft.core.errors import TrainingError
from radraft.vision_encoder.preprocess import letterbox
from radraft.vision_encoder.train.recipe import EncoderRecipe, LabelSet

Floats = npt.NDArray[np.float32]
SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class Row:
    """One labelled image."""

    path: Path
    source: str
    """Name of its set."""
    split: str
    patient: str
    answers: Mapping[str, bool]
    """Head -> answer; heads that nothing is known of are missing."""
    age: str = ""
    """As the table's column `age` has it, if it has one."""
    sex: str = ""


@dataclass(frozen=True)
class Images:
    """All rows of a recipe with their pixels."""

    rows: tuple[Row, ...]
    pixels: npt.NDArray[np.uint8] = field(repr=False)
    """(rows, size, size), letterboxed."""
    answers: Floats = field(repr=False)
    """(rows, heads): 1, 0, or NaN where nothing is known."""

    def where(self, split: str, source: str | None = None) -> npt.NDArray[np.int64]:
        """Return the positions of the rows of a split, of one set or of all."""
        found = [
            index
            for index, row in enumerate(self.rows)
            if row.split == split and source in (None, row.source)
        ]
        return np.array(found, dtype=np.int64)

    @property
    def sha(self) -> str:
        """Hash of everything the images and answers hold."""
        digest = hashlib.sha256(self.pixels.data)
        digest.update(self.answers.data)
        digest.update(canonical.dumps([[r.source, r.split, r.patient] for r in self.rows]).encode())
        return digest.hexdigest()


def rows(recipe: EncoderRecipe, data: Path) -> tuple[Row, ...]:
    """Every row that answers a head. TrainingError `training_data_missing`, `training_data_invalid`
    or `training_data_value` where a table is not there or does not hold what the recipe names."""
    tables = {name: _table(data / labels.table, labels) for name, labels in recipe.sets.items()}
    found = []
    for name, labels in recipe.sets.items():
        elsewhere: dict[str, set[str]] = defaultdict(set)
        if labels.not_patients_of:
            other = recipe.sets[labels.not_patients_of]
            for row in tables[labels.not_patients_of]:
                elsewhere[_patient(row, other)].add(row["split"])
        for row in tables[name]:
            answers, patient = _answers(row, labels), _patient(row, labels)
            if answers and elsewhere.get(patient, {row["split"]}) == {row["split"]}:
                path = (data / labels.table).parent / row["file"]
                age, sex = row.get("age", ""), row.get("sex", "")
                found.append(Row(path, name, row["split"], patient, answers, age, sex))
    return tuple(found)


def load(
    recipe: EncoderRecipe,
    data: Path,
    size: int,
    *,
    fraction: float = 1.0,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Images:
    """Return the rows and their pixels.

    `fraction` keeps that share of each set, by a hash of the patient, so a smaller run sees whole
    patients. `on_progress(done, total)`. TrainingErrors as `rows`, and
    `training_data_missing` where no row or image is there to train on."""
    chosen = [row for row in rows(recipe, data) if _share(row) < fraction]
    if not any(row.split == "train" for row in chosen):
        raise TrainingError("training_data_missing", path=str(data))
    pixels = np.zeros((len(chosen), size, size), dtype=np.uint8)
    answers = np.full((len(chosen), len(recipe.heads)), np.nan, dtype=np.float32)
    for index, row in enumerate(chosen):
        pixels[index] = letterbox(gray(row.path), size)
        for head, answer in row.answers.items():
            answers[index, recipe.head_ids.index(head)] = answer
        on_progress(index + 1, len(chosen))
    return Images(tuple(chosen), pixels, answers)


def gray(path: Path) -> npt.NDArray[np.uint8]:
    """Return (rows, columns) of an image file. TrainingError `training_data_missing`."""
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("L"))
    except OSError:
        raise TrainingError("training_data_missing", path=str(path)) from None


def _table(path: Path, labels: LabelSet) -> list[dict[str, str]]:
    try:
        # Spreadsheet programs write a byte order mark, which would become part of the first name.
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="")
            found, names = list(reader), set(reader.fieldnames or ())
    except OSError:
        raise TrainingError("training_data_missing", path=str(path)) from None
    except (UnicodeDecodeError, csv.Error):
        raise TrainingError("training_table_unreadable", path=str(path)) from None
    wanted = {"file", "split", labels.patient, *labels.zero_one}
    if labels.column:
        wanted.add(labels.column)
    if wanted - names:
        missing = ", ".join(sorted(wanted - names))
        raise TrainingError("training_data_invalid", path=str(path), column=missing)
    answers = dict.fromkeys(labels.zero_one, ("0", "1", ""))
    for column, allowed in {"split": SPLITS, **answers}.items():
        for number, row in enumerate(found, 2):
            if row[column] not in allowed:
                raise TrainingError(
                    "training_data_value",
                    path=str(path),
                    column=column,
                    row=number,
                    allowed=", ".join(value or '""' for value in allowed),
                )
    return found


def _answers(row: dict[str, str], labels: LabelSet) -> dict[str, bool]:
    answers = {head: row[col] == "1" for col, head in labels.zero_one.items() if row[col]}
    if labels.column:
        answers |= labels.values.get(row[labels.column], {})
    return answers


def _patient(row: dict[str, str], labels: LabelSet) -> str:
    # The same patient is 00000231 in one release of ChestX-ray14 and 231 in another.
    value = row[labels.patient]
    return str(int(value)) if value.isdecimal() else value


def _share(row: Row) -> float:
    """0 to 1, the same for all images of a patient."""
    return int(canonical.sha256([row.source, row.patient])[:8], 16) / 16**8

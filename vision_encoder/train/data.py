"""Labelled radiographs in memory: what a recipe names, read once.

A table has a row an image: `file`, `split` (train, valid or test), the patient and the labels. An
empty 0/1 label means that nothing is known.
"""

from __future__ import annotations

import csv
import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from radraft.core import canonical
from radraft.core.errors import TrainingError
from radraft.vision_encoder.config import Look
from radraft.vision_encoder.preprocess import square
from radraft.vision_encoder.train.places import drawings, film_maps
from radraft.vision_encoder.train.recipe import EncoderRecipe, LabelSet, Reading

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
    trust: Mapping[str, float] = field(default_factory=dict)
    """Head -> how much its answer counts, where it is not 1."""


def fold_of(patient: str, of: int) -> int:
    """Return 0 to `of` - 1, the same for all films of a patient and in every run."""
    return int(canonical.sha256(["fold", patient])[:8], 16) % of


class Fold(NamedTuple):
    """A part of all patients. A patient is in the same one in every set that has him."""

    number: int
    """From 0."""
    of: int

    def holds(self, patient: str) -> bool:
        """Return whether a patient is in it."""
        return fold_of(patient, self.of) == self.number


@dataclass(frozen=True)
class Images:
    """All rows of a recipe with their pixels."""

    rows: tuple[Row, ...]
    pixels: npt.NDArray[np.uint8] = field(repr=False)
    """(rows, size, size), letterboxed."""
    answers: Floats = field(repr=False)
    """(rows, heads): 1, 0, or NaN where nothing is known."""
    trust: Floats | None = field(default=None, repr=False)
    """(rows, heads): how much each answer counts; None where all count 1."""
    maps: npt.NDArray[np.uint8] | None = field(default=None, repr=False)
    """(drawn, places, MAP, MAP) as `places.film_maps`; None without places."""
    map_of: npt.NDArray[np.int64] | None = field(default=None, repr=False)
    """(rows,): position in `maps`, -1 for a film on which nothing was drawn."""

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
        for more in (self.trust, self.maps, self.map_of):
            if more is not None:
                digest.update(np.ascontiguousarray(more).data)
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
                trust = dict.fromkeys(answers, labels.trust) if labels.trust != 1 else {}
                found.append(Row(path, name, row["split"], patient, answers, age, sex, trust))
    return tuple(_read(recipe, found, data))


def _read(recipe: EncoderRecipe, found: list[Row], data: Path) -> list[Row]:
    """The rows with what radiologists said of them."""
    for reading in recipe.readings:
        said = {}
        columns = {"file", reading.column, *reading.yes_no}
        for row in _csv(data / reading.table, columns):
            folder = reading.folder or row.get("set", "")
            said[data / folder / row["file"]] = row
        found = [_with(row, reading, said[row.path]) if row.path in said else row for row in found]
    return found


def _with(row: Row, reading: Reading, said: dict[str, str]) -> Row:
    value = said[reading.column]
    contradicted = {
        head for head in reading.unsettled.get(value, ()) if row.answers.get(head, False)
    }
    new = dict(reading.values.get(value, {})) | {
        head: said[column] == "YES"
        for column, head in reading.yes_no.items()
        if said[column] in ("YES", "NO")
    }
    answers = {h: a for h, a in row.answers.items() if h not in contradicted} | new
    return replace(row, answers=answers, trust={**row.trust, **dict.fromkeys(new, reading.trust)})


def load(
    recipe: EncoderRecipe,
    data: Path,
    size: int,
    *,
    look: Look = "plain",
    fraction: float = 1.0,
    fold: Fold | None = None,
    splits: tuple[str, ...] = SPLITS,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Images:
    """Return the rows and their pixels.

    `fraction` keeps that share of each set, by a hash of the patient, so a smaller run sees whole
    patients. `fold` leaves its patients out of `train`. `on_progress(done, total)`. TrainingErrors
    as `rows`, and `training_data_missing` where no row or image is there to train on."""
    found = rows(recipe, data)
    drawn = {drawing.path: drawing for drawing in drawings(recipe, data)}
    known = {row.path for row in found}
    alone = (d for d in drawn.values() if d.path not in known)
    more = [
        Row(d.path, d.source, d.split, d.patient, {})
        for d in alone
        if recipe.place_sets[d.source].weight
    ]
    chosen = [
        row
        for row in (*found, *more)
        if row.split in splits
        and _share(row) < fraction
        and not (fold is not None and row.split == "train" and fold.holds(row.patient))
    ]
    if not any(row.split == splits[0] for row in chosen):
        raise TrainingError("training_data_missing", path=str(data))
    pixels = np.zeros((len(chosen), size, size), dtype=np.uint8)
    answers = np.full((len(chosen), len(recipe.heads)), np.nan, dtype=np.float32)
    trust = np.ones_like(answers)
    maps: list[npt.NDArray[np.uint8]] = []
    map_of = np.full(len(chosen), -1, dtype=np.int64)
    for index, row in enumerate(chosen):
        film = gray(row.path)
        pixels[index] = square(film, size, look)
        for head, answer in row.answers.items():
            answers[index, recipe.head_ids.index(head)] = answer
            trust[index, recipe.head_ids.index(head)] = row.trust.get(head, 1.0)
        # A film is not drawn on where it is held out in its label set.
        if row.path in drawn and drawn[row.path].split == row.split:
            map_of[index] = len(maps)
            maps.append(film_maps(drawn[row.path], recipe.places, film, look))
        on_progress(index + 1, len(chosen))
    return Images(
        tuple(chosen),
        pixels,
        answers,
        trust if (trust != 1).any() else None,
        np.stack(maps) if maps else None,
        map_of if maps else None,
    )


def gray(path: Path) -> npt.NDArray[np.uint8]:
    """Return (rows, columns) of an image file. TrainingError `training_data_missing`."""
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("L"))
    except OSError:
        raise TrainingError("training_data_missing", path=str(path)) from None


def _table(path: Path, labels: LabelSet) -> list[dict[str, str]]:
    wanted = {"file", "split", labels.patient, *labels.zero_one}
    if labels.column:
        wanted.add(labels.column)
    found = _csv(path, wanted)
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


def _csv(path: Path, wanted: set[str]) -> list[dict[str, str]]:
    try:
        # Spreadsheet programs write a byte order mark, which would become part of the first name.
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="")
            found, names = list(reader), set(reader.fieldnames or ())
    except OSError:
        raise TrainingError("training_data_missing", path=str(path)) from None
    except (UnicodeDecodeError, csv.Error):
        raise TrainingError("training_table_unreadable", path=str(path)) from None
    if wanted - names:
        missing = ", ".join(sorted(wanted - names))
        raise TrainingError("training_data_invalid", path=str(path), column=missing)
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

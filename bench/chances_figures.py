"""What the chances that the workstation shows are worth on films that fitted none of their scales.

    .venv/bin/python -m radraft.bench.chances_figures --data ../shared/data [--split test]

Expected calibration error of each finding with at least 20 positive films, of the others together,
of "no finding" and of a child's pneumonia, each with a 95% interval by patients drawn anew; and how
often another hospital's adults (`cxr_covid`, never a question of the training) are told from normal
films by whether a lung opacity would be said, beside saying always the same.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from radraft.finetune.recipe import load_recipe
from radraft.finetune.starter.calibration import calibration_error
from radraft.finetune.starter.statements import OPACITY
from radraft.finetune.starter.teacher import CHILD, FINDINGS, NORMAL
from radraft.studies.key_images import from_picture
from radraft.vision_encoder import chances, shipped
from radraft.vision_encoder.chances import AgeGroup, Chances
from radraft.vision_encoder.encode import Encoder
from radraft.vision_encoder.heads import Array
from radraft.vision_encoder.shipped import Edition
from radraft.vision_encoder.train import data
from radraft.vision_encoder.train.data import Row

EDITION: Edition = 2
RECIPE = "starter2"
POSITIVES, RESAMPLES = 20, 1000
SAID = 0.4
"""Chance from which a lung opacity is said (`finetune/starter/statement_points.py`)."""
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--split", choices=("valid", "test"), default="test")
    given = parser.parse_args()
    folder = shipped.FOLDERS[EDITION]
    encoder, asked = Encoder.load(folder), chances.load(folder / chances.CHANCES_FILE)
    rows = data.rows(load_recipe(RECIPE).encoder, given.data)
    print(f"{given.split} films, {asked.encoder_id}: expected calibration error")
    adults = [row for row in rows if row.source == "nih14" and row.split == given.split]
    _print_errors(adults, asked, AgeGroup.ADULT, encoder)
    children = [row for row in rows if row.source == "kermany" and row.split == given.split]
    _print_errors(children, asked, AgeGroup.CHILD, encoder)
    _print_other_hospital(given.data, asked, encoder)


def _print_errors(rows: Sequence[Row], asked: Chances, group: AgeGroup, encoder: Encoder) -> None:
    seen = [asked.of(tokens, group) for tokens in _tokens([row.path for row in rows], encoder)]
    few: list[tuple[Floats, Bools, list[str]]] = []
    for code, head in _questions(group):
        use = [at for at, row in enumerate(rows) if head in row.answers]
        told = np.array([seen[at][code] for at in use])
        right = np.array([rows[at].answers[head] for at in use], dtype=bool)
        known = told, right, [rows[at].patient for at in use]
        if right.sum() < POSITIVES:
            few.append(known)
        else:
            print(f"  {group.value}, {code}: {_error(*known)}")
    if few:
        together = (
            np.concatenate([told for told, _, _ in few]),
            np.concatenate([right for _, right, _ in few]),
            [patient for _, _, patients in few for patient in patients],
        )
        print(f"  {group.value}, the {len(few)} others together: {_error(*together)}")


def _questions(group: AgeGroup) -> tuple[tuple[str, str], ...]:
    """Return (code of the chance, head whose answers it is held against)."""
    if group is AgeGroup.CHILD:
        return (("pneumonia", CHILD),)
    return tuple((code, code) for code in (*FINDINGS, OPACITY, NORMAL))


def _tokens(paths: Sequence[Path], encoder: Encoder) -> Iterator[Array]:
    for path in paths:
        yield encoder.encode([from_picture(data.gray(path))])[0].tokens


def _error(told: Floats, right: Bools, patients: Sequence[str]) -> str:
    low, high = _interval(lambda use: calibration_error(told[use], right[use]), patients)
    error = calibration_error(told, right)
    return f"{error:.3f} ({low:.3f} to {high:.3f}), {int(right.sum())} of {len(right)} have it"


def _interval(
    value: Callable[[npt.NDArray[np.intp]], float], patients: Sequence[str]
) -> tuple[float, float]:
    groups: dict[str, list[int]] = {}
    for at, patient in enumerate(patients):
        groups.setdefault(patient, []).append(at)
    films = [np.array(group) for group in groups.values()]
    random = np.random.default_rng(0)
    drawn = [
        value(np.concatenate([films[n] for n in random.integers(0, len(films), len(films))]))
        for _ in range(RESAMPLES)
    ]
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def _print_other_hospital(folder: Path, asked: Chances, encoder: Encoder) -> None:
    """Print the balanced accuracy of saying a lung opacity, on films of `valid`."""
    table = folder / "cxr_covid" / "labels.csv"
    with table.open(encoding="utf-8", newline="") as file:
        films = [film for film in csv.DictReader(file) if film["split"] == "valid"]
    ill = np.array([film["finding"] != "No Finding" for film in films])
    paths = [table.parent / film["file"] for film in films]
    said = np.array(
        [asked.of(tokens, AgeGroup.ADULT)[OPACITY] >= SAID for tokens in _tokens(paths, encoder)]
    )

    def balanced(use: npt.NDArray[np.intp]) -> float:
        one, other = ill[use], said[use]
        if one.all() or not one.any():
            return float("nan")
        return float((other[one].mean() + (~other[~one]).mean()) / 2)

    low, high = _interval(balanced, [film["patient"] for film in films])
    print(
        f"another hospital's adults (cxr_covid valid): balanced accuracy "
        f"{balanced(np.arange(len(films))):.3f} ({low:.3f} to {high:.3f}); "
        f"opacity said of {int(said[ill].sum())} of {int(ill.sum())} ill and of "
        f"{int(said[~ill].sum())} of {int((~ill).sum())} normal films"
        f"{' (fewer than 20 normal films: undecided)' if (~ill).sum() < POSITIVES else ''}; "
        f"always pneumonia 0.500 and right of {ill.mean():.0%}, always normal 0.500 and "
        f"{1 - ill.mean():.0%}"
    )


if __name__ == "__main__":
    main()

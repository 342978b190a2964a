"""How well an encoder answers, beside the first edition's: within source sets.

    .venv/bin/python -m radraft.bench.eyes --data ../shared/data --encoder FOLDER
    .venv/bin/python -m radraft.bench.eyes --data ../shared/data --edition 2 --split test

AUROC of each finding on ChestX-ray14's valid films; of "no finding" within each set, because
between sets an encoder may know the set and not the film; of opacity against none among films that
radiologists read; and how well a regression on its features tells the sets of films apart that
show nothing (balanced accuracy, cross-validated by patient; chance is one in the number of sets).
Films of the `valid` split; `test` is for an edition whose weights and points are fixed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt

from radraft.core.settings import load as load_settings
from radraft.finetune.recipe import load_recipe
from radraft.finetune.starter import calibration
from radraft.finetune.starter.teacher import CHILD, FINDINGS, NORMAL
from radraft.studies.key_images import from_picture
from radraft.vision_encoder import shipped
from radraft.vision_encoder.auroc import auroc
from radraft.vision_encoder.encode import Encoder
from radraft.vision_encoder.train import data
from radraft.vision_encoder.train.data import Row

Floats = npt.NDArray[np.float64]
LEAST = 3
RESAMPLES = 1000
RECIPE = "starter2"
"""Its sets and readings are what both encoders are measured on."""


def main() -> None:
    """Print both encoders' figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    beside = parser.add_mutually_exclusive_group()
    beside.add_argument("--encoder", type=Path, help="folder of one that is not shipped")
    beside.add_argument("--edition", type=int, choices=shipped.EDITIONS, help="a shipped one")
    parser.add_argument("--split", choices=("valid", "test"), default="valid")
    parser.add_argument("--without", nargs="*", default=[], help="patients to leave out")
    given = parser.parse_args()
    recipe = load_recipe(RECIPE).encoder
    rows = [
        row
        for row in data.rows(recipe, given.data)
        if row.split == given.split and row.patient not in set(given.without)
    ]
    other = shipped.FOLDERS[given.edition] if given.edition else given.encoder
    folders = [shipped.FOLDER, *([other] if other else [])]
    found = [(shipped.load_heads(folder).ids, *features(folder, rows)) for folder in folders]
    print(
        f"{len(rows)} {given.split} films; "
        + ", ".join(shipped.encoder_id(folder) for folder in folders)
    )
    for name, question in questions().items():
        sources, head, asked = question
        use = [i for i, r in enumerate(rows) if r.source in sources and asked in r.answers]
        right = np.array([rows[i].answers[asked] for i in use], dtype=bool)
        if min(right.sum(), (~right).sum()) < LEAST:
            continue
        cells = []
        for ids, logits, _ in found:
            used = head if head in ids else NORMAL
            if used not in ids:
                cells.append("-")
                continue
            sign = -1.0 if used == NORMAL and head != NORMAL else 1.0
            scores = sign * logits[use, ids.index(used)]
            cells.append(with_interval(scores, right, [rows[i].patient for i in use]))
        print(f"  {name} ({int(right.sum())} of {len(right)}): " + " | ".join(cells))
    print_mean(rows, found)
    print_sources(rows, found)


def questions() -> dict[str, tuple[tuple[str, ...], str, str]]:
    """Return name -> (sets, head, what is asked). An encoder without the head answers by how far
    its film is from normal."""
    asked: dict[str, tuple[tuple[str, ...], str, str]] = {
        code: (("nih14",), code, code) for code in FINDINGS
    }
    for source in ("nih14", "nih_extra", "nih1000"):
        asked[f"no finding within {source}"] = ((source,), NORMAL, NORMAL)
    adults = ("nih14", "nih_extra", "nih1000")
    asked["no finding, sets mixed"] = (adults, NORMAL, NORMAL)
    for source in ("nih14", "nih1000"):
        asked[f"opacity as read, {source}"] = ((source,), "lung_opacity", "lung_opacity")
    asked["opacity as read, all"] = (adults, "lung_opacity", "lung_opacity")
    asked["pneumonia in a child"] = (("kermany",), CHILD, CHILD)
    asked["bacterial"] = (("kermany",), "bacterial_pneumonia", "bacterial_pneumonia")
    return asked


def features(folder: Path, rows: list[Row]) -> tuple[Floats, Floats]:
    """Return (rows, heads) logits and (rows, width) mean tokens, kept in the cache."""
    sha = data.Images(tuple(rows), np.zeros((0,), np.uint8), np.zeros((0,), np.float32)).sha
    kept = load_settings().cache_dir / "eyes"
    path = kept / f"{shipped.encoder_id(folder)}-{sha[:16]}.npz"
    if not path.exists():
        encoder = Encoder.load(folder)
        images = (from_picture(data.gray(row.path)) for row in rows)
        means = np.stack([encoder.encode([image])[0].tokens.mean(0) for image in images])
        kept.mkdir(parents=True, exist_ok=True)
        np.savez(path, mean=means)
    heads, mean = shipped.load_heads(folder), np.load(path)["mean"].astype(np.float64)
    return mean @ heads.weight.T.astype(np.float64) + heads.bias, mean


def with_interval(scores: Floats, right: npt.NDArray[np.bool_], patients: list[str]) -> str:
    """Return the AUROC and its 95% interval, by a bootstrap over patients."""
    low, high = np.nanquantile(
        _resampled(scores[:, None], right[:, None], patients), [0.025, 0.975]
    )
    return f"{auroc(scores, right):.3f} ({low:.3f} to {high:.3f})"


def print_mean(rows: list[Row], found: list[tuple[tuple[str, ...], Floats, Floats]]) -> None:
    """Print the mean over findings and, for two encoders, its difference on the same patients."""
    use = [i for i, row in enumerate(rows) if row.source == "nih14"]
    nan = float("nan")
    right = np.array([[float(rows[i].answers.get(c, nan)) for c in FINDINGS] for i in use])
    codes = [n for n in range(len(FINDINGS)) if np.nansum(right[:, n]) >= LEAST]
    patients = [rows[i].patient for i in use]
    means, drawn = [], []
    for ids, logits, _ in found:
        scores = logits[use][:, [ids.index(FINDINGS[n]) for n in codes]]
        means.append(_mean_auroc(scores, right[:, codes]))
        drawn.append(_resampled(scores, right[:, codes], patients))
        low, high = np.nanquantile(drawn[-1], [0.025, 0.975])
        print(f"mean of {len(codes)} findings: {means[-1]:.3f} ({low:.3f} to {high:.3f})")
    if len(found) == 2:
        low, high = np.nanquantile(drawn[1] - drawn[0], [0.025, 0.975])
        print(f"difference: {means[1] - means[0]:+.3f} ({low:+.3f} to {high:+.3f})")


def print_sources(rows: list[Row], found: list[tuple[tuple[str, ...], Floats, Floats]]) -> None:
    """Print how well the features tell the sets of adults' films without a finding apart."""
    names = ("nih14", "nih1000")
    use = [i for i, r in enumerate(rows) if r.source in names and r.answers.get(NORMAL)]
    target = np.array([names.index(rows[i].source) for i in use])
    place = np.array([calibration.fold_of(rows[i].patient) for i in use])
    for _, _, mean in found:
        said = np.zeros(len(use))
        for fold in range(calibration.FOLDS):
            train = place != fold
            said[~train] = _ridge(mean[use][train], target[train], mean[use][~train])
        share = np.mean([(said[target == n].round() == n).mean() for n in range(len(names))])
        print(f"set told from normal films' features: {share:.3f} of {np.bincount(target)} films")


def _ridge(x: Floats, y: npt.NDArray[np.int64], new: Floats) -> Floats:
    """0 to 1: ridge regression on standardised features, both sets weighing the same."""
    mean, spread = x.mean(0), x.std(0) + 1e-6
    z, z_new = (x - mean) / spread, (new - mean) / spread
    weight = 0.5 / np.array([max(1, (y == n).sum()) for n in range(2)])[y] * len(y)
    centred = z.T * weight
    slope = np.linalg.solve(centred @ z + 100 * np.eye(z.shape[1]), centred @ (y - 0.5))
    result: Floats = np.clip(z_new @ slope + 0.5, 0, 1)
    return result


def _mean_auroc(scores: Floats, right: Floats) -> float:
    values = []
    for column in range(right.shape[1]):
        known = ~np.isnan(right[:, column])
        value = auroc(scores[known, column], right[known, column] == 1)
        values.append(np.nan if value is None else value)
    return float(np.nanmean(values)) if not np.all(np.isnan(values)) else float("nan")


def _resampled(scores: Floats, right: npt.NDArray[np.generic], patients: list[str]) -> Floats:
    groups: dict[str, list[int]] = {}
    for index, patient in enumerate(patients):
        groups.setdefault(patient, []).append(index)
    films = [np.array(group) for group in groups.values()]
    random = np.random.default_rng(0)
    found = []
    for _ in range(RESAMPLES):
        drawn = np.concatenate([films[n] for n in random.integers(0, len(films), len(films))])
        found.append(_mean_auroc(scores[drawn], right[drawn].astype(np.float64)))
    return np.array(found)


if __name__ == "__main__":
    main()

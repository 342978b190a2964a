"""Where the encoder's tokens say that something is: sides, zones and hits, cross-validated.

    .venv/bin/python -m radraft.bench.places --data ../shared/data [--out FOLDER]

A linear head on each patch token of an encoder that stays as it is, fitted to the boxes and masks
of recipe `starter2`'s films of `train` and `valid`, and judged on patients it was not fitted to.
The highest patch of a film's opacity map is where the opacity is said to be. Beside it stands what
the mean map of the other films would have said. `--out` gets a head fitted to all of them
(`place.safetensors`). The test splits are not read.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

from radraft.core.settings import load as load_settings
from radraft.eval.looks.calibration import wilson
from radraft.finetune.recipe import load_recipe
from radraft.finetune.starter import calibration
from radraft.studies.key_images import from_picture
from radraft.vision_encoder import shipped
from radraft.vision_encoder.encode import Encoder
from radraft.vision_encoder.train import data, frozen
from radraft.vision_encoder.train.export import PLACE_FILE
from radraft.vision_encoder.train.places import Drawing, drawings, film_maps

Floats = npt.NDArray[np.float32]
RECIPE = "starter2"
ZONES = (0.38, 0.62)
"""Heights, as shares of the film, between upper, mid and lower: as the boxes' own words have it."""
READ = {
    "radiologists' opacities": ("opacity_boxes", "extra_boxes"),
    "tuberculosis": ("tb_boxes",),
}


def main() -> None:
    """Print the figures and write the head."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--encoder", type=Path, default=shipped.FOLDER)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    recipe = load_recipe(RECIPE).encoder
    # A film may stand in a table twice.
    by_path = {film.path: film for film in drawings(recipe, given.data) if film.split != "test"}
    films = list(by_path.values())
    tokens, targets = material(given.encoder, films, recipe.places)
    said = out_of_fold(tokens, targets, films)
    prior = mean_maps(targets, films)
    opacity = recipe.places.index("opacity")
    for name, sources in READ.items():
        use = [i for i, film in enumerate(films) if film.source in sources and _boxes(film)]
        print(f"{name}: {len(use)} films with boxes")
        for what, maps in {"tokens": said, "mean of other films": prior}.items():
            print(f"  {what}: " + places_found([films[i] for i in use], maps[use, :, opacity]))
    for index, place in enumerate(recipe.places):
        if place != "opacity":
            known = ~np.isnan(targets[:, 0, index])
            overlap = [
                _overlap(said[i, :, index], targets[i, :, index]) for i in known.nonzero()[0]
            ]
            print(f"{place}: {int(known.sum())} films, mean overlap (IoU) {np.mean(overlap):.3f}")
    if given.out is not None:
        write(given.out, _fit(tokens, targets), recipe.places)


def material(encoder: Path, films: list[Drawing], places: tuple[str, ...]) -> tuple[Floats, Floats]:
    """Return (films, n, width) tokens and (films, n, places) shares of each patch, NaN where a
    place was not drawn; kept in the cache."""
    model = Encoder.load(encoder)
    side = int(model.tokens_per_image**0.5)
    kept = load_settings().cache_dir / "places" / f"{model.encoder_id}-{len(films)}.npy"
    found, targets = [], []
    stored = np.load(kept) if kept.exists() else None
    for film in films:
        pixels = data.gray(film.path)
        if stored is None:
            image = from_picture(pixels)
            found.append(model.encode([image])[0].tokens.astype(np.float16))
        maps = film_maps(film, places, pixels, shipped.config_of(encoder).look)
        targets.append(_patches(maps, side))
    if stored is None:
        stored = np.stack(found)
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.save(kept, stored)
    return stored.astype(np.float32), np.stack(targets)


def out_of_fold(tokens: Floats, targets: Floats, films: list[Drawing]) -> Floats:
    """Return (films, n, places) logits from heads that saw no film of the patient."""
    fold_of = np.array([calibration.fold_of(film.patient) for film in films])
    said = np.zeros_like(targets)
    for fold in range(calibration.FOLDS):
        head = _fit(tokens[fold_of != fold], targets[fold_of != fold])
        said[fold_of == fold] = head.logits(tokens[fold_of == fold])
    return said


def mean_maps(targets: Floats, films: list[Drawing]) -> Floats:
    """Return for each film the mean map of the films of other folds."""
    fold_of = np.array([calibration.fold_of(film.patient) for film in films])
    means = np.zeros_like(targets)
    for fold in range(calibration.FOLDS):
        means[fold_of == fold] = np.nanmean(targets[fold_of != fold], axis=0)
    return means


def places_found(films: list[Drawing], maps: Floats) -> str:
    """Return how often the highest patch lies on a side, in a zone and in a box that the film
    has; sides also of films with boxes on one side, where a guess is right half the time."""
    counts = {"side": [0, 0], "side, one-sided films": [0, 0], "zone": [0, 0], "in a box": [0, 0]}
    grid = int(maps.shape[1] ** 0.5)
    for film, points in zip(films, maps, strict=True):
        row, column = divmod(int(points.argmax()), grid)
        x, y = (column + 0.5) / grid, (row + 0.5) / grid
        boxes = _boxes(film)
        sides = {bx + width / 2 < 0.5 for bx, _, width, _ in boxes}
        zones = {_zone(by + height / 2) for _, by, _, height in boxes}
        inside = any(bx <= x <= bx + w and by <= y <= by + h for bx, by, w, h in boxes)
        _count(counts["side"], (x < 0.5) in sides)
        if len(sides) == 1:
            _count(counts["side, one-sided films"], (x < 0.5) in sides)
        _count(counts["zone"], _zone(y) in zones)
        _count(counts["in a box"], inside)
    return "; ".join(_share(name, *count) for name, count in counts.items())


def write(folder: Path, head: frozen.LinearHead, places: tuple[str, ...]) -> None:
    """Write the head as `export` does."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    tensors = {"weight": head.weight.astype(np.float16), "bias": head.bias.astype(np.float16)}
    save_file(tensors, folder / PLACE_FILE, metadata={"places": json.dumps(places)})


def _fit(tokens: Floats, targets: Floats) -> frozen.LinearHead:
    return frozen.fit_head(
        tokens.reshape(-1, tokens.shape[-1]), targets.reshape(-1, targets.shape[-1])
    )


def _patches(maps: npt.NDArray[np.uint8], side: int) -> Floats:
    """Map (places, m, m) of 0 to 254, 255 unknown, to (side * side, places) shares."""
    step = maps.shape[-1] // side
    shares = maps.astype(np.float32).reshape(len(maps), side, step, side, step).mean((2, 4)) / 254
    shares[(maps == 255).all((1, 2))] = np.nan
    result: Floats = shares.reshape(len(maps), -1).T
    return result


def _boxes(film: Drawing) -> tuple[tuple[float, float, float, float], ...]:
    return film.boxes.get("opacity", ())


def _zone(height: float) -> int:
    return sum(height >= bound for bound in ZONES)


def _overlap(logits: Floats, shares: Floats) -> float:
    said, true = logits > 0, shares > 0.5
    return float((said & true).sum() / max(1, (said | true).sum()))


def _count(counts: list[int], right: bool) -> None:
    counts[0] += right
    counts[1] += 1


def _share(name: str, right: int, count: int) -> str:
    low, high = wilson(right, count) if count else (0.0, 1.0)
    return f"{name} {right} of {count} ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    main()

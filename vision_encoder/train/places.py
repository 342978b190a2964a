"""Where something was drawn on a film: boxes and masks of a recipe's tables as maps.

Right and left are the patient's; nothing here or in training mirrors a film.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from radraft.core.errors import TrainingError
from radraft.vision_encoder.config import Look
from radraft.vision_encoder.look import frame
from radraft.vision_encoder.preprocess import letterbox
from radraft.vision_encoder.train.recipe import EncoderRecipe, PlaceSet

MAP = 64
"""Side of a map, in points."""
Gray = npt.NDArray[np.uint8]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Drawing:
    """What was drawn on one film."""

    source: str
    """Name of its place set."""
    path: Path
    split: str
    patient: str
    boxes: Mapping[str, tuple[Box, ...]] = field(default_factory=dict)
    """Place -> x, y, width, height as shares of the film, from the top left; an empty tuple where
    someone looked and drew none."""
    masks: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    """Place -> pictures whose points above 0 are it, all of them together."""
    gray_masks: Mapping[str, tuple[Path, int]] = field(default_factory=dict)
    """Place -> picture, and the gray that is it there."""


def drawings(recipe: EncoderRecipe, data: Path) -> tuple[Drawing, ...]:
    """Every film of the recipe's place sets. TrainingError `training_data_missing`,
    `training_data_invalid` or `training_data_value` as `data.rows`."""
    return tuple(
        drawing
        for name, chosen in recipe.place_sets.items()
        for drawing in _of_table(name, chosen, data)
    )


def film_maps(drawing: Drawing, places: tuple[str, ...], film: Gray, look: Look) -> Gray:
    """Return (places, MAP, MAP): 0 to 254, the share of each point that is the place; 255
    throughout where it was not drawn. Brought to the film's look as its pixels are."""
    found = np.full((len(places), MAP, MAP), 255, dtype=np.uint8)
    for index, place in enumerate(places):
        drawn = _drawn(drawing, place, film.shape)
        if drawn is not None:
            if look == "even":
                top, bottom, left, right = frame(film)
                drawn = drawn[top:bottom, left:right]
            found[index] = np.minimum(letterbox(drawn, MAP), 254)
    return found


def _drawn(drawing: Drawing, place: str, shape: tuple[int, ...]) -> Gray | None:
    rows, columns = shape
    points = np.zeros((rows, columns), dtype=np.uint8)
    if place in drawing.boxes:
        for x, y, width, height in drawing.boxes[place]:
            # A box thinner than a point still is one.
            bottom = max(round((y + height) * rows), round(y * rows) + 1)
            right = max(round((x + width) * columns), round(x * columns) + 1)
            points[round(y * rows) : bottom, round(x * columns) : right] = 255
        return points
    if place in drawing.gray_masks:
        path, gray = drawing.gray_masks[place]
        points[_picture(path, (columns, rows)) == gray] = 255
        return points
    if place in drawing.masks:
        for path in drawing.masks[place]:
            points[_picture(path, (columns, rows)) > 0] = 255
        return points
    return None


def _picture(path: Path, size: tuple[int, int]) -> Gray:
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("L").resize(size, Image.Resampling.NEAREST))
    except OSError:
        raise TrainingError("training_data_missing", path=str(path)) from None


def _of_table(name: str, chosen: PlaceSet, data: Path) -> list[Drawing]:
    path = data / chosen.table
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = list(csv.DictReader(file, restval=""))
    except OSError:
        raise TrainingError("training_data_missing", path=str(path)) from None
    wanted = {"file", "split", *chosen.boxes} | ({"mask"} if chosen.gray_masks else set())
    if missing := sorted(wanted - set(table[0] if table else wanted)):
        raise TrainingError("training_data_invalid", path=str(path), column=", ".join(missing))
    found = []
    for number, row in enumerate(table, 2):
        boxes = {
            place: read
            for column, place in chosen.boxes.items()
            if (read := _boxes(path, column, number, row[column])) is not None
        }
        masks = {
            place: tuple(
                mask
                for region in regions
                if (mask := _mask(path.parent, row["file"], region)).exists()
            )
            for place, regions in chosen.masks.items()
        }
        gray = {
            place: (path.parent / row["mask"], value) for place, value in chosen.gray_masks.items()
        }
        if boxes or masks or gray:
            folder = data / (chosen.folder or row.get("set") or path.parent.name)
            patient = row.get("patient", "") or row["file"]
            film = folder / row["file"]
            found.append(Drawing(name, film, row["split"], patient, boxes, masks, gray))
    return found


def _mask(folder: Path, film: str, region: str) -> Path:
    return folder / "masks" / f"{Path(film).stem}__{region}.png"


def _boxes(path: Path, column: str, number: int, text: str) -> tuple[Box, ...] | None:
    """Return the boxes, None where nothing is written."""
    if not text:
        return None
    try:
        given = json.loads(text)
        boxes = [box[1:] if isinstance(box[0], str) else box for box in given]
        x_y_w_h = [tuple(float(value) for value in box) for box in boxes]
        if any(len(box) != 4 or not all(0 <= v <= 1 for v in box) for box in x_y_w_h):
            raise ValueError
    except (ValueError, TypeError, IndexError, KeyError):
        raise TrainingError(
            "training_data_value", path=str(path), column=column, row=number, allowed="[x, y, w, h]"
        ) from None
    return tuple((x, y, w, h) for x, y, w, h in x_y_w_h)

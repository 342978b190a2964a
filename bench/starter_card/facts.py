"""What the card says of the model that is no figure of merit: files, data, profile."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from radraft.eval.report.words import finding
from radraft.finetune.recipe import Recipe
from radraft.llm import pins
from radraft.llm.profiles import Profile
from radraft.vision_encoder.train.data import Row
from radraft.vision_encoder.train.places import Drawing, drawings

SPLITS = ("train", "valid", "test")
LICENSED = {"cxr_covid": "license", "cxr_covid_regions": "image_licence"}
"""Folder of a set whose images have a licence each -> column that says it. Films of both are
counted once."""


def facts(recipe: Recipe, rows: Sequence[Row], profile: Profile, data: Path) -> dict[str, Any]:
    """Plain values for the card. What was trained on is the `train` split of each set."""
    said = yaml.safe_load(
        files("radraft.bench.starter_card").joinpath("sources.yaml").read_text(encoding="utf-8")
    )
    return {
        "recipe": recipe.name,
        "seed": recipe.seed,
        "encoder_steps": recipe.encoder.steps,
        "heads": [head.id for head in recipe.encoder.heads],
        "model": profile.model_id,
        "notice": {"zh": profile.notice.zh, "en": profile.notice.en},
        "weights": {
            name: {
                "file": f"{path.parent.parent.name}/{path.parent.name}/{path.name}",
                "bytes": path.stat().st_size,
                "sha256": pins.sha256(path),
            }
            for name, path in pins.files(profile.edition).items()
        },
        "data": {
            source: {**said[source], "splits": _counts(found)}
            for source, found in _trained_on(recipe, rows, data).items()
        },
        "licences": _licences(recipe, rows, data),
    }


def finding_name(head: str) -> str:
    """A head in English words."""
    own = {
        "pneumonia_in_child": "Children: normal vs pneumonia",
        "bacterial_pneumonia": "Children: bacterial vs viral pneumonia",
        "no_finding": "No Finding",
        "mean": "Mean over findings",
    }
    return own.get(head) or finding(head).en


def _trained_on(
    recipe: Recipe, rows: Sequence[Row], data: Path
) -> dict[str, Sequence[Row | Drawing]]:
    """Set -> its films: those with labels, those that radiologists read, those with places."""
    drawn = drawings(recipe.encoder, data)
    found: dict[str, Sequence[Row | Drawing]] = {
        source: [row for row in rows if row.source == source] for source in recipe.encoder.sets
    }
    if recipe.encoder.readings:
        found["readings"] = [row for row in rows if row.trust]
    for source in recipe.encoder.place_sets:
        found[source] = [drawing for drawing in drawn if drawing.source == source]
    return found


def _counts(films: Sequence[Row | Drawing]) -> dict[str, dict[str, int]]:
    found = {}
    for split in SPLITS:
        own = [film for film in films if film.split == split]
        if own:
            found[split] = {"images": len(own), "patients": len({film.patient for film in own})}
    return found


def _licences(recipe: Recipe, rows: Sequence[Row], data: Path) -> dict[str, int]:
    """Licence -> images trained on, of the sets where each image has its own: for their labels, or
    for the places drawn on them."""
    films: Sequence[Row | Drawing] = (*rows, *drawings(recipe.encoder, data))
    counts: Counter[str] = Counter()
    seen: set[str] = set()
    for folder, column in LICENSED.items():
        trained = {
            film.path.name
            for film in films
            if film.split == "train" and film.path.is_relative_to(data / folder)
        } - seen
        if trained:
            with (data / folder / "labels.csv").open(encoding="utf-8", newline="") as file:
                table = [row for row in csv.DictReader(file) if Path(row["file"]).name in trained]
            counts.update(row.get(column, "").strip() or "not stated" for row in table)
        seen |= trained
    return dict(sorted(counts.items()))

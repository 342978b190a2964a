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

SPLITS = ("train", "valid", "test")
LICENSED = "covid"
"""The set whose images have a licence each."""


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
            for name, path in pins.files().items()
        },
        "data": {
            source: {**said[source], "splits": _counts(rows, source)}
            for source in recipe.encoder.sets
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


def _counts(rows: Sequence[Row], source: str) -> dict[str, dict[str, int]]:
    found = {}
    for split in SPLITS:
        own = [row for row in rows if row.source == source and row.split == split]
        if own:
            found[split] = {"images": len(own), "patients": len({row.patient for row in own})}
    return found


def _licences(recipe: Recipe, rows: Sequence[Row], data: Path) -> dict[str, int]:
    """Licence -> images trained on, of the set where each image has its own."""
    if LICENSED not in recipe.encoder.sets:
        return {}
    trained = {row.path.name for row in rows if row.source == LICENSED and row.split == "train"}
    with (data / recipe.encoder.sets[LICENSED].table).open(encoding="utf-8", newline="") as file:
        table = [row for row in csv.DictReader(file) if Path(row["file"]).name in trained]
    counts = Counter(row.get("license", "").strip() or "not stated" for row in table)
    return dict(sorted(counts.items()))

"""Labelled images whose answers anyone can see, and a model small enough to train in a test."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from radraft.vision_encoder import weights
from radraft.vision_encoder.config import EncoderConfig, parse_config
from radraft.vision_encoder.train import data
from radraft.vision_encoder.train.recipe import EncoderRecipe

if TYPE_CHECKING:
    import torch

SIZE = 64
HEADS = ("pneumothorax", "pleural_effusion", "tuberculosis")
RECIPE: dict[str, Any] = {
    "heads": [{"id": head} for head in HEADS],
    "sets": {
        "films": {
            "table": "films/labels.csv",
            "weight": 2.0,
            "zero_one": {"Pneumothorax": "pneumothorax", "Effusion": "pleural_effusion"},
        },
        "screening": {
            "table": "screening/labels.csv",
            "weight": 1.0,
            "column": "finding",
            "values": {"normal": {"tuberculosis": False}, "tb": {"tuberculosis": True}},
        },
    },
    "sizes": [48, 64],
    "batch": 8,
    "steps": 6,
    "warm_up": 1,
    "learning_rate": 0.003,
    "ema": 0.5,
    "valid_every": 4,
    "checkpoint_every": 2,
}
MODEL = {
    "model_cfg": {
        "embed_dim": 16,
        "vision_cfg": {
            "timm_model_name": "test_efficientnet",
            "timm_model_pretrained": False,
            "timm_pool": "avg",
            "timm_proj": "linear",
            "image_size": SIZE,
        },
        "text_cfg": {
            "context_length": 16,
            "vocab_size": 49408,
            "width": 16,
            "heads": 2,
            "layers": 1,
        },
    },
    "preprocess_cfg": {"size": SIZE, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
}


def recipe(**changes: Any) -> EncoderRecipe:
    return EncoderRecipe.model_validate_json(json.dumps(RECIPE | changes))


def config() -> EncoderConfig:
    return parse_config("tiny", json.dumps(MODEL))


def model() -> torch.nn.Module:
    """A tiny open_clip model, always with the same weights."""
    import timm
    import torch

    torch.manual_seed(11)
    trunk = timm.create_model("test_efficientnet", pretrained=False).state_dict()
    return weights.model_of(config(), *weights.initial_state(config(), trunk))


def write_table(folder: Path, rows: list[dict[str, str]]) -> None:
    """`labels.csv` with `rows` and a picture for each that shows what its labels say."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, rows[0].keys())
        table.writeheader()
        table.writerows(rows)
    for number, row in enumerate(rows):
        noise = np.random.default_rng([number, *folder.name.encode()])
        picture = noise.integers(60, 120, (SIZE, SIZE), dtype=np.uint8)
        if row.get("Pneumothorax") == "1":
            picture[8:40, 6:26] = 250
        if row.get("Effusion") == "1":
            picture[44:60, :] = 0
        if row.get("finding") == "tb":
            picture[10:22, 40:60] = 250
        Image.fromarray(picture).save(folder / row["file"])


def write_data(folder: Path) -> Path:
    """Both sets of the recipe: two images a patient, a label in eight unknown."""
    films, screening = [], []
    for number in range(40):
        patient, split = f"p{number // 2}", ("train", "train", "valid")[number // 2 % 3]
        film = {"file": f"images/{number}.png", "patient": patient, "split": split}
        effusion = "" if number % 8 == 7 else str(number // 2 % 2)
        films.append(film | {"Pneumothorax": str(number % 2), "Effusion": effusion})
        finding = ("normal", "tb", "other")[(number + number // 6) % 3]
        screening.append(film | {"finding": finding})
    write_table(folder / "films", films)
    write_table(folder / "screening", screening)
    return folder


def load(folder: Path, plan: EncoderRecipe | None = None) -> data.Images:
    return data.load(plan or recipe(), folder, SIZE)

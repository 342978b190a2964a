"""A site with archived reports, and a set of them as `archive export` and `train embed` leave it,
over a model small enough to adapt in a test.

Imported by child processes too.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from radraft.finetune.archive_set.kinds import ORIGIN
from radraft.finetune.export import target_text
from radraft.finetune.train import dataset
from radraft.store.database import Store
from tests.builders import make_report, make_sentence
from tests.finetune import archive_world
from tests.finetune.adapt.world import ENCODER, SAID, SITE
from tests.finetune.train.conftest import DIM, GRID

HELD_OUT, TRAIN, VALID = range(100, 120), range(12), range(50, 54)
"""Numbers of the studies of each share."""


def add_studies(store: Store, numbers: range, share: str, site: str = SITE) -> list[str]:
    """Archived studies of patients of that share; their case ids."""
    return [
        archive_world.add(
            store,
            number,
            findings=f"右肺见结节影，大小约{number}mm。",
            impression="右肺结节。",
            share=share,
            # At most 81 patients have names of their own.
            who=number % 81,
            site=site,
        )
        for number in numbers
    ]


def add_archive(store: Store) -> dict[str, list[str]]:
    """A site whose archive can be learned from and judged by; case ids by share."""
    shares = {"train": TRAIN, "valid": VALID, "held_out": HELD_OUT}
    return {share: add_studies(store, numbers, share) for share, numbers in shares.items()}


def line(case_id: str, number: int, split: str, kind: str = "image") -> dict[str, Any]:
    """An example: what the picture shows is what is said, and only the picture tells."""
    zh, en = SAID[number % 2]
    said = make_sentence("f1", zh, en)
    report = make_report(case_id, 1)
    report = type(report)(case_id, (said,), (make_sentence("i1", zh, en),))
    image = f"{number:064x}"
    asked = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "CR."}]}
    answer = {"role": "assistant", "content": [{"type": "text", "text": target_text(report)}]}
    about = {
        "origin": ORIGIN,
        "kind": kind,
        "case_id": case_id,
        "split": split,
        "languages": ["zh", "en"],
        "image_ids": [image],
    }
    return {
        "messages": [asked, answer],
        "images": [f"set.images/{image}.png"],
        "metadata": about,
    }


def lines_of(cases: dict[str, list[str]]) -> list[dict[str, Any]]:
    """The examples of a site, none of held-out patients."""
    return [
        line(case_id, number, share)
        for share, numbers in (("train", TRAIN), ("valid", VALID))
        for number, case_id in zip(numbers, cases[share], strict=True)
    ]


def write_set(
    folder: Path, lines: list[dict[str, Any]], *, encoder_id: str | None = ENCODER
) -> Path:
    """The folder of `train embed`: even and odd pictures are opposites."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    names = list(dict.fromkeys(name for one in lines for name in one["images"]))
    tokens = np.stack([_tokens(name) for name in names]) if names else np.zeros((0, 1, 1))
    np.save(folder / dataset.TOKENS, tokens.astype(np.float16))
    (folder / dataset.IMAGES).write_text(json.dumps(names), encoding="utf-8")
    written = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in lines)
    (folder / dataset.PAIRS).write_text(written, encoding="utf-8")
    if encoder_id is not None:
        about = json.dumps({"encoder_id": encoder_id})
        (folder / dataset.ENCODER).write_text(about, encoding="utf-8")
    return folder


def _tokens(name: str) -> np.ndarray:
    number = int(Path(name).stem, 16)
    random = np.random.default_rng(number)
    sign = 1.0 if number % 2 == 0 else -1.0
    return (sign + 0.1 * random.standard_normal((4 * GRID, DIM))).astype(np.float32)

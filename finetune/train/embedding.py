"""The pictures of exported pairs as an encoder's patch tokens: what `dataset.read` takes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from radraft.core.errors import TrainingError
from radraft.finetune.train import dataset
from radraft.studies.key_images import from_picture

if TYPE_CHECKING:
    from radraft.finetune.train.values import Tokens
    from radraft.vision_encoder.encode import Encoder

BATCH = 16
Progress = Callable[[int, int], None]


def embed(pairs: Path, encoder: Encoder, folder: Path, on_progress: Progress) -> int:
    """Write `pairs.jsonl`, `tokens.npy` ((images, n, dim), float16), `images.json` (its order) and
    `encoder.json` into `folder`, which must be new; return how many images they are.

    `pairs` is a file of `radraft pairs export --pixels`, whose `images` are paths from its own
    folder. Every image is embedded once. `on_progress(done, total)`. TrainingError
    `training_data_missing`, `training_pairs_invalid` naming the line, or `training_picture_invalid`
    naming the picture.
    """
    try:
        lines = pairs.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise TrainingError("training_data_missing", path=str(pairs)) from None
    named = dict.fromkeys(
        image for _, example in dataset.examples(lines, pairs) for image in example.images
    )
    images = list(named)
    folder.mkdir(parents=True)
    shape = (len(images), encoder.tokens_per_image, encoder.dim)
    tokens = np.lib.format.open_memmap(folder / dataset.TOKENS, "w+", np.float16, shape)
    for start in range(0, len(images), BATCH):
        some = images[start : start + BATCH]
        pictures = [from_picture(_pixels(pairs.parent, name)) for name in some]
        for place, embedding in enumerate(encoder.encode(pictures), start):
            tokens[place] = embedding.tokens
        on_progress(start + len(some), len(images))
    tokens.flush()
    shutil.copyfile(pairs, folder / dataset.PAIRS)
    (folder / dataset.IMAGES).write_text(json.dumps(images), encoding="utf-8")
    about = {"encoder_id": encoder.encoder_id}
    # Last: a folder without it was not finished.
    (folder / dataset.ENCODER).write_text(json.dumps(about), encoding="utf-8")
    return len(images)


def sample(found: dataset.Dataset, count: int) -> Sequence[Tokens]:
    """Return the tokens of the first images of `count` pairs to train on."""
    return [found.tokens(example.images[0]) for example in found.train[:count]]


def _pixels(folder: Path, name: str) -> Any:
    """Return (rows, columns) of a picture that lies below `folder`."""
    path = folder / name
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ValueError(name)
        with Image.open(path) as picture:
            return np.asarray(picture.convert("L"))
    except (OSError, ValueError):
        raise TrainingError("training_picture_invalid", path=name) from None

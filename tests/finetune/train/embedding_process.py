"""`embed` in a process of its own, with an encoder that writes down what it was shown:
`python -m tests.finetune.train.embedding_process PAIRS FOLDER SEEN [BATCHES]`. After so many
batches it says that it waits, and waits to be killed."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from radraft.finetune.train.embedding import embed
from radraft.studies.values import KeyImage
from radraft.vision_encoder.values import ImageEmbedding

SHAPE = (4, 3)


class Encoder:
    """The mean of a picture in every token."""

    encoder_id = "mean@0"
    tokens_per_image, dim = SHAPE

    def __init__(self, seen: Path, batches: int = 1 << 30) -> None:
        self._seen, self._left = seen, batches

    def encode(self, pictures: Sequence[KeyImage]) -> tuple[ImageEmbedding, ...]:
        with self._seen.open("a", encoding="utf-8") as stream:
            stream.write("".join(f"{token(picture.pixels)}\n" for picture in pictures))
        if self._left == 0:
            sys.stdout.write("waiting\n")
            sys.stdout.flush()
            signal.pause()
        self._left -= 1
        return tuple(
            ImageEmbedding(
                picture.image_id,
                np.full(SHAPE, token(picture.pixels), np.float32),
                np.ones(2, np.float32),
            )
            for picture in pictures
        )


def token(pixels: Any) -> int:
    """Return what a picture's tokens are: the gray of all of it."""
    return int(np.asarray(pixels).mean())


def main() -> None:
    pairs, folder, seen = map(Path, sys.argv[1:4])
    encoder = Encoder(seen, *map(int, sys.argv[4:]))
    made = embed(pairs, cast(Any, encoder), folder, lambda far: None)
    sys.stdout.write(f"{made.done} {made.total} {made.own}\n")


if __name__ == "__main__":
    main()

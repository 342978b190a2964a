"""How alike the encoder finds two films, and a film and its copy: what `finetune/near.py` rests on.

    .venv/bin/python bench/near_threshold.py [--data ../shared/data] [--limit 1000] [--edition 2]

Prints the cosine of the pooled embeddings for the `valid` films of two published sets: films of
different patients, different films of one patient, and each film against its own copies, saved as
JPEG of quality 85 or resized by 2%. Then the share of each at or above some limits.
"""

from __future__ import annotations

import argparse
import csv
import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from radraft.finetune.near import SAME
from radraft.studies.key_images import from_picture
from radraft.vision_encoder.encode import Encoder
from radraft.vision_encoder.shipped import EDITIONS

SETS = ("cxr_nih14", "cxr_kermany")
ROOT = Path(__file__).resolve().parents[1]
PERCENTS = (0, 1, 50, 99, 99.9, 100)
LIMITS = (0.994, 0.995, 0.996, 0.997, 0.998)

Floats = npt.NDArray[np.float32]


def main() -> None:
    """Encode, compare, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--limit", type=int, default=1000, help="films of each set")
    parser.add_argument("--edition", type=int, choices=EDITIONS, default=EDITIONS[0])
    arguments = parser.parse_args()
    encoder = Encoder.of(None, edition=arguments.edition)
    print(f"{encoder.encoder_id}, the limit is {SAME}")
    heads = [f"p{at}" for at in PERCENTS] + [f">={at}" for at in LIMITS]
    print(f"{'':34}" + "".join(f"{head:>9}" for head in heads) + "       n")
    for name in SETS:
        films, patients = _films(arguments.data / name, arguments.limit)
        plain = _vectors(encoder, films)
        alike = plain @ plain.T
        rows, columns = np.triu_indices(len(films), 1)
        one = np.array([patients[i] == patients[j] for i, j in zip(rows, columns, strict=True)])
        _row(f"{name}: two patients", alike[rows, columns][~one])
        _row(f"{name}: two films, one patient", alike[rows, columns][one])
        for what, change in (("JPEG 85", _jpeg), ("98% size", _smaller), ("102% size", _larger)):
            copies = _vectors(encoder, [change(film) for film in films])
            _row(f"{name}: {what}", (plain * copies).sum(axis=1))


def _films(folder: Path, limit: int) -> tuple[list[Image.Image], list[str]]:
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["split"] == "valid"][:limit]
    films = []
    for row in rows:
        with Image.open(folder / row["file"]) as picture:
            films.append(picture.convert("L"))
    return films, [row["patient"] for row in rows]


def _jpeg(film: Image.Image) -> Image.Image:
    data = io.BytesIO()
    film.save(data, "JPEG", quality=85)
    return Image.open(data).convert("L")


def _smaller(film: Image.Image) -> Image.Image:
    return film.resize((round(film.width * 0.98), round(film.height * 0.98)))


def _larger(film: Image.Image) -> Image.Image:
    return film.resize((round(film.width * 1.02), round(film.height * 1.02)))


def _vectors(encoder: Encoder, films: list[Image.Image]) -> Floats:
    images = [from_picture(np.asarray(film, dtype=np.uint8)) for film in films]
    return np.stack([found.pooled for found in encoder.encode(images)])


def _row(what: str, cosines: Floats) -> None:
    if not len(cosines):
        return
    figures = "".join(f"{value:9.4f}" for value in np.percentile(cosines, PERCENTS))
    shares = "".join(f"{np.mean(cosines >= limit):9.3%}" for limit in LIMITS)
    print(f"{what:34}{figures}{shares} {len(cosines):7}", flush=True)


if __name__ == "__main__":
    main()

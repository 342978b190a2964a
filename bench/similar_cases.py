"""Prints how fast and how well the index of similar signed cases finds, at a million vectors.

    python -m radraft.bench.similar_cases [--vectors N] [--films N] [--queries N]
        [--threads N] [--data FOLDER]

No hospital's million films are here, so the vectors are made around real ones: films of the data
folder are embedded by the shipped encoder, and each vector is x + s (y - z), normalised, where x, y
and z are three of them drawn at random and s is 0.4. So what is added to a film varies as films
vary among each other. What is asked for are embeddings of films that no vector was made of. Vectors
without any structure (normal, normalised) are harder for any such index; they are measured too, at
a tenth of the number. Recall is against the exact search in float32 over all vectors.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from radraft.core.canonical import sha256
from radraft.studies.values import KeyImage
from radraft.vision_encoder.encode import Encoder
from radraft.vision_encoder.nearest import Floats, VectorIndex

FILMS = ("cxr_nih1000", "cxr_nih14", "cxr_covidcxnet", "cxr_tb_covid", "cxr_kermany")
SUFFIXES = frozenset({".png", ".jpg", ".jpeg"})
SPREAD = 0.4
AT_ONCE = 10_000
WANTED = 10
LONGEST = 512
"""Pixels of a film's longer side before the encoder's own preprocessing, which goes to 256."""
DRAWS = 1000


@dataclass(frozen=True)
class Figures:
    """What one index was measured to do."""

    build_s: float
    file_bytes: int
    memory_bytes: int
    first_ms: float
    query_ms: Floats
    """By the clock."""
    processor_ms: Floats
    """Of the processor, which does not count what other programs took."""
    recall: Floats
    """Of each query, the share of the exact nearest that were found."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", type=int, default=1_000_000)
    parser.add_argument("--films", type=int, default=3000)
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    given = parser.parse_args(arguments)
    random = np.random.default_rng(0)
    films = embedded(given.data, given.films, random)
    asked, known = films[: given.queries], films[given.queries :]
    print(f"films embedded: {len(films)}, width {films.shape[1]}; asked for: {len(asked)}")
    middle = np.median(asked[: len(asked) // 2] @ asked[len(asked) // 2 :].T)
    print(f"cosine of two films drawn at random: {middle:.2f} in the middle", flush=True)
    like_films = made_around(known, given.vectors, random)
    show("around real films", like_films, measure(like_films, asked, given.threads))
    del like_films
    fewer = max(given.vectors // 10, 1)
    pure = unit(random.standard_normal((fewer + len(asked), films.shape[1]), dtype=np.float32))
    show(
        "random", pure[len(asked) :], measure(pure[len(asked) :], pure[: len(asked)], given.threads)
    )


def embedded(data: Path, most: int, random: np.random.Generator) -> Floats:
    """Return (n, e): embeddings of films drawn from the data folder, in random order."""
    paths = sorted(
        path for name in FILMS for path in (data / name).rglob("*") if path.suffix in SUFFIXES
    )
    if not paths:
        raise SystemExit(f"no films in {data}")
    chosen = random.permutation(len(paths))[:most]
    encoder = Encoder.load()
    parts = []
    for start in range(0, len(chosen), 64):
        images = [_image(paths[place]) for place in chosen[start : start + 64]]
        parts += [embedding.pooled for embedding in encoder.encode(images)]
    return np.stack(parts)


def _image(path: Path) -> KeyImage:
    with Image.open(path) as opened:
        gray = opened.convert("L")
        gray.thumbnail((LONGEST, LONGEST))
        pixels = np.asarray(gray, dtype=np.uint8)
    return KeyImage(sha256(str(path)), pixels, pixels.astype(np.int16), "bench", 0, (128, 256), 1.0)


def made_around(known: Floats, count: int, random: np.random.Generator) -> Floats:
    """Return (count, e) unit vectors as the head of this file says."""
    made = np.empty((count, known.shape[1]), dtype=np.float32)
    for start in range(0, count, AT_ONCE):
        x, y, z = known[random.integers(len(known), size=(3, min(AT_ONCE, count - start)))]
        made[start : start + AT_ONCE] = unit(x + np.float32(SPREAD) * (y - z))
    return made


def unit(vectors: Floats) -> Floats:
    """Return them with length 1."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Floats = vectors / lengths
    return scaled


def measure(vectors: Floats, asked: Floats, threads: int) -> Figures:
    """Build an index, write it, open it as a server does, and ask it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index"
        started = time.perf_counter()
        index = VectorIndex.empty(vectors.shape[1])
        for start in range(0, len(vectors), AT_ONCE):
            part = vectors[start : start + AT_ONCE]
            index.add(range(start, start + len(part)), part, threads=threads)
        index.save(path)
        build_s, memory = time.perf_counter() - started, index.memory
        del index
        opened = VectorIndex.open(path, frozen=True)
        started = time.perf_counter()
        opened.search(asked[0], WANTED)
        first_ms = 1000 * (time.perf_counter() - started)
        truth = list(closest(asked, vectors))
        took, used, recall = [], [], []
        for vector, expected in zip(asked, truth, strict=True):
            started, spent = time.perf_counter(), time.thread_time()
            found = opened.search(vector, WANTED)
            took.append(1000 * (time.perf_counter() - started))
            used.append(1000 * (time.thread_time() - spent))
            recall.append(len(expected & {neighbour.key for neighbour in found}) / len(expected))
        size = path.stat().st_size
    as_floats = [np.array(values, dtype=np.float32) for values in (took, used, recall)]
    return Figures(build_s, size, memory, first_ms, *as_floats)


def closest(asked: Floats, vectors: Floats) -> Iterator[frozenset[int]]:
    """Yield of each query the places of the nearest by the exact search."""
    for vector in asked:
        cosines = vectors @ vector
        yield frozenset(np.argpartition(-cosines, WANTED)[:WANTED].tolist())


def show(name: str, vectors: Floats, figures: Figures) -> None:
    """Print the figures; in brackets intervals of 95% by resampling queries."""
    mib = 1 << 20
    print(f"{name}: {len(vectors):,} vectors, {len(figures.query_ms)} queries")
    print(f"  build {figures.build_s:.0f} s, file {figures.file_bytes / mib:,.0f} MiB", end="")
    print(f", memory while building {figures.memory_bytes / mib:,.0f} MiB")
    for clock, times in (("clock", figures.query_ms), ("processor", figures.processor_ms)):
        for share in (50, 95, 99):
            low, high = interval(times, partial(np.percentile, q=share))
            took = np.percentile(times, share)
            print(f"  query p{share} {took:.2f} ms [{low:.2f}, {high:.2f}] by the {clock}")
    low, high = interval(figures.recall, np.mean)
    print(f"  recall@{WANTED} {figures.recall.mean():.4f} [{low:.4f}, {high:.4f}]")
    print(f"  first query after opening {figures.first_ms:.1f} ms", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    load = os.getloadavg()[0]
    print(
        f"  highest memory of this process so far {peak:,.0f} MiB; load average {load:.1f}",
        flush=True,
    )


def interval(values: Floats, statistic: Callable[[Floats], Any]) -> tuple[float, float]:
    """Return where 95% of the statistic's values lie when the queries are drawn again."""
    random = np.random.default_rng(1)
    places = random.integers(len(values), size=(DRAWS, len(values)))
    drawn = [statistic(values[row]) for row in places]
    return float(np.percentile(drawn, 2.5)), float(np.percentile(drawn, 97.5))


if __name__ == "__main__":
    main()

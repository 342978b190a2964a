"""Throughput of `Encoder.encode` against a bare open_clip loop."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from radraft.studies.values import KeyImage
from radraft.vision_encoder import shipped
from radraft.vision_encoder.config import load_config
from radraft.vision_encoder.encode import Encoder
from radraft.vision_encoder.preprocess import preprocess

if TYPE_CHECKING:
    import torch

BARE_BATCHES = (1, 2, 4, 8)
ROUNDS = 3


def embedding_ratio(n_images: int) -> dict[str, float | int | str]:
    """Images/s of `Encoder.encode` over the fastest bare loop's, on `n_images` of 1024x1024.

    The bare loop is `for batch in batches: model(preprocessed batch)` on the same weights with
    torch's own settings, once for each batch size of `BARE_BATCHES`; preprocessing is the same and
    counted on both sides. Rounds alternate between all of them; medians count.
    """
    encoder = Encoder.load()
    images = [_image(seed) for seed in range(n_images)]
    device = encoder.device
    visual = shipped.load_visual().to(device)
    runs: dict[str, Callable[[], object]] = {"radraft": lambda: encoder.encode(images)}
    for size in BARE_BATCHES:
        runs[f"bare_{size}"] = lambda size=size: _bare(visual, images, size, device)  # type: ignore[misc]
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for measured in (False, *[True] * ROUNDS):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            if measured:
                seconds[name].append(time.perf_counter() - start)
    rates = {name: n_images / statistics.median(times) for name, times in seconds.items()}
    ours = rates.pop("radraft")
    best = max(rates, key=lambda name: rates[name])
    return {
        "images": n_images,
        "device": device,
        "radraft_images_per_s": round(ours, 2),
        **{f"{name}_images_per_s": round(rate, 2) for name, rate in rates.items()},
        "best_bare": best,
        "ratio": round(ours / rates[best], 3),
    }


def _bare(visual: torch.nn.Module, images: list[KeyImage], size: int, device: str) -> None:
    import torch

    config = load_config()
    with torch.inference_mode():
        for start in range(0, len(images), size):
            batch = np.stack([preprocess(i.pixels, config) for i in images[start : start + size]])
            pixels = torch.from_numpy(batch).permute(0, 3, 1, 2).contiguous().to(device)
            torch.nn.functional.normalize(visual(pixels), dim=-1).cpu().numpy()


def _image(seed: int) -> KeyImage:
    """A 1024x1024 image with the smooth structure of a radiograph."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (32, 32), dtype=np.uint8)
    pixels = np.kron(coarse, np.ones((32, 32), dtype=np.uint8))
    return KeyImage(f"{seed:064x}", pixels, pixels.astype(np.int16), "bench", 0, (128, 256), 1.0)

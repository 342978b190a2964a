"""The starter model: weights that are shipped, and the checkpoint that is built once from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from radraft.llm import checkpoint, pins
from radraft.llm.profiles import load_profile
from radraft.vision_encoder.shipped import Edition

PROFILES: Mapping[Edition, str] = {1: "starter", 2: "starter2"}
"""Edition -> the ready profile that pins its weights."""


@dataclass(frozen=True)
class StarterPaths:
    """Where the parts lie."""

    encoder: Path
    heads: Path
    projector: Path
    checkpoint: Path
    """In the cache; the others are shipped."""

    def built(self) -> bool:
        """Return whether all of them are there."""
        paths = (self.encoder, self.heads, self.projector, self.checkpoint)
        return all(path.exists() for path in paths)


def paths(cache_dir: Path, edition: Edition = 1) -> StarterPaths:
    """Return where the parts of `edition` belong; nothing is built."""
    shipped = pins.files(edition)
    return StarterPaths(
        encoder=shipped["encoder"],
        heads=shipped["heads"],
        projector=shipped["projector"],
        checkpoint=checkpoint.folder(cache_dir, edition),
    )


def build(
    cache_dir: Path,
    on_progress: Callable[[str, float], None] | None = None,
    *,
    edition: Edition = 1,
) -> StarterPaths:
    """Build the checkpoint where it is missing. `on_progress(what, part)` with part from 0 to 1.

    DraftingError `starter_weights_changed` where the shipped weights are not those that the
    edition's ready profile pins, and those of `checkpoint.build`.
    """
    report = on_progress or (lambda what, part: None)
    load_profile(PROFILES[edition]).check_weights()
    checkpoint.build(
        cache_dir, lambda step, part: report(f"checkpoint: {step}", part), edition=edition
    )
    return paths(cache_dir, edition)

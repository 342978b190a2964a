"""The starter model, each part built once into the cache: encoder, projector, checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from radraft.llm import checkpoint
from radraft.vision_encoder import projector, weights

PROJECTOR_SEED = 0
TRUNK_DIM = 1280
"""Length of EfficientNet-Lite0's patch tokens (Tan and Le 2019, table 1)."""


@dataclass(frozen=True)
class StarterPaths:
    """Where the parts lie once they are built."""

    encoder: Path
    projector: Path
    checkpoint: Path

    def built(self) -> bool:
        """Whether all three are there."""
        return all(path.exists() for path in (self.encoder, self.projector, self.checkpoint))


def paths(cache_dir: Path) -> StarterPaths:
    """Where the parts of this version belong; nothing is built."""
    name = f"projector-{TRUNK_DIM}x{checkpoint.WIDTH}-seed{PROJECTOR_SEED}.safetensors"
    return StarterPaths(
        encoder=weights.folder(cache_dir),
        projector=cache_dir / name,
        checkpoint=checkpoint.folder(cache_dir),
    )


def build(cache_dir: Path, on_progress: Callable[[str, float], None] | None = None) -> StarterPaths:
    """Build what is missing. `on_progress(what, part)` with part from 0 to 1."""
    report = on_progress or (lambda what, part: None)
    report("vision encoder", 0.0)
    weights.build(cache_dir)
    report("projector", 0.15)
    build_projector(cache_dir)
    checkpoint.build(cache_dir, lambda step, part: report(f"checkpoint: {step}", 0.2 + 0.8 * part))
    return paths(cache_dir)


def build_projector(cache_dir: Path) -> Path:
    """The projector at its start: untrained, the same bytes on every machine."""
    path = paths(cache_dir).projector
    if not path.exists():
        projector.build(path, dim=TRUNK_DIM, width=checkpoint.WIDTH, seed=PROJECTOR_SEED)
    return path

"""`radraft starter build`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from radraft.cli.output import Output
from radraft.core import settings

if TYPE_CHECKING:
    from radraft.vision_encoder.shipped import Edition


def build(number: int | None, out: Output) -> None:
    """Build what is missing of the edition `number`, 1 or 2, that of the settings' profile where it
    is None, and print where it lies."""
    from radraft.llm.profiles import load_profile
    from radraft.vision_encoder.shipped import EDITIONS

    current = settings.load()
    edition = load_profile(current.profile).edition if number is None else EDITIONS[number - 1]
    paths = build_all(current.cache_dir, edition, out)
    out.result(paths, "\n".join(f"{name}: {path}" for name, path in paths.items()))


def build_all(cache_dir: Path, edition: Edition, out: Output) -> dict[str, str]:
    """Where the parts lie; the checkpoint is built once from the shipped weights."""
    from radraft.llm import starter_model

    if not starter_model.paths(cache_dir, edition).built():
        out.say(f"Building the starter model into {cache_dir} (about a minute)")
    with out.waiting("Starter model") as move:
        built = starter_model.build(cache_dir, move, edition=edition)
    return {name: str(path) for name, path in asdict(built).items()}

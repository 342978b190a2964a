"""`radraft starter build`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from radraft.cli.output import Output
from radraft.core import settings


def build(out: Output) -> None:
    """Build what is missing and print where it lies."""
    paths = build_all(settings.load().cache_dir, out)
    out.result(paths, "\n".join(f"{name}: {path}" for name, path in paths.items()))


def build_all(cache_dir: Path, out: Output) -> dict[str, str]:
    """Where the parts lie; the checkpoint is built once from the shipped weights."""
    from radraft.llm import starter_model

    if not starter_model.paths(cache_dir).built():
        out.say(f"Building the starter model into {cache_dir} (about a minute)")
    with out.waiting("Starter model") as move:
        built = starter_model.build(cache_dir, move)
    return {name: str(path) for name, path in asdict(built).items()}

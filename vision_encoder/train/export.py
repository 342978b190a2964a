"""From a finished run to the weight files that are shipped."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from radraft.core import canonical, run_folder
from radraft.core.errors import TrainingError
from radraft.core.file_hash import file_sha256
from radraft.vision_encoder import weights
from radraft.vision_encoder.config import EncoderConfig
from radraft.vision_encoder.shipped import HEADS_FILE
from radraft.vision_encoder.train.recipe import EncoderRecipe

if TYPE_CHECKING:
    import torch


PLACE_FILE = "place.safetensors"


@dataclass(frozen=True)
class Exported:
    """The files of a trained encoder."""

    folder: Path
    sha256: Mapping[str, str]
    """File name -> hex SHA-256."""


def export(run: Path, recipe: EncoderRecipe, config: EncoderConfig, folder: Path) -> Exported:
    """Write the averaged weights of `run` to `folder`, half precision, in place of what is there.

    `encoder.safetensors`: image tower; `text.safetensors`: the rest of the open_clip model;
    `heads.safetensors`: `weight` (heads, width) and `bias` (heads,), head ids as JSON in the
    metadata; `place.safetensors` of the same form where the recipe has places. The same weights
    give the same bytes. TrainingError `training_run_unfinished`, or `training_diverged` where a
    weight is no number or beyond half precision.
    """
    from safetensors.torch import save_file

    averaged = _averaged(run, recipe)
    visual, clip, head = "clip.visual.", "clip.", "head."
    image = {n.removeprefix(visual): v for n, v in averaged.items() if n.startswith(visual)}
    heads = {n.removeprefix(head): v for n, v in averaged.items() if n.startswith(head)}
    text = {
        n.removeprefix(clip): v
        for n, v in averaged.items()
        if n.startswith(clip) and not n.startswith(visual)
    }
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".exporting-", dir=folder.parent))
    try:
        # One metadata key a file: safetensors does not promise the order of several.
        config_text = canonical.dumps(weights.identity(config))
        save_file(image, staging / weights.IMAGE_FILE, metadata={"config": config_text})
        save_file(text, staging / weights.TEXT_FILE)
        ids = json.dumps(recipe.head_ids)
        save_file(heads, staging / HEADS_FILE, metadata={"heads": ids})
        if recipe.places:
            place = {
                n.removeprefix("place."): v for n, v in averaged.items() if n.startswith("place.")
            }
            metadata = {"places": json.dumps(recipe.places)}
            save_file(place, staging / PLACE_FILE, metadata=metadata)
        sums = {path.name: file_sha256(path) for path in sorted(staging.iterdir())}
        # A temporary folder is its maker's alone; what is exported is for all to read.
        staging.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)
        staging.replace(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return Exported(folder, sums)


def _averaged(run: Path, recipe: EncoderRecipe) -> dict[str, torch.Tensor]:
    """Name -> weight in half precision; counters stay whole numbers."""
    import torch

    state = run_folder.load_checkpoint(run)
    done = state["done"] if state else 0
    if state is None or done < recipe.steps:
        raise TrainingError("training_run_unfinished", path=str(run), done=done, total=recipe.steps)
    found: dict[str, torch.Tensor] = {}
    for name, value in state["averaged"].items():
        floats = value.dtype.is_floating_point
        found[name] = (value.half() if floats else value).contiguous()
        if not bool(torch.isfinite(found[name]).all()):
            raise TrainingError("training_diverged", path=str(run), weight=name)
    return found

"""What is kept of how an adapter was made. No text of a report, no identity."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

import radraft
from radraft.core import canonical
from radraft.finetune.adapt.recipe import AdaptRecipe
from radraft.finetune.adapt.values import Plan, Stage
from radraft.finetune.train.values import Trained

PACKAGES = ("numpy", "peft", "torch", "transformers")
TRAVEL = (
    "kind",
    "recipe",
    "seed",
    "parent",
    "parents",
    "weights",
    "origin",
    "encoder_id",
    "counts",
    "left_out",
    "losses",
    "kept",
    "versions",
)
"""What of a card may leave the site as it is."""
CHECKS = ("code", "passed", "value", "limit", "n")


def adapted(
    planned: Plan,
    recipe: AdaptRecipe,
    *,
    kind: str,
    image_ids: Iterable[str],
    seed: int,
    encoder_id: str | None,
    trained: Mapping[Stage, Trained],
    kept: Stage,
    counts: Mapping[str, int],
) -> dict[str, Any]:
    """The card of an adapter that was trained here, of a `kind` that says on what."""
    return {
        "kind": kind,
        "recipe": recipe.model_dump(mode="json"),
        "seed": seed,
        "parent": planned.parent,
        "pairs": [*planned.train, *planned.replay],
        "valid_pairs": list(planned.valid),
        "image_ids": sorted(image_ids),
        "encoder_id": encoder_id,
        "counts": {
            "new": len(planned.train),
            "replay": len(planned.replay),
            "valid": len(planned.valid),
            "frozen": planned.frozen,
            **counts,
        },
        "left_out": dict(planned.left_out),
        "batch": [dict(check) for check in planned.batch],
        "losses": {
            stage.value: {"valid": one.valid_loss, "step": one.steps}
            for stage, one in trained.items()
        },
        "kept": kept.value,
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """What the weights depend on."""
    known = {"radraft": radraft.__version__, "python": platform.python_version()}
    return known | {package: version(package) for package in PACKAGES}


def travelling(card: Mapping[str, Any], data_sha: str) -> dict[str, Any]:
    """The part of a card that may leave the site: no id of a case, a pair or an image."""
    found = {name: card[name] for name in TRAVEL if name in card}
    checks = [{name: check.get(name) for name in CHECKS} for check in card.get("batch", ())]
    pairs = sorted(card.get("pairs", ()))
    return {
        **found,
        "batch": checks,
        "pairs": {"count": len(pairs), "sha256": canonical.sha256(pairs)},
        "data_sha": data_sha,
    }

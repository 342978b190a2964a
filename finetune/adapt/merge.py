"""Merging adapters: what two sites learned, in one candidate, without either's data."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radraft.core import canonical
from radraft.core.errors import AdapterError
from radraft.core.settings import Settings
from radraft.finetune.adapt import card, peft_files
from radraft.finetune.adapt.base import trainable
from radraft.finetune.adapt.values import Base, PixelBase
from radraft.finetune.register import enter
from radraft.finetune.train.recipe import Lora
from radraft.llm.adapter import Adapter
from radraft.llm.profiles import Profile
from radraft.store import adapter_files, adapters
from radraft.store.database import Store

if TYPE_CHECKING:
    import torch

MERGED = "merged"


def merge(
    adapter_ids: Sequence[str],
    weights: Sequence[float],
    *,
    site: str,
    store: Store,
    settings: Settings,
    profile: Profile,
    by: str,
    base: Base | PixelBase | None = None,
) -> Adapter:
    """Registers the weighted sum of the adapters' changes as a candidate of `site`, cut by singular
    values to the largest rank of its parts. It has to pass the site's gate like any other.

    AdapterError `adapter_merge_parts` for fewer than two, or weights that are none;
    `adapter_unknown`; `adapter_merge_bases_differ`; `adapter_merge_projectors_differ`; the errors
    of `registry.files.verified`.
    """
    if len(set(adapter_ids)) < 2 or len(set(adapter_ids)) < len(adapter_ids):
        raise AdapterError("adapter_merge_parts")
    if len(weights) != len(adapter_ids) or not all(map(math.isfinite, weights)):
        raise AdapterError("adapter_merge_parts")
    with store.read() as session:
        parts = [adapters.get(session, adapter_id) for adapter_id in adapter_ids]
    for part in parts:
        if not profile.is_base(part.base):
            raise AdapterError("adapter_merge_bases_differ", adapter=part.adapter_id)
    if len({part.files.get(adapter_files.PROJECTOR) for part in parts}) > 1:
        raise AdapterError("adapter_merge_projectors_differ")
    root = settings.adapters_dir
    folders = [adapter_files.verified(root, part) for part in parts]
    ground = base or trainable(profile, settings.cache_dir)
    state, lora = _sum(ground, folders, weights)
    projector = folders[0] / adapter_files.PROJECTOR
    own = projector if projector.exists() else None
    with tempfile.TemporaryDirectory(dir=root, prefix=".merge-") as staging:
        made = Path(staging) / MERGED
        peft_files.write(made, state, lora, profile.model_id, own, whole=ground.whole)
        weighed = zip(parts, weights, strict=True)
        return enter(
            made,
            root,
            store,
            site=site,
            base=profile.model_id,
            parent=None,
            data_sha=canonical.sha256([[part.data_sha, weight] for part, weight in weighed]),
            card=_card(parts, weights),
            by=by,
        )


def _card(parts: Sequence[Adapter], weights: Sequence[float]) -> dict[str, Any]:
    return {
        "kind": MERGED,
        "parents": [part.adapter_id for part in parts],
        "sites": [part.site for part in parts],
        "weights": list(weights),
        "versions": card.versions(),
    }


def _sum(
    ground: Base | PixelBase, folders: Sequence[Path], weights: Sequence[float]
) -> tuple[dict[str, torch.Tensor], Lora]:
    """peft's weighted sum under the trainer's names, and its shape."""
    from peft import get_peft_model_state_dict, set_peft_model_state_dict

    from radraft.finetune.train import language, native

    shapes = [peft_files.shape(folder) for folder in folders]
    whole = ground.whole
    model: Any
    if whole:
        model = native.with_lora(native.load(ground.checkpoint), shapes[0], "part0")
    else:
        base = language.load_base(ground.checkpoint, "bf16")
        model = language.with_lora(base, shapes[0], "part0")
    for place, (folder, lora) in enumerate(zip(folders, shapes, strict=True)):
        if place:
            config = native.native_config(lora) if whole else language.lora_config(lora)
            model.add_adapter(f"part{place}", config)
        state = peft_files.state(folder, whole=whole)
        set_peft_model_state_dict(model, state, adapter_name=f"part{place}")
    names = [f"part{place}" for place in range(len(folders))]
    # Full matrices would be computed and thrown away.
    model.add_weighted_adapter(names, list(weights), MERGED, "svd", svd_full_matrices=False)
    config = model.peft_config[MERGED]
    targets = tuple(sorted({target for shape in shapes for target in shape.targets}))
    lora = Lora(rank=config.r, alpha=config.lora_alpha, targets=targets)
    return dict(get_peft_model_state_dict(model, adapter_name=MERGED)), lora

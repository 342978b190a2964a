"""What a profile's adapters are trained over, and where a run begins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from radraft.core.errors import AdapterError
from radraft.finetune.adapt import peft_files
from radraft.finetune.adapt.recipe import AdaptRecipe
from radraft.finetune.adapt.values import Base, Origin
from radraft.llm import checkpoint, pins
from radraft.llm.adapter import Adapter
from radraft.llm.profiles import Profile, StarterCheckpoint
from radraft.store import adapter_files
from radraft.vision_encoder import shipped

Report = Callable[[str, float], None]


def trainable(profile: Profile, cache_dir: Path, on_progress: Report | None = None) -> Base:
    """The base of `profile`, its checkpoint built where it is missing (about a minute).

    AdapterError `adapt_profile_untrainable` for anything but the starter: a profile names no
    projector file, and pixels do not go through the trainer.
    """
    if not isinstance(profile.checkpoint, StarterCheckpoint) or profile.image_way != "embeds":
        raise AdapterError("adapt_profile_untrainable", profile=profile.name)
    profile.check_weights()
    found = pins.files()
    return Base(
        checkpoint=checkpoint.build(cache_dir, on_progress),
        projector=found["projector"],
        heads=found["heads"],
        encoder_id=shipped.encoder_id(),
        image_token=checkpoint.IMAGE_TOKEN,
        tokens_per_image=checkpoint.TOKENS_PER_IMAGE,
    )


def origin(
    base: Base, parent: Adapter | None, root: Path, recipe: AdaptRecipe, folder: Path
) -> Origin:
    """What training begins with: `parent`'s weights, written to `folder` under the trainer's names,
    or none. An adapter that is gone on from keeps its rank, and its projector if it has one.

    AdapterError `adapter_files_changed` where the parent's files are not the registered ones.
    """
    if parent is None:
        return Origin(None, None, base.projector, False, recipe.lora)
    source = adapter_files.verified(root, parent)
    folder.mkdir(parents=True, exist_ok=True)
    adapter = folder / pins.LORA_FILE
    peft_files.to_trainer(source, adapter)
    own = source / adapter_files.PROJECTOR
    return Origin(
        parent=parent.adapter_id,
        adapter=adapter,
        projector=own if own.exists() else base.projector,
        own_projector=own.exists(),
        lora=peft_files.shape(source),
    )

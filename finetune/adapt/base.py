"""What a profile's adapters are trained over, and where a run begins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from radraft.core.errors import AdapterError
from radraft.finetune.adapt import peft_files
from radraft.finetune.adapt.recipe import AdaptRecipe
from radraft.finetune.adapt.values import Base, Origin, PixelBase
from radraft.llm import checkpoint, llava_form, native_layers, pins, text_base
from radraft.llm.adapter import Adapter
from radraft.llm.profile_check import facts
from radraft.llm.profiles import HubCheckpoint, Profile, StarterCheckpoint
from radraft.store import adapter_files
from radraft.vision_encoder import shipped

Report = Callable[[str, float], None]


def trainable(
    profile: Profile, cache_dir: Path, on_progress: Report | None = None
) -> Base | PixelBase:
    """The base of `profile`, its checkpoint built where it is missing (about a minute).

    AdapterError `adapt_profile_untrainable` for one that takes embeddings without a projector that
    the profile shapes, and for a native model of a class that vLLM serves without LoRA or that has
    code of its own; `adapt_base_not_pinned` for one that may change between two starts.
    SettingsError as `llava_form.of_profile`, `build` and `text_base.base_folder`,
    `profile_layers_unserved` naming the layers that vLLM would leave out; EncodingError as
    `text_base.encoder_id`.
    """
    if profile.image_way == "pixels":
        return _native_base(profile)
    if profile.projector is not None:
        return _text_base(profile, cache_dir, on_progress)
    if not isinstance(profile.checkpoint, StarterCheckpoint):
        raise AdapterError("adapt_profile_untrainable", profile=profile.name)
    profile.check_weights()
    found = pins.files(profile.edition)
    return Base(
        checkpoint=checkpoint.build(cache_dir, on_progress, edition=profile.edition),
        projector=found["projector"],
        heads=found["heads"],
        encoder_id=text_base.encoder_id(profile),
        image_token=checkpoint.IMAGE_TOKEN,
        tokens_per_image=checkpoint.TOKENS_PER_IMAGE,
    )


def _native_base(profile: Profile) -> PixelBase:
    """A vision-language model, as it is served."""
    if isinstance(profile.checkpoint, HubCheckpoint) and not profile.checkpoint.pinned:
        raise AdapterError("adapt_base_not_pinned", profile=profile.name)
    profile.check_weights()
    folder = text_base.base_folder(profile)
    architecture = facts.architecture(facts.configuration(folder))
    if architecture not in native_layers.SERVED or profile.chat_format != "model":
        raise AdapterError("adapt_profile_untrainable", profile=profile.name)
    native_layers.require_served(architecture, profile.lora_targets or ())
    return PixelBase(folder, architecture, pins.files()["heads"], shipped.encoder_id())


def _text_base(profile: Profile, cache_dir: Path, on_progress: Report | None) -> Base:
    """A language model that radraft gives its images, what was trained on it merged."""
    assert profile.projector is not None
    profile.check_weights()
    form = llava_form.of_profile(profile, with_lora=True)
    built = llava_form.build(form, cache_dir, on_progress)
    return Base(
        checkpoint=built,
        projector=text_base.projector_of(profile),
        heads=pins.files()["heads"],
        encoder_id=text_base.encoder_id(profile),
        image_token=llava_form.image_token_of(built),
        tokens_per_image=profile.projector.tokens_per_image,
        parts=profile.projector.parts,
        heads_encoder=shipped.encoder_id(),
    )


def origin(
    base: Base | PixelBase,
    parent: Adapter | None,
    root: Path,
    recipe: AdaptRecipe,
    folder: Path,
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
    peft_files.to_trainer(source, adapter, whole=base.whole)
    own = source / adapter_files.PROJECTOR
    return Origin(
        parent=parent.adapter_id,
        adapter=adapter,
        projector=own if own.exists() else base.projector,
        own_projector=own.exists(),
        lora=peft_files.shape(source),
    )

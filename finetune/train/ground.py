"""What projector and LoRA are trained over: the starter's base, or a profile's language model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from radraft.core.errors import TrainingError
from radraft.finetune.train import projector_start
from radraft.finetune.train.embedding import sample
from radraft.llm import checkpoint, llava_form, text_base

if TYPE_CHECKING:
    from radraft.finetune.train.dataset import Dataset
    from radraft.llm.profiles import Profile

SAMPLE = 256
"""Images whose tokens give the projector its mean and scale."""


@dataclass(frozen=True)
class Ground:
    """A language model that was not trained on images yet."""

    checkpoint: Path
    """LLaVA checkpoint folder."""
    image_token: str
    tokens_per_image: int
    parts: int | None
    """As `Projector.pool`."""


def base_id(profile: Profile | None) -> str:
    """Return what names the base in a run's record: the starter's where `profile` is None.

    SettingsError as `llava_form.of_profile`.
    """
    if profile is None:
        return checkpoint.GGUF_SHA256
    return llava_form.of_profile(profile, with_lora=False).hash


def build(
    profile: Profile | None, cache_dir: Path, on_progress: Callable[[str, float], None]
) -> Ground:
    """Return the base, built in the cache where it is missing. Errors as `checkpoint.build_base`
    and `llava_form.build`."""
    if profile is None or profile.projector is None:
        built = checkpoint.build_base(cache_dir, on_progress)
        return Ground(built, checkpoint.IMAGE_TOKEN, checkpoint.TOKENS_PER_IMAGE, None)
    profile.check_weights()
    form = llava_form.of_profile(profile, with_lora=False)
    built = llava_form.build(form, cache_dir, on_progress)
    token = llava_form.image_token_of(built)
    return Ground(built, token, form.tokens_per_image, profile.projector.parts)


def begin(run: Path, base: Ground, found: Dataset, seed: int) -> Path:
    """Return the projector that a run over a profile's base begins with, drawn once. Errors as
    `projector_start.draw`; TrainingError `training_without_images` for pairs of text alone, which
    say nothing of what the projector is to give."""
    path = run / "begin.safetensors"
    if not path.exists():
        assert base.parts is not None
        tokens = sample(found, SAMPLE)
        if found.train and not tokens:
            raise TrainingError("training_without_images", count=len(found.train))
        projector_start.draw(path, base.checkpoint, tokens, base.parts, seed)
    return path


def require_encoder(profile: Profile, found: Dataset) -> None:
    """TrainingError `training_other_encoder` unless the pairs were embedded by the profile's
    encoder; EncodingError as `text_base.encoder_id`."""
    expected = text_base.encoder_id(profile)
    if found.encoder_id != expected:
        raise TrainingError(
            "training_other_encoder", expected=expected, found=found.encoder_id or "?"
        )

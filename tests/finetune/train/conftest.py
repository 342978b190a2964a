"""A LLaVA checkpoint small enough to train in a test: the real architecture, random weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from radraft.finetune.train.recipe import LanguageRecipe
from radraft.finetune.train.text import Tokenizer
from radraft.finetune.train.values import Example
from radraft.llm.checkpoint import CHAT_TEMPLATE

from . import own_model

DIM, WIDTH, GRID = 12, 32, 4
PER_IMAGE = 1 + GRID
IMAGE = "<unused0>"


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from safetensors.torch import save_file
    from tokenizers import Tokenizer as Raw, decoders, models, pre_tokenizers
    from transformers import (
        AutoModelForCausalLM,
        Gemma3TextConfig,
        LlavaConfig,
        PreTrainedTokenizerFast,
        SiglipVisionConfig,
    )

    folder = tmp_path_factory.mktemp("tiny-llava")
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<spare>", IMAGE]
    words = {word: index for index, word in enumerate([*special, *alphabet])}
    raw = Raw(models.BPE(vocab=words, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw,
        bos_token="<bos>",
        eos_token="<eos>",
        pad_token="<pad>",
        unk_token="<unk>",
        additional_special_tokens=[IMAGE],
    )
    tokenizer.chat_template = CHAT_TEMPLATE.read_text(encoding="utf-8")
    tokenizer.save_pretrained(folder)
    text = Gemma3TextConfig(
        vocab_size=len(words),
        hidden_size=WIDTH,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        max_position_embeddings=1024,
        # Wide, or logits of so narrow a model could not tell one word from another.
        initializer_range=0.3,
        bos_token_id=2,
        eos_token_id=1,
        pad_token_id=0,
    )
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(text)
    state = {
        "model.language_model." + name.removeprefix("model."): value.contiguous()
        for name, value in model.state_dict().items()
        if not name.startswith("lm_head.")
    }
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    vision = SiglipVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=1
    )
    config = LlavaConfig(text_config=text.to_dict(), vision_config=vision.to_dict())
    config.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tokenizer(base: Path) -> Tokenizer:
    return Tokenizer(base, IMAGE, PER_IMAGE)


@pytest.fixture(scope="session")
def projector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from safetensors.numpy import save_file

    random = np.random.default_rng(1)
    path = tmp_path_factory.mktemp("projector") / "projector.safetensors"
    tensors = {"mean": np.zeros(DIM), "scale": np.ones(DIM)}
    for name in ("whole", "part"):
        tensors[f"{name}.weight"] = random.standard_normal((WIDTH, DIM)) / DIM**0.5
        tensors[f"{name}.bias"] = np.zeros(WIDTH)
    save_file({name: value.astype(np.float32) for name, value in tensors.items()}, path)
    return path


@pytest.fixture(scope="session")
def own(tmp_path_factory: pytest.TempPathFactory) -> own_model.Own:
    """An `embeds` profile of another encoder and a Qwen3."""
    return own_model.build(tmp_path_factory.mktemp("own"))


@pytest.fixture
def recipe() -> Callable[..., LanguageRecipe]:
    def make(**changes: object) -> LanguageRecipe:
        usual: dict[str, object] = {
            "steps": 12,
            "batch": 4,
            "micro_batch": 4,
            "warm_up": 2,
            "learning_rate": 0.01,
            "projector_rate": 0.01,
            "valid_every": 4,
            "checkpoint_every": 4,
            "precision": "fp32",
        }
        return LanguageRecipe.model_validate_json(json.dumps(usual | changes))

    return make


def tokens(image_id: str) -> np.ndarray:
    """An image that is all of one kind: even numbers and odd ones point opposite ways."""
    number = int(image_id)
    random = np.random.default_rng(number)
    sign = 1.0 if number % 2 == 0 else -1.0
    noise = 0.1 * random.standard_normal((4 * GRID, DIM))
    return (sign + noise).astype(np.float32)


def example(number: int, *, rejected: bool = False) -> Example:
    """Says what the picture is, and only the picture tells."""
    content = [{"type": "image"}, {"type": "text", "text": "CR."}]
    said = ('{"zh":"肺"}', '{"en":"no"}')
    return Example(
        messages=({"role": "user", "content": content},),
        images=(str(number),),
        chosen=said[number % 2],
        rejected=said[1 - number % 2] if rejected else None,
    )

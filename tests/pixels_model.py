"""Native vision-language models of a few hundred kilobytes: the real configuration classes, random
weights, tokenizers trained on the spot, and each one's own processor and chat template.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from radraft.finetune.export import target_text
from radraft.llm.profiles import Profile, load_profile
from tests import embeds_model

QWEN = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>",
        "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>")  # fmt: skip
GEMMA = ("<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>", "<start_of_image>",
         "<end_of_image>", "<image_soft_token>")  # fmt: skip
INTERN = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<img>", "</img>", "<IMG_CONTEXT>",
          "<video>")  # fmt: skip
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% for c in m.content %}"
    "{% if c.type == 'text' %}{{ c.text }}{% else %}IMAGE{% endif %}"
    "{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
GEMMA_CHAT = (
    "<bos>{% for m in messages %}<start_of_turn>{{ m.role }}\n{% for c in m.content %}"
    "{% if c.type == 'text' %}{{ c.text }}{% else %}<start_of_image>{% endif %}"
    "{% endfor %}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
PROFILE = """
name: tiny
base: {kind: path, path: PATH}
image_way: pixels
lora_targets: TARGETS
chat_format: model
template: prompt.yaml
priors: 1
languages: [zh, en]
covers:
  - {modality: CR, body_part: CHEST, view: frontal}
  - {modality: CT, body_part: CHEST, view: none}
  - {modality: CT, body_part: "", view: none}
  - {modality: MR, body_part: "", view: none}
context_tokens: 3072
answers: written
notice: {zh: 随机权重，仅供测试。, en: Random weights for a test.}
bounds: {findings: 2, impression: 1, zh_chars: 10, en_chars: 60}
sampling: {max_tokens: 256}
vllm: {dtype: float32, max_num_seqs: 2, max_images: 4, cpu_kv_cache_gib: 1}
"""
PROMPT = """
id: tiny
version: 1
languages: [zh, en]
variables: [modality, view, history]
messages:
  - role: system
    parts: [{text: Write the report.}]
  - role: user
    parts:
      - prior: "{{ prior.number }}: {{ prior.findings_en }}"
      - images: all
      - text: "{{ modality }} {{ view }} {{ history }}"
"""
TEXT = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    # vLLM's attention on a CPU has no narrower heads.
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 32,
    "max_position_embeddings": 4096,
    "tie_word_embeddings": False,
    # Wide, or logits of so narrow a model could not tell one word from another.
    "initializer_range": 0.2,
}
NEWLINE = "\n"
SIDE = 56
"""Pixels a side to which the processors bring a picture."""


def build(
    folder: Path,
    kind: str = "qwen2.5-vl",
    *,
    targets: str = "[q_proj, v_proj, down_proj]",
    **changes: Any,
) -> Profile:
    """Write weights, tokenizer, processor and profile into `folder`; return the profile. `changes`
    are of the language model's configuration."""
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        KINDS[kind](folder, changes)
    (folder / "prompt.yaml").write_text(PROMPT, encoding="utf-8")
    path = folder / "tiny.yaml"
    text = PROFILE.replace("PATH", str(folder)).replace("TARGETS", targets)
    path.write_text(text, encoding="utf-8")
    return load_profile(str(path))


def tokenizer(special: tuple[str, ...], eos: str, pad: str, **more: Any) -> Any:
    """Byte pairs of the reports and the prompt that the tests use."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    words = [target_text(embeds_model.report(n)) for n in range(embeds_model.PAIRS)]
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=800,
        special_tokens=list(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator([*words, *[PROMPT] * 20], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=raw, eos_token=eos, pad_token=pad, **more)


def _qwen_ids(fast: Any) -> dict[str, int]:
    ids = dict(zip(QWEN, fast.convert_tokens_to_ids(list(QWEN)), strict=True))
    return {
        "image_token_id": ids["<|image_pad|>"],
        "video_token_id": ids["<|video_pad|>"],
        "vision_start_token_id": ids["<|vision_start|>"],
        "vision_end_token_id": ids["<|vision_end|>"],
    }


def _qwen(folder: Path, kind: str, config: Any, model: Any, fast: Any, patch: int) -> None:
    from transformers import Qwen2VLImageProcessorPil

    model(config).save_pretrained(folder)
    image = "<|vision_start|><|image_pad|><|vision_end|>"
    fast.chat_template = CHATML.replace("IMAGE", image)
    fast.save_pretrained(folder)
    own = 4 * patch * patch
    least, most = (SIDE * SIDE // own) * own, 4 * SIDE * SIDE
    Qwen2VLImageProcessorPil(
        min_pixels=least, max_pixels=most, patch_size=patch, temporal_patch_size=2, merge_size=2
    ).save_pretrained(folder)
    _write(folder / "processor_config.json", {"processor_class": f"{kind}Processor"})
    video = {"video_processor_type": "Qwen2VLVideoProcessor", "patch_size": patch}
    _write(folder / "video_preprocessor_config.json", video)


def _qwen25(folder: Path, changes: Mapping[str, Any]) -> None:
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    fast = tokenizer(QWEN, "<|im_end|>", "<|endoftext|>")
    rope = {"rope_type": "default", "mrope_section": [4, 6, 6], "rope_theta": 10000.0}
    text = TEXT | {"vocab_size": len(fast), "rope_parameters": rope} | changes
    del text["head_dim"]
    config = Qwen2_5_VLConfig(
        text_config=text | {"eos_token_id": fast.eos_token_id, "bos_token_id": None},
        vision_config={
            "depth": 1,
            "hidden_size": 64,
            "out_hidden_size": 64,
            "intermediate_size": 64,
            "num_heads": 2,
            "patch_size": 14,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            "window_size": 56,
            "fullatt_block_indexes": [0],
            "initializer_range": 0.2,
        },
        tie_word_embeddings=False,
        **_qwen_ids(fast),
    )
    _qwen(folder, "Qwen2_5_VL", config, Qwen2_5_VLForConditionalGeneration, fast, 14)


def _qwen3(folder: Path, changes: Mapping[str, Any]) -> None:
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

    fast = tokenizer(QWEN, "<|im_end|>", "<|endoftext|>")
    rope = {
        "rope_type": "default",
        "mrope_section": [6, 5, 5],
        "mrope_interleaved": True,
        "rope_theta": 10000.0,
    }
    text = TEXT | {"vocab_size": len(fast), "rope_parameters": rope} | changes
    config = Qwen3VLConfig(
        text_config=text | {"eos_token_id": fast.eos_token_id, "bos_token_id": None},
        vision_config={
            "depth": 2,
            "hidden_size": 64,
            "out_hidden_size": 64,
            "intermediate_size": 64,
            "num_heads": 2,
            "patch_size": 16,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            "num_position_embeddings": 16,
            "deepstack_visual_indexes": [0],
            "initializer_range": 0.2,
        },
        tie_word_embeddings=False,
        **_qwen_ids(fast),
    )
    _qwen(folder, "Qwen3VL", config, Qwen3VLForConditionalGeneration, fast, 16)


def _gemma3(folder: Path, changes: Mapping[str, Any]) -> None:
    from transformers import (
        Gemma3Config,
        Gemma3ForConditionalGeneration,
        Gemma3ImageProcessorPil,
        Gemma3Processor,
    )

    named = {
        "boi_token": "<start_of_image>",
        "eoi_token": "<end_of_image>",
        "image_token": "<image_soft_token>",
    }
    fast = tokenizer(GEMMA, "<eos>", "<pad>", bos_token="<bos>", extra_special_tokens=named)
    # vLLM joins line ends before and behind an image into the token that Gemma has for so many.
    fast.add_tokens([NEWLINE * count for count in (1, 2, 3, 4)])
    ids = dict(zip(GEMMA, fast.convert_tokens_to_ids(list(GEMMA)), strict=True))
    text = TEXT | {"vocab_size": len(fast), "sliding_window": 4096} | changes
    text |= {"query_pre_attn_scalar": 32, "eos_token_id": fast.eos_token_id}
    text |= {"pad_token_id": fast.pad_token_id, "bos_token_id": fast.bos_token_id}
    config = Gemma3Config(
        text_config=text,
        vision_config={
            "hidden_size": 64,
            "intermediate_size": 64,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": SIDE,
            "patch_size": 14,
        },
        mm_tokens_per_image=4,
        boi_token_index=ids["<start_of_image>"],
        eoi_token_index=ids["<end_of_image>"],
        image_token_index=ids["<image_soft_token>"],
        eos_token_id=fast.eos_token_id,
        tie_word_embeddings=False,
    )
    model = Gemma3ForConditionalGeneration(config)
    _wake(model.model.multi_modal_projector.mm_input_projection_weight)
    model.save_pretrained(folder)
    _published_names(folder / "model.safetensors")
    fast.chat_template = GEMMA_CHAT
    pictures = Gemma3ImageProcessorPil(size={"height": SIDE, "width": SIDE})
    Gemma3Processor(
        image_processor=pictures, tokenizer=fast, image_seq_length=4, chat_template=GEMMA_CHAT
    ).save_pretrained(folder)


def _intern(folder: Path, changes: Mapping[str, Any]) -> None:
    from transformers import (
        GotOcr2ImageProcessorPil,
        InternVLConfig,
        InternVLForConditionalGeneration,
        InternVLProcessor,
        InternVLVideoProcessor,
    )

    named = {
        "start_image_token": "<img>",
        "end_image_token": "</img>",
        "context_image_token": "<IMG_CONTEXT>",
        "video_token": "<video>",
    }
    fast = tokenizer(INTERN, "<|im_end|>", "<|endoftext|>", extra_special_tokens=named)
    text = TEXT | {"vocab_size": len(fast), "model_type": "qwen3"} | changes
    config = InternVLConfig(
        text_config=text | {"eos_token_id": fast.eos_token_id, "bos_token_id": None},
        vision_config={
            "hidden_size": 64,
            "intermediate_size": 64,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": [SIDE, SIDE],
            "patch_size": [14, 14],
        },
        image_token_id=fast.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=4,
        downsample_ratio=0.5,
        tie_word_embeddings=False,
    )
    InternVLForConditionalGeneration(config).save_pretrained(folder)
    chat = CHATML.replace("IMAGE", "<IMG_CONTEXT>\n")
    fast.chat_template = chat
    InternVLProcessor(
        image_processor=GotOcr2ImageProcessorPil(
            size={"height": SIDE, "width": SIDE}, crop_to_patches=False
        ),
        tokenizer=fast,
        video_processor=InternVLVideoProcessor(size={"height": SIDE, "width": SIDE}),
        image_seq_length=4,
        chat_template=chat,
    ).save_pretrained(folder)


def _published_names(path: Path) -> None:
    """Gemma's tower as its makers' files have it, which vLLM loads; transformers 5 writes another
    name and reads both."""
    from safetensors.torch import load_file, save_file

    state = load_file(path)
    renamed = {
        name.replace("vision_tower.", "vision_tower.vision_model."): value
        for name, value in state.items()
    }
    save_file(renamed, path, metadata={"format": "pt"})


def _wake(weight: Any) -> None:
    """Random values in what a class begins with zeros."""
    import torch

    with torch.no_grad():
        weight.normal_(std=0.2)


def _write(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


KINDS = {"qwen2.5-vl": _qwen25, "qwen3-vl": _qwen3, "gemma-3": _gemma3, "internvl": _intern}

"""An `embeds` profile of other parts than the starter's: an open_clip vision transformer and a
Qwen3 with random weights of their real configuration classes, the tokenizer trained on the spot.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from radraft.core import canonical
from radraft.finetune.export import assistant, chat, target_text
from radraft.prompts.build import build
from radraft.studies.key_images import from_picture
from radraft.studies.values import KeyImages
from tests.builders import make_report, make_sentence
from tests.llm.cases import CASE_ID, make_case
from tests.scale import FULL

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|image_pad|>")
CHAT = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.content is string %}{{ m.content }}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}"
    "<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
"""As Qwen3's, which drops a content of several parts."""
SAID = (
    ("双肺纹理清晰。", "The lungs are clear."),
    ("心影增大。", "The heart is enlarged."),
    ("左侧胸腔积液。", "There is a left pleural effusion."),
    ("右上肺结节。", "There is a nodule in the right upper lobe."),
    ("未见气胸。", "There is no pneumothorax."),
    ("主动脉迂曲。", "The aorta is tortuous."),
)
PAIRS = 20
PROFILE = """
name: own
base: {kind: path, path: PATH/base}
image_way: embeds
encoder: {folder: encoder}
projector: {parts: PARTS}
lora_targets: [q_proj, v_proj, down_proj]
chat_format: model
template: prompt.yaml
languages: [zh, en]
covers:
  - {modality: CR, body_part: CHEST, view: frontal}
context_tokens: 1024
answers: quoted
notice: {zh: 随机权重，仅供测试。, en: Random weights for a test.}
bounds: {findings: 2, impression: 1, zh_chars: 10, en_chars: 60}
sampling: {max_tokens: 256}
vllm: {dtype: float32, max_num_seqs: 2, max_images: 2, cpu_kv_cache_gib: 1}
"""
PROMPT = """
id: own
version: 1
languages: [zh, en]
variables: [modality, view]
messages:
  - role: system
    parts: [{text: Write the report.}]
  - role: user
    parts:
      - images: all
      - text: "{{ modality }} {{ view }}"
"""


def build_all(folder: Path, *, real_width: bool = FULL, **changes: Any) -> Path:
    """Write encoder, base, prompt and profile into `folder`; return the profile's file. `changes`
    are of the language model's configuration."""
    build_encoder(folder / "encoder", real_width=real_width)
    build_base(folder / "base", **changes)
    (folder / "prompt.yaml").write_text(PROMPT, encoding="utf-8")
    # Half of the encoder's grid: 14 of a ViT-B/16's patches a side, 4 of the small one's.
    parts = 7 if real_width else 2
    text = PROFILE.replace("PATH", str(folder)).replace("PARTS", str(parts))
    path = folder / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def with_trained(profile: Path, run: Path) -> Path:
    """Return the same profile with what the folder `run` of a training holds."""
    path = profile.with_name("own-trained.yaml")
    path.write_text(f"{profile.read_text('utf-8')}trained: {run}\n", encoding="utf-8")
    return path


def build_encoder(folder: Path, *, real_width: bool = FULL, **preprocess: Any) -> None:
    """A vision transformer in the form that open_clip pushes to a hub: a ViT-B/16 where it is to
    be as wide as real ones."""
    import torch
    from open_clip import get_model_config
    from open_clip.model import CLIP
    from safetensors.torch import save_file

    folder.mkdir(parents=True)
    tiny = {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8}
    text = {"context_length": 8, "vocab_size": 64, "width": 16, "heads": 2, "layers": 1}
    config: dict[str, Any] = {"embed_dim": 24, "vision_cfg": tiny, "text_cfg": text}
    if real_width:
        config = get_model_config("ViT-B-16")
    size = config["vision_cfg"]["image_size"]
    own = {"size": size, "mean": [0.4] * 3, "std": [0.3] * 3, "resize_mode": "squash"} | preprocess
    with torch.random.fork_rng():
        torch.manual_seed(3)
        state = CLIP(**config).state_dict()
    whole = {"model_cfg": config, "preprocess_cfg": own}
    (folder / "open_clip_config.json").write_text(json.dumps(whole), encoding="utf-8")
    save_file(state, folder / "open_clip_model.safetensors")


def build_base(folder: Path, *, chat_template: str | None = CHAT, **changes: Any) -> None:
    """A Qwen3 whose output layer is its own, in two files."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, Qwen3Config

    asked = "system user assistant Write the report. CR frontal <think> </think>"
    words = [*(target_text(report(number)) for number in range(PAIRS)), *([asked] * PAIRS)]
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=800, special_tokens=list(SPECIAL), initial_alphabet=alphabet, show_progress=False
    )
    raw.train_from_iterator(words, trainer)
    fast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=raw, eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )
    if chat_template is not None:
        fast.chat_template = chat_template
    fast.save_pretrained(folder)
    config = Qwen3Config(
        **{
            "vocab_size": len(fast),
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 2,
            # vLLM's attention on a CPU has no narrower heads.
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "head_dim": 32,
            "max_position_embeddings": 2048,
            "tie_word_embeddings": False,
            "eos_token_id": fast.convert_tokens_to_ids("<|im_end|>"),
            # Wide, or logits of so narrow a model could not tell one word from another.
            "initializer_range": 0.2,
        }
        | changes
    )
    with torch.random.fork_rng():
        torch.manual_seed(5)
        model = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
    model.save_pretrained(folder, max_shard_size="150KB")


def picture(number: int) -> np.ndarray:
    """A gray film of its own pattern: blocks that an encoder with random weights tells apart."""
    blocks = np.random.default_rng(number).integers(0, 256, (4, 4), dtype=np.uint8)
    return np.kron(blocks, np.ones((24, 20), dtype=np.uint8))


def report(number: int) -> Any:
    """The report of that film: two findings and one of them again as the impression."""
    first, second = list(itertools.permutations(SAID, 2))[number]
    findings = (make_sentence("f1", *first), make_sentence("f2", *second))
    return make_report(CASE_ID, 1).__class__(CASE_ID, findings, (make_sentence("i1", *first),))


def images(number: int) -> KeyImages:
    return KeyImages(CASE_ID, (from_picture(picture(number)),))


def lines(template: str) -> Iterator[dict[str, Any]]:
    """The pairs as exported with pixels: each film to learn, and again to validate with."""
    for split in ("train", "held_out"):
        for number in range(PAIRS):
            shown = images(number)
            request = build(make_case(), shown, None, template=template, adapter_id=None)
            asked, _ = chat(canonical.plain(request.messages), request.own_image_ids)
            yield {
                "messages": [*asked, assistant(report(number))],
                "images": [f"pairs.images/{number}.png"],
                "metadata": {"split": split},
            }


def write_pairs(folder: Path, template: str) -> Path:
    """Write what `radraft pairs export --pixels` would have written."""
    from PIL import Image

    (folder / "pairs.images").mkdir(parents=True)
    for number in range(PAIRS):
        Image.fromarray(picture(number)).save(folder / "pairs.images" / f"{number}.png")
    path = folder / "pairs.jsonl"
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines(template))
    path.write_text(text, encoding="utf-8")
    return path

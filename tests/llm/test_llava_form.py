"""A text model in the form in which vLLM takes image embeddings."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from radraft.core.errors import DraftingError, RadraftError
from radraft.llm import llava_form
from radraft.llm.llava_form import LlavaForm, build, image_token_of, tower_side
from radraft.llm.lora import PREFIX
from radraft.llm.weights_hash import folder_hash
from tests.embeds_model import build_base

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base") / "qwen3"
    build_base(folder)
    return folder


def form(base: Path, **changes: Any) -> LlavaForm:
    whole = LlavaForm(base, folder_hash(base), None, 5, plain=False, image_token=None)
    return replace(whole, **changes)


def logits(model: Any) -> Any:
    import torch

    with torch.inference_mode():
        return model.eval()(torch.tensor([[5, 6, 7, 8]])).logits


def original(base: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(base)


@pytest.mark.parametrize("tied", [False, True])
def test_the_language_model_in_it_is_the_base(base: Path, tmp_path: Path, tied: bool) -> None:
    import torch

    from radraft.finetune.train.language import load_base

    if tied:
        base = tmp_path / "tied"
        build_base(base, tie_word_embeddings=True)
    built = build(form(base), tmp_path / "cache")
    assert torch.equal(logits(load_base(built, "fp32")), logits(original(base)))
    index = json.loads((built / "model.safetensors.index.json").read_text("utf-8"))["weight_map"]
    assert ("lm_head.weight" in index) != tied
    assert all((built / name).is_file() for name in index.values())
    config = json.loads((built / "config.json").read_text("utf-8"))
    assert config["architectures"] == ["LlavaForConditionalGeneration"]
    assert config["text_config"]["architectures"] == ["Qwen3ForCausalLM"]
    assert image_token_of(built) == "<|image_pad|>"
    # Built once, and as another where what is made of it is another.
    before = (built / "config.json").stat().st_mtime_ns
    assert build(form(base), tmp_path / "cache") == built
    assert (built / "config.json").stat().st_mtime_ns == before
    assert build(form(base, plain=True), tmp_path / "cache") != built


def test_its_chat_template_takes_texts_and_images_as_the_bases_takes_texts(
    base: Path, tmp_path: Path
) -> None:
    from transformers import AutoTokenizer

    own = AutoTokenizer.from_pretrained(base)
    made = AutoTokenizer.from_pretrained(build(form(base), tmp_path))
    parts = [{"type": "image"}, {"type": "text", "text": "CR"}]
    several = [{"role": "system", "content": "Write."}, {"role": "user", "content": parts}]
    single = [several[0], {"role": "user", "content": "<|image_pad|>CR"}]
    told = {"tokenize": False, "add_generation_prompt": True}
    wanted = own.apply_chat_template(single, enable_thinking=False, **told)
    assert made.apply_chat_template(several, **told) == wanted
    assert "<|image_pad|>CR" in wanted
    plain = AutoTokenizer.from_pretrained(build(form(base, plain=True), tmp_path))
    assert "### Study\n<|image_pad|>CR" in plain.apply_chat_template(several, **told)


def test_a_lora_is_merged_over_all_its_shards_or_refused(base: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    from radraft.finetune.train.language import load_base

    layers = [f"{PREFIX}layers.{layer}.mlp.down_proj" for layer in (0, 1)]
    state = {}
    for layer in layers:
        state[f"{layer}.lora_A.weight"] = torch.randn(2, 128)
        state[f"{layer}.lora_B.weight"] = torch.randn(64, 2)
    lora = tmp_path / "lora"
    lora.mkdir()
    about = {"rank": 2, "alpha": 4, "targets": ["down_proj"]}
    (lora / "lora.json").write_text(json.dumps(about))
    save_file(state, lora / "lora.safetensors")
    merged = load_base(build(form(base, lora=lora), tmp_path / "cache"), "fp32")
    wanted = original(base)
    for number, layer in enumerate(layers):
        up, down = state[f"{layer}.lora_B.weight"], state[f"{layer}.lora_A.weight"]
        wanted.model.layers[number].mlp.down_proj.weight.data += 2 * (up @ down)
    assert torch.allclose(logits(merged), logits(wanted), atol=1e-4)
    # A layer that no shard has.
    strange = f"{PREFIX}layers.9.mlp.down_proj"
    state |= {f"{strange}.lora_A.weight": torch.zeros(2, 128)}
    state |= {f"{strange}.lora_B.weight": torch.zeros(64, 2)}
    save_file(state, lora / "lora.safetensors")
    with pytest.raises(DraftingError, match="starter_lora_invalid"):
        build(form(base, lora=lora), tmp_path / "cache")
    assert not [path for path in (tmp_path / "cache").iterdir() if "partial" in path.name]


def copied(base: Path, folder: Path, **config: Any) -> Path:
    shutil.copytree(base, folder)
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | config), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("change", "more", "code"),
    [
        ({"architectures": ["Qwen3Model"]}, {}, "base_not_text"),
        ({"model_type": "nothing_known"}, {}, "base_not_text"),
        ({"quantization_config": {"quant_method": "awq"}}, {}, "base_quantised"),
        ({}, {"image_token": "<none>"}, "base_image_token_missing"),
    ],
)
def test_a_base_that_cannot_take_images_is_refused(
    base: Path, tmp_path: Path, change: dict[str, Any], more: dict[str, Any], code: str
) -> None:
    with pytest.raises(RadraftError) as caught:
        build(form(copied(base, tmp_path / "base", **change), **more), tmp_path / "cache")
    assert caught.value.code == code
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["llava.lock"]


def test_a_base_without_weights_or_chat_template_is_refused(tmp_path: Path) -> None:
    build_base(tmp_path / "base", chat_template=None)
    with pytest.raises(RadraftError, match="base_without_chat_template"):
        build(form(tmp_path / "base"), tmp_path / "cache")
    for file in (tmp_path / "base").glob("*.safetensors"):
        file.unlink()
    with pytest.raises(RadraftError, match="checkpoint_incomplete"):
        build(form(tmp_path / "base", plain=True), tmp_path / "cache")


@pytest.mark.parametrize("tokens", [2, 17, 50, 65, 145, 1025])
def test_the_tower_has_as_many_tokens_as_an_image_takes(tokens: int) -> None:
    patch = llava_form.checkpoint.VISION_TOWER["patch_size"]
    assert (tower_side(tokens) // patch) ** 2 >= tokens

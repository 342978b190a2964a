"""Tuning native vision-language models: what is learned from, and that it can be learned."""

from __future__ import annotations

import base64
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radraft.core import canonical
from radraft.core.errors import TrainingError
from radraft.finetune.export import chat, target_text
from radraft.finetune.train import native, tuned
from radraft.finetune.train.native import PixelPairs, Processor
from radraft.finetune.train.recipe import LanguageRecipe
from radraft.finetune.train.run import train
from radraft.finetune.train.values import Encoded, Example
from radraft.llm import native_layers
from radraft.llm.profiles import Profile
from radraft.llm.wire import chat_body, png
from radraft.prompts.build import build
from radraft.prompts.values import DraftRequest
from radraft.studies.values import KeyImages
from tests import embeds_model, pixels_model
from tests.finetune.adapt.pixels_world import shown
from tests.llm.cases import CASE_ID, make_case
from tests.scale import rows

pytestmark = pytest.mark.slow
KINDS = list(pixels_model.KINDS)


@pytest.fixture(scope="module", params=KINDS)
def profile(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Profile:
    return pixels_model.build(tmp_path_factory.mktemp("tiny") / "model", request.param)


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    return pixels_model.build(tmp_path_factory.mktemp("tiny") / "model")


def folder_of(profile: Profile) -> Path:
    return Path(getattr(profile.checkpoint, "path", ""))


def asked(profile: Profile, number: int, count: int = 1) -> tuple[DraftRequest, KeyImages]:
    images = shown(CASE_ID, number, count)
    return build(make_case(), images, None, template=profile.template, adapter_id=None), images


def material(profile: Profile, numbers: range, count: int = 1) -> PixelPairs:
    """The films of `embeds_model` as a model that takes pixels is asked about them."""
    pictures: dict[str, bytes] = {}
    encoded = []
    processor = Processor(folder_of(profile), lambda image_id: pictures[image_id])
    for number in numbers:
        request, images = asked(profile, number, count)
        pictures |= {one.image_id: png(one.pixels) for one in images.images}
        messages, ids = chat(canonical.plain(request.messages), request.image_ids)
        report = target_text(embeds_model.report(number))
        encoded.append(processor.encode(Example(tuple(messages), tuple(ids), report)))
    return PixelPairs(encoded, encoded, processor)


def recipe(profile: Profile, **changes: Any) -> LanguageRecipe:
    usual = {
        "steps": 4,
        "batch": 2,
        "micro_batch": 2,
        "warm_up": 1,
        "learning_rate": 0.02,
        "projector_rate": 0.0,
        "valid_every": 100,
        "checkpoint_every": 1000,
        "lora": {"rank": 8, "alpha": 32},
    }
    how = LanguageRecipe.model_validate_json(json.dumps(usual | changes))
    return how.over(profile.lora_targets)


@rows("qwen2.5-vl")
def test_what_stands_beside_an_example_in_a_batch_changes_nothing(profile: Profile) -> None:
    """The processor is asked once for all; each has its own images and kinds of tokens."""
    import torch

    pairs = material(profile, range(3), 2)
    short, *rest = pairs.train
    short = native.EncodedPixels(
        short.prompt, short.images, short.chosen[:4], None, getattr(short, "text", "")
    )
    model: Any = native.build(folder_of(profile), recipe(profile)).eval()
    several = [(one, one.chosen) for one in (short, *rest)]
    with torch.no_grad():
        together, _ = model(pairs.batch(several, "cpu"))
        alone = torch.cat([model(pairs.batch([one], "cpu"))[0] for one in several])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-3)
    swapped = [(rest[0], rest[0].chosen), (short, short.chosen), (rest[1], rest[1].chosen)]
    with torch.no_grad():
        other, _ = model(pairs.batch(swapped, "cpu"))
    torch.testing.assert_close(other, together[[1, 0, 2]], rtol=1e-4, atol=1e-3)


@rows("qwen2.5-vl")
def test_only_what_stands_before_a_reports_token_is_learned_from(profile: Profile) -> None:
    """The gradient at every other place, prompt, image and padding, is zero."""
    import torch

    pairs = material(profile, range(2), 2)
    one, other = pairs.train
    short, long = sorted((one, other), key=lambda pair: pair.length)
    short = native.EncodedPixels(
        short.prompt, short.images, short.chosen[:-3], None, getattr(short, "text", "")
    )
    model: Any = native.build(folder_of(profile), recipe(profile))
    batch = pairs.batch([(short, short.chosen), (long, long.chosen)], "cpu")
    seen: dict[str, torch.Tensor] = {}

    def after(module: Any, given: Any, out: Any) -> None:
        out.last_hidden_state.retain_grad()
        seen["state"] = out.last_hidden_state

    model.language.get_base_model().model.register_forward_hook(after)
    sums, counts = model.train()(batch)
    assert counts.tolist() == [len(short.chosen), len(long.chosen)]
    (-sums.sum()).backward()
    before = torch.zeros_like(batch.mask, dtype=torch.bool)
    for row, pair in enumerate((short, long)):
        first = len(pair.prompt) - 1
        before[row, first : first + len(pair.chosen)] = True
    state = seen["state"].grad
    assert state is not None
    assert bool((batch.mask == 0).any())
    assert bool((state[~before] == 0).all()) and bool((state[before] != 0).any(-1).all())
    moved = {
        native_layers.target_of(name.split("base_model.model.")[1].split(".lora_")[0])
        for name, value in model.named_parameters()
        if value.grad is not None
    }
    assert moved == set(profile.lora_targets or ())


@rows("qwen2.5-vl")
def test_what_stands_beside_it_in_a_batch_changes_nothing(profile: Profile) -> None:
    import torch

    pairs = material(profile, range(3), 2)
    model: Any = native.build(folder_of(profile), recipe(profile)).eval()

    def said(*some: Encoded) -> torch.Tensor:
        with torch.inference_mode():
            sums, _ = model(pairs.batch([(pair, pair.chosen) for pair in some], "cpu"))
        return sums  # type: ignore[no-any-return]

    together = said(*pairs.train)
    alone = torch.cat([said(pair) for pair in pairs.train])
    assert torch.allclose(together, alone, rtol=1e-4)
    # And the images decide: the same words with another's are otherwise likely.
    one, other = pairs.train[:2]
    swapped = native.EncodedPixels(
        one.prompt, other.images, one.chosen, None, getattr(one, "text", "")
    )
    assert not torch.allclose(said(swapped), said(one), rtol=1e-4)


def test_training_sees_the_images_and_the_words_that_serving_sends(qwen: Profile) -> None:
    """In their order, to the last pixel: taken from the body that goes to vLLM."""
    from PIL import Image

    request, images = asked(qwen, 3, 3)
    parts = [
        part
        for message in json.loads(chat_body(request, qwen, "tiny"))["messages"]
        for part in message["content"]
    ]
    urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    sent = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGB"))
        for url in urls
    ]
    pictures = {one.image_id: png(one.pixels) for one in images.images}
    processor = Processor(folder_of(qwen), lambda image_id: pictures[image_id])
    messages, ids = chat(canonical.plain(request.messages), request.image_ids)
    seen = [np.asarray(processor.picture(image_id)) for image_id in ids]
    assert len(sent) == len(seen) == 3
    for ours, theirs in zip(seen, sent, strict=True):
        assert np.array_equal(ours, theirs)
    encoded = processor.encode(Example(tuple(messages), tuple(ids), "{}"))
    for part in parts:
        if part["type"] == "text":
            assert part["text"] in encoded.text


def test_a_pair_whose_images_do_not_match_its_places_is_refused(qwen: Profile) -> None:
    processor = Processor(folder_of(qwen), lambda image_id: b"")
    content = [{"type": "image"}, {"type": "text", "text": "CR"}]
    one = Example(({"role": "user", "content": content},), ("a", "b"), "{}")
    with pytest.raises(TrainingError, match="training_pair_invalid"):
        processor.encode(one)


def test_a_folder_that_holds_no_such_model_is_named(tmp_path: Path, qwen: Profile) -> None:
    from safetensors.torch import load_file, save_file

    with pytest.raises(TrainingError, match="training_native_invalid"):
        Processor(tmp_path, lambda image_id: b"")
    with pytest.raises(TrainingError, match="training_native_invalid"):
        native.load(tmp_path)
    # One tensor less would be drawn by chance.
    torn = shutil.copytree(folder_of(qwen), tmp_path / "torn")
    weights = load_file(torn / "model.safetensors")
    del weights[next(name for name in weights if name.endswith("layers.1.mlp.up_proj.weight"))]
    save_file(weights, torn / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(TrainingError, match="training_native_invalid"):
        native.load(torn)


def test_layers_that_the_model_lacks_are_named(qwen: Profile) -> None:
    how = recipe(qwen).over(("q_proj", "vision.linear_fc1"))
    with pytest.raises(TrainingError) as caught:
        native.build(folder_of(qwen), how)
    assert caught.value.code == "training_layers_missing"
    assert caught.value.details["targets"] == "vision.linear_fc1"


@pytest.mark.parametrize("kind", ["qwen2.5-vl", "qwen3-vl"])
def test_tower_and_what_connects_it_are_tuned_where_they_are_named(
    kind: str, tmp_path: Path
) -> None:
    """And nothing else: the tower has layers that are called as the language model's."""
    profile = pixels_model.build(tmp_path / "model", kind)
    known = {
        "qwen2.5-vl": native_layers.SERVED["Qwen2_5_VLForConditionalGeneration"],
        "qwen3-vl": native_layers.SERVED["Qwen3VLForConditionalGeneration"],
    }[kind]
    for targets in (("gate_proj", "vision.qkv"), ("vision.proj",), known.targets):
        model = native.build(folder_of(profile), recipe(profile).over(targets))
        paths = {
            name.split("base_model.model.")[1].split(".lora_")[0]
            for name, value in model.named_parameters()
            if value.requires_grad
        }
        assert {native_layers.target_of(path) for path in paths} == set(targets)


def test_checkpointing_gives_the_same_gradients(qwen: Profile) -> None:
    import torch

    pairs = material(qwen, range(2))
    how = recipe(qwen)
    found = []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        model: Any = native.build(folder_of(qwen), how, checkpointing=checkpointing).train()
        for name, value in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.constant_(value, 0.01)
        sums, _ = model(pairs.batch([(pair, pair.chosen) for pair in pairs.train], "cpu"))
        sums.sum().backward()
        found.append({n: p.grad for n, p in model.named_parameters() if p.grad is not None})
    plain, again = found
    assert plain.keys() == again.keys()
    for name, gradient in plain.items():
        assert torch.allclose(gradient, again[name], rtol=1e-4, atol=1e-6), name


def losses_of(profile: Profile, folder: Path, **changes: Any) -> Iterator[float]:
    import torch

    pairs = material(profile, range(embeds_model.PAIRS))
    how = recipe(profile, **changes)
    torch.manual_seed(0)
    told: list[float] = []
    train(
        native.build(folder_of(profile), how),
        pairs,
        how,
        folder,
        seed=0,
        on_step=lambda step: told.append(step.loss),
    )
    yield from told


def test_the_loss_of_twenty_pairs_falls_to_near_zero(qwen: Profile, tmp_path: Path) -> None:
    profile = qwen.model_copy(update={"lora_targets": native_layers.LANGUAGE_LAYERS})
    losses = list(
        losses_of(
            profile,
            tmp_path,
            steps=140,
            batch=20,
            micro_batch=20,
            warm_up=5,
            learning_rate=0.01,
            lora={"rank": 16, "alpha": 64},
        )
    )
    assert losses[0] > 3
    assert losses[-1] < 0.05


def test_a_run_of_two_steps_saves_the_adapter_alone(qwen: Profile, tmp_path: Path) -> None:
    how = recipe(qwen, steps=2)
    pairs = material(qwen, range(4))
    train(native.build(folder_of(qwen), how), pairs, how, tmp_path, seed=0)
    assert (tmp_path / "lora.safetensors").exists()
    assert not (tmp_path / "projector.safetensors").exists()
    again: Any = native.build(folder_of(qwen), how, tmp_path / "lora.safetensors")
    state = tuned.adapter_state(again, again.state_dict())
    assert any(float(value.abs().max()) > 0 for name, value in state.items() if "lora_B" in name)

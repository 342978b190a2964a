"""`embeds` over another text model through a real vLLM: it drafts, an adapter changes what it says,
and without it the answer is the old one to the byte."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from radraft.core.settings import Settings
from radraft.finetune.adapt import peft_files
from radraft.finetune.adapt.base import trainable
from radraft.finetune.train import dataset, ground, tuned
from radraft.finetune.train.embedding import embed
from radraft.finetune.train.recipe import Lora
from radraft.finetune.train.run import Pairs, train
from radraft.finetune.train.text import Tokenizer
from radraft.llm import adapter_loader
from radraft.llm.draft import draft
from radraft.llm.endpoint import Endpoint
from radraft.llm.profiles import load_profile
from radraft.llm.server import connect
from radraft.prompts.build import build
from radraft.reports.draft import Draft
from radraft.reports.values import Coverage
from radraft.store.objects import Objects
from radraft.vision_encoder.encode import Encoder, encode
from radraft.vision_encoder.image_tokens import make_tokens
from radraft.vision_encoder.projector import Projector
from tests import embeds_model
from tests.finetune.train.own_model import language_recipe
from tests.finetune.train.test_own_model import said
from tests.llm.cases import make_case

pytestmark = [pytest.mark.stress, pytest.mark.vllm, pytest.mark.timeout(1800)]
NUMBERS = (0, 7, 13)
ADAPTER = "a-0123456789abcdef"


@pytest.mark.parametrize("real_width", [False, True], ids=["small", "vit-b-16"])
def test_it_drafts_takes_an_adapter_and_is_itself_again(real_width: bool, tmp_path: Path) -> None:
    """The small one learns each film's report. Over a ViT-B/16, as wide as real ones and as random,
    two steps are enough to draft with."""
    path = embeds_model.build_all(tmp_path / "model", real_width=real_width)
    settings = Settings(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache")
    untrained = load_profile(str(path))
    base = ground.build(untrained, settings.cache_dir, lambda step, part: None)
    pairs = embeds_model.write_pairs(tmp_path / "pairs", untrained.template)
    encoder = Encoder.of(untrained.encoder)
    embed(pairs, encoder, tmp_path / "embedded", lambda far: None)
    found = dataset.read(tmp_path / "embedded")
    short = {"steps": 2, "batch": 4, "micro_batch": 4, "valid_every": 1, "valid_pairs": 4}
    recipe = language_recipe(untrained, **short if real_width else {})
    tokenizer = Tokenizer(base.checkpoint, base.image_token, base.tokens_per_image)
    material = Pairs(
        [tokenizer.encode(example) for example in found.train],
        [tokenizer.encode(example) for example in found.held_out],
        found.tokens,
        tokenizer.image_id,
        base.parts,
    )
    run = tmp_path / "run"
    start = ground.begin(run, base, found, 0)
    train(tuned.build(base.checkpoint, start, recipe), material, recipe, run, seed=0)
    profile = load_profile(str(embeds_model.with_trained(path, run)))

    # Every report with the next film: an adapter that says something else.
    shifted = Pairs(
        [
            type(example)(example.prompt, other.images, example.chosen)
            for example, other in zip(
                material.train, (*material.train[1:], material.train[0]), strict=True
            )
        ],
        material.valid,
        material.tokens,
        material.image_id,
        material.parts,
    )
    over = trainable(profile, settings.cache_dir)
    how = language_recipe(
        untrained, projector_rate=0.0, valid_every=1000, steps=12 if real_width else 110
    )
    changed = tmp_path / "changed"
    model = tuned.build(over.checkpoint, over.projector, how)
    train(model, shifted, how, changed, seed=1)
    state = tuned.adapter_state(model, model.state_dict())
    lora = Lora(rank=how.lora.rank, alpha=how.lora.alpha, targets=how.lora.targets)
    peft_files.write(tmp_path / ADAPTER, state, lora, profile.model_id, None)

    projector = Projector.load(over.projector)
    objects = Objects.open("", tmp_path / "objects")

    async def ask(endpoint: Endpoint, adapter: str | None) -> list[Draft]:
        made = []
        async with httpx.AsyncClient(trust_env=False) as client:
            for number in NUMBERS:
                images = embeds_model.images(number)
                tokens = make_tokens(
                    encode(images, encoder, objects), projector, "float32", objects
                )
                request = build(
                    make_case(), None, tokens, template=profile.template, adapter_id=adapter
                )
                events = draft(
                    request, profile=profile, endpoint=endpoint, client=client, timeout_s=600
                )
                made.append([event async for event in events][-1])
        return made

    async def load(endpoint: Endpoint) -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            await adapter_loader.ensure(endpoint, ADAPTER, tmp_path / ADAPTER, client)

    with connect(settings, profile) as endpoint:
        first = asyncio.run(ask(endpoint, None))
        asyncio.run(load(endpoint))
        adapted = asyncio.run(ask(endpoint, ADAPTER))
        again = asyncio.run(ask(endpoint, None))
    print(
        encoder.encoder_id, encoder.dim, encoder.tokens_per_image, [said(o.report) for o in first]
    )
    for number, one in zip(NUMBERS, first, strict=True):
        assert one.coverage is Coverage.DRAFTED, one.error_code
        if not real_width:
            assert said(one.report) == said(embeds_model.report(number))
    assert (encoder.dim, encoder.tokens_per_image) == ((768, 196) if real_width else (32, 16))
    assert [said(one.report) for one in again] == [said(one.report) for one in first]
    assert all(one.coverage is Coverage.DRAFTED for one in adapted)
    assert [said(one.report) for one in adapted] != [said(one.report) for one in first]

"""`embeds` with another encoder and another language model: trained, adapted, drafted with."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from radraft.core.errors import AdapterError, TrainingError
from radraft.core.settings import Settings
from radraft.finetune.adapt import peft_files
from radraft.finetune.adapt.run import adapt
from radraft.finetune.train import dataset, ground, loss, tuned
from radraft.finetune.train.embedding import embed
from radraft.finetune.train.run import train
from radraft.llm.llava_form import build as build_form, of_profile
from radraft.llm.profiles import Profile, load_profile
from radraft.pipeline import draft as drafting
from radraft.pipeline.draft_batch import load_vision_model
from radraft.reports.draft import Draft
from radraft.reports.values import Coverage
from radraft.store import cases, images as key_images
from radraft.store.database import Store, open_store
from radraft.vision_encoder.encode import Encoder
from radraft.vision_encoder.projector import Projector
from tests import embeds_model
from tests.builders import add_case
from tests.cli.test_commands import answer
from tests.finetune.adapt.world import SITE, add_signed, recipe as adapt_recipe
from tests.finetune.train.own_model import Own, language_recipe
from tests.generating_server import Generator, serving

pytestmark = [pytest.mark.slow, pytest.mark.scaled]


@pytest.fixture(scope="module")
def learned(own: Own, tmp_path_factory: pytest.TempPathFactory) -> tuple[Profile, list[float]]:
    """The profile with what twenty pairs taught it, and the loss of each step."""
    run = tmp_path_factory.mktemp("learned") / "run"
    recipe, losses = language_recipe(own.profile), []
    start = ground.begin(run, own.base, dataset.read(own.pairs), 0)
    train(
        tuned.build(own.base.checkpoint, start, recipe),
        own.material(),
        recipe,
        run,
        seed=0,
        on_step=lambda step: losses.append(step.loss),
    )
    return load_profile(str(embeds_model.with_trained(own.path, run))), losses


def test_the_loss_of_twenty_pairs_falls_to_near_zero(learned: tuple[Profile, list[float]]) -> None:
    _, losses = learned
    assert losses[0] > 3
    assert losses[-1] < 0.05


def test_only_what_stands_before_a_reports_token_is_learned_from(own: Own) -> None:
    """The gradient at every other place, prompt, image and padding, is zero."""
    import torch

    recipe = language_recipe(own.profile)
    pairs = own.material()
    start = ground.begin(own.pairs.parent / "begin", own.base, dataset.read(own.pairs), 0)
    model: Any = tuned.build(own.base.checkpoint, start, recipe)
    short, long = sorted(pairs.train, key=lambda pair: pair.length)[:: len(pairs.train) - 1]
    batch = loss.batch(
        [(short, short.chosen), (long, long.chosen)],
        pairs.tokens,
        pairs.image_id,
        "cpu",
        pairs.parts,
    )
    seen: dict[str, torch.Tensor] = {}
    causal = model.language.get_base_model()

    def after(module: Any, given: Any, named: dict[str, Any], out: Any) -> None:
        for name, value in (("read", named["inputs_embeds"]), ("state", out.last_hidden_state)):
            value.retain_grad()
            seen[name] = value

    causal.model.register_forward_hook(after, with_kwargs=True)
    sums, _ = model(batch)
    (-sums.sum()).backward()
    before = torch.zeros_like(batch.mask, dtype=torch.bool)
    for row, pair in enumerate((short, long)):
        first = len(pair.prompt) - 1
        before[row, first : first + len(pair.chosen)] = True
    state, read = seen["state"].grad, seen["read"].grad
    assert state is not None and read is not None
    assert bool((state[~before] == 0).all()) and bool((state[before] != 0).any(-1).all())
    padding = torch.arange(batch.mask.shape[1])[None] >= torch.tensor(
        [[short.length], [long.length]]
    )
    assert padding.any() and bool((read[padding] == 0).all())
    # What the images said was learned from, through all that stands behind them.
    assert bool((read[batch.image] != 0).any(-1).all())


def taken_in(store: Store, number: int) -> str:
    with store.begin() as session:
        case_id = add_case(session, number + 1)
        chosen = replace(embeds_model.images(number), case_id=case_id)
        key_images.save(store.objects, chosen)
        cases.add_key_images(session, chosen)
    return case_id


def drafts(
    profile: Profile, generator: Generator, store: Store, case_ids: list[str]
) -> Iterator[Draft]:
    """Drafted by the steps that draft in the service."""

    async def run() -> list[Draft]:
        async with httpx.AsyncClient(trust_env=False) as client:
            drafter = drafting.Drafter(
                profile, endpoint, client, load_vision_model(profile), 60.0, asyncio.Semaphore(1)
            )
            made = []
            for case_id in case_ids:
                draft, _ = await drafting.make_draft(case_id, store=store, drafter=drafter)
                made.append(draft)
            return made

    with serving(generator, profile.name) as endpoint:
        yield from asyncio.run(run())


def said(report: Any) -> list[tuple[str, str]]:
    return [(s.zh, s.en) for s in (*report.findings, *report.impression)]


def test_it_drafts_what_it_learned_from_the_image(
    own: Own, learned: tuple[Profile, list[float]], sqlite_store: Store
) -> None:
    """Encoder, projector, prompt and wire are those of the service; every film has its report."""
    profile, _ = learned
    served = build_form(of_profile(profile, with_lora=True), own.cache)
    numbers = [0, 7, 13]
    case_ids = [taken_in(sqlite_store, number) for number in numbers]
    made = list(drafts(profile, Generator(served), sqlite_store, case_ids))
    for number, draft in zip(numbers, made, strict=True):
        assert draft.coverage is Coverage.DRAFTED, draft.error_code
        assert draft.model_id == profile.model_id
        assert said(draft.report) == said(embeds_model.report(number))


def test_a_sites_adapter_is_trained_over_it(
    own: Own, learned: tuple[Profile, list[float]], tmp_path: Path
) -> None:
    profile, _ = learned
    settings = Settings(data_dir=tmp_path / "data", cache_dir=own.cache)
    store = open_store(settings)
    encoder = Encoder.of(profile.encoder)
    shape = (encoder.tokens_per_image, encoder.dim)
    add_signed(store, range(9), encoder=encoder.encoder_id, shape=shape)
    made = adapt(
        SITE,
        store=store,
        settings=settings,
        profile=profile,
        recipe=adapt_recipe(
            dpo=None, sft={"epochs": 1, "batch": 4, "learning_rate": 0.001, "validations": 1}
        ),
        run=tmp_path / "run",
        seed=0,
        by="test",
    )
    store.close()
    assert made.card["losses"]["sft"]["step"] == 2
    assert made.card["encoder_id"] == encoder.encoder_id
    assert (made.base, profile.is_base(made.base)) == (profile.model_id, True)
    # Over another training of the same base it is another model's.
    assert not own.profile.is_base(made.base)
    folder = settings.adapters_dir / made.adapter_id
    assert set(peft_files.shape(folder).targets) == set(profile.lora_targets or ())
    state = peft_files.state(folder)
    assert len(state) == 2 * 3 * 2


def test_the_commands_embed_and_train_two_steps(own: Own, tmp_path: Path) -> None:
    home = tmp_path / "home"
    pairs = embeds_model.write_pairs(tmp_path / "pairs", own.profile.template)
    chosen = ("--profile", own.path)
    embedded = tmp_path / "embedded"
    made = answer(home, "train", "embed", "--pairs", pairs, "--out", embedded, *chosen)
    assert made["images"] == embeds_model.PAIRS
    command = ("train", "language", "--pairs", embedded, "--out", tmp_path / "run", *chosen)
    text = (Path(tuned.__file__).parents[1] / "recipes" / "starter.yaml").read_text("utf-8")
    asked, language = text.split("language:\n")
    for name in ("batch", "micro_batch", "valid_pairs"):
        lines = language.splitlines()
        language = "\n".join(f"  {name}: 2" if x.startswith(f"  {name}:") else x for x in lines)
    language = "\n".join(x for x in language.splitlines() if not x.startswith("  words:"))
    recipe = tmp_path / "own.yaml"
    recipe.write_text(f"{asked}language:\n{language}\n", encoding="utf-8")
    first = answer(home, *command, "--recipe", recipe, "--steps", "2")
    assert first["finished"]
    assert first["pairs"] == {"train": 20, "valid": 20, "left_out": 0}
    projector = Projector.load(tmp_path / "run" / "projector.safetensors")
    shape = own.profile.projector
    assert shape is not None and projector.parts == shape.parts
    about = json.loads((tmp_path / "run" / "lora.json").read_text("utf-8"))
    assert set(about["targets"]) == set(own.profile.lora_targets or ())
    # Checked as one that can serve, once the profile names it.
    trained = embeds_model.with_trained(own.path, tmp_path / "run")
    assert answer(home, "profile", "check", trained)["serves"]


def test_pairs_of_another_encoder_are_refused(own: Own) -> None:
    found = replace(dataset.read(own.pairs), encoder_id="other@0")
    with pytest.raises(TrainingError) as caught:
        ground.require_encoder(own.profile, found)
    assert caught.value.code == "training_other_encoder"
    assert caught.value.details["found"] == "other@0"


def test_a_picture_that_is_gone_or_lies_elsewhere_is_named(own: Own, tmp_path: Path) -> None:
    pairs = embeds_model.write_pairs(tmp_path / "pairs", own.profile.template)
    (tmp_path / "pairs" / "pairs.images" / "3.png").unlink()
    encoder = Encoder.of(own.profile.encoder)
    with pytest.raises(TrainingError) as caught:
        embed(pairs, encoder, tmp_path / "a", lambda far: None)
    assert caught.value.code == "training_picture_invalid"
    assert caught.value.details["path"] == "pairs.images/3.png"
    text = pairs.read_text("utf-8").replace("pairs.images/", "../outside/")
    pairs.write_text(text, encoding="utf-8")
    with pytest.raises(TrainingError, match="training_picture_invalid"):
        embed(pairs, encoder, tmp_path / "b", lambda far: None)


def test_a_profile_without_a_projector_is_not_trained() -> None:
    from radraft.cli.training import load_trainable

    with pytest.raises(AdapterError, match="adapt_profile_untrainable"):
        load_trainable("lingshu-7b")

"""The starter on a real vLLM: drafted as the product does, and what its drafts owe to the image."""

from __future__ import annotations

import asyncio
import io
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from radraft.core.settings import Settings
from radraft.eval.draft_set import BLANK, Model, draft_set, drafted
from radraft.eval.looks.perturb import changed
from radraft.eval.values import SetItem
from radraft.finetune.starter.compose import bank
from radraft.llm.profiles import Profile
from radraft.llm.server import Endpoint
from radraft.llm.support import Scorer
from radraft.pipeline import draft as draft_steps
from radraft.pipeline.draft_batch import draft_many, load_vision_model
from radraft.pipeline.eligibility import Barred
from radraft.pipeline.ingest import ingest
from radraft.prompts.values import DraftRequest
from radraft.reports.draft import Draft
from radraft.reports.values import Certainty
from radraft.store import images
from radraft.store.database import Store, open_store
from radraft.vision_encoder.values import ImageTokens
from tests.scale import scaled

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(1800)]

DEMO = Path(__file__).parents[2] / "demo" / "studies"
STUDIES = ("04", "05", "06")[: scaled(2, full=3)]


@dataclass(frozen=True)
class Product:
    """Three demo studies, drafted by the product itself."""

    store: Store
    model: Model
    drafts: tuple[Draft, ...]

    def request(self, number: int, *, blank: bool = False) -> DraftRequest:
        case_id, shown = self.drafts[number].case_id, None
        if blank:
            with self.store.read() as session:
                shown = changed(images.load(session, self.store.objects, case_id), BLANK, None)
        made = draft_steps.prepare(
            case_id,
            store=self.store,
            profile=self.model.profile,
            vision=self.model.vision,
            images=shown,
        )
        assert not isinstance(made, Barred)
        return made


@pytest.fixture(scope="module")
def product(
    vllm_settings: Settings,
    starter_profile: Profile,
    starter_endpoint: Endpoint,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("product")
    settings = Settings(data_dir=folder / "data", draft_timeout_s=600)
    store = open_store(settings)
    vision = load_vision_model(starter_profile)
    case_ids: list[str] = []
    for name in STUDIES:
        taken = ingest(
            DEMO / name, store=store, profile=starter_profile, site="t", scratch=folder / "scratch"
        )
        case_ids += taken.cases
    outcomes = asyncio.run(
        draft_many(
            case_ids,
            store=store,
            settings=settings,
            profile=starter_profile,
            endpoint=starter_endpoint,
            vision=vision,
            # vLLM's sums depend in their last bits on what is in the batch.
            at_once=1,
        )
    )
    drafts = tuple(outcome.draft for outcome in outcomes if outcome.draft is not None)
    assert len(drafts) == len(case_ids)
    yield Product(store, Model(starter_profile, starter_endpoint, vision, timeout_s=600), drafts)
    store.close()


@pytest.fixture(scope="module")
def items() -> list[SetItem]:
    labels = {"pneumothorax": Certainty.PRESENT, "cardiomegaly": Certainty.PRESENT}
    return [SetItem(name, DEMO / name, labels) for name in STUDIES]


@pytest.fixture(scope="module")
def keep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keep")


@pytest.mark.stress
def test_a_set_is_drafted_as_the_product_drafts(
    product: Product, items: list[SetItem], keep: Path
) -> None:
    # One at a time, as the product's drafts here were.
    found = [draft_set([item], product.model, keep=keep)[0] for item in items]
    expected = [
        drafted(name, made.report) for name, made in zip(STUDIES, product.drafts, strict=True)
    ]
    assert all(draft.zh for draft in expected)
    kept = [json.loads(path.read_text()) for path in keep.glob("drafts/*.json")]
    assert {one["request_sha"] for one in kept} == {made.request_sha for made in product.drafts}
    # The requests are the same to the byte. vLLM's own last bits depend on what it has cached, and
    # an untrained model has near ties that they decide: seen with one of three drafts.
    assert any(one == other for one, other in zip(found, expected, strict=True))
    gone = replace(product.model, endpoint=Endpoint("http://127.0.0.1:9", "k", "starter"))
    assert draft_set(items, gone, keep=keep) == found


def loaded(tokens: ImageTokens) -> list[Any]:
    import torch

    return [torch.load(io.BytesIO(tensor), weights_only=True).float() for tensor in tokens.tensors]


def test_a_blank_image_reaches_the_model_as_other_embeddings(product: Product) -> None:
    real, blank, other = (
        product.request(0), product.request(0, blank=True), product.request(1, blank=True)
    )  # fmt: skip
    assert real.request_sha != blank.request_sha
    assert real.messages == blank.messages
    assert real.image_tokens is not None
    assert blank.image_tokens is not None
    assert other.image_tokens is not None
    (of_real,), (of_blank,) = map(loaded, (real.image_tokens, blank.image_tokens))
    assert abs(of_real - of_blank).max() > 0.1
    # Blank is blank, whoever's image it was.
    assert blank.image_tokens.tensors == other.image_tokens.tensors


def test_support_is_finite_and_zero_without_a_difference(product: Product) -> None:
    async def ask() -> Any:
        async with httpx.AsyncClient(trust_env=False) as client:
            model = product.model
            scorer = Scorer(model.profile, model.endpoint, client, 600)
            real, blank = product.request(0), product.request(0, blank=True)
            report = product.drafts[0].report
            (image_id,) = real.own_image_ids
            return (
                await scorer.scores(report, real),
                await scorer.support(report, real, blank),
                await scorer.support(report, blank, blank),
                await scorer.evidence(report, {image_id: real}, blank),
            )

    scores, supports, same, report = asyncio.run(ask())
    assert len(supports) == len(product.drafts[0].report.sentences) == len(report.sentences)
    for (zh, en), one, sentence in zip(scores, supports, report.sentences, strict=True):
        # A log-probability is never above zero, and every word has some tokens.
        assert zh.nats < 0
        assert en.nats < 0
        assert 2 <= one.zh.tokens <= len(sentence.zh) * 3
        assert 2 <= one.en.tokens <= len(sentence.en)
        assert math.isfinite(one.nats)
        # Alone or beside another request, vLLM's sums differ in the last bits.
        assert sentence.evidence[0].support == pytest.approx(one.nats, abs=1.0)
    assert any(abs(support.nats) > 0.1 for support in supports)
    assert all(abs(one.nats) < 0.5 for one in same)


@pytest.mark.scaled
def test_a_film_is_reported_and_a_blank_image_is_not(
    product: Product, items: list[SetItem], keep: Path
) -> None:
    """What the starter was taught: nothing can be said of an image that shows nothing."""
    nothing = bank()
    unreadable = (nothing.unreadable_findings.en, nothing.unreadable_impression.en)
    blank = draft_set(items, product.model, keep=keep, perturb=BLANK)
    assert [draft.en for draft in blank] == [unreadable] * len(items)
    films = draft_set(items, product.model, keep=keep)
    assert all(draft.en != unreadable and draft.zh for draft in films)

"""Image support of what the starter writes on a real vLLM."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

import httpx
import pytest

from radraft.llm.endpoint import Endpoint
from radraft.llm.profiles import Profile, Support
from radraft.llm.support import SCORED_AT_ONCE
from radraft.pipeline import adapter_router, draft as draft_steps
from radraft.pipeline.adapter_router import Router
from radraft.pipeline.draft_batch import load_vision_model
from radraft.pipeline.ingest import ingest
from radraft.reports.draft import Draft
from radraft.store.database import Store
from tests.pipeline.test_draft_support import ADAPTERS, DEMO

pytestmark = [pytest.mark.stress, pytest.mark.vllm, pytest.mark.timeout(1800)]


def test_the_starters_sentences_are_measured(
    sqlite_store: Store,
    starter_profile: Profile,
    starter_endpoint: Endpoint,
    tmp_path: Path,
) -> None:
    profile = starter_profile.model_copy(update={"support": Support(least=0.0, auroc_low=0.7)})
    taken = ingest(DEMO / "01", store=sqlite_store, profile=profile, site="t", scratch=tmp_path)
    vision = load_vision_model(profile)

    async def drafted() -> Draft:
        async with httpx.AsyncClient(trust_env=False) as client:
            drafter = draft_steps.Drafter(
                profile, starter_endpoint, client, vision, 600, asyncio.Semaphore(SCORED_AT_ONCE)
            )
            router = Router(sqlite_store, ADAPTERS)
            return await adapter_router.draft(
                taken.cases[0], store=sqlite_store, router=router, base=drafter
            )

    made = asyncio.run(drafted())
    found = [sentence.support for sentence in made.report.sentences]
    assert found
    assert all(nats is not None and math.isfinite(nats) for nats in found)
    assert any(abs(nats) > 0.1 for nats in found if nats is not None)

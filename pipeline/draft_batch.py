"""Drafting a given list of cases at once, for the command line and the benchmark."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import httpx

from radraft.llm import pins
from radraft.llm.support import SCORED_AT_ONCE
from radraft.pipeline import adapter_router, draft
from radraft.pipeline.adapter_router import Router

if TYPE_CHECKING:
    from radraft.core.settings import Settings
    from radraft.llm.profiles import Profile
    from radraft.llm.server import Endpoint
    from radraft.reports.draft import Draft
    from radraft.store.database import Store


async def draft_many(
    case_ids: Sequence[str],
    *,
    store: Store,
    settings: Settings,
    profile: Profile,
    endpoint: Endpoint,
    vision: draft.VisionModel | None,
    at_once: int | None = None,
    on_draft: Callable[[Draft], None] | None = None,
) -> tuple[Draft, ...]:
    """Draft `case_ids` with what their sites serve, at most `at_once` at a time (the profile's
    batch when None), in order."""
    gate = asyncio.Semaphore(at_once or profile.vllm.max_num_seqs)
    scoring = asyncio.Semaphore(SCORED_AT_ONCE)
    router = Router(store, settings.adapters_dir)
    async with httpx.AsyncClient(trust_env=False) as client:
        base = draft.Drafter(profile, endpoint, client, vision, settings.draft_timeout_s, scoring)

        async def one(case_id: str) -> Draft:
            async with gate:
                result = await adapter_router.draft(case_id, store=store, router=router, base=base)
            if on_draft is not None:
                on_draft(result)
            return result

        return tuple(await asyncio.gather(*(one(case_id) for case_id in case_ids)))


def load_vision_model(profile: Profile) -> draft.VisionModel | None:
    """Encoder and projector for profiles that take embeddings; None for those that take pixels.

    DraftingError `starter_weights_changed` where the shipped weights are not the profile's.
    """
    if profile.image_way != "embeds":
        return None
    from radraft.vision_encoder.encode import Encoder
    from radraft.vision_encoder.projector import Projector

    profile.check_weights()
    return draft.VisionModel(
        encoder=Encoder.load(), projector=Projector.load(pins.files()["projector"])
    )

"""Drafting a given list of cases at once, for the command line and the benchmark."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import httpx

from radraft import line

if TYPE_CHECKING:
    from radraft.llm.profiles import Profile
    from radraft.llm.server import Endpoint
    from radraft.llm.values import Draft
    from radraft.settings import Settings
    from radraft.store.database import Store


async def draft_many(
    case_ids: Sequence[str],
    *,
    store: Store,
    profile: Profile,
    endpoint: Endpoint,
    eyes: line.Eyes | None,
    timeout_s: float,
    at_once: int | None = None,
    on_draft: Callable[[Draft], None] | None = None,
) -> tuple[Draft, ...]:
    """Draft `case_ids`, at most `at_once` at a time (the profile's batch when None), in order."""
    gate = asyncio.Semaphore(at_once or profile.vllm.max_num_seqs)
    async with httpx.AsyncClient(trust_env=False) as client:

        async def one(case_id: str) -> Draft:
            async with gate:
                result = await line.draft(
                    case_id,
                    store=store,
                    profile=profile,
                    endpoint=endpoint,
                    client=client,
                    eyes=eyes,
                    timeout_s=timeout_s,
                )
            if on_draft is not None:
                on_draft(result)
            return result

        return tuple(await asyncio.gather(*(one(case_id) for case_id in case_ids)))


def open_eyes(settings: Settings, profile: Profile) -> line.Eyes | None:
    """Encoder and projector for profiles that take embeddings; None for those that take pixels."""
    if profile.image_way != "embeds":
        return None
    from radraft import starter
    from radraft.vision_encoder.encode import Encoder
    from radraft.vision_encoder.projector import Projector

    return line.Eyes(
        encoder=Encoder.load(settings.cache_dir),
        projector=Projector.load(starter.build_projector(settings.cache_dir)),
    )

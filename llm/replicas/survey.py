"""How several vLLMs are just now, for a command that asks once and changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import TYPE_CHECKING

from radraft.core.errors import AdapterError, DraftingError
from radraft.llm import question
from radraft.llm.endpoint import HEALTH_S
from radraft.llm.replicas.drained import DrainedFile
from radraft.llm.replicas.look import Looker, lookers
from radraft.llm.replicas.router import ReplicaState, ReplicaStatus

if TYPE_CHECKING:
    import httpx

    from radraft.core.settings import Settings
    from radraft.llm.profiles import Profile


def survey(
    settings: Settings, profile: Profile, serving: Collection[str]
) -> tuple[ReplicaStatus, ...]:
    """Return how each vLLM of `settings.llm_urls` is; `serving` are the adapters that it should
    have. Not from inside an event loop."""
    return asyncio.run(_all(settings, profile, frozenset(serving)))


async def _all(
    settings: Settings, profile: Profile, serving: frozenset[str]
) -> tuple[ReplicaStatus, ...]:
    drained = DrainedFile(settings.data_dir)
    async with question.client() as client:
        looks = (
            _one(number, looker, client, serving, is_drained=drained.holds(looker.url))
            for number, looker in lookers(settings, profile, HEALTH_S).items()
        )
        return tuple(await asyncio.gather(*looks))


async def _one(
    number: int,
    looker: Looker,
    client: httpx.AsyncClient,
    serving: frozenset[str],
    *,
    is_drained: bool,
) -> ReplicaStatus:
    found: frozenset[str] = frozenset()
    problem: DraftingError | AdapterError | None = None
    state = ReplicaState.READY
    try:
        found = (await looker.look(client, {}, try_base=False)).listing.adapters
    except DraftingError as error:
        state, problem = ReplicaState.OUT, error
    lacks = serving - found if state is ReplicaState.READY else frozenset[str]()
    if lacks:
        state = ReplicaState.WITHOUT_ADAPTER
        problem = AdapterError("adapter_not_loaded", adapter=min(lacks))
    if is_drained:
        state, problem = ReplicaState.DRAINED, DraftingError("llm_replica_drained")
    return ReplicaStatus(number, state, problem, found, lacks, 0, 0)

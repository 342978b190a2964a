"""Drafting a given list of cases at once, for the command line and the rehearsal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import httpx

from radraft.core.errors import DraftingError, RadraftError
from radraft.llm import draft as llm_draft, text_base
from radraft.llm.support import SCORED_AT_ONCE
from radraft.pipeline import draft
from radraft.pipeline.adapter_router import Router
from radraft.pipeline.claims import Claims
from radraft.pipeline.draft_case import DraftOutcome, draft_case
from radraft.pipeline.draft_store import store_draft
from radraft.reports.critical import load_rules
from radraft.store.leases import LeaseLost

if TYPE_CHECKING:
    from radraft.core.settings import Settings
    from radraft.llm.profiles import Profile
    from radraft.llm.server import Endpoint
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
    again: bool = False,
    on_outcome: Callable[[DraftOutcome], None] | None = None,
) -> tuple[DraftOutcome, ...]:
    """Claim those of `case_ids` that wait or failed, and `draft_claimed` them; with `again` also
    those that have a draft. The others' outcome is DraftingError `draft_not_claimed`, in order."""
    with Claims(store, critical_rules=load_rules(settings.critical_values)) as claims:
        claimed = await asyncio.to_thread(claims.claim_cases, case_ids, again=again)
        outcomes = await draft_claimed(
            claimed,
            claims=claims,
            settings=settings,
            profile=profile,
            endpoint=endpoint,
            vision=vision,
            at_once=at_once,
            on_outcome=on_outcome,
        )
    found = {outcome.case_id: outcome for outcome in outcomes}
    return tuple(
        found.get(case_id) or DraftOutcome(case_id, None, not_claimed(case_id))
        for case_id in case_ids
    )


async def draft_claimed(
    case_ids: Sequence[str],
    *,
    claims: Claims,
    settings: Settings,
    profile: Profile,
    endpoint: Endpoint,
    vision: draft.VisionModel | None,
    at_once: int | None = None,
    on_outcome: Callable[[DraftOutcome], None] | None = None,
) -> tuple[DraftOutcome, ...]:
    """Draft cases that `claims` holds with what their sites serve, at most `at_once` at a time
    (the profile's batch when None). What came of each, in order; none ends the others."""
    vllms = 1 if endpoint.replicas is None else len(endpoint.replicas)
    gate = asyncio.Semaphore(at_once or profile.vllm.max_num_seqs * vllms)
    scoring = asyncio.Semaphore(SCORED_AT_ONCE)
    router = Router(claims.store, settings.adapters_dir)
    async with httpx.AsyncClient(trust_env=False) as client:
        drafter = draft.Drafter(
            profile, endpoint, client, vision, settings.draft_timeout_s, scoring
        )

        async def base() -> draft.Drafter:
            return drafter

        async def drafted(case_id: str) -> DraftOutcome:
            async with gate:
                try:
                    outcome = await draft_case(
                        case_id, claims=claims, profile=profile, router=router, base=base
                    )
                except RadraftError as error:
                    outcome = DraftOutcome(case_id, None, error)
            if on_outcome is not None:
                on_outcome(outcome)
            return outcome

        return tuple(await asyncio.gather(*(drafted(case_id) for case_id in case_ids)))


def give_up(
    case_ids: Sequence[str], error: DraftingError, *, claims: Claims, profile: Profile
) -> tuple[DraftOutcome, ...]:
    """Leave claimed cases, for which there is no vLLM, with an empty report and the reason."""
    outcomes = []
    for case_id in case_ids:
        failed = llm_draft.failed(case_id, profile, error)
        try:
            with claims.store.begin() as session:
                store_draft(session, failed, owner=claims.owner)
        except LeaseLost as lost:
            outcomes.append(DraftOutcome(case_id, None, lost))
        else:
            outcomes.append(DraftOutcome(case_id, failed))
        claims.settled((case_id,))
    return tuple(outcomes)


def not_claimed(case_id: str) -> DraftingError:
    """Return why a case was not drafted here: it has a draft, or another process drafts it."""
    return DraftingError("draft_not_claimed", case_id=case_id)


def load_vision_model(profile: Profile, *, beside_llm: bool = False) -> draft.VisionModel | None:
    """Return encoder and projector for profiles that take embeddings; None for those that take
    pixels. `beside_llm` is `Encoder`'s.

    DraftingError `starter_weights_changed` where the shipped weights are not the profile's; of a
    profile with its own projector SettingsError as `text_base.projector_of`, and EncodingError
    as `Encoder.of`.
    """
    if profile.image_way != "embeds":
        return None
    from radraft.vision_encoder.encode import Encoder
    from radraft.vision_encoder.projector import Projector

    profile.check_weights()
    return draft.VisionModel(
        encoder=Encoder.of(profile.encoder, edition=profile.edition, beside_llm=beside_llm),
        projector=Projector.load(text_base.projector_of(profile)),
    )

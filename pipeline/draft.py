"""The line, top to bottom: files in (`arrival`), drafts out. Each step is one module; this is
their order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from radraft.core.errors import RadraftError
from radraft.llm import draft
from radraft.llm.support import Scorer
from radraft.pipeline.eligibility import Barred as Barred, barred, save as save
from radraft.prompts.build import build
from radraft.reports.draft import Draft, DraftedSentence
from radraft.reports.values import Coverage
from radraft.store import cases, images, priors
from radraft.studies.blank import blank
from radraft.studies.values import KeyImages
from radraft.vision_encoder.encode import encode

if TYPE_CHECKING:
    import httpx

    from radraft.llm.profiles import Profile
    from radraft.llm.server import Endpoint
    from radraft.prompts.values import DraftRequest
    from radraft.store.database import Store
    from radraft.vision_encoder.encode import Encoder
    from radraft.vision_encoder.projector import Projector


log = logging.getLogger("radraft.pipeline.draft")


@dataclass(frozen=True)
class VisionModel:
    """The vision encoder and the projector into the language model."""

    encoder: Encoder
    projector: Projector


@dataclass(frozen=True)
class Drafter:
    """A served model, and all that drafting with it needs."""

    profile: Profile
    endpoint: Endpoint
    client: httpx.AsyncClient
    vision: VisionModel | None
    timeout_s: float
    scoring: asyncio.Semaphore
    """Held while image support is measured: at most `llm.support.SCORED_AT_ONCE` reports at a
    time."""
    adapter_id: str | None = None
    """Of an adapter that vLLM has loaded, whose projector `vision` has; None for the base model."""


def prepare(
    case_id: str,
    *,
    store: Store,
    profile: Profile,
    vision: VisionModel | None,
    adapter_id: str | None = None,
    change: Callable[[KeyImages], KeyImages] | None = None,
) -> DraftRequest | Barred:
    """Everything before the language model: pixels, embedding, prompt.

    Barred where the profile does not cover the case, or its images are too poor to draft from.
    `vision` is None for profiles that take pixels.
    `change` gives other key images to draft from: an evaluation's question what the image matters.
    """
    with store.read() as session:
        case = cases.deid_study(session, case_id)
        no = barred(session, profile, case)
        if no is not None:
            return no
        chosen = images.load(session, store.objects, case_id)
        earlier = priors.given(
            session,
            store.objects,
            case_id,
            most=profile.priors,
            most_images=max(0, profile.vllm.max_images - len(chosen.images)),
        )
    if change is not None:
        chosen = change(chosen)
    embedding = encode(chosen, vision.encoder, store.objects) if vision is not None else None
    return build(
        case,
        chosen,
        embedding,
        template=profile.template,
        adapter_id=adapter_id,
        priors=earlier,
    )


async def write(
    case_id: str,
    *,
    store: Store,
    drafter: Drafter,
    on_sentence: Callable[[DraftedSentence], None] | None = None,
) -> tuple[Draft, DraftRequest | None]:
    """The draft of one case and what was asked for it; nothing is stored.

    Every sentence is streamed before image support is measured.
    """
    profile, vision = drafter.profile, drafter.vision
    request = await asyncio.to_thread(
        prepare, case_id, store=store, profile=profile, vision=vision, adapter_id=drafter.adapter_id
    )
    if isinstance(request, Barred):
        return draft.withheld(case_id, profile, request.why), None
    result = await ask(
        request,
        profile=profile,
        endpoint=drafter.endpoint,
        client=drafter.client,
        vision=vision,
        timeout_s=drafter.timeout_s,
        on_sentence=on_sentence,
    )
    if profile.support is not None and result.coverage is Coverage.DRAFTED:
        async with drafter.scoring:
            result = await _measured(result, request, drafter, store=store)
        result = replace(result, least_support=profile.support.least)
    return result, request


async def ask(
    request: DraftRequest,
    *,
    profile: Profile,
    endpoint: Endpoint,
    client: httpx.AsyncClient,
    vision: VisionModel | None,
    timeout_s: float,
    on_sentence: Callable[[DraftedSentence], None] | None = None,
) -> Draft:
    """Have the language model answer `request`; nothing is stored."""
    events = draft.draft(
        request,
        profile=profile,
        endpoint=endpoint,
        client=client,
        projector=vision.projector if vision is not None else None,
        timeout_s=timeout_s,
    )
    async for event in events:
        if isinstance(event, Draft):
            result = event
        elif on_sentence is not None:
            on_sentence(event)
    return result


async def _measured(
    result: Draft, request: DraftRequest, drafter: Drafter, *, store: Store
) -> Draft:
    """`result` with the image support of each sentence, or as it is where that cannot be had: a
    draft that nobody measured is still a draft."""
    case_id, chosen = request.case_id, request.images.images
    profile, vision = drafter.profile, drafter.vision
    projector = vision.projector if vision is not None else None
    scorer = Scorer(profile, drafter.endpoint, drafter.client, projector, drafter.timeout_s)

    def without(but: str | None = None) -> DraftRequest:
        made = prepare(
            case_id,
            store=store,
            profile=profile,
            vision=vision,
            adapter_id=request.adapter_id,
            change=partial(blank, but=but),
        )
        assert not isinstance(made, Barred)
        return made

    def shown(image_id: str) -> DraftRequest:
        return request if len(chosen) == 1 else without(image_id)

    try:
        report = await scorer.evidence(
            result.report,
            {one.image_id: await asyncio.to_thread(shown, one.image_id) for one in chosen},
            await asyncio.to_thread(without),
        )
    except RadraftError as error:
        log.warning("case %s: image support was not measured: %s", case_id, error.code)
        return result
    return replace(result, report=report)

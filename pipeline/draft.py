"""Drafting one case, step by step: what is read, what is asked, what the answer rests on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from radraft.core.errors import RadraftError
from radraft.llm import draft
from radraft.llm.support import Scorer
from radraft.pipeline import denials
from radraft.pipeline.eligibility import Barred, barred
from radraft.prompts.build import build, with_images
from radraft.reports.draft import Draft, DraftedSentence
from radraft.reports.values import Coverage
from radraft.store import cases, images as key_images, priors
from radraft.studies.blank import blank
from radraft.studies.values import KeyImages
from radraft.vision_encoder.encode import encode
from radraft.vision_encoder.image_tokens import make_tokens, read_tokens

if TYPE_CHECKING:
    import httpx

    from radraft.llm.profiles import Profile
    from radraft.llm.server import Endpoint
    from radraft.prompts.values import DraftRequest
    from radraft.store.database import Store
    from radraft.vision_encoder.encode import Encoder
    from radraft.vision_encoder.projector import Projector
    from radraft.vision_encoder.torch_file import Dtype
    from radraft.vision_encoder.values import ByteStore, ImageTokens

log = logging.getLogger("radraft.pipeline.draft")


@dataclass(frozen=True)
class VisionModel:
    """The vision encoder and the projector into the language model."""

    encoder: Encoder
    projector: Projector

    def kept_tokens(
        self, case_id: str, image_ids: Sequence[str], dtype: Dtype, objects: ByteStore
    ) -> ImageTokens | None:
        """Return the tokens of these images as they were made before, None where they were not."""
        return read_tokens(
            case_id,
            image_ids,
            encoder_id=self.encoder.encoder_id,
            projector_id=self.projector.projector_id,
            dtype=dtype,
            objects=objects,
        )

    def tokens(self, images: KeyImages, dtype: Dtype, objects: ByteStore) -> ImageTokens:
        """Return the tokens of `images`, made and kept where they are not. EncodingError."""
        image_ids = [image.image_id for image in images.images]
        kept = self.kept_tokens(images.case_id, image_ids, dtype, objects)
        if kept is not None:
            return kept
        embedding = encode(images, self.encoder, objects)
        return make_tokens(embedding, self.projector, dtype, objects)


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
    images: KeyImages | None = None,
) -> DraftRequest | Barred:
    """Return everything that goes before the language model: images or their tokens, and prompt.

    Barred where the profile does not cover the case, or its images are too poor to draft from.
    `vision` is None for profiles that take pixels. `images` are drafted from in place of the case's
    own: an evaluation's question what the image matters.
    """
    with store.read() as session:
        case = cases.deid_study(session, case_id)
        no = barred(session, profile, case)
        if no is not None:
            return no
        own_ids = tuple(image.image_id for image in cases.key_images(session, case_id))
        earlier = priors.given(
            session,
            store.objects,
            case_id,
            most=profile.priors,
            most_images=max(0, profile.vllm.max_images - len(own_ids)),
        )
    if vision is None:
        shown, tokens = images or _key_images(case_id, store), None
    elif images is None:
        shown, tokens = (
            None,
            vision.kept_tokens(case_id, own_ids, profile.vllm.dtype, store.objects)
            or vision.tokens(_key_images(case_id, store), profile.vllm.dtype, store.objects),
        )
    else:
        shown, tokens = None, vision.tokens(images, profile.vllm.dtype, store.objects)
    return build(
        case, shown, tokens, template=profile.template, adapter_id=adapter_id, priors=earlier
    )


def _key_images(case_id: str, store: Store) -> KeyImages:
    """Return the case's key images with their pixels."""
    with store.read() as session:
        return key_images.load(session, store.objects, case_id)


async def make_draft(
    case_id: str,
    *,
    store: Store,
    drafter: Drafter,
    on_sentence: Callable[[DraftedSentence], None] | None = None,
) -> tuple[Draft, DraftRequest | None]:
    """Return the draft of one case and what was asked for it; nothing is stored.

    Every sentence is streamed before image support is measured.
    """
    request = await prepared(case_id, store=store, drafter=drafter)
    if isinstance(request, Barred):
        return draft.withheld(case_id, drafter.profile, request.why), None
    result = await answer(request, store=store, drafter=drafter, on_sentence=on_sentence)
    return result, request


async def prepared(case_id: str, *, store: Store, drafter: Drafter) -> DraftRequest | Barred:
    """Return what `prepare` does, in a thread, for a drafter's model."""
    return await asyncio.to_thread(
        prepare,
        case_id,
        store=store,
        profile=drafter.profile,
        vision=drafter.vision,
        adapter_id=drafter.adapter_id,
    )


async def answer(
    request: DraftRequest,
    *,
    store: Store,
    drafter: Drafter,
    on_sentence: Callable[[DraftedSentence], None] | None = None,
) -> Draft:
    """Return what the model answers to `request`, with image support where the profile has it
    measured; nothing is stored."""
    profile = drafter.profile
    result = await ask(
        request,
        store=store,
        profile=profile,
        endpoint=drafter.endpoint,
        client=drafter.client,
        timeout_s=drafter.timeout_s,
        on_sentence=on_sentence,
    )
    if profile.support is not None and result.coverage is Coverage.DRAFTED:
        async with drafter.scoring:
            result = await _measured(result, request, drafter, store=store)
        result = replace(result, least_support=profile.support.least)
    return result


async def ask(
    request: DraftRequest,
    *,
    store: Store,
    profile: Profile,
    endpoint: Endpoint,
    client: httpx.AsyncClient,
    timeout_s: float,
    on_sentence: Callable[[DraftedSentence], None] | None = None,
) -> Draft:
    """Have the language model answer `request`, and leave out what the images do not bear out
    (`pipeline.denials`); nothing is stored. Errors as `denials.of_request` and `llm.draft.draft`.
    """
    held = await asyncio.to_thread(denials.of_request, request, profile, store)
    events = draft.draft(
        request, profile=profile, endpoint=endpoint, client=client, timeout_s=timeout_s
    )
    left_out: set[str] = set()
    async for event in events:
        if isinstance(event, Draft):
            result = denials.without(event, left_out)
        elif held is not None and not await asyncio.to_thread(held.borne_out, event.sentence):
            left_out.add(event.sentence.id)
        elif on_sentence is not None:
            on_sentence(event)
    return result


async def _measured(
    result: Draft, request: DraftRequest, drafter: Drafter, *, store: Store
) -> Draft:
    """Return `result` with the image support of each sentence, or as it is where that cannot be
    had: a draft that nobody measured is still a draft."""
    scorer = Scorer(drafter.profile, drafter.endpoint, drafter.client, drafter.timeout_s)
    try:
        shown, without = await asyncio.to_thread(blanked, request, drafter, store)
        report = await scorer.evidence(result.report, shown, without)
    except RadraftError as error:
        log.warning("case %s: image support was not measured: %s", request.case_id, error.code)
        return result
    return replace(result, report=report)


def blanked(
    request: DraftRequest, drafter: Drafter, store: Store
) -> tuple[dict[str, DraftRequest], DraftRequest]:
    """Return, for each key image, `request` with all others blank; and `request` with all blank.

    Nothing of the case is read again but pixels that the request does not hold: a blank image has
    the size of the one it stands for.
    """
    chosen = request.images or _key_images(request.case_id, store)
    ids = request.own_image_ids
    shown = {
        image_id: request
        if len(ids) == 1
        else _with_images(request, blank(chosen, but=image_id), drafter, store)
        for image_id in ids
    }
    return shown, _with_images(request, blank(chosen), drafter, store)


def _with_images(
    request: DraftRequest, images: KeyImages, drafter: Drafter, store: Store
) -> DraftRequest:
    """Return `request` with other images in the places of its own."""
    profile, vision = drafter.profile, drafter.vision
    if vision is None:
        return with_images(request, images, None)
    return with_images(request, None, vision.tokens(images, profile.vllm.dtype, store.objects))

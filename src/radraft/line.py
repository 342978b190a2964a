"""The line, top to bottom: files in, drafts out. Each step is one module; this is their order."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from radraft.errors import RadraftError, StudyRejected
from radraft.llm import draft as llm_draft
from radraft.llm.support import Scorer
from radraft.llm.values import Draft, DraftedSentence
from radraft.prompts.build import build, request_json
from radraft.reports.values import Coverage
from radraft.store import cases, drafts, images
from radraft.studies.blank import blank
from radraft.studies.deidentify import deidentify
from radraft.studies.key_images import key_images
from radraft.studies.quality import check
from radraft.studies.read import read
from radraft.studies.values import DeidStudy, KeyImages, Rejection, Study
from radraft.vision_encoder.encode import encode

if TYPE_CHECKING:
    import httpx
    from sqlalchemy.orm import Session

    from radraft.llm.profiles import Profile
    from radraft.llm.server import Endpoint
    from radraft.prompts.values import DraftRequest
    from radraft.store.database import Store
    from radraft.vision_encoder.encode import Encoder
    from radraft.vision_encoder.projector import Projector


log = logging.getLogger("radraft.line")


@dataclass(frozen=True)
class IngestResult:
    """What became of the files of one path."""

    cases: tuple[str, ...]
    """Case ids of studies that were taken in now."""
    known: tuple[str, ...]
    """Case ids of studies that had been taken in before; nothing about them changed."""
    rejections: tuple[Rejection, ...]


@dataclass(frozen=True)
class Eyes:
    """The vision encoder and the projector into the language model."""

    encoder: Encoder
    projector: Projector


@dataclass(frozen=True)
class Drafter:
    """A served model, and all that drafting with it needs."""

    profile: Profile
    endpoint: Endpoint
    client: httpx.AsyncClient
    eyes: Eyes | None
    timeout_s: float
    scoring: asyncio.Semaphore
    """Held while image support is measured: at most `llm.support.SCORED_AT_ONCE` reports at a
    time."""
    adapter_id: str | None = None
    """Of an adapter that vLLM has loaded, whose projector `eyes` has; None for the base model."""


def ingest(
    path: Path,
    *,
    store: Store,
    profile: Profile,
    site: str,
    scratch: Path,
    on_study: Callable[[int, int], None] | None = None,
) -> IngestResult:
    """Take in a file, folder, zip or DICOMDIR; what is bad in it is rejected, the rest goes on.

    `on_study(done, total)` is called after each study. A study outside the profile's coverage gets
    its skeleton and plain statement here; the others wait for a draft.
    """
    new: list[str] = []
    known: list[str] = []
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as work_dir:
        found = read(path, Path(work_dir))
        rejections = list(found.rejections)
        for done, study in enumerate(found.studies, start=1):
            try:
                case_id, added = _take_in(study, store, profile, site)
            except StudyRejected as error:
                file = error.file or study.instances[0].path.name
                rejections.append(Rejection(file, error.code, error.message_zh, error.message_en))
            else:
                (new if added else known).append(case_id)
            if on_study is not None:
                on_study(done, len(found.studies))
    return IngestResult(tuple(new), tuple(known), tuple(rejections))


def _take_in(study: Study, store: Store, profile: Profile, site: str) -> tuple[str, bool]:
    with store.read() as session:
        known = cases.find_case(session, study.study_uid)
    if known is not None:
        return known, False
    checked = check(study)
    deid = deidentify(checked, store.secret)
    chosen = key_images(deid)
    originals = tuple(
        f"originals/{deid.case_id}/{number:04d}.dcm" for number in range(len(study.instances))
    )
    # Objects first: a row must never point at bytes that are not there.
    for key, instance in zip(originals, study.instances, strict=True):
        store.objects.put(key, instance.path.read_bytes())
    images.save(store.objects, chosen)
    with store.begin() as session:
        added = cases.add_study(
            session,
            site=site,
            study=study,
            deid=deid,
            issues=checked.issues,
            original_keys=originals,
        )
        if added:
            cases.add_key_images(session, chosen)
            if not _covers(profile, deid):
                save(session, llm_draft.uncovered(deid.case_id, profile))
    log.info("case %s taken in, %d key images", deid.case_id, len(chosen.images))
    return deid.case_id, added


def prepare(
    case_id: str,
    *,
    store: Store,
    profile: Profile,
    eyes: Eyes | None,
    adapter_id: str | None = None,
    change: Callable[[KeyImages], KeyImages] | None = None,
) -> DraftRequest | None:
    """Everything before the language model: pixels, embedding, prompt.

    None where the profile does not cover the case. `eyes` is None for profiles that take pixels.
    `change` gives other key images to draft from: an evaluation's question what the image matters.
    """
    with store.read() as session:
        case = cases.deid_study(session, case_id)
        chosen = images.load(session, store.objects, case_id)
    if not _covers(profile, case):
        return None
    if change is not None:
        chosen = change(chosen)
    embedding = encode(chosen, eyes.encoder, store.objects) if eyes is not None else None
    return build(case, chosen, embedding, template=profile.template, adapter_id=adapter_id)


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
    profile, eyes = drafter.profile, drafter.eyes
    request = await asyncio.to_thread(
        prepare, case_id, store=store, profile=profile, eyes=eyes, adapter_id=drafter.adapter_id
    )
    if request is None:
        return llm_draft.uncovered(case_id, profile), None
    result = await ask(
        request,
        profile=profile,
        endpoint=drafter.endpoint,
        client=drafter.client,
        eyes=eyes,
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
    eyes: Eyes | None,
    timeout_s: float,
    on_sentence: Callable[[DraftedSentence], None] | None = None,
) -> Draft:
    """Have the language model answer `request`; nothing is stored."""
    events = llm_draft.draft(
        request,
        profile=profile,
        endpoint=endpoint,
        client=client,
        projector=eyes.projector if eyes is not None else None,
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
    profile, eyes = drafter.profile, drafter.eyes
    projector = eyes.projector if eyes is not None else None
    scorer = Scorer(profile, drafter.endpoint, drafter.client, projector, drafter.timeout_s)

    def without(but: str | None = None) -> DraftRequest:
        made = prepare(
            case_id,
            store=store,
            profile=profile,
            eyes=eyes,
            adapter_id=request.adapter_id,
            change=partial(blank, but=but),
        )
        assert made is not None
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


def save(session: Session, result: Draft, request: DraftRequest | None = None) -> None:
    """Store a draft together with what was asked, so that a signature can make a training pair."""
    embedding = request.embeddings if request is not None else None
    drafts.save_draft(
        session,
        result,
        request_json=request_json(request) if request is not None else None,
        encoder_id=embedding.encoder_id if embedding is not None else None,
        image_ids=tuple(i.image_id for i in request.images.images) if request is not None else (),
    )


def _covers(profile: Profile, case: DeidStudy) -> bool:
    return profile.covers(case.modality, case.body_part, case.view)

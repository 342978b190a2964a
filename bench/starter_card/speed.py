"""How long the starter takes on this machine."""

from __future__ import annotations

import asyncio
import os
import platform
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from radraft.bench.starter_card.features import key_image
from radraft.core.errors import EvalError
from radraft.core.settings import Settings
from radraft.eval.draft_set import Model
from radraft.eval.looks.intake import Intake, take_in
from radraft.eval.result import rounded
from radraft.eval.values import SetItem
from radraft.pipeline import draft as draft_steps
from radraft.pipeline.eligibility import Barred
from radraft.store.database import Store, open_store

if TYPE_CHECKING:
    from radraft.prompts.values import DraftRequest
    from radraft.reports.draft import Draft
    from radraft.vision_encoder.encode import Encoder

AT_ONCE = 16
ROUNDS = 3
ALONE = 5
"""Reports drafted one after the other."""
IMAGES = 48


def measure(
    items: Sequence[SetItem], images: Sequence[Path], model: Model, keep: Path
) -> dict[str, Any]:
    """Seconds a report alone and of 16 at once, tokens a report, images/s of the encoder.

    From the request to the whole report, embeddings already stored; medians of `ROUNDS` rounds.
    EvalError `eval_starter_too_few` unless there are 17 studies that the model covers.
    """
    store = open_store(Settings(data_dir=keep / "store"))
    try:
        first, *batch = _requests(items, model, keep, store)

        def run(*requests: DraftRequest) -> tuple[float, list[Draft]]:
            return _timed(lambda: _drafted(requests, model, store))

        run(first)
        alone = [run(study) for study in batch[:ALONE]]
        rounds = [run(*batch) for _ in range(ROUNDS)]
    finally:
        store.close()
    tokens = [
        draft.usage.completion_tokens
        for _, drafts in rounds
        for draft in drafts
        if draft.usage is not None
    ]
    together = statistics.median(seconds for seconds, _ in rounds)
    vision = model.vision
    return {
        "machine": machine(),
        "reports_alone": len(alone),
        "seconds_alone": rounded(statistics.median(seconds for seconds, _ in alone)),
        "at_once": len(batch),
        "seconds_of_all_at_once": rounded(together),
        "seconds_each_at_once": rounded(together / len(batch)),
        "tokens_each": rounded(statistics.fmean(tokens)) if tokens else None,
        "tokens_most": max(tokens, default=None),
        "encoder_images": min(IMAGES, len(images)),
        "encoder_images_per_s": _images_per_s(images, vision.encoder) if vision else None,
    }


def machine() -> str:
    """The machine in a few words."""
    import psutil

    path = Path("/proc/cpuinfo")
    rows = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    names = (row.split(":", 1)[1].strip() for row in rows if row.startswith("model name"))
    cores, memory = len(os.sched_getaffinity(0)), psutil.virtual_memory().total / 2**30
    return f"{cores} cores ({next(names, platform.machine())}), {memory:.0f} GiB"


def _images_per_s(images: Sequence[Path], encoder: Encoder) -> float | None:
    pictures = [key_image(path) for path in images[:IMAGES]]
    encoder.encode(pictures[:1])
    seconds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        encoder.encode(pictures)
        seconds.append(time.perf_counter() - began)
    return rounded(len(pictures) / statistics.median(seconds))


def _requests(
    items: Sequence[SetItem], model: Model, keep: Path, store: Store
) -> list[DraftRequest]:
    found: list[DraftRequest] = []
    for item in items:
        case = take_in(item, Intake(store, model.profile, keep)).case
        request = case and draft_steps.prepare(
            case.case_id, store=store, profile=model.profile, vision=model.vision
        )
        if request and not isinstance(request, Barred):
            found.append(request)
        if len(found) > AT_ONCE:
            return found
    raise EvalError("eval_starter_too_few", needed=AT_ONCE + 1, found=len(found))


async def _drafted(requests: Sequence[DraftRequest], model: Model, store: Store) -> list[Draft]:
    async with httpx.AsyncClient(trust_env=False) as client:
        asked = (
            draft_steps.ask(
                request,
                store=store,
                profile=model.profile,
                endpoint=model.endpoint,
                client=client,
                timeout_s=model.timeout_s,
            )
            for request in requests
        )
        return list(await asyncio.gather(*asked))


def _timed(run: Callable[[], Awaitable[list[Draft]]]) -> tuple[float, list[Draft]]:
    """Seconds a run takes, and what it gave."""

    async def whole() -> tuple[float, list[Draft]]:
        began = time.perf_counter()
        drafts = await run()
        return time.perf_counter() - began, drafts

    return asyncio.run(whole())

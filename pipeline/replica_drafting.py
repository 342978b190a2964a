"""Drafting with one of several vLLMs, and with another where that one goes away or lies."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from radraft.core.errors import AdapterError, DraftingError, RadraftError
from radraft.llm import draft as llm_draft
from radraft.pipeline import draft as draft_steps
from radraft.pipeline.eligibility import Barred
from radraft.prompts.values import TextPart
from radraft.reports.draft import Draft, DraftProgress, DraftRestarted

if TYPE_CHECKING:
    from radraft.llm.adapter import Adapter
    from radraft.llm.profiles import Profile
    from radraft.llm.replicas.router import Replicas, Use
    from radraft.pipeline.adapter_router import Router
    from radraft.pipeline.draft import Drafter
    from radraft.prompts.values import DraftRequest
    from radraft.store.database import Store

log = logging.getLogger("radraft.pipeline.replica_drafting")

WAIT_S = 30.0
"""How long a draft waits for a vLLM where none can be asked: one may be starting again."""
LOOK_S = 0.2
"""Seconds between two looks whether the vLLM that writes was given up."""
OWN_FAULTS = frozenset({"llm_refused", "llm_cut_off", "llm_bad_format", "llm_timeout"})
"""Codes that may be the draft's own fault: it is begun anew `OWN_FAULTS_TRIED` times, once where
it took too long, and not with every vLLM there is."""
OWN_FAULTS_TRIED = 2
ROUNDS = 2
"""How often a draft comes to each vLLM at most: one that was away may be back."""
CHARACTERS_PER_TOKEN = 3
IMAGE_TOKENS = 256
"""What an image is counted as. Only how much waits where is weighed by it."""


async def make_draft(
    case_id: str,
    adapter: Adapter | None,
    *,
    store: Store,
    router: Router,
    base: Drafter,
    replicas: Replicas,
    on_progress: Callable[[DraftProgress], None] | None = None,
) -> tuple[Draft, DraftRequest | None]:
    """Draft one case with `adapter`, or with the base where no vLLM can be given it; nothing is
    stored.

    A draft whose vLLM fails midway is begun anew at another, and `DraftRestarted` says so. One
    whose vLLM was given up meanwhile, or answers in another's name, is not taken.
    """
    adapted = None if adapter is None else await _opened(adapter, router, base)
    if adapted is not None:
        drafter, folder = adapted
        made = await _with(drafter, folder, case_id, store, replicas, on_progress)
        if made is not None:
            return made
        log.warning("the base drafts for adapter %s: adapter_not_loaded", drafter.adapter_id)
    made = await _with(base, None, case_id, store, replicas, on_progress)
    assert made is not None
    return made


def expected_tokens(request: DraftRequest, profile: Profile) -> int:
    """Return about how many tokens vLLM may read and write for `request`."""
    characters = sum(
        len(part.text)
        for message in request.messages
        for part in message.parts
        if isinstance(part, TextPart)
    )
    images = len(request.image_ids) * IMAGE_TOKENS
    return characters // CHARACTERS_PER_TOKEN + images + profile.sampling.max_tokens


async def _opened(adapter: Adapter, router: Router, base: Drafter) -> tuple[Drafter, Path] | None:
    """Return `base` with the adapter, and its folder; None where its files cannot be used."""
    try:
        return await router.opened(adapter, base)
    except RadraftError as error:
        log.warning("the base drafts for adapter %s: %s", adapter.adapter_id, error.code)
        return None


@dataclass
class _Course:
    """One draft from vLLM to vLLM."""

    drafter: Drafter
    folder: Path | None
    request: DraftRequest
    store: Store
    replicas: Replicas
    on_progress: Callable[[DraftProgress], None] | None
    tried: set[int] = field(default_factory=set)
    away: set[int] = field(default_factory=set)
    """Those of them that were not there, for whatever reason."""
    tries: int = 0
    own_faults: int = 0
    refused: bool = False
    """Whether a vLLM could not be given the adapter."""
    failed: Draft | None = None
    told: bool = False
    """Whether somebody was told of a sentence."""


async def _with(
    drafter: Drafter,
    folder: Path | None,
    case_id: str,
    store: Store,
    replicas: Replicas,
    on_progress: Callable[[DraftProgress], None] | None,
) -> tuple[Draft, DraftRequest | None] | None:
    """Return the draft; None where no vLLM could be given the adapter in `folder`."""
    request = await draft_steps.prepared(case_id, store=store, drafter=drafter)
    if isinstance(request, Barred):
        return llm_draft.withheld(case_id, drafter.profile, request.why), None
    tokens = expected_tokens(request, drafter.profile)
    course = _Course(drafter, folder, request, store, replicas, on_progress)
    while True:
        with replicas.use(drafter.adapter_id, tokens, course.tried) as use:
            if use is not None:
                made = await _tried(course, use)
                if made is not None:
                    return made, request
        if course.own_faults > OWN_FAULTS_TRIED:
            assert course.failed is not None
            return course.failed, request
        if use is None and not await _another(course):
            if course.failed is not None:
                return course.failed, request
            if course.refused:
                return None
            raise replicas.problem() or DraftingError("llm_unreachable")


async def _another(course: _Course) -> bool:
    """Wait for a vLLM that was not tried yet; False where there is none."""
    clock = asyncio.get_running_loop().time
    ends = clock() + WAIT_S
    while clock() < ends:
        if len(course.tried) == len(course.replicas):
            if not course.away or course.tries >= ROUNDS * len(course.replicas):
                return False
            course.tried -= course.away
            course.away.clear()
        if course.replicas.can_ask(course.tried):
            return True
        if course.refused and course.replicas.can_ask(()):
            # The base need not wait for a vLLM that may take the adapter.
            return False
        await asyncio.sleep(LOOK_S)
    return False


async def _tried(course: _Course, use: Use) -> Draft | None:
    """Return what this vLLM drafted; None where that cannot be taken, and why is noted."""
    adapter_id = course.drafter.adapter_id
    course.tried.add(use.number)
    course.tries += 1
    if course.told and course.on_progress is not None:
        course.on_progress(DraftRestarted(course.request.case_id))
        course.told = False
    drafter = replace(course.drafter, endpoint=use.endpoint)
    try:
        await _given(use, drafter, course.folder)
    except AdapterError as error:
        assert adapter_id is not None
        use.without(adapter_id, error)
        course.refused = True
        return None
    except DraftingError as error:
        use.failed(error.code)
        course.away.add(use.number)
        return None

    def tell(progress: DraftProgress) -> None:
        course.told = True
        if course.on_progress is not None:
            course.on_progress(progress)

    made = await _while_there(
        use,
        draft_steps.answer(course.request, store=course.store, drafter=drafter, on_sentence=tell),
    )
    if made is None:
        log.warning("case %s: vLLM %d was given up", course.request.case_id, use.number)
        course.away.add(use.number)
        return None
    if made.error_code is None:
        use.succeeded(adapter_id)
        return made
    use.failed(made.error_code)
    if made.error_code in OWN_FAULTS:
        course.own_faults += 2 if made.error_code == "llm_timeout" else 1
    else:
        course.away.add(use.number)
    course.failed = made
    return None


async def _given(use: Use, drafter: Drafter, folder: Path | None) -> None:
    """Have the vLLM serve the draft's adapter, and be who it was. AdapterError, DraftingError as
    `llm.replicas.look.Looker.give`, and `llm_other_base`."""
    found = await use.looker.listing(drafter.client)
    if drafter.adapter_id is not None and drafter.adapter_id not in found.adapters:
        assert folder is not None
        found = await use.looker.give(drafter.client, drafter.adapter_id, folder)
    use.check(found.base)


async def _while_there(use: Use, writing: Awaitable[Draft]) -> Draft | None:
    """Return the draft; None where its vLLM was given up before it was whole."""
    task = asyncio.ensure_future(writing)
    try:
        while not task.done() and not use.lost():
            await asyncio.wait({task}, timeout=LOOK_S)
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
    if use.lost():
        if not task.cancelled():
            # Looked at, so that no fault of it goes unseen.
            task.exception()
        return None
    return task.result()

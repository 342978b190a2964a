"""Drafts one claimed case: what comes of it is stored or said, and ends none of its neighbours."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from radraft.core.errors import RadraftError, ReportError, StorageUnavailable
from radraft.llm import draft as llm_draft
from radraft.pipeline import adapter_router
from radraft.pipeline.draft_store import store_draft
from radraft.reports import edits
from radraft.store.leases import LeaseLost

if TYPE_CHECKING:
    from radraft.llm.profiles import Profile
    from radraft.pipeline.adapter_router import Router
    from radraft.pipeline.claims import Claims
    from radraft.pipeline.draft import Drafter
    from radraft.prompts.values import DraftRequest
    from radraft.reports.draft import Draft, DraftProgress

log = logging.getLogger("radraft.pipeline.draft_case")


@dataclass(frozen=True)
class DraftOutcome:
    """What became of a case that was to be drafted."""

    case_id: str
    draft: Draft | None
    """As it was stored, a failed one's with the reason; None where nothing was stored."""
    error: RadraftError | None = None
    """Why nothing was stored."""

    @property
    def drafted(self) -> bool:
        """Whether the case has what it was to have: a draft, or the statement that none is made."""
        return self.draft is not None and self.draft.coverage.value != "failed"


async def draft_case(
    case_id: str,
    *,
    claims: Claims,
    profile: Profile,
    router: Router,
    base: Callable[[], Awaitable[Drafter]],
    on_sentence: Callable[[DraftProgress], None] | None = None,
) -> DraftOutcome:
    """Draft a case that `claims` holds with what its site serves now, and store the draft.

    A case that cannot be drafted gets an empty report and the code of why. A lease that was lost
    meanwhile is an outcome, and nothing is stored. Only errors of storage are raised.
    """
    result, request = await _written(case_id, claims, profile, router, base, on_sentence)
    try:
        result = await asyncio.to_thread(_stored, claims, profile, result, request)
    except LeaseLost as error:
        log.warning("case %s: the draft came after the lease was lost", case_id)
        outcome = DraftOutcome(case_id, None, error)
    else:
        outcome = DraftOutcome(case_id, result)
    claims.settled((case_id,))
    return outcome


async def _written(
    case_id: str,
    claims: Claims,
    profile: Profile,
    router: Router,
    base: Callable[[], Awaitable[Drafter]],
    on_sentence: Callable[[DraftProgress], None] | None,
) -> tuple[Draft, DraftRequest | None]:
    """The draft, or the failed one that says why there is none."""

    async def write() -> tuple[Draft, DraftRequest | None]:
        return await adapter_router.make_draft(
            case_id, store=claims.store, router=router, base=await base(), on_sentence=on_sentence
        )

    writing = asyncio.create_task(write())
    try:
        await asyncio.wait({writing})
    finally:
        if not writing.done():
            writing.cancel()
            await asyncio.wait({writing})
    error = writing.exception()
    if error is None:
        return writing.result()
    if isinstance(error, StorageUnavailable):
        raise error
    if isinstance(error, RadraftError):
        log.warning("case %s could not be drafted: %s", case_id, error.code)
        return llm_draft.failed(case_id, profile, error), None
    # The type only: a message may quote what it choked on.
    log.error("case %s broke the line: %s", case_id, type(error).__name__)
    return llm_draft.broken(case_id, profile), None


def _stored(claims: Claims, profile: Profile, result: Draft, request: DraftRequest | None) -> Draft:
    """Store the draft; one that no report may hold is stored as the failed one that says why."""
    try:
        _store(claims, result, request)
    except (ReportError, ValueError) as error:
        # A server that ignores the schema it is given: the type only, for its text may quote.
        log.error("case %s: its draft cannot be stored: %s", result.case_id, type(error).__name__)
        result = llm_draft.broken(result.case_id, profile)
        _store(claims, result, None)
    return result


def _store(claims: Claims, result: Draft, request: DraftRequest | None) -> None:
    edits.load_rules()
    with claims.store.begin() as session:
        store_draft(
            session, result, request, owner=claims.owner, critical_rules=claims.critical_rules
        )

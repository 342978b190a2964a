"""Promotion and roll-back: what drafts at a site changes in one transaction, or not at all.

Nothing is stopped for it. The adapter is checked and loaded into the running vLLM first; drafts in
progress end with the adapter they began with, and the next case asks the registry anew.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from radraft.core.errors import AdapterError, DraftingError, RadraftError
from radraft.llm import adapter_loader, question
from radraft.llm.adapter import Adapter
from radraft.llm.endpoint import HEALTH_S, Endpoint
from radraft.llm.record import RecordFile
from radraft.llm.replicas.drained import DrainedFile
from radraft.llm.replicas.look import Looker, lookers
from radraft.pipeline.adapter_router import check_base, check_layers
from radraft.pipeline.audit_trail import command_line
from radraft.reports.audit import MOST_DETAIL, AuditEvent, AuditKind
from radraft.reports.characters import require_visible
from radraft.store import adapter_copies, adapter_files, adapters, audit

if TYPE_CHECKING:
    from radraft.core.settings import Settings
    from radraft.llm.profiles import Profile
    from radraft.store.database import Store

log = logging.getLogger("radraft.pipeline.promotion")

PROBE_S = 60.0
"""How long an adapter to be promoted may take for one token: a full batch comes first."""
BACK_S = 5.0
"""How long a roll-back waits for vLLM in all. It served before; a full vLLM must not keep the
adapter that is wanted gone."""


def promote(
    adapter_id: str, *, store: Store, settings: Settings, profile: Profile, by: str
) -> Adapter:
    """Have a shadow serve its site. Not from inside an event loop.

    AdapterError `adapter_unknown`, `adapter_move_refused`, `adapter_not_through_gate`,
    `adapter_other_base`, `adapter_layers_unserved`, `adapter_files_changed`, `adapter_not_loaded`,
    `adapter_by_missing`; DraftingError where vLLM runs and does not answer. Then nothing has
    changed.

    Of several vLLMs each that is up and not drained has to take it, or AdapterError
    `adapter_not_on_replica`; one that is down is given it before it is asked again.
    """
    confirmed(by)
    with store.read() as session:
        adapter = adapters.may_serve(session, adapter_id)
    check_base(adapter, profile)
    folder = adapter_files.verified(settings.adapters_dir, adapter)
    check_layers(adapter, folder, profile)
    # One that an older version registered is not there yet.
    adapter_copies.keep(store.objects, settings.adapters_dir, adapter)
    _try_out(adapter_id, folder, settings, profile)
    with store.begin() as session:
        promoted = adapters.promote(session, adapter_id, by=by)
        said = {"serving": adapter_id, "typed": by}
        audit.append(session, adapter_event(promoted.site, "promoted", **said))
    log.info("adapter %s serves %s, confirmed by a person", adapter_id, adapter.site)
    return promoted


def roll_back(
    site: str, *, store: Store, settings: Settings, profile: Profile, by: str, reason: str
) -> Adapter | None:
    """Have serve what served before; None where that is the base model. Not from inside an event
    loop.

    AdapterError `adapter_nothing_to_roll_back`, `adapter_other_base`, `adapter_layers_unserved`,
    `adapter_files_changed`, `adapter_not_loaded`, `adapter_by_missing`; then nothing has changed. A
    vLLM that is too busy to answer in time, or down, does not hold it up: the next draft loads the
    adapter. Nor does one of several that cannot load it.
    """
    confirmed(by, reason)
    with store.read() as session:
        target = adapters.before(session, site)
        adapter = None if target is None else adapters.get(session, target)
    if adapter is not None:
        _prepare(adapter, settings, profile)
    with store.begin() as session:
        if adapters.before(session, site) != target:
            raise AdapterError("adapter_route_changed", site=site)
        back = adapters.roll_back(session, site, by=by, reason=reason)
        said = {"serving": target or "base", "typed": by}
        audit.append(session, adapter_event(site, "rolled_back", **said))
    log.info("%s serves %s again", target or "the base model", site)
    return back


def set_canary(adapter_id: str, share: float, *, store: Store) -> Adapter:
    """Have a shadow draft a share of its site's cases in sight. AdapterError as
    `store.adapters.set_canary`."""
    with store.begin() as session:
        before = adapters.get(session, adapter_id).canary
        adapter = adapters.set_canary(session, adapter_id, share)
        shares = {"adapter": adapter_id, "share": f"{before:g}->{adapter.canary:g}"}
        audit.append(session, adapter_event(adapter.site, "canary", **shares))
        return adapter


def discard(adapter_id: str, *, store: Store, by: str, reason: str) -> Adapter:
    """Give up a candidate or a shadow. AdapterError `adapter_by_missing`, and as
    `store.adapters.discard`."""
    confirmed(by, reason)
    with store.begin() as session:
        adapter = adapters.discard(session, adapter_id, by=by, reason=reason)
        said = {"adapter": adapter_id, "typed": by}
        audit.append(session, adapter_event(adapter.site, "discarded", **said))
        return adapter


def reopen(adapter_id: str, *, store: Store, by: str, reason: str) -> Adapter:
    """Make a retired adapter a candidate again. AdapterError `adapter_by_missing`, and as
    `store.adapters.reopen`."""
    confirmed(by, reason)
    with store.begin() as session:
        adapter = adapters.reopen(session, adapter_id, by=by, reason=reason)
        said = {"adapter": adapter_id, "typed": by}
        audit.append(session, adapter_event(adapter.site, "reopened", **said))
        return adapter


def adapter_event(site: str, move: str, **details: str) -> AuditEvent:
    """Return the event of what a command does now with an adapter of a site. `typed`: a name that
    was typed into the command."""
    said = {name: value[:MOST_DETAIL] for name, value in details.items()}
    return AuditEvent(
        AuditKind.ADAPTER,
        datetime.now(UTC),
        command_line(),
        site=site,
        details={"move": move, **said},
    )


def confirmed(*words: str) -> None:
    """AdapterError `adapter_by_missing` where a name or a reason is blank; ReportError
    `character_refused` where one holds a character that cannot be seen."""
    if not all(word.strip() for word in words):
        raise AdapterError("adapter_by_missing")
    for word in words:
        require_visible(word, "reason")


def running(settings: Settings, profile: Profile) -> Endpoint | None:
    """Where the vLLM answers that some process of radraft runs for this data folder, or the one at
    `settings.llm_url`; None without one. Asks nobody and starts nothing."""
    if settings.llm_url:
        return Endpoint(settings.llm_url, settings.llm_key.get_secret_value(), profile.name)
    found = RecordFile(settings.data_dir).read()
    if found is None or not found.running():
        return None
    return Endpoint(f"http://127.0.0.1:{found.port}", found.key, profile.name)


def _prepare(adapter: Adapter, settings: Settings, profile: Profile) -> None:
    check_base(adapter, profile)
    folder = adapter_files.verified(settings.adapters_dir, adapter)
    check_layers(adapter, folder, profile)

    if len(settings.llm_urls) > 1:
        asyncio.run(_back_on_several(adapter.adapter_id, folder, settings, profile))
        return

    async def in_time(endpoint: Endpoint) -> None:
        async with asyncio.timeout(BACK_S):
            await _load(endpoint, adapter.adapter_id, folder)

    endpoint = running(settings, profile)
    if endpoint is None:
        return
    try:
        asyncio.run(in_time(endpoint))
    except (DraftingError, TimeoutError):
        log.warning("vLLM did not try adapter %s before it serves again", adapter.adapter_id)


def _try_out(adapter_id: str, folder: Path, settings: Settings, profile: Profile) -> None:
    if len(settings.llm_urls) > 1:
        asyncio.run(_on_every(adapter_id, folder, settings, profile))
        return
    endpoint = running(settings, profile)
    if endpoint is None:
        return
    try:
        asyncio.run(_load(endpoint, adapter_id, folder))
    except DraftingError as error:
        # One that is starting has nothing to lose a request from.
        if error.code != "llm_unreachable":
            raise
        log.warning("vLLM did not answer; adapter %s was not tried", adapter_id)


async def _on_every(adapter_id: str, folder: Path, settings: Settings, profile: Profile) -> None:
    """Have each vLLM that is up load and try the adapter. AdapterError `adapter_not_on_replica`
    naming the first that could not; DraftingError `llm_no_replica` where none is up, and not all
    because nobody answers there."""

    async def given(number: int, looker: Looker, client: httpx.AsyncClient) -> str:
        """Return why it is not up; nothing where it has the adapter now."""
        try:
            await looker.look(client, {}, try_base=False)
        except DraftingError as error:
            log.warning(
                "vLLM %d is not up (%s); it was not given %s", number, error.code, adapter_id
            )
            return error.code
        try:
            await looker.give(client, adapter_id, folder)
        except RadraftError as error:
            raise AdapterError(
                "adapter_not_on_replica", adapter=adapter_id, replica=number, reason=error.code
            ) from None
        return ""

    lookers = _lookers(settings, profile)
    async with question.client() as client:
        why = await asyncio.gather(*(given(n, looker, client) for n, looker in lookers.items()))
    if all(why) and set(why) != {"llm_unreachable"}:
        which = ", ".join(f"{number}: {code}" for number, code in zip(lookers, why, strict=True))
        raise DraftingError(
            "llm_no_replica", total=len(settings.llm_urls), which=which or "drained"
        )


async def _back_on_several(
    adapter_id: str, folder: Path, settings: Settings, profile: Profile
) -> None:
    """Have each vLLM load the adapter that is to serve again, for `BACK_S` seconds at most.
    AdapterError `adapter_not_loaded` where all that answered could not."""

    async def given(number: int, looker: Looker, client: httpx.AsyncClient) -> AdapterError | bool:
        """Return whether it has it now; the error where it cannot have it."""
        try:
            async with asyncio.timeout(BACK_S):
                await looker.give(client, adapter_id, folder)
        except AdapterError as error:
            return error
        except (DraftingError, TimeoutError):
            log.warning("vLLM %d did not try adapter %s before it serves again", number, adapter_id)
            return False
        return True

    lookers = _lookers(settings, profile)
    async with question.client() as client:
        found = await asyncio.gather(*(given(n, looker, client) for n, looker in lookers.items()))
    refused = [each for each in found if isinstance(each, AdapterError)]
    if refused and not any(each is True for each in found):
        raise refused[0]


def _lookers(settings: Settings, profile: Profile) -> dict[int, Looker]:
    """Return what asks each of several vLLMs, by number; none that an administrator took out."""
    drained = DrainedFile(settings.data_dir)
    return {
        number: looker
        for number, looker in lookers(settings, profile, HEALTH_S).items()
        if not drained.holds(looker.url)
    }


async def _load(endpoint: Endpoint, adapter_id: str, folder: Path) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        await adapter_loader.ensure(endpoint, adapter_id, folder, client)
        await adapter_loader.probe(endpoint, adapter_id, client, PROBE_S)

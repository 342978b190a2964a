"""Which model drafts a case: the adapter its site serves, or the base model where that cannot."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from radraft.core.errors import AdapterError, RadraftError, StorageError
from radraft.llm import adapter_loader, native_layers
from radraft.llm.adapter import Adapter, AdapterChoice, AdapterState
from radraft.pipeline import draft as draft_steps, replica_drafting
from radraft.pipeline.draft_store import store_draft
from radraft.reports import edits
from radraft.store import adapter_copies, adapter_files, adapters, cases
from radraft.vision_encoder.projector import Projector

if TYPE_CHECKING:
    from radraft.llm.profiles import Profile
    from radraft.pipeline.draft import Drafter, VisionModel
    from radraft.prompts.values import DraftRequest
    from radraft.reports.draft import Draft, DraftProgress
    from radraft.store.database import Store

log = logging.getLogger("radraft.pipeline.adapter_router")

Seen = tuple[tuple[str, int, int, int], ...]


def check_base(adapter: Adapter, profile: Profile) -> None:
    """AdapterError `adapter_other_base` unless the adapter was trained on the profile's model."""
    if not profile.is_base(adapter.base):
        raise AdapterError(
            "adapter_other_base",
            adapter=adapter.adapter_id,
            base=adapter.base,
            model=profile.model_id,
        )


def check_layers(adapter: Adapter, folder: Path, profile: Profile) -> None:
    """AdapterError `adapter_layers_unserved` where the adapter changes layers of the vision tower
    and the profile names none there: vLLM would leave those out without a word (vllm#23796)."""
    served = native_layers.beyond_language(profile.lora_targets or ())
    if not served and adapter_files.changes_tower(folder):
        raise AdapterError("adapter_layers_unserved", adapter=adapter.adapter_id)


class Router:
    """Chooses for each case. Thread-safe; what it remembers can be found again at any time."""

    def __init__(self, store: Store, root: Path) -> None:
        """`root` is `Settings.adapters_dir`."""
        self._store = store
        self._root = root
        self._lock = threading.Lock()
        self._verified: dict[str, Seen] = {}
        self._projectors: dict[str, Projector | None] = {}

    def choice(self, case_id: str) -> AdapterChoice:
        """What drafts the case now. NotFound `case_not_found`."""
        with self._store.read() as session:
            site = cases.get_case(session, case_id).site
            return adapters.choose(adapters.route(session, site), case_id)

    async def drafter(self, adapter: Adapter | None, base: Drafter) -> Drafter:
        """`base` with the adapter, loaded into its vLLM; `base` itself where that cannot be had.

        A reader does not wait for an adapter: what stands in its way is logged by its code.
        """
        if adapter is None:
            return base
        try:
            return await self.ready(adapter, base)
        except RadraftError as error:
            log.warning("the base drafts for adapter %s: %s", adapter.adapter_id, error.code)
            return base

    async def ready(self, adapter: Adapter, base: Drafter) -> Drafter:
        """`base` with the adapter, its files checked and loaded into vLLM.

        AdapterError `adapter_files_changed`, EncodingError `projector_invalid`, and as
        `llm.adapter_loader.ensure`.
        """
        drafter, folder = await self.opened(adapter, base)
        await adapter_loader.ensure(base.endpoint, adapter.adapter_id, folder, base.client)
        return drafter

    async def opened(self, adapter: Adapter, base: Drafter) -> tuple[Drafter, Path]:
        """`base` with the adapter, its files checked and not loaded yet, and their folder.
        AdapterError, EncodingError as `ready`, `adapter_other_base`, `adapter_layers_unserved`."""
        check_base(adapter, base.profile)
        folder, projector = await asyncio.to_thread(self._opened, adapter)
        check_layers(adapter, folder, base.profile)
        drafter = replace(
            base, adapter_id=adapter.adapter_id, vision=seeing_by(base.vision, projector)
        )
        return drafter, folder

    def serving(self, profile: Profile) -> dict[str, Path]:
        """Name -> checked folder of each adapter that serves at some site over this model. One
        whose files cannot be used is left out: the base drafts for it. StorageError."""
        with self._store.read() as session:
            found = adapters.adapters(session, state=AdapterState.SERVING)
        folders = {}
        for adapter in found:
            try:
                check_base(adapter, profile)
                folder, _ = self._opened(adapter)
                check_layers(adapter, folder, profile)
                folders[adapter.adapter_id] = folder
            except StorageError:
                raise
            except RadraftError as error:
                log.warning("adapter %s cannot serve: %s", adapter.adapter_id, error.code)
        return folders

    def _opened(self, adapter: Adapter) -> tuple[Path, Projector | None]:
        """Return the adapter's folder, hashed anew only where a file was touched, and its
        projector; where it was made on another machine its files are fetched first."""
        key = adapter.adapter_id
        with self._lock:
            folder = adapter_files.folder(self._root, key)
            if not folder.exists():
                adapter_copies.fetch(self._store.objects, self._root, adapter)
            seen = _state(folder)
            if not seen or self._verified.get(key) != seen:
                self._verified.pop(key, None)
                adapter_files.verified(self._root, adapter)
                self._projectors[key] = own_projector(folder)
                self._verified[key] = seen
            return folder, self._projectors[key]


async def make_draft(
    case_id: str,
    *,
    store: Store,
    router: Router,
    base: Drafter,
    on_sentence: Callable[[DraftProgress], None] | None = None,
) -> tuple[Draft, DraftRequest | None]:
    """Draft one case with what its site serves now; nothing is stored.

    A vLLM that forgot the adapter between the question and the answer is told it once more. Where
    there are several, as `replica_drafting.make_draft`.
    """
    choice = await asyncio.to_thread(router.choice, case_id)
    if base.endpoint.replicas is not None:
        return await replica_drafting.make_draft(
            case_id,
            choice.visible,
            store=store,
            router=router,
            base=base,
            replicas=base.endpoint.replicas,
            on_progress=on_sentence,
        )
    for last in (False, True):
        drafter = await router.drafter(choice.visible, base)
        result, request = await draft_steps.make_draft(
            case_id, store=store, drafter=drafter, on_sentence=on_sentence
        )
        if last or drafter.adapter_id is None or result.error_code != "llm_refused":
            break
        log.info("vLLM did not know adapter %s; it is loaded again", drafter.adapter_id)
    return result, request


async def draft(
    case_id: str,
    *,
    store: Store,
    router: Router,
    base: Drafter,
    on_sentence: Callable[[DraftProgress], None] | None = None,
) -> Draft:
    """Draft a case that nobody claimed, and store the draft. LeaseLost where somebody did."""
    result, request = await make_draft(
        case_id, store=store, router=router, base=base, on_sentence=on_sentence
    )
    await asyncio.to_thread(_store, store, result, request)
    return result


def _store(store: Store, result: Draft, request: DraftRequest | None) -> None:
    edits.load_rules()
    with store.begin() as session:
        store_draft(session, result, request)


def own_projector(folder: Path) -> Projector | None:
    """The projector of the adapter in `folder`; None where it has none of its own. EncodingError
    `projector_invalid`."""
    path = folder / adapter_files.PROJECTOR
    return Projector.load(path) if path.exists() else None


def seeing_by(vision: VisionModel | None, projector: Projector | None) -> VisionModel | None:
    """`vision` with that projector in place of their own, where there is one."""
    return vision if vision is None or projector is None else replace(vision, projector=projector)


def _state(folder: Path) -> Seen:
    """What changes when a file of the folder is written; empty where it cannot be read."""
    try:
        found = [(path.name, path.lstat()) for path in sorted(folder.iterdir())]
    except OSError:
        return ()
    return tuple((name, at.st_ino, at.st_size, at.st_mtime_ns) for name, at in found)

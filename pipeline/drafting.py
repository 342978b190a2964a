"""Drafting in the background: vLLM, the draft worker and its signs of life, started and stopped
together by `radraft serve` and `radraft worker`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from radraft.llm.launch import shares_cpu
from radraft.llm.link import LlmLink
from radraft.pipeline.adapter_router import Router
from radraft.pipeline.claims import Claims
from radraft.pipeline.draft_batch import load_vision_model
from radraft.pipeline.draft_worker import Worker
from radraft.pipeline.draft_workers import WorkerSigns
from radraft.pipeline.encoders import LoadedOnce
from radraft.reports.critical import load_rules
from radraft.store.leases import Owner

if TYPE_CHECKING:
    from radraft.core.metrics import Metrics
    from radraft.core.settings import Settings
    from radraft.llm.profiles import Profile
    from radraft.store.database import Store

GIVE_BACK_S = 3.0
"""How long the end waits for drafts to be given back to the queue."""


class Drafting:
    """What drafts in this process. DraftingError `starter_weights_changed` where it would draft
    with other weights than pinned."""

    def __init__(
        self,
        settings: Settings,
        profile: Profile,
        store: Store,
        metrics: Metrics,
        on_progress: Callable[[str, float], None] | None = None,
    ) -> None:
        profile.check_weights()
        self.vision = LoadedOnce(
            lambda: load_vision_model(profile, beside_llm=shares_cpu(settings))
        )
        router = Router(store, settings.adapters_dir)
        self.link = LlmLink(
            settings, profile, on_progress, adapters=lambda: router.serving(profile)
        )
        owner = Owner(term_s=settings.lease_s)
        slots = profile.vllm.max_num_seqs
        self.worker = Worker(
            store,
            profile,
            endpoint=self.link.endpoint,
            vision=self.vision,
            router=router,
            slots=slots,
            vllms=max(1, len(settings.llm_urls)),
            timeout_s=settings.draft_timeout_s,
            claims=Claims(store, owner=owner, critical_rules=load_rules(settings.critical_values)),
            metrics=metrics,
        )
        self._signs = WorkerSigns(store, owner, self.link, slots=slots, model=profile.name)
        self._ending = threading.Thread(target=self.link.stop, name="radraft-llm-stop", daemon=True)

    def start(self) -> None:
        """Begin; returns before vLLM is up."""
        self.link.start()
        self.worker.start()
        self._signs.start()

    def stop(self) -> None:
        """End vLLM and give the drafts in progress back, waiting for that only so long."""
        self.worker.stop()
        self._ending.start()
        self.worker.join(GIVE_BACK_S)
        self._signs.close()

    def join(self) -> None:
        """Wait until vLLM has ended."""
        self._ending.join()

"""A site with adapters, and a worker that drafts for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from radraft.core.settings import Settings
from radraft.llm.endpoint import Endpoint
from radraft.llm.profiles import load_profile
from radraft.pipeline.adapter_router import Router
from radraft.pipeline.draft_batch import draft_many
from radraft.pipeline.draft_worker import Worker
from radraft.reports.draft import Draft
from radraft.reports.values import Coverage
from radraft.store import adapters
from radraft.store.database import Store
from tests.llm.adapter_server import BASE, AdapterServer
from tests.store.adapter_builders import decision, installed

PROFILE = load_profile("qwen3-vl-8b-instruct")


class Site:
    """Adapters of `site-a` with files, over the tests' profile."""

    def __init__(self, store: Store, settings: Settings, scratch: Path) -> None:
        self.store = store
        self.settings = settings
        self.scratch = scratch

    def shadow(self, number: int, base: str = PROFILE.model_id) -> str:
        with self.store.begin() as session:
            adapter_id = installed(
                session, self.settings.adapters_dir, self.scratch, number, base=base
            )
            adapters.record(session, decision(session, adapter_id))
        return adapter_id

    def serving(self, number: int, base: str = PROFILE.model_id) -> str:
        adapter_id = self.shadow(number, base)
        with self.store.begin() as session:
            adapters.promote(session, adapter_id, by="Dr. Li")
        return adapter_id

    def files(self, adapter_id: str) -> Path:
        return self.settings.adapters_dir / adapter_id


def draft(site: Site, server: AdapterServer, *case_ids: str) -> tuple[Draft, ...]:
    outcomes = asyncio.run(
        draft_many(
            case_ids,
            store=site.store,
            settings=site.settings,
            profile=PROFILE,
            endpoint=server.endpoint,
            vision=None,
            again=True,
        )
    )
    made = tuple(outcome.draft for outcome in outcomes if outcome.draft is not None)
    assert len(made) == len(case_ids)
    return made


def author(made: Draft) -> str:
    """Who wrote it, by the text itself: it must be who the draft names."""
    assert made.coverage is Coverage.DRAFTED
    (words,) = {sentence.en for sentence in made.report.sentences}
    name = words.removeprefix("Drafted by ").removesuffix(".")
    assert name == (made.adapter_id or BASE)
    return name


@contextmanager
def working(site: Site, endpoint: Endpoint, slots: int = 4) -> Iterator[Worker]:
    worker = Worker(
        site.store,
        PROFILE,
        endpoint=lambda: endpoint,
        vision=lambda: None,
        router=Router(site.store, site.settings.adapters_dir),
        slots=slots,
        timeout_s=60,
    )
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()
        worker.join(60)
    assert not worker.is_alive()

"""A process's share of a backfill, with its link to vLLM where it drafts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from radraft.pipeline.adapter_router import Router
from radraft.pipeline.backfill import Backfiller
from radraft.pipeline.backfill_works import made_for
from radraft.store.backfills import Work
from radraft.store.leases import Owner

if TYPE_CHECKING:
    from radraft.core.settings import Settings
    from radraft.llm.profiles import Profile
    from radraft.llm.server import Endpoint
    from radraft.store.database import Store


@contextmanager
def worker(
    store: Store, settings: Settings, profile: Profile, number: int, work: Work, at_once: int
) -> Iterator[Backfiller]:
    """Yield what works on a backfill as this process's settings say. Errors as `made_for`."""
    with ExitStack() as stack:
        endpoint = _endpoint(store, settings, profile, stack) if work is Work.DRAFT else _nothing
        made = made_for(work, store, settings, profile, endpoint)
        owner = Owner(term_s=settings.lease_s)
        yield Backfiller(store, number, made, at_once=at_once, owner=owner)


def _endpoint(
    store: Store, settings: Settings, profile: Profile, stack: ExitStack
) -> Callable[[], Endpoint | None]:
    from radraft.llm.link import LlmLink

    router = Router(store, settings.adapters_dir)
    link = LlmLink(settings, profile, adapters=lambda: router.serving(profile))
    link.start()
    stack.callback(link.stop)
    return link.endpoint


def _nothing() -> Endpoint | None:
    return None

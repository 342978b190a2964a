"""Past studies of the archive, each with a made-up film."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from radraft.store import backfills, cases, images
from radraft.store.backfills import Selection, Work
from radraft.store.database import Store
from tests.builders import make_deid, make_images, make_study


def add_past(
    store: Store,
    numbers: Iterable[int],
    *,
    site: str = "site-a",
    films: bool = True,
    **changes: Any,
) -> tuple[str, ...]:
    """Take these studies in as the archive does: they wait for no draft."""
    found = []
    for number in numbers:
        deid = make_deid(number)
        film = make_images(deid.case_id, seed=number)
        if films:
            images.save(store.objects, film)
        with store.begin() as session:
            cases.add_study(
                session,
                site=site,
                study=make_study(number, **changes),
                deid=deid,
                issues=(),
                original_keys=(),
                archived=True,
            )
            cases.add_key_images(session, film)
        found.append(deid.case_id)
    return tuple(found)


def asked(
    store: Store,
    work: Work = Work.DRAFT,
    selection: Selection | None = None,
    *,
    rate: float = 60_000.0,
    tries: int = 2,
) -> int:
    """Ask for a backfill, listed whole; its number."""
    with store.begin() as session:
        number, _ = backfills.ask(
            session, work, selection or Selection(), rate_per_minute=rate, most_tries=tries
        )
    listed = False
    while not listed:
        with store.begin() as session:
            listed = backfills.list_more(session, number)
    return number

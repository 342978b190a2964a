"""A folder of adapter files becomes a registered candidate."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radraft.llm.adapter import Adapter
from radraft.store import adapter_copies, adapter_files, adapters

if TYPE_CHECKING:
    from radraft.store.database import Store


def enter(
    folder: Path,
    root: Path,
    store: Store,
    *,
    site: str,
    base: str,
    parent: str | None,
    data_sha: str,
    card: Mapping[str, Any],
    by: str,
) -> Adapter:
    """Installs the adapter in `folder` under `root` and registers it as a candidate of `site`; the
    registered one where the same is there already. AdapterError as `adapter_files.install`;
    StorageUnavailable."""
    known = adapter_files.hashes(folder)
    adapter = Adapter(
        adapter_id=adapter_files.id_of(site, base, known),
        site=site,
        base=base,
        files=known,
        rank=adapter_files.rank_of(folder),
        parent=parent,
        data_sha=data_sha,
        card=card,
        made_at=datetime.now(UTC),
    )
    # Files first: a row must never name an adapter that is not there.
    adapter_files.install(folder, root, adapter.adapter_id)
    # For the other machines that draft.
    adapter_copies.keep(store.objects, root, adapter)
    with store.begin() as session:
        return adapters.register(session, adapter, by=by)

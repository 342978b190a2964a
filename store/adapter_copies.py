"""Copies of adapters' files among the objects, from which machines that draft take those that were
made elsewhere. What counts stays each machine's own copy, of the registered hash."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from radraft.core.errors import NotFound
from radraft.store import adapter_files

if TYPE_CHECKING:
    from radraft.llm.adapter import Adapter
    from radraft.store.objects import Objects

FOLDER = "adapters"


def keep(objects: Objects, root: Path, adapter: Adapter) -> None:
    """Copy the adapter's files from under `root` to the objects, those that are not there yet.
    AdapterError as `adapter_files.verified`; StorageUnavailable."""
    folder = adapter_files.verified(root, adapter)
    for name in adapter.files:
        key = _key(adapter, name)
        if not objects.exists(key):
            objects.put_file(key, folder / name)


def fetch(objects: Objects, root: Path, adapter: Adapter) -> bool:
    """Have the adapter's files under `root` where they are not yet; False where the objects do not
    have them either. AdapterError as `adapter_files.install`; StorageUnavailable."""
    if adapter_files.folder(root, adapter.adapter_id).exists():
        return True
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(prefix=".fetched-", dir=root) as folder:
        for name in adapter.files:
            try:
                objects.get_file(_key(adapter, name), Path(folder) / name)
            except NotFound:
                return False
        adapter_files.install(Path(folder), root, adapter.adapter_id)
    return True


def _key(adapter: Adapter, name: str) -> str:
    return f"{FOLDER}/{adapter.adapter_id}/{name}"

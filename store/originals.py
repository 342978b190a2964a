"""Files that studies came as, byte for byte, in object storage."""

from __future__ import annotations

from pathlib import Path

from radraft.core.file_hash import file_sha256
from radraft.store.objects import Objects


def put(objects: Objects, case_id: str, path: Path) -> str:
    """Keep the file `path` with the case's originals and return its key.

    The key has a hash of the bytes: two processes that take in the same study cannot overwrite each
    other's files.
    """
    key = f"originals/{case_id}/{file_sha256(path)[:32]}.dcm"
    objects.put_file(key, path)
    return key

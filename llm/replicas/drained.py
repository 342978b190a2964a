"""Which vLLMs an administrator took out: kept in the data folder, heeded by every process of it."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from pathlib import Path

from radraft.core.locks import locked


class DrainedFile:
    """`data_dir/run/drained.json`. A vLLM is known by a hash of its address: an address may hold a
    password, and its place among others may change."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "run" / "drained.json"

    def holds(self, url: str) -> bool:
        """Return whether that vLLM is taken out."""
        return _key(url) in self._read()

    def change(self, url: str, *, drained: bool) -> None:
        """Take a vLLM out, or put it back."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(self._path.with_suffix(".lock")):
            keys = self._read() - {_key(url)} | ({_key(url)} if drained else set())
            partial = self._path.with_suffix(f".{secrets.token_hex(4)}")
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(sorted(keys), file)
            partial.replace(self._path)

    def _read(self) -> set[str]:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return set()
        return set(filter(lambda key: isinstance(key, str), found)) if found else set()


def _key(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()

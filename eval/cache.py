"""Keeps what was computed under the hash of what it was computed from."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import numpy as np

from radraft.core import canonical
from radraft.eval.values import FloatArray

_SCORING = ("radraft.eval.text", "radraft.eval.clinical", "radraft.reports.findings")
_SCORING_FILES = ("bootstrap.py", "score.py", "values.py")
_LIBRARIES = ("numpy", "pycocoevalcap", "rapidfuzz", "rjieba", "sacrebleu", "snowballstemmer")


@cache
def metrics_sha() -> str:
    """Hash of all that decides a score: the metrics' code and word lists, and the libraries."""
    digest = hashlib.sha256(canonical.dumps(versions()).encode())
    for package in _SCORING:
        _feed(files(package), digest)
    for name in _SCORING_FILES:
        digest.update(files("radraft.eval").joinpath(name).read_bytes())
    return digest.hexdigest()


@cache
def versions() -> dict[str, str]:
    """Versions of the libraries that score, where they are installed."""
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


class Cache:
    """A folder of JSON values and arrays by key. What cannot be read is as if it were not there."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def get(self, key: Mapping[str, Any]) -> tuple[Any, dict[str, FloatArray]] | None:
        """The value and the arrays that were put under `key`."""
        if self._folder is None:
            return None
        path = self._path(key)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            return json.loads(bytes(arrays.pop("")).decode("utf-8")), arrays
        except (OSError, ValueError, KeyError, EOFError, zipfile_error()):
            return None

    def put(self, key: Mapping[str, Any], value: Any, arrays: Mapping[str, FloatArray]) -> None:
        """Keep `value` and `arrays` under `key`. A full or closed disk costs the cache only."""
        if self._folder is None:
            return
        path = self._path(key)
        unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        text = np.frombuffer(json.dumps(value, ensure_ascii=False).encode("utf-8"), np.uint8)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with unfinished.open("wb") as file:
                np.savez_compressed(file, **{"": text, **arrays})  # type: ignore[arg-type]
            unfinished.replace(path)
        except OSError:
            with suppress(OSError):
                unfinished.unlink()

    def _path(self, key: Mapping[str, Any]) -> Path:
        assert self._folder is not None
        return self._folder / f"{canonical.sha256(dict(key))}.npz"


def zipfile_error() -> type[Exception]:
    """What numpy raises for a damaged archive."""
    from zipfile import BadZipFile

    return BadZipFile


def _feed(folder: Traversable, digest: Any) -> None:
    for item in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if item.is_dir():
            if item.name != "__pycache__":
                _feed(item, digest)
        elif not item.name.endswith(".pyc"):
            digest.update(item.name.encode() + b"\0" + item.read_bytes())

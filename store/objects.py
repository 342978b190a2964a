"""Object storage: pixels, embeddings and original files, in a folder or an S3 bucket."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from radraft.core.errors import NotFound, SettingsError, StorageUnavailable
from radraft.store import faults

log = logging.getLogger("radraft.store.objects")

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@=-]*(/[A-Za-z0-9][A-Za-z0-9._@=-]*)*")
_KEY_LENGTH = 512
_CHUNK = 1 << 20


@dataclass(frozen=True)
class StoredObject:
    """An object as its storage lists it."""

    key: str
    size: int
    stamp: str
    """When it was written and the storage's own mark of that: another one after each writing."""


class Objects:
    """Bytes by key.

    Keys are `/`-joined segments of ASCII letters, digits and `._@=-`, each starting with a letter
    or digit, so that none can name anything outside the root.
    """

    def __init__(self, store: LocalStore | S3Store, root: Path | None) -> None:
        self._store = store
        self._root = root

    @classmethod
    def open(cls, url: str, folder: Path) -> Self:
        """`folder` when `url` is empty, else `file:///...` or `s3://bucket/prefix`.

        S3's credentials, region and endpoint come from the usual `AWS_*` variables.
        SettingsError `objects_url_unsupported` for any other scheme.
        """
        parts = urlsplit(url)
        if parts.scheme in {"s3", "s3a"} and parts.netloc:
            return cls(S3Store.from_url(url), None)
        if parts.scheme == "file":
            folder = Path(unquote(parts.path))
        elif url:
            raise SettingsError("objects_url_unsupported", scheme=parts.scheme or "?")
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return cls(LocalStore(folder), folder)

    def put(self, key: str, data: bytes) -> None:
        """Write or replace, atomically; on return the bytes survive a power cut.

        StorageUnavailable; ValueError for a key that is not of the allowed form.
        """
        if not _valid(key):
            raise ValueError(f"not an object key: {key!r}")
        with _translated():
            obstore.put(self._store, key, data)
            if self._root is not None:
                _sync(self._root, self._root / key)

    def get(self, key: str) -> bytes:
        """The bytes under `key`. NotFound `object_not_found`; StorageUnavailable."""
        if not _valid(key):
            raise NotFound("object_not_found")
        try:
            with _translated():
                return bytes(obstore.get(self._store, key).bytes())
        except FileNotFoundError:
            raise NotFound("object_not_found") from None

    def put_file(self, key: str, path: Path) -> None:
        """Write or replace as `put` does, from the file `path`, which is never held whole."""
        if not _valid(key):
            raise ValueError(f"not an object key: {key!r}")
        with path.open("rb") as stream, _translated():
            obstore.put(self._store, key, stream)
            if self._root is not None:
                _sync(self._root, self._root / key)

    def get_file(self, key: str, path: Path) -> None:
        """Write the bytes under `key` to the new file `path`, mode 0600; they are never held whole.

        NotFound `object_not_found`, and then there is no file.
        """
        if not _valid(key):
            raise NotFound("object_not_found")
        try:
            with _translated():
                chunks = obstore.get(self._store, key).stream(min_chunk_size=_CHUNK)
        except FileNotFoundError:
            raise NotFound("object_not_found") from None
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as stream, _translated():
            for chunk in chunks:
                stream.write(chunk)

    def chunks(self, key: str) -> Iterator[bytes]:
        """Yield the bytes under `key` piece by piece. NotFound `object_not_found`."""
        if not _valid(key):
            raise NotFound("object_not_found")
        try:
            with _translated():
                pieces = iter(obstore.get(self._store, key).stream(min_chunk_size=_CHUNK))
        except FileNotFoundError:
            raise NotFound("object_not_found") from None
        while True:
            with _translated():
                piece = next(pieces, None)
            if piece is None:
                return
            yield bytes(piece)

    def listing(self) -> Iterator[StoredObject]:
        """Yield every object that is there, in no order; of those written or removed meanwhile
        some. StorageUnavailable."""
        pages = iter(obstore.list(self._store, chunk_size=1000))
        while True:
            with _translated():
                page = next(pages, None)
            if page is None:
                return
            for found in page:
                # What is being written has a name of its own until it is whole.
                if _valid(found["path"]):
                    yield StoredObject(
                        found["path"],
                        found["size"],
                        f"{found['last_modified'].isoformat()} {found['e_tag'] or ''}",
                    )

    def remove(self, key: str) -> None:
        """Remove what is under `key`, if anything. StorageUnavailable."""
        if self.exists(key):
            with _translated():
                obstore.delete(self._store, key)

    def exists(self, key: str) -> bool:
        """Whether there is an object under `key`."""
        if not _valid(key):
            return False
        try:
            with _translated():
                obstore.head(self._store, key)
        except FileNotFoundError:
            return False
        return True

    def require_reachable(self) -> None:
        """Require that objects can be read now. StorageUnavailable `objects_unreachable`."""
        with _translated():
            # A folder that is not there is listed as an empty one.
            if self._root is not None and not self._root.is_dir():
                raise NotADirectoryError
        self.any()

    def any(self) -> bool:
        """Whether there is any object at all."""
        with _translated():
            return any(len(found) > 0 for found in obstore.list(self._store, chunk_size=1))


@contextmanager
def _translated() -> Iterator[None]:
    """Raise StorageUnavailable for what the storage reports, without its text: a key names a
    case."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (BaseError, OSError) as error:
        code = faults.of_disk(error) or "objects_unreachable"
        log.warning("%s (%s)", code, type(error).__name__)
        raise StorageUnavailable(code) from None


def _valid(key: str) -> bool:
    return len(key) <= _KEY_LENGTH and _KEY.fullmatch(key) is not None


def _sync(root: Path, path: Path) -> None:
    """The file, and every folder between it and `root`: a new name is safe once its folder is."""
    for target in (path, *path.parents):
        descriptor = os.open(target, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if target == root:
            return

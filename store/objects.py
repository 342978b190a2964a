"""Object storage: pixels, embeddings and original files, in a folder or an S3 bucket."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import LocalStore, S3Store

from radraft.core.errors import NotFound, SettingsError, StorageDamaged, StorageUnavailable
from radraft.store import faults

if TYPE_CHECKING:
    from obstore._get import GetResult

log = logging.getLogger("radraft.store.objects")

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@=-]*(/[A-Za-z0-9][A-Za-z0-9._@=-]*)*")
_KEY_LENGTH = 512
_CHUNK = 1 << 20
ARCHIVED = ("originals/", "images/")
"""What of the objects may lie in the archive; of all others a missing one is looked for once."""
_STAGED = ".staged"
_MARK = ".radraft-archive"
"""Tells an archive from the empty folder where its file system is not mounted. No key begins so."""
WAIT_S = 60.0
"""How long one request to an S3 service may take, where the settings say nothing else."""
_CONNECT_S, _TRIES, _TRY_S = 5.0, 3, 15.0
"""Longest wait for a connection; how often what failed is tried again, and until when."""
_LAST_KEY = "zz"
"""Sorts behind every key of ours."""
_S3_CODE = re.compile(r"<Code>(\w+)</Code>")
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_OF_S3 = {
    "NoSuchBucket": "objects_bucket_missing",
    "RequestTimeTooSkewed": "objects_clock_wrong",
    "InvalidAccessKeyId": "objects_refused",
    "SignatureDoesNotMatch": "objects_refused",
    "AccessDenied": "objects_refused",
    "ExpiredToken": "objects_refused",
    "InvalidToken": "objects_refused",
}


@dataclass(frozen=True)
class StoredObject:
    """An object as its storage lists it."""

    key: str
    size: int
    stamp: str
    """When it was written and the storage's own mark of that: another one after each writing."""
    written_at: datetime
    """By the storage's clock."""


class Objects:
    """Bytes by key.

    Keys are `/`-joined segments of ASCII letters, digits and `._@=-`, each starting with a letter
    or digit, so that none can name anything outside the root. What is not found is read from the
    `archive`, where one is set.
    """

    def __init__(
        self, store: LocalStore | S3Store, root: Path | None, archive: Archive | None = None
    ) -> None:
        self._store = store
        self._root = root
        self.archive = archive

    @classmethod
    def open(
        cls, url: str, folder: Path, archive: Path | None = None, *, wait_s: float = WAIT_S
    ) -> Self:
        """Return those of `folder` when `url` is empty, else of `file:///...` or
        `s3://bucket/prefix`.

        S3's credentials, region and endpoint come from the usual `AWS_*` variables; one request to
        it may take `wait_s`. `archive`: a folder on slower storage; it may be away. SettingsError
        `objects_url_unsupported` for any other scheme.
        """
        second = None if archive is None else Archive(archive)
        parts = urlsplit(url)
        if parts.scheme in {"s3", "s3a"} and parts.netloc:
            return cls(_s3_store(url, wait_s), None, second)
        if parts.scheme == "file":
            folder = Path(unquote(parts.path))
        elif url:
            raise SettingsError("objects_url_unsupported", scheme=parts.scheme or "?")
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return cls(LocalStore(folder), folder, second)

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
        found = self._found(key)
        with _translated():
            return bytes(found.bytes())

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

        NotFound `object_not_found`; StorageUnavailable. Then there is no file.
        """
        chunks = self._found(key).stream(min_chunk_size=_CHUNK)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as stream, _translated():
                for chunk in chunks:
                    stream.write(chunk)
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def chunks(self, key: str) -> Iterator[bytes]:
        """Yield the bytes under `key` piece by piece. NotFound `object_not_found`."""
        pieces = iter(self._found(key).stream(min_chunk_size=_CHUNK))
        while True:
            with _translated():
                piece = next(pieces, None)
            if piece is None:
                return
            yield bytes(piece)

    def listing(self, folder: str | None = None) -> Iterator[StoredObject]:
        """Yield every object that is there, or below `folder`, in no order; of those written or
        removed meanwhile some; none of the archive's. StorageUnavailable."""
        pages = iter(obstore.list(self._store, folder, chunk_size=1000))
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
                        found["last_modified"],
                    )

    def folders(self, folder: str) -> tuple[str, ...]:
        """Return the folders that lie in `folder`, in order. StorageUnavailable."""
        with _translated():
            found = obstore.list_with_delimiter(self._store, folder)["common_prefixes"]
        return tuple(sorted(found))

    def remove(self, key: str) -> None:
        """Remove what is under `key`, if anything, here and in the archive. StorageUnavailable."""
        self._remove_here(key)
        if self.archive is not None and key.startswith(ARCHIVED) and self.archive.is_there():
            self.archive.objects._remove_here(key)

    def exists(self, key: str) -> bool:
        """Whether there is an object under `key`, here or in the archive."""
        return self.find(key) is not None

    def find(self, key: str) -> StoredObject | None:
        """Return what is said of `key`, here, else in an archive that can be read; else None."""
        found = self.at(key)
        if found is None and self.archive is not None and self.archive.is_there():
            return self.archive.objects.at(key)
        return found

    def at(self, key: str) -> StoredObject | None:
        """Return what is said of `key`, the archive left aside; None where nothing is there."""
        if not _valid(key):
            return None
        try:
            with _translated():
                found = obstore.head(self._store, key)
        except FileNotFoundError:
            self._require_bucket()
            return None
        except StorageUnavailable as error:
            if error.code == "objects_refused":
                # An answer about one object has no text that says why.
                self._require_bucket()
            raise
        stamp = f"{found['last_modified'].isoformat()} {found['e_tag'] or ''}"
        return StoredObject(key, found["size"], stamp, found["last_modified"])

    def move_to_archive(self, key: str) -> int:
        """Move an object to the archive and return its bytes, also where it was moved before; 0
        where it is nowhere. At every moment it is read from one of the two.

        StorageUnavailable `archive_unreachable`, `disk_full`; StorageDamaged `object_copy_differs`.
        """
        if self.archive is None or not key.startswith(ARCHIVED):
            raise ValueError(f"not for an archive: {key!r}")
        self.archive.require()
        there = self.archive.objects
        if self.at(key) is not None:
            # Another run may have moved it since: then it is read from the archive, and put there.
            digest = self.archive.put(key, self.chunks(key))
            copied = hashlib.sha256()
            for piece in there.chunks(key):
                copied.update(piece)
            if copied.digest() != digest:
                there._remove_here(key)
                raise StorageDamaged("object_copy_differs")
            self._remove_here(key)
        found = there.at(key)
        return 0 if found is None else found.size

    def _found(self, key: str) -> GetResult:
        """What is under `key`, here, else in the archive. NotFound `object_not_found`."""
        if not _valid(key):
            raise NotFound("object_not_found")
        with suppress(FileNotFoundError), _translated():
            return obstore.get(self._store, key)
        archive = self.archive
        if archive is None or not key.startswith(ARCHIVED) or not archive.may_hold():
            raise NotFound("object_not_found")
        return archive.objects._found(key)

    def _remove_here(self, key: str) -> None:
        # Of two who remove it at once both have it removed.
        with suppress(FileNotFoundError), _translated():
            if self.at(key) is not None:
                obstore.delete(self._store, key)

    def require_reachable(self) -> None:
        """Require that objects can be read now. StorageUnavailable `objects_unreachable`, and of an
        S3 bucket `objects_refused`, `objects_bucket_missing`, `objects_clock_wrong`."""
        if self._root is None:
            self._require_bucket()
            return
        with _translated():
            # A folder that is not there is listed as an empty one.
            if not self._root.is_dir():
                raise NotADirectoryError
        self.any()

    def _require_bucket(self) -> None:
        """Require of S3 that the bucket can be listed: what is asked about one object tells a
        missing bucket in the same way as a missing object."""
        if self._root is None:
            with _translated():
                next(iter(obstore.list(self._store, offset=_LAST_KEY)), None)

    def any(self) -> bool:
        """Whether there is any object at all."""
        with _translated():
            return any(len(found) > 0 for found in obstore.list(self._store, chunk_size=1))


class Archive:
    """A second place of objects, a folder on slower storage: what it holds is never written anew.

    `begin` marks the folder once; without the mark nothing is read or written there, for then its
    file system is away and another lies in its place.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.in_use = False
        """Whether it is known that something was moved here."""

    @cached_property
    def objects(self) -> Objects:
        """Return what lies there."""
        return Objects(LocalStore(self._folder), self._folder)

    def is_there(self) -> bool:
        """Whether the folder is the archive, and no empty place of it."""
        there = (self._folder / _MARK).is_file()
        self.in_use = self.in_use or there
        return there

    def may_hold(self) -> bool:
        """Whether something can be found here: not before anything was moved. StorageUnavailable
        `archive_unreachable` where it is away."""
        if not self.is_there() and self.in_use:
            raise StorageUnavailable("archive_unreachable")
        return self.in_use

    def require(self) -> None:
        """Require that the archive can be read. StorageUnavailable `archive_unreachable`."""
        if not self.is_there():
            raise StorageUnavailable("archive_unreachable")

    def begin(self) -> None:
        """Mark the folder, which must be there, as the archive, and clear away what a killed run
        left half written; nobody else may write there. StorageUnavailable."""
        if not self._folder.is_dir():
            raise StorageUnavailable("archive_unreachable")
        with _translated():
            (self._folder / _MARK).touch(mode=0o600)
            _sync(self._folder, self._folder / _MARK)
            shutil.rmtree(self._folder / _STAGED, ignore_errors=True)

    def put(self, key: str, pieces: Iterable[bytes]) -> bytes:
        """Write an object whole or not at all, durable on return; its SHA-256.

        StorageUnavailable; and what `pieces` raises.
        """
        if not _valid(key):
            raise ValueError(f"not an object key: {key!r}")
        digest = hashlib.sha256()
        with _translated():
            staged = self._folder / _STAGED / secrets.token_hex(8)
            staged.parent.mkdir(exist_ok=True, mode=0o700)
            place = self._folder / key
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            try:
                with os.fdopen(os.open(staged, flags, 0o600), "wb") as stream:
                    for piece in pieces:
                        digest.update(piece)
                        stream.write(piece)
                    stream.flush()
                    os.fsync(stream.fileno())
                staged.rename(place)
            finally:
                # A full disk is not filled further by what could not be finished.
                staged.unlink(missing_ok=True)
            _sync(self._folder, place)
        return digest.digest()


def _s3_store(url: str, wait_s: float) -> S3Store:
    return S3Store.from_url(
        url,
        client_options={
            # With options of ours it does not read the environment's.
            "allow_http": os.environ.get("AWS_ALLOW_HTTP", "").lower() in {"true", "1"},
            "timeout": timedelta(seconds=wait_s),
            "connect_timeout": timedelta(seconds=min(wait_s, _CONNECT_S)),
        },
        # Its own patience is minutes, and a reader waits.
        retry_config={
            "max_retries": _TRIES,
            "retry_timeout": timedelta(seconds=min(wait_s, _TRY_S)),
        },
    )


@contextmanager
def _translated() -> Iterator[None]:
    """Raise StorageUnavailable for what the storage reports, without its text: a key names a
    case."""
    try:
        yield
    except (BaseError, OSError) as error:
        code = _code_of(error)
        if code is None and isinstance(error, FileNotFoundError):
            raise
        code = code or "objects_unreachable"
        log.warning("%s (%s)", code, type(error).__name__)
        raise StorageUnavailable(code) from None


def _code_of(error: BaseException) -> str | None:
    """Return what the storage says is wrong; None where it says nothing that we know."""
    told = _S3_CODE.search(str(error))
    if told is not None and told[1] in _OF_S3:
        return _OF_S3[told[1]]
    if isinstance(error, PermissionDeniedError | UnauthenticatedError):
        # The answer to a HEAD has no text.
        return faults.of_disk(error) or "objects_refused"
    return faults.of_disk(error)


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

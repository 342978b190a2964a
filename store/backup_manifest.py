"""A backup's manifest: what it is of, what it holds, sealed with the site's secret."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from radraft.core import canonical
from radraft.core.errors import BackupError
from radraft.core.yaml_files import Strict
from radraft.store import migrations

NAME = "manifest.json"
FORMAT = 1
"""Of the folders and files of a backup."""
INDEX = "files.sqlite"


class PlainFile(Strict):
    """A file that lies beside the manifest."""

    sha256: str
    size: int


class Manifest(Strict):
    """What a backup says of itself."""

    format: int
    radraft: str
    """Version that made it."""
    made_at: datetime
    database: str
    """`sqlite` or `postgresql`."""
    schema_number: str
    secret_check: str
    """Fingerprint of the site secret."""
    with_secret: bool
    counts: dict[str, int]
    """Rows of the database."""
    files: int
    """Files of the pool."""
    bytes: int
    missing: int
    """Files that the database names and the site had no more."""
    beside: dict[str, PlainFile]
    """Files beside the manifest: the database, the index of the files, the secrets."""


@dataclass(frozen=True)
class FoundManifest:
    """A manifest as it was read; nothing but its form is sure before `require_sealed`."""

    manifest: Manifest
    seal: str

    def require_sealed(self, secret: bytes) -> None:
        """Require that the site's secret sealed it as it is. BackupError
        `backup_manifest_changed`."""
        if not hmac.compare_digest(self.seal, seal(self.manifest, secret)):
            raise BackupError("backup_manifest_changed")


def seal(manifest: Manifest, secret: bytes) -> str:
    """Return what nobody can make for another manifest without the secret."""
    key = hmac.new(secret, b"radraft backup manifest", hashlib.sha256).digest()
    text = canonical.dumps(manifest.model_dump(mode="json"))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def text_of(manifest: Manifest, secret: bytes) -> bytes:
    """Return the manifest as its file holds it."""
    value = {"backup": manifest.model_dump(mode="json"), "seal": seal(manifest, secret)}
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


def read(folder: Path) -> FoundManifest:
    """Return the manifest of the backup in `folder`. BackupError `backup_none`, `backup_newer`,
    `backup_manifest_changed`."""
    try:
        value: Any = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise BackupError("backup_none") from None
    except (OSError, ValueError, RecursionError):
        raise BackupError("backup_manifest_changed") from None
    try:
        body, sealed = value["backup"], value["seal"]
        # Before its other fields, which a later format may have changed.
        form, schema = int(body["format"]), str(body["schema_number"])
        if form > FORMAT or schema > migrations.newest():
            raise BackupError("backup_newer", schema=schema, newest=migrations.newest())
        return FoundManifest(Manifest.model_validate_json(json.dumps(body)), str(sealed))
    except (ValidationError, KeyError, TypeError, ValueError):
        raise BackupError("backup_manifest_changed") from None


def now() -> datetime:
    """Return the time of this machine, to the second."""
    return datetime.now(UTC).replace(microsecond=0)

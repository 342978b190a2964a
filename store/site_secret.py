"""The site secret: the key of the hashes that stand for identities, in a file beside the database.

A new site's is proposed beside its place, and put there once the database that knows its
fingerprint is committed. So whoever finds a secret in place and an empty database knows that the
database is not the one of before, at whatever moment a first start was killed.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from radraft.core.errors import SettingsError

NAME = "site.secret"
SECRET_BYTES = 32


def read(folder: Path) -> bytes | None:
    """Return the secret in place; None where there is none. SettingsError `site_secret_damaged`."""
    try:
        secret = (folder / NAME).read_bytes()
    except FileNotFoundError:
        return None
    if len(secret) != SECRET_BYTES:
        raise SettingsError("site_secret_damaged")
    return secret


def propose(folder: Path, secret: bytes | None = None) -> bytes:
    """Return the secret that a new site will have: the one proposed before, else `secret`, else a
    fresh one. It survives a power cut on return."""
    path = _proposed(folder)
    if path.exists() and len(found := path.read_bytes()) == SECRET_BYTES:
        return found
    path.unlink(missing_ok=True)
    fresh = secrets.token_bytes(SECRET_BYTES) if secret is None else secret
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(fresh)
        stream.flush()
        os.fsync(stream.fileno())
    _sync(folder)
    return fresh


def of_database(folder: Path, known: str) -> bytes:
    """Return the secret whose fingerprint the database has.

    SettingsError `site_secret_missing`, `site_secret_mismatch`, `site_secret_damaged`.
    """
    secret = read(folder)
    if secret is None and _proposed(folder).exists():
        # Killed between the commit and the renaming.
        secret = propose(folder)
        if not hmac.compare_digest(known, fingerprint(secret)):
            raise SettingsError("site_secret_missing")
    if secret is None:
        raise SettingsError("site_secret_missing")
    if not hmac.compare_digest(known, fingerprint(secret)):
        raise SettingsError("site_secret_mismatch")
    return secret


def keep(folder: Path) -> None:
    """Put a proposed secret in its place; its fingerprint is in the database."""
    path = _proposed(folder)
    if path.exists() and not (folder / NAME).exists():
        path.rename(folder / NAME)
        _sync(folder)
    path.unlink(missing_ok=True)


def fingerprint(secret: bytes) -> str:
    """Return what the database keeps to know its secret again."""
    return hmac.new(secret, b"radraft site secret", hashlib.sha256).hexdigest()


def _proposed(folder: Path) -> Path:
    return folder / f"{NAME}.new"


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

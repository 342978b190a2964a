"""The key a site signs its adapters with, and the keys of other sites that it trusts."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from radraft.core.errors import AdapterError
from radraft.core.locks import locked

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY_FILE = "adapter.key"
TRUSTED = "trusted_keys"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
PUBLIC = re.compile(r"[0-9a-f]{64}")
BYTES = 32


def own(data_dir: Path) -> Ed25519PrivateKey:
    """The site's Ed25519 key (RFC 8032): 32 bytes in `adapter.key`, mode 0600, made once.

    AdapterError `adapter_key_damaged`.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    path = data_dir / KEY_FILE
    with locked(data_dir / f"{KEY_FILE}.lock"):
        if not path.exists():
            _write(path, os.urandom(BYTES))
    secret = path.read_bytes()
    if len(secret) != BYTES:
        raise AdapterError("adapter_key_damaged")
    return Ed25519PrivateKey.from_private_bytes(secret)


def public(data_dir: Path) -> str:
    """The public half of `own`, 64 hex characters."""
    return own(data_dir).public_key().public_bytes_raw().hex()


def trust(data_dir: Path, name: str, key: str) -> None:
    """Trusts `key` under `name`, in `trusted_keys/<name>.pub`.

    AdapterError `adapter_key_invalid`; `adapter_key_known` where the name stands for another key.
    """
    given = key.strip().lower()
    if not NAME.fullmatch(name) or not PUBLIC.fullmatch(given):
        raise AdapterError("adapter_key_invalid")
    folder = data_dir / TRUSTED
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{name}.pub"
    if path.exists():
        if path.read_text(encoding="ascii", errors="replace").strip() != given:
            raise AdapterError("adapter_key_known", name=name)
        return
    _write(path, f"{given}\n".encode("ascii"))


def trusted(data_dir: Path) -> dict[str, str]:
    """Key -> the name it is trusted under. A file that holds no key trusts nobody."""
    found = {}
    for path in sorted((data_dir / TRUSTED).glob("*.pub")):
        key = path.read_text(encoding="ascii", errors="replace").strip()
        if PUBLIC.fullmatch(key):
            found[key] = path.stem
    return found


def signed_by(key: str, signature: bytes, content: bytes) -> bool:
    """Whether the owner of the public `key` signed `content`."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(signature, content)
    except (InvalidSignature, ValueError):
        return False
    return True


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, mode 0600."""
    fresh = path.with_name(f".{path.name}")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(path)

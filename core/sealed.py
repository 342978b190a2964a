"""Short texts that the database keeps and cannot read: AES-256-GCM under a key of the site's."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode

_NONCE_BYTES = 12


def key_of(secret: bytes, label: bytes) -> bytes:
    """Return the key, 32 bytes, that a site's secret gives for one purpose."""
    return hmac.new(secret, label, hashlib.sha256).digest()


def seal(key: bytes, text: str, owner: str) -> str:
    """Return `text` enciphered for `owner`: put beside another owner it cannot be opened."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = AESGCM(key).encrypt(nonce, text.encode(), owner.encode())
    return urlsafe_b64encode(nonce + sealed).decode()


def unseal(key: bytes, sealed: str, owner: str) -> str:
    """Return the text again. ValueError where it was sealed with another key, for another owner, or
    was changed."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    kept = urlsafe_b64decode(sealed)
    nonce, sealed_text = kept[:_NONCE_BYTES], kept[_NONCE_BYTES:]
    try:
        return AESGCM(key).decrypt(nonce, sealed_text, owner.encode()).decode()
    except InvalidTag:
        raise ValueError("sealed with another key, or changed") from None

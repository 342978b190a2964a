"""A server's own certificate: whether it can be used, and until when."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from radraft.core.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path


def require_usable(certificate: Path, key: Path | None) -> None:
    """Require a PEM certificate with its key, in the same file where `key` is None.

    SettingsError `tls_unusable`: a file that cannot be read, a key with a password, or one that
    belongs to another certificate.
    """
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # Without a password given OpenSSL would ask the terminal for one.
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ValueError):
        raise SettingsError("tls_unusable") from None


def ends_at(certificate: Path) -> datetime:
    """Return until when a PEM certificate is valid. SettingsError `tls_unusable`."""
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        raise SettingsError("tls_unusable") from None


def is_expired(certificate: Path) -> bool:
    """Return whether browsers warn of a certificate. SettingsError `tls_unusable`."""
    return ends_at(certificate) <= datetime.now(UTC)

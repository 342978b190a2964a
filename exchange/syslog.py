"""Messages to a log server over TLS (RFC 5424, 5425), as DICOM sends its audit (PS3.15, A.6)."""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

from radraft.core.errors import SettingsError

PORT = 6514
"""Of syslog over TLS, where none is named."""
WAIT_S = 10.0
"""Longest wait for the server at each step."""
# Facility 10 (security and authorization), severity 5 (notice): RFC 5424, 6.2.1.
_PRIORITY = 10 * 8 + 5
_MESSAGE_ID = "DICOM+RFC3881"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*")


@dataclass(frozen=True)
class LogServer:
    """A log server, and what proves who it is and who we are."""

    host: str
    port: int = PORT
    ca: Path | None = None
    """Whose certificates are believed of it (PEM), in place of the system's."""
    cert: Path | None = None
    """Our certificate and key (PEM), where it asks for one."""
    key: Path | None = None

    @classmethod
    def named(
        cls,
        where: str,
        *,
        ca: Path | None = None,
        cert: Path | None = None,
        key: Path | None = None,
    ) -> LogServer:
        """Return the server at `host` or `host:port`; an IPv6 address with a port in brackets.

        SettingsError `audit_syslog_invalid`.
        """
        host, colon, port = where.rpartition(":")
        if colon and port.isdigit() and not (":" in host and not host.endswith("]")):
            return cls(_host(host), _port(port), ca, cert, key)
        return cls(_host(where), PORT, ca, cert, key)

    def context(self) -> ssl.SSLContext:
        """Return what TLS needs. SettingsError `audit_syslog_tls_unusable`."""
        try:
            context = ssl.create_default_context(cafile=self.ca)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if self.cert is not None:
                # A key with a passphrase is refused, not asked for on a terminal.
                context.load_cert_chain(self.cert, self.key, password="")
        except (OSError, ssl.SSLError):
            raise SettingsError("audit_syslog_tls_unusable") from None
        return context

    def send(self, messages: Sequence[tuple[datetime, str]]) -> None:
        """Send messages with their times; on return the server has read them all. OSError where
        that is not known: then some may have arrived.

        What was written into a socket may never have arrived. So TLS is ended, and the server has
        to answer: with its own end of TLS (RFC 5425, 4.4), or by closing the connection, as some
        do. A server that closes with something unread resets the connection, which is an error.
        """
        frames = b"".join(_frame(at, text) for at, text in messages)
        with (
            socket.create_connection((self.host, self.port), timeout=WAIT_S) as plain,
            self.context().wrap_socket(plain, server_hostname=self.host) as secured,
        ):
            secured.sendall(frames)
            try:
                secured.unwrap()
            except ssl.SSLEOFError:
                # Closed in order without a word.
                return
            except OSError as error:
                if type(error) is not OSError or error.errno != 0:
                    raise


def _host(host: str) -> str:
    name = host.removeprefix("[").removesuffix("]")
    try:
        return str(ip_address(name))
    except ValueError:
        if not _NAME.fullmatch(name) or len(name) > 253:
            raise SettingsError("audit_syslog_invalid") from None
        return name


def _port(port: str) -> int:
    if not 1 <= int(port) <= 65535:
        raise SettingsError("audit_syslog_invalid")
    return int(port)


def _frame(at: datetime, text: str) -> bytes:
    """One message with its length in front (RFC 5425, 4.3)."""
    stamp = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    host = socket.gethostname() or "-"
    head = f"<{_PRIORITY}>1 {stamp} {host} radraft {os.getpid()} {_MESSAGE_ID} - "
    # A byte order mark says that what follows is UTF-8 (RFC 5424, 6.4).
    message = head.encode("ascii", "replace") + b"\xef\xbb\xbf" + text.encode()
    return b"%d %s" % (len(message), message)

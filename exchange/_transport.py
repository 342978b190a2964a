"""The TCP side of the listener: what a peer may cost before anything of it is believed."""

from __future__ import annotations

import logging
import socket
import socketserver
import ssl
import threading
from typing import Any

from pynetdicom.transport import ThreadedAssociationServer

_LOG = logging.getLogger("radraft.intake")

UNKNOWN_BYTES = 1 << 20
"""Most bytes of a peer to which nothing was answered yet: its association request."""
SLACK = 1 << 20
"""What a message may have beyond its data set: command set and PDU headers."""
_STEP = 1 << 20


class Allowance:
    """Bytes of data sets that all peers together may have in memory here."""

    def __init__(self, each: int, together: int) -> None:
        self.each = each
        self._left = together
        self._lock = threading.Lock()

    def draw(self, wanted: int) -> bool:
        """Set `wanted` bytes aside; False, and nothing set aside, where they are not there."""
        with self._lock:
            if wanted > self._left:
                return False
            self._left -= wanted
            return True

    def give_back(self, drawn: int) -> None:
        """Return what `draw` gave."""
        with self._lock:
            self._left += drawn


class _Bounded:
    """A socket that breaks once a peer sends more than a message may have without an answer.

    DIMSE answers every message, and both PDUs and data sets are gathered in memory: what came since
    the last answer bounds what a peer occupies, whatever lengths it claims.
    """

    allowance: Allowance
    _answered = False
    _received = 0
    _drawn = 0

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """OSError once the peer is over its bound."""
        data: bytes = super().recv(bufsize, flags)  # type: ignore[misc]
        self._received += len(data)
        most = self.allowance.each + SLACK if self._answered else UNKNOWN_BYTES
        over = self._received > most
        if not over and self._received > self._drawn + _STEP:
            over = not self.allowance.draw(_STEP)
            self._drawn += 0 if over else _STEP
        if over:
            _LOG.warning("a peer sent more than is taken at once; its connection was closed")
            raise OSError("more than a message may have")
        return data

    def send(self, data: Any, flags: int = 0, /) -> int:
        """An answer: the peer's next message is counted from here."""
        self._answered = True
        self._forget()
        sent: int = super().send(data, flags)  # type: ignore[misc]
        return sent

    def shutdown(self, how: int, /) -> None:
        """No more bytes come. pynetdicom closes a socket after this only where it succeeds, and a
        peer that is gone already makes it fail."""
        self._forget()
        try:
            super().shutdown(how)  # type: ignore[misc]
        except OSError:
            self.close()

    def close(self) -> None:
        """Give back what was drawn."""
        self._forget()
        super().close()  # type: ignore[misc]

    def _forget(self) -> None:
        self.allowance.give_back(self._drawn)
        self._received = self._drawn = 0


class _Plain(_Bounded, socket.socket):
    """TCP."""


class _Tls(_Bounded, ssl.SSLSocket):  # type: ignore[misc]
    """TLS over TCP."""


class Server(ThreadedAssociationServer):
    """pynetdicom's server with a bound on connections, and TLS handshakes off the accepting thread,
    where one silent client would keep all others out."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    allowance: Allowance
    most_connections: int
    patience_s: float
    """Longest silence within a PDU or a handshake."""

    def get_request(self) -> tuple[socket.socket, Any]:
        """The next connection, with our limits on it."""
        assert self.socket is not None
        accepted, address = self.socket.accept()
        plain = _Plain(fileno=accepted.detach())
        plain.allowance = self.allowance
        plain.settimeout(self.patience_s)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return plain, address

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether there is room for one more."""
        return len(self.active_associations) < self.most_connections

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In a thread of its own: shake hands, then serve."""
        if self.ssl_context is not None:
            self.ssl_context.sslsocket_class = _Tls
            allowance = request.allowance
            request = self.ssl_context.wrap_socket(
                request, server_side=True, do_handshake_on_connect=False
            )
            request.allowance = allowance
            try:
                request.do_handshake()
            except OSError:
                request.close()
                raise
        super().finish_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that came to nothing, a failed handshake mostly: no address in the log."""
        _LOG.info("a connection failed before its association")

    def shutdown(self) -> None:
        """Stop accepting. (The parent's expects to be in its AE's list of servers.)"""
        socketserver.TCPServer.shutdown(self)
        self.server_close()

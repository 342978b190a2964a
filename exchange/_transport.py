"""The TCP side of the listener: what a peer may cost before anything of it is believed."""

from __future__ import annotations

import logging
import queue
import select
import socket
import socketserver
import ssl
import struct
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pynetdicom.transport import AssociationSocket, RequestHandler, ThreadedAssociationServer

from radraft.exchange.addresses import Network, is_within

_LOG = logging.getLogger("radraft.intake")

UNKNOWN_BYTES = 1 << 20
"""Most bytes of a peer to which nothing was answered yet: its association request."""
SLACK = 1 << 20
"""What a message may have beyond its data set: command set and PDU headers."""
_STEP = 1 << 20
_PDU_HEADER = struct.Struct(">BxI")
_ASSOCIATE_RQ = 0x01
"""PDU type of an association request (PS3.8 9.3.2)."""
_KEEPALIVE = ((socket.TCP_KEEPIDLE, 30), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 3))
"""A peer that is gone without a word is noticed after a minute, in seconds and tries."""


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
    _request = b""
    """What was read of the association request and is still to be given to whoever reads it."""

    def read_request(self) -> bool:
        """Wait for an association request, and have it read again from its beginning.

        Returns False where something else comes, or nothing more. OSError as `recv`.
        """
        header = self._whole(_PDU_HEADER.size)
        if len(header) < _PDU_HEADER.size:
            return False
        kind: int
        length: int
        kind, length = _PDU_HEADER.unpack(header)
        if kind != _ASSOCIATE_RQ or length > UNKNOWN_BYTES:
            return False
        rest = self._whole(length)
        self._request = header + rest
        return len(rest) == length

    @property
    def has_request(self) -> bool:
        """Return whether something of the request is still to be read."""
        return bool(self._request)

    def _whole(self, length: int) -> bytes:
        read = bytearray()
        while len(read) < length and (data := self.recv(length - len(read))):
            read += data
        return bytes(read)

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Return what came. OSError once the peer is over its bound."""
        data: bytes
        if self._request:
            data, self._request = self._request[:bufsize], self._request[bufsize:]
            return data
        data = super().recv(bufsize, flags)  # type: ignore[misc]
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
        """Send an answer: the peer's next message is counted from here."""
        self._answered = True
        self._forget()
        sent: int = super().send(data, flags)  # type: ignore[misc]
        return sent

    def shutdown(self, how: int, /) -> None:
        """End the connection.

        pynetdicom closes a socket after this only where it succeeds, and a peer that is gone
        already makes it fail.
        """
        self._forget()
        try:
            super().shutdown(how)  # type: ignore[misc]
        except OSError:
            self.close()

    def close(self) -> None:
        """Give back what was drawn, and close."""
        self._forget()
        super().close()  # type: ignore[misc]

    def _forget(self) -> None:
        self.allowance.give_back(self._drawn)
        self._received = self._drawn = 0


class _Plain(_Bounded, socket.socket):
    """TCP."""


class _Tls(_Bounded, ssl.SSLSocket):  # type: ignore[misc]
    """TLS over TCP."""


class _PolledSocket(AssociationSocket):
    """pynetdicom's socket, also where its descriptor is above those that `select` can take."""

    @property
    def ready(self) -> bool:
        """Return whether there is something to read; tells the association of a broken socket."""
        connection = self.socket
        if connection is None or not self._is_connected:
            return False
        if getattr(connection, "has_request", False):
            return True
        poll = select.poll()
        try:
            poll.register(connection, select.POLLIN)
            readable = bool(poll.poll(0))
        except (OSError, ValueError):
            self.event_queue.put("Evt17")
            return False
        return readable or (isinstance(connection, ssl.SSLSocket) and connection.pending() > 0)


class _Handler(RequestHandler):
    """Makes an association of a connection whose request has come."""

    def _create_association(self) -> Any:
        association = super()._create_association()
        association.dul.socket = _PolledSocket(association, client_socket=self.request)
        # Both sockets said that a connection was opened; the association must hear it once.
        events: queue.Queue[str] = association.dul.event_queue
        events.get_nowait()
        return association


@dataclass
class _Pending:
    """A connection whose association request has not come yet."""

    connection: socket.socket
    address: str
    since: float
    """Monotonic seconds."""
    ended: bool = False

    def end(self) -> None:
        """Wake whoever reads from it: nothing more comes."""
        self.ended = True
        try:
            # The kernel's, not ours: the reading thread alone keeps the accounts.
            socket.socket.shutdown(self.connection, socket.SHUT_RDWR)
        except OSError:
            _LOG.debug("a connection had ended by itself")


@dataclass(frozen=True)
class ConnectionLimits:
    """What peers may have at a time."""

    connections: int
    """In all, with and without an association."""
    pending_each: int
    """Connections of one address without an association."""
    request_s: float
    """Longest time from accepting a connection to its association request (ARTIM, PS3.8 9.1.5)."""
    silence_s: float
    """Longest silence within a PDU."""


class Server(ThreadedAssociationServer):
    """pynetdicom's server with bounds on connections.

    A connection gets an association once its request has come. Until then it is pending, on a
    thread of its own, TLS handshake included; it ends when it takes too long, when its peer closes
    it, and when others come and there are too many: the oldest goes. So connections that say
    nothing keep nobody out.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    allowance: Allowance
    limits: ConnectionLimits
    networks: Sequence[Network] | None
    """From where peers may connect; None: from anywhere."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._pending: dict[int, _Pending] = {}
        """By a number that counts connections, the oldest first."""
        self._pending_lock = threading.Lock()
        self._count = 0
        super().__init__(*arguments, **named | {"request_handler": _Handler})

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept the next connection, with our limits on it."""
        assert self.socket is not None
        accepted, address = self.socket.accept()
        plain = _Plain(fileno=accepted.detach())
        plain.allowance = self.allowance
        plain.settimeout(self.limits.silence_s)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEPALIVE:
            plain.setsockopt(socket.IPPROTO_TCP, option, value)
        return plain, address

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Return whether the address may connect and there is room, which may be made."""
        address = client_address[0]
        if self.networks is not None and not is_within(address, self.networks):
            _LOG.warning("a connection from an address that is not configured was refused")
            return False
        associations = len(self.active_associations)
        with self._pending_lock:
            pending = [waiting for waiting in self._pending.values() if not waiting.ended]
            own = [transfer for transfer in pending if transfer.address == address]
            if len(own) >= self.limits.pending_each:
                own[0].end()
            elif len(pending) + associations >= self.limits.connections:
                if not pending:
                    return False
                pending[0].end()
        return True

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve the connection in a thread of its own; it is pending from now on."""
        with self._pending_lock:
            self._count += 1
            number = self._count
            self._pending[number] = _Pending(request, client_address[0], time.monotonic())
        thread = threading.Thread(
            target=self._serve, args=(number, request, client_address), daemon=True
        )
        thread.start()

    def service_actions(self) -> None:
        """End pending connections that took too long."""
        super().service_actions()
        before = time.monotonic() - self.limits.request_s
        with self._pending_lock:
            for pending in self._pending.values():
                if pending.since <= before and not pending.ended:
                    pending.end()

    def shutdown(self) -> None:
        """Stop accepting and end what is pending. (The parent's expects to be in its AE's list of
        servers.)"""
        socketserver.TCPServer.shutdown(self)
        self.server_close()
        with self._pending_lock:
            for pending in self._pending.values():
                pending.end()

    def _serve(self, number: int, request: Any, client_address: Any) -> None:
        """Shake hands, wait for the request, then hand over to an association."""
        try:
            if self.ssl_context is not None:
                request = self._wrapped(number, request)
                request.do_handshake()
            asked = request.read_request()
        except OSError:
            asked = False
        finally:
            with self._pending_lock:
                del self._pending[number]
        if not asked:
            _LOG.info("a connection ended before its association")
            request.close()
            return
        self.process_request_thread(request, client_address)

    def _wrapped(self, number: int, request: Any) -> Any:
        assert self.ssl_context is not None
        self.ssl_context.sslsocket_class = _Tls
        with self._pending_lock:
            # Does not wait for the peer: the handshake comes later.
            wrapped: Any = self.ssl_context.wrap_socket(
                request, server_side=True, do_handshake_on_connect=False
            )
            wrapped.allowance = request.allowance
            self._pending[number].connection = wrapped
        return wrapped

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log a connection that came to nothing: no address in the log."""
        _LOG.info("a connection failed before its association")

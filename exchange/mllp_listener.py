"""The HL7 listener: MLLP (HL7 v2.5.1, appendix C.4) over TCP or TLS, one answer to each message.

A message is VT, its bytes, FS, CR. Whoever takes messages says what is answered, and has made them
durable by then: a sender that gets no answer sends again.
"""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import ip_network
from typing import Protocol

from radraft.core.errors import SettingsError
from radraft.exchange.addresses import is_within
from radraft.exchange.dimse import Tls

_LOG = logging.getLogger("radraft.orders")

START, END = b"\x0b", b"\x1c"
"""VT and FS. No byte within a character of ASCII, UTF-8, GBK or GB 18030 is one of them."""
FRAME_END = END + b"\r"
"""What we send; of others FS alone ends a message."""
MOST_BETWEEN = 1024
"""Bytes between two messages that are passed over: careless senders have line ends there."""
_STEP = 1 << 16
_LOOK_S = 0.5
"""How often a waiting connection is asked whether it shall end."""
_SILENCES = 10
"""A whole message takes no longer than so many of the longest silences within it."""
_DISCARDED_S = 2.0
"""How long the rest of a message that is too large is read and dropped, so that its sender reads
the answer."""
_KEEPALIVE = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 3))


@dataclass(frozen=True)
class MllpPeer:
    """Who may send."""

    host: str
    """An address or a network (`10.1.2.0/24`)."""
    site: str = ""
    """Whose orders it sends."""

    def is_it(self, address: str) -> bool:
        """Return whether a caller of that address is this peer."""
        return is_within(address, (ip_network(self.host, strict=False),))


@dataclass(frozen=True)
class MllpSettings:
    """Where and to whom the listener listens."""

    host: str
    port: int
    site: str
    """Of peers that name none."""
    peers: tuple[MllpPeer, ...] = ()
    """Nobody else may send; where it is empty, everybody who reaches `host`."""
    tls: Tls | None = None
    most_bytes: int = 1 << 20
    """Of one message."""
    most_connections: int = 32
    silence_s: float = 30.0
    """Longest silence within a message, and for a TLS handshake."""
    idle_s: float = 3600.0
    """Longest silence between two messages."""
    drain_s: float = 10.0
    """How long an ending listener waits for messages that are under way."""


class MessageSink(Protocol):
    """Takes messages. Threads may share it."""

    def receive(self, raw: bytes, *, site: str, source: str) -> bytes:
        """Return the answer to a message; what it says is durable by then."""

    def refuse(self, beginning: bytes, code: str) -> bytes:
        """Return the answer to a message of which only the beginning was read."""


class MllpEvent(StrEnum):
    """What the listener counts."""

    MESSAGE = "message"
    """Answered."""
    CUT = "cut"
    """Begun and never ended: its sender has no answer and sends again."""
    TOO_LARGE = "too_large"
    GARBAGE = "garbage"
    """A connection of something that is no MLLP."""
    STRANGER = "stranger"
    """A connection from an address that may not send, or one too many."""


@dataclass(frozen=True)
class _Connection:
    """A connection that is being served."""

    socket: socket.socket
    address: str
    thread: threading.Thread


class _ConnectionEnds(Exception):
    """Nothing more is read from a connection, for the reason that is counted."""

    def __init__(self, event: MllpEvent) -> None:
        super().__init__()
        self.event = event


class MllpListener:
    """Accepts connections, a thread each, from construction until `close`."""

    def __init__(self, settings: MllpSettings, sink: MessageSink) -> None:
        """SettingsError `mllp_port_in_use`, `mllp_tls_unusable`."""
        self._settings = settings
        self._sink = sink
        self._context = _context(settings.tls)
        self._lock = threading.Lock()
        self._counts: Counter[MllpEvent] = Counter()
        self._connections: dict[int, _Connection] = {}
        self._accepted = 0
        self._closing = threading.Event()
        self._socket = _bound(settings)
        self.port: int = self._socket.getsockname()[1]
        """The port, also where 0 asked for any."""
        self._thread = threading.Thread(target=self._accept, name="radraft-mllp", daemon=True)
        self._thread.start()
        _LOG.info("listening for HL7, TLS %s", "on" if settings.tls else "off")

    def counts(self) -> dict[MllpEvent, int]:
        """Return what happened since it began to listen."""
        with self._lock:
            return {event: self._counts[event] for event in MllpEvent}

    def close(self) -> None:
        """Stop accepting; what is being read is read and answered, for so long as was set."""
        self._closing.set()
        self._thread.join()
        self._socket.close()
        until = time.monotonic() + self._settings.drain_s
        with self._lock:
            served = list(self._connections.values())
        for connection in served:
            connection.thread.join(max(0.0, until - time.monotonic()))
            if connection.thread.is_alive():
                _end(connection.socket)

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, address = self._socket.accept()
            except TimeoutError:
                continue
            except OSError as error:
                # Out of descriptors, say: those that are open go on.
                _LOG.warning("a connection could not be accepted: %s", type(error).__name__)
                self._closing.wait(_LOOK_S)
                continue
            site = self._site_of(address[0])
            if site is None or not self._has_room(address[0]):
                _LOG.warning("an HL7 connection was refused")
                self._count(MllpEvent.STRANGER)
                connection.close()
                continue
            self._accepted += 1
            number = self._accepted
            thread = threading.Thread(
                target=self._serve, args=(number, connection, address[0], site), daemon=True
            )
            with self._lock:
                self._connections[number] = _Connection(connection, address[0], thread)
            thread.start()

    def _has_room(self, address: str) -> bool:
        """Return whether there is room for one more; one address never has it all, unless anybody
        may send: on loopback alone there is but one."""
        most = self._settings.most_connections
        most_each = max(1, most * 3 // 4) if self._settings.peers else most
        with self._lock:
            own = sum(served.address == address for served in self._connections.values())
            return own < most_each and len(self._connections) < most

    def _site_of(self, address: str) -> str | None:
        """Return whose orders come from an address; None where it may not send."""
        if not self._settings.peers:
            return self._settings.site
        peer = next((peer for peer in self._settings.peers if peer.is_it(address)), None)
        return None if peer is None else peer.site or self._settings.site

    def _serve(self, number: int, accepted: socket.socket, address: str, site: str) -> None:
        """Thread body of one connection."""
        connection = accepted
        try:
            accepted.settimeout(self._settings.silence_s)
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in _KEEPALIVE:
                accepted.setsockopt(socket.IPPROTO_TCP, option, value)
            if self._context is not None:
                connection = self._secured(number, accepted)
            self._answer_all(_Frames(connection, self._settings, self._closing), address, site)
        except _ConnectionEnds as ended:
            self._count(ended.event)
            _LOG.warning("an HL7 connection was ended: %s", ended.event.value)
        except OSError as error:
            _LOG.info("an HL7 connection broke: %s", type(error).__name__)
        finally:
            with self._lock:
                served = self._connections.pop(number)
            served.socket.close()

    def _secured(self, number: int, accepted: socket.socket) -> ssl.SSLSocket:
        assert self._context is not None
        secured = self._context.wrap_socket(
            accepted, server_side=True, do_handshake_on_connect=False
        )
        with self._lock:
            served = self._connections[number]
            self._connections[number] = replace(served, socket=secured)
        secured.do_handshake()
        return secured

    def _answer_all(self, frames: _Frames, address: str, site: str) -> None:
        while (message := frames.next()) is not None:
            if frames.too_large:
                frames.send(self._sink.refuse(message, "hl7_too_large"))
                frames.discard()
                raise _ConnectionEnds(MllpEvent.TOO_LARGE)
            frames.send(self._sink.receive(message, site=site, source=address))
            self._count(MllpEvent.MESSAGE)

    def _count(self, event: MllpEvent) -> None:
        with self._lock:
            self._counts[event] += 1


class _Frames:
    """The messages of one connection, one after another."""

    def __init__(
        self, connection: socket.socket, settings: MllpSettings, closing: threading.Event
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._closing = closing
        self._read = bytearray()
        self.too_large = False
        """Whether what `next` gave is only the beginning of a message."""

    def next(self) -> bytes | None:
        """Return the next message, None at the end. OSError and `_ConnectionEnds`."""
        if not self._begin():
            return None
        until = time.monotonic() + _SILENCES * self._settings.silence_s
        searched = 0
        while (end := self._read.find(END, searched)) < 0:
            if len(self._read) > self._settings.most_bytes:
                self.too_large = True
                return bytes(self._read[: self._settings.most_bytes])
            searched = len(self._read)
            patience = min(self._settings.silence_s, until - time.monotonic())
            if not self._more(patience, within=True):
                raise _ConnectionEnds(MllpEvent.CUT)
        message = bytes(self._read[:end])
        del self._read[: end + len(END)]
        # What begins within another message says that the other was broken off.
        return message.rpartition(START)[2]

    def discard(self) -> None:
        """Read and drop what still comes, for a short time."""
        until = time.monotonic() + _DISCARDED_S
        try:
            self._connection.shutdown(socket.SHUT_WR)
            while (left := until - time.monotonic()) > 0:
                self._connection.settimeout(left)
                if not self._connection.recv(_STEP):
                    return
        except OSError as error:
            _LOG.debug("a refused message went on: %s", type(error).__name__)

    def send(self, answer: bytes) -> None:
        """Send an answer."""
        self._connection.settimeout(self._settings.silence_s)
        self._connection.sendall(START + answer + FRAME_END)

    def _begin(self) -> bool:
        """Read up to the beginning of a message; whether there is one."""
        while (start := self._read.find(START)) < 0:
            if len(self._read) > MOST_BETWEEN:
                raise _ConnectionEnds(MllpEvent.GARBAGE)
            if not self._more(self._settings.idle_s, within=False):
                if self._read.strip():
                    raise _ConnectionEnds(MllpEvent.GARBAGE)
                return False
        if start > MOST_BETWEEN:
            raise _ConnectionEnds(MllpEvent.GARBAGE)
        del self._read[: start + 1]
        return True

    def _more(self, patience_s: float, *, within: bool) -> bool:
        """Read some bytes; False at the end, after too long a silence, and between two messages
        where the listener closes."""
        until = time.monotonic() + patience_s
        while True:
            left = until - time.monotonic()
            if left <= 0 or (self._closing.is_set() and not within):
                return False
            self._connection.settimeout(min(left, _LOOK_S))
            try:
                read = self._connection.recv(_STEP)
            except TimeoutError:
                continue
            self._read += read
            return bool(read)


def _context(tls: Tls | None) -> ssl.SSLContext | None:
    if tls is None:
        return None
    try:
        return tls.context()
    except SettingsError:
        raise SettingsError("mllp_tls_unusable") from None


def _bound(settings: MllpSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        bound = socket.create_server((settings.host, settings.port), family=family, backlog=64)
    except OSError:
        raise SettingsError("mllp_port_in_use", port=settings.port) from None
    bound.settimeout(_LOOK_S)
    return bound


def _end(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        _LOG.debug("a connection had ended by itself")

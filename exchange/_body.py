"""Bodies of answers over HTTP as they come: bounded, at a pace, and whole or refused.

httpx waits for each byte alone and takes a compressed body that breaks off for a whole one; a
server that sends a byte a minute, or half an image, would pass.
"""

from __future__ import annotations

import socket
import threading
import time
import zlib
from collections.abc import Iterator
from typing import Any

import httpx

from radraft.exchange._multipart import Malformed
from radraft.exchange.values import PacsError

SLOWEST = 1024
"""Fewest bytes a second that a body must bring while it is waited for."""
_PIECE = 1 << 20
_CODINGS = frozenset({"gzip", "x-gzip", "deflate"})


def body_chunks(answer: httpx.Response, *, wait_s: float, most: int) -> Iterator[bytes]:
    """Yield the decoded body, no piece above 1 MiB where it was compressed.

    Malformed for a compression that breaks off or was not asked for; PacsError `pacs_too_slow`
    where `wait_s` seconds of waiting bring less than `SLOWEST` bytes each, `pacs_too_long` above
    `most` bytes.
    """
    coding = answer.headers.get("content-encoding", "").strip().lower()
    pieces = _paced(answer.iter_raw(), wait_s)
    if coding in _CODINGS:
        pieces = _inflated(pieces)
    elif coding not in {"", "identity"}:
        raise Malformed
    length = 0
    for piece in pieces:
        length += len(piece)
        if length > most:
            raise PacsError("pacs_too_long", most=most >> 20)
        yield piece


def _paced(pieces: Iterator[bytes], wait_s: float) -> Iterator[bytes]:
    """Yield what comes; only the time spent waiting for it counts, not what is done with it."""
    waited, came = 0.0, 0
    while True:
        since = time.monotonic()
        piece = next(pieces, None)
        waited += time.monotonic() - since
        if piece is None:
            return
        came += len(piece)
        if waited >= wait_s:
            if came < SLOWEST * waited:
                raise PacsError("pacs_too_slow")
            waited, came = 0.0, 0
        yield piece


def _inflated(pieces: Iterator[bytes]) -> Iterator[bytes]:
    # Also takes zlib's own header, which `deflate` means (RFC 9110 8.4.1.2).
    decoder = zlib.decompressobj(zlib.MAX_WBITS | 32)
    began = False
    try:
        for piece in pieces:
            began = began or bool(piece)
            left = piece
            while left and not decoder.eof:
                yield decoder.decompress(left, _PIECE)
                left = decoder.unconsumed_tail
        yield decoder.flush()
    except zlib.error:
        raise Malformed from None
    if began and (not decoder.eof or decoder.unused_data):
        raise Malformed


class HeaderDeadline:
    """Ends the connection of a request whose answer does not begin in time; one a request.

    It is told of the request's course by httpx (its extension `trace`). The connection must be new.
    """

    def __init__(self, seconds: float) -> None:
        self.passed = False
        """Whether the connection was ended."""
        self._connection: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __call__(self, event: str, info: dict[str, Any]) -> None:
        """Take note of one step of the request."""
        if event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            self._connection = info["return_value"].get_extra_info("socket")
        elif event == "http11.receive_response_headers.started":
            self._timer.start()
        elif event.startswith("http11.receive_response_headers."):
            self._timer.cancel()

    def _end(self) -> None:
        self.passed = True
        try:
            if self._connection is not None:
                # The kernel's: the reading thread alone keeps the state of TLS.
                socket.socket.shutdown(self._connection, socket.SHUT_RDWR)
        except OSError:
            # It had ended by itself; the reading thread tells of it.
            return

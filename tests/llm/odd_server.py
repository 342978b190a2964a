"""A server that answers as no vLLM should, byte by byte, over a real socket."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

MODELS = json.dumps({"data": [{"id": "served"}]}).encode()
Write = Callable[[bytes], None]


def whole(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """A whole answer."""
    head = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", "connection: close", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


class OddServer:
    """Gives each connection the bytes of `answer`: those it yields, one after another, until the
    client has gone or `stopping` is set. `requests` has what was asked."""

    def __init__(self, answer: Callable[[OddServer], Iterator[bytes]]) -> None:
        self.answer = answer
        self.requests: list[bytes] = []
        self.stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                self.requests.append(connection.recv(65536))
                for piece in self.answer(self):
                    connection.sendall(piece)
            except OSError:
                # The client had enough.
                return

    def close(self) -> None:
        self.stopping.set()
        # A thread that waits in accept() wakes only when the socket is shut down.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()


@contextmanager
def odd_server(answer: Callable[[OddServer], Iterator[bytes]]) -> Iterator[OddServer]:
    server = OddServer(answer)
    try:
        yield server
    finally:
        server.close()


def at_once(data: bytes) -> Callable[[OddServer], Iterator[bytes]]:
    """All of it."""
    return lambda server: iter([data])


def drip(start: bytes, again: bytes) -> Callable[[OddServer], Iterator[bytes]]:
    """`start`, then `again` for ever, a little at a time."""

    def pieces(server: OddServer) -> Iterator[bytes]:
        yield start
        while not server.stopping.wait(0.02):
            yield again

    return pieces


def flood(start: bytes, again: bytes) -> Callable[[OddServer], Iterator[bytes]]:
    """`start`, then `again` for ever, as fast as it is taken."""

    def pieces(server: OddServer) -> Iterator[bytes]:
        yield start
        while not server.stopping.is_set():
            yield again

    return pieces


def silent(server: OddServer) -> Iterator[bytes]:
    """Nothing at all."""
    server.stopping.wait()
    yield from ()


HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
DEEP = b'{"data":' + b"[" * 200_000
ZIPPED = gzip.compress(MODELS)

BAD: dict[str, Callable[[OddServer], Iterator[bytes]]] = {
    "deep JSON": at_once(whole(DEEP)),
    "deep JSON that closes": at_once(whole(b"[" * 100_000 + b"]" * 100_000)),
    "gzip that nobody asked for": at_once(whole(ZIPPED, "content-encoding: gzip")),
    "bad gzip": at_once(whole(b"\x1f\x8b broken", "content-encoding: gzip")),
    "an unknown encoding": at_once(whole(MODELS, "content-encoding: zstd")),
    "no JSON": at_once(whole(b"<html>")),
    "no text": at_once(whole(b"\xff\xfe\x00")),
    "a list": at_once(whole(b"[]")),
    "a number": at_once(whole(b"7")),
    "a model without an id": at_once(whole(b'{"data": [{}]}')),
    "a model that is a string": at_once(whole(b'{"data": ["served"]}')),
    "an id that is a number": at_once(whole(b'{"data": [{"id": 7}]}')),
    "data that is a number": at_once(whole(b'{"data": 7}')),
    "no models": at_once(whole(b'{"data": []}')),
    "a huge number": at_once(whole(b'{"data": ' + b"9" * 10_000 + b"}")),
    "a huge body": flood(HEAD + b"content-length: 999999999999\r\n\r\n", b" " * 65536),
    "chunks for ever": flood(CHUNKED, b"10000\r\n" + b" " * 65536 + b"\r\n"),
}
"""An answer, but not to what was asked."""

LOST: dict[str, Callable[[OddServer], Iterator[bytes]]] = {
    "not HTTP": at_once(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "nothing, closed": at_once(b""),
    "half a body": at_once(HEAD + b"content-length: 900\r\n\r\n{"),
    "headers for ever": flood(HEAD, b"x-more: " + b"a" * 1000 + b"\r\n"),
}
"""The connection breaks."""

SLOW: dict[str, Callable[[OddServer], Iterator[bytes]]] = {
    "silence": silent,
    "headers that drip": drip(HEAD + b"x-slow: ", b"a"),
    "a body that drips": drip(HEAD + b"content-length: 99999\r\n\r\n", b" "),
    "chunks that drip": drip(CHUNKED, b"1\r\n \r\n"),
}
"""It goes on for ever, and each piece comes in time."""

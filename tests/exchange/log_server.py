"""A log server that takes syslog over TLS, for tests of who sends to one."""

from __future__ import annotations

import re
import select
import socket
import ssl
import threading
from pathlib import Path

FRAME = re.compile(rb"(\d+) ")


class LogServerOfTests:
    """Listens, takes frames, and says goodbye as TLS does. `silent`: reads all and closes without a
    word; `deaf`: closes without having read."""

    def __init__(self, certificate: Path) -> None:
        self.messages: list[bytes] = []
        self.silent = False
        self.deaf = False
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self._context = context
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listening.accept()
            except OSError:
                return
            plain.settimeout(20)
            try:
                self._take(plain)
            except OSError:
                plain.close()

    def _take(self, plain: socket.socket) -> None:
        with self._context.wrap_socket(plain, server_side=True) as secured:
            if self.deaf:
                # Something came and is not read: closing resets the connection.
                select.select([secured], [], [], 20)
                return
            held = b""
            while part := secured.recv(65536):
                held += part
                while (found := FRAME.match(held)) and len(held) >= found.end() + int(found[1]):
                    end = found.end() + int(found[1])
                    self.messages.append(held[found.end() : end])
                    held = held[end:]
            if self.silent:
                plain.shutdown(socket.SHUT_RDWR)
                return
            secured.unwrap()

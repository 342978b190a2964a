"""A receiver of HL7 over MLLP, by plain asyncio on a thread of its own, that answers as it is told:
rightly, not at all, half, twice, garbage, late, for another message."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

Answer = Callable[[bytes, str], bytes | None]
"""From a message and its control id what is written back; None: nothing, and the connection stays
open until the sender leaves."""


def framed(text: str) -> bytes:
    return b"\x0b" + text.encode() + b"\x1c\x0d"


def acknowledged(code: str, control_id: str, error: str = "") -> str:
    header = "MSH|^~\\&|RIS|H|RADRAFT||20261129||ACK^R01|7|P|2.5.1"
    lines = [header, f"MSA|{code}|{control_id}"]
    if error:
        lines.append(f"ERR||PID^1^5|{error}^why^HL70357|E")
    return "\r".join(lines) + "\r"


def saying(code: str, error: str = "") -> Answer:
    return lambda message, control_id: framed(acknowledged(code, control_id, error))


def takes(message: bytes, control_id: str) -> bytes | None:
    return framed(acknowledged("AA", control_id))


@dataclass
class Receiver:
    """What came, in its order; `answer` may be changed at any time."""

    port: int = 0
    answer: Answer = takes
    came: list[tuple[str, bytes]] = field(default_factory=list)
    """(control id, message)."""

    def kept(self) -> dict[str, bytes]:
        """Each message once, as a receiver keeps them that knows control ids."""
        return dict(self.came)


@contextmanager
def receiving(
    answer: Answer = takes, *, certificate: Path | None = None, ca: Path | None = None
) -> Iterator[Receiver]:
    receiver = Receiver(answer=answer)
    loop = asyncio.new_event_loop()
    bound = threading.Event()
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        if ca is not None:
            context.load_verify_locations(ca)
            context.verify_mode = ssl.CERT_REQUIRED

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            read = await reader.readuntil(b"\x1c\x0d")
            message = read[1:-2]
            control_id = message.split(b"\r")[0].split(b"|")[9].decode()
            receiver.came.append((control_id, message))
            said = receiver.answer(message, control_id)
            if said is None:
                await reader.read()
            else:
                writer.write(said)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    async def begin() -> asyncio.Server:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        receiver.port = server.sockets[0].getsockname()[1]
        return server

    def run() -> None:
        asyncio.set_event_loop(loop)
        server = loop.run_until_complete(begin())
        bound.set()
        loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    bound.wait()
    try:
        yield receiver
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()

"""A RIS: it takes results over MLLP with the library `hl7`, each once by its control id, and has
them on the disk before it acknowledges them; it sends orders.

    python -m tests.ris PORT FILE [CHARSET [SECONDS]]

SECONDS go by between keeping a message and acknowledging it.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hl7
from hl7.client import MLLPClient
from hl7.mllp import start_hl7_server

from tests.receiver import Receiver

UTF8 = "utf-8"
_TABLE = """\
CREATE TABLE IF NOT EXISTS arrivals (
    number INTEGER PRIMARY KEY, control_id TEXT NOT NULL, content BLOB NOT NULL
)"""
_KNOWN = "SELECT content FROM arrivals WHERE control_id = ? ORDER BY number LIMIT 1"


@dataclass(frozen=True)
class Result:
    """A message as it came."""

    control_id: str
    message: Any
    """As `hl7` parses it."""

    @property
    def status(self) -> str:
        """OBR-25: F final, C corrected."""
        return str(self.message["OBR"][0][25])

    @property
    def accession(self) -> str:
        """OBR-18."""
        return str(self.message["OBR"][0][18])

    @property
    def patient(self) -> str:
        """PID-3.1."""
        return str(self.message["PID"][0][3][0][0])

    def observed(self, code: str) -> list[str]:
        """Return the answers (OBX-5) to a question by its code (OBX-3.1)."""
        return [
            str(line[5]) for line in self.message["OBX"] if code in {str(c) for c in line[3][0]}
        ]

    @property
    def texts(self) -> list[str]:
        """The text of every observation that is text."""
        return [str(line[5]) for line in self.message["OBX"] if str(line[2]) == "FT"]


def receiver(file: Path, *, charset: str = UTF8, pause_s: float = 0.0) -> Receiver:
    """Return a RIS that has not been started."""
    return Receiver("tests.ris", file, (charset, str(pause_s)))


def arrivals(ris: Receiver) -> list[Result]:
    """Return all that came, repeats among it, in its order."""
    charset = ris.options[0]
    kept = ris.rows("SELECT control_id, content FROM arrivals ORDER BY number")
    return [Result(control_id, hl7.parse(raw.decode(charset))) for control_id, raw in kept]


def results(ris: Receiver) -> list[Result]:
    """Return what it has: each message once, in the order in which they came first."""
    first: dict[str, Result] = {}
    for result in arrivals(ris):
        first.setdefault(result.control_id, result)
    return list(first.values())


def order(port: int, message: str) -> str:
    """Send an order; return how it was acknowledged (MSA-1)."""
    with MLLPClient("127.0.0.1", port) as client:
        said = hl7.parse(client.send_message(message.encode()).decode().strip("\x0b\x1c\r") + "\r")
    return str(said["MSA"][0][1])


async def _serve(port: int, file: str, charset: str, pause_s: float) -> None:
    kept = sqlite3.connect(file)
    with kept:
        kept.execute(_TABLE)

    async def take(reader: Any, writer: Any) -> None:
        # A sender that is killed leaves half a message.
        with suppress(asyncio.IncompleteReadError, OSError), closing(writer):
            while True:
                raw = await reader.readblock()
                message = hl7.parse(raw.decode(charset))
                control_id = str(message["MSH"][0][10])
                known = kept.execute(_KNOWN, (control_id,)).fetchone()
                with kept:
                    row = (control_id, raw)
                    kept.execute("INSERT INTO arrivals (control_id, content) VALUES (?, ?)", row)
                await asyncio.sleep(pause_s)
                # One number is one message.
                writer.writemessage(message.create_ack("AA" if known in (None, (raw,)) else "AE"))
                await writer.drain()

    server = await start_hl7_server(take, "127.0.0.1", port, encoding=charset)
    await server.serve_forever()


if __name__ == "__main__":
    _port, _file, _charset, _pause_s = sys.argv[1:]
    asyncio.run(_serve(int(_port), _file, _charset, float(_pause_s)))

"""Receivers for `bench.outbox`, each a process of its own, and what a site would send with instead.

    python -m radraft.bench.outbox_receivers hl7|fhir|silent PORT LOG
    python -m radraft.bench.outbox_receivers send-hl7|send-fhir PORT FOLDER

The PACS is dcmtk's storescp, the RIS python-hl7's MLLP server, which parses each message, the HIS a
small FHIR server on uvicorn that keeps what a transaction creates and updates. Each writes into its
log when something began to come, when it was answered, and what it was.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import psutil

from tests.processes import free_port

WAIT_S = 60.0
"""For a receiver to listen."""
STORESCP_LOG = """\
log4cplus.rootLogger = INFO, file
log4cplus.appender.file = log4cplus::FileAppender
log4cplus.appender.file.File = {file}
log4cplus.appender.file.Append = true
log4cplus.appender.file.ImmediateFlush = true
log4cplus.appender.file.layout = log4cplus::PatternLayout
log4cplus.appender.file.layout.ConversionPattern = %D{{%s.%q}} %i %m%n
"""
"""Of dcmtk: seconds since 1970 with milliseconds, process, words."""
_STORESCP_LINE = re.compile(r"(\d+\.\d{3}) (\d+) (.*)")


@dataclass(frozen=True)
class Arrival:
    """Something that a receiver got; seconds since 1970."""

    began_s: float
    """Its connection was accepted; of FHIR, the head of its request was there."""
    answered_s: float
    key: str
    """What it is: a name that it has at every try."""


class Receiver(ABC):
    """A receiver that can be replaced by one that takes connections and never says a word."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        folder.mkdir(parents=True)
        self.folder = folder
        self._log = folder / "log"
        self._process: psutil.Popen | None = None
        self._cpu_s = 0.0

    @abstractmethod
    def _command(self) -> list[str]:
        """Return the command that starts it."""

    @abstractmethod
    def _arrivals(self, lines: TextIO) -> Iterator[Arrival]:
        """Yield what a log tells."""

    def start(self, *, silent: bool = False) -> None:
        """Start it, or what stands in its place and answers nothing; returns once it listens."""
        if silent:
            command = _own("silent", str(self.port), str(self.folder / "silent"))
        else:
            command = self._command()
        with (self.folder / "said").open("ab") as said:
            self._process = psutil.Popen(command, stdout=said, stderr=said)
        until = time.monotonic() + WAIT_S
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"{command[0]} did not start: see {self.folder / 'said'}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._cpu_s = self.cpu_s()
            self._process.kill()
            self._process.wait()
            self._process = None

    def cpu_s(self) -> float:
        """Return the processor seconds of all its runs, those of its children among them."""
        if self._process is None:
            return self._cpu_s
        times = self._process.cpu_times()
        own = times.user + times.system + times.children_user + times.children_system
        return self._cpu_s + float(own)

    def arrivals(self, since_s: float = 0.0) -> list[Arrival]:
        """Return what came and was answered from then on, in seconds since 1970."""
        if not self._log.exists():
            return []
        with self._log.open(encoding="utf-8", errors="replace") as lines:
            return [found for found in self._arrivals(lines) if found.answered_s >= since_s]

    def _listens(self) -> bool:
        # Asking by a connection would be counted as one.
        assert self._process is not None
        kinds = self._process.net_connections("tcp")
        return any(c.status == psutil.CONN_LISTEN and c.laddr.port == self.port for c in kinds)


class Pacs(Receiver):
    """dcmtk's storescp with a process for each association; files lie on the disk."""

    def _command(self) -> list[str]:
        settings = self.folder / "log.cfg"
        settings.write_text(STORESCP_LOG.format(file=self._log))
        files = self.folder / "files"
        files.mkdir(exist_ok=True)
        named = ["-lc", str(settings), "-od", str(files), "-aet", "PACS"]
        return ["storescp", "--fork", *named, str(self.port)]

    def _arrivals(self, lines: TextIO) -> Iterator[Arrival]:
        began: dict[str, float] = {}
        for line in lines:
            found = _STORESCP_LINE.match(line)
            if found is None:
                continue
            when, process, words = float(found[1]), found[2], found[3]
            if words.startswith("Association Received"):
                began[process] = when
            elif words.startswith("storing DICOM file: "):
                uid = Path(words.split(": ", 1)[1]).name.split(".", 1)[1]
                yield Arrival(began.get(process, when), when, uid)


class _OwnReceiver(Receiver):
    kind = ""

    def _command(self) -> list[str]:
        return _own(self.kind, str(self.port), str(self._log))

    def _arrivals(self, lines: TextIO) -> Iterator[Arrival]:
        for line in lines:
            if line.endswith("\n"):
                began, answered, key = line.split()
                yield Arrival(float(began), float(answered), key)


class Ris(_OwnReceiver):
    """python-hl7's MLLP server."""

    kind = "hl7"


class His(_OwnReceiver):
    """A FHIR server that takes transactions."""

    kind = "fhir"


def sending(kind: str, port: int, folder: Path) -> list[str]:
    """Return the command that sends a folder's files to a receiver without radraft."""
    if kind == "dicom":
        # Only the contexts that the files need: by itself it proposes none for documents.
        wanted = ["storescu", "-R", "+sd", "-aet", "BENCH", "-aec", "PACS"]
        return [*wanted, "127.0.0.1", str(port), str(folder)]
    return _own(f"send-{kind}", str(port), str(folder))


def _own(*arguments: str) -> list[str]:
    return [sys.executable, "-W", "ignore", "-m", "radraft.bench.outbox_receivers", *arguments]


async def _take_hl7(port: int, log: TextIO) -> None:
    from hl7.mllp import start_hl7_server

    async def serve(reader: Any, writer: Any) -> None:
        began = time.time()
        try:
            while True:
                message = await reader.readmessage()
                writer.writemessage(message.create_ack())
                await writer.drain()
                log.write(f"{began:.6f} {time.time():.6f} {message.segment('MSH')[10]}\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    server = await start_hl7_server(serve, "127.0.0.1", port, encoding="utf-8")
    async with server:
        await server.serve_forever()


def _take_fhir(port: int, log: TextIO) -> None:
    import uvicorn

    kept: dict[str, Any] = {}

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        began = time.time()
        body, more = bytearray(), True
        while more:
            part = await receive()
            body += part.get("body", b"")
            more = part.get("more_body", False)
        bundle = json.loads(body)
        answers = []
        for entry in bundle["entry"]:
            request, resource = entry["request"], entry["resource"]
            if request["method"] == "POST":
                place = f"{request['url']}?{request['ifNoneExist']}"
                status = "200" if place in kept else "201"
                kept.setdefault(place, resource)
            else:
                place, status = request["url"], "200"
                kept[place] = resource
            answers.append({"response": {"status": status}})
        said = {"resourceType": "Bundle", "type": "transaction-response", "entry": answers}
        head = [(b"content-type", b"application/fhir+json")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": json.dumps(said).encode()})
        log.write(f"{began:.6f} {time.time():.6f} {bundle['id']}\n")

    uvicorn.run(
        serve, host="127.0.0.1", port=port, log_level="warning", access_log=False, lifespan="off"
    )


def _take_silently(port: int) -> None:
    held = []
    with socket.create_server(("127.0.0.1", port), backlog=128) as server:
        while True:
            held.append(server.accept())


def _send_hl7(port: int, folder: Path) -> None:
    from hl7.client import MLLPClient

    with MLLPClient("127.0.0.1", port) as client:
        for file in sorted(folder.iterdir()):
            answer = client.send_message(file.read_bytes())
            if b"MSA|AA|" not in answer:
                raise SystemExit("a message was not taken")


def _send_fhir(port: int, folder: Path) -> None:
    import httpx

    head = {"Content-Type": "application/fhir+json"}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, headers=head) as client:
        for file in sorted(folder.iterdir()):
            client.post("/", content=file.read_bytes()).raise_for_status()


def main(kind: str, port: int, path: Path) -> None:
    """Run one receiver until it is killed, or send a folder."""
    if kind == "silent":
        _take_silently(port)
    elif kind == "send-hl7":
        _send_hl7(port, path)
    elif kind == "send-fhir":
        _send_fhir(port, path)
    else:
        with path.open("a", buffering=1) as log:
            if kind == "hl7":
                asyncio.run(_take_hl7(port, log))
            else:
                _take_fhir(port, log)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))

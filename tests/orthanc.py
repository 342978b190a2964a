"""A real PACS to test with: Debian's Orthanc with its DICOMweb plug-in, in a network of its own.

That Orthanc binds 0.0.0.0 whatever its configuration says, so it must not run in the machine's own
network. `private_network` moves the calling thread, and all that it starts, into an empty network
that has only a loopback: the tests' own listener, dcmtk's programs and Orthanc meet there.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
_NEW_NETWORK = 0x40000000
HTTP, DICOM = 8042, 4242


@contextmanager
def private_network() -> Iterator[None]:
    """This thread in a new network namespace; skips the test where the kernel allows none.

    Without root: `unshare -rn python -m pytest ...`.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if libc.unshare(_NEW_NETWORK) != 0:
            pytest.skip(f"no network namespace: {os.strerror(ctypes.get_errno())}")
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            yield
        finally:
            libc.setns(before, _NEW_NETWORK)
    finally:
        os.close(before)


def needs(*programs: str) -> None:
    """Skip the test where one of Debian's `programs` is missing."""
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


@dataclass(frozen=True)
class Orthanc:
    """A running Orthanc; both ports are on 127.0.0.1."""

    process: subprocess.Popen[bytes]
    aet: str = "ORTHANC"
    http: str = f"http://127.0.0.1:{HTTP}"
    dicom_port: int = DICOM

    @property
    def dicomweb(self) -> str:
        return f"{self.http}/dicom-web"

    def get(self, path: str) -> Any:
        return httpx.get(f"{self.http}{path}", trust_env=False).raise_for_status().json()

    def post(self, path: str, body: bytes) -> Any:
        answer = httpx.post(f"{self.http}{path}", content=body, trust_env=False, timeout=60)
        return answer.raise_for_status().json()

    def instances(self) -> int:
        return int(self.get("/statistics")["CountInstances"])

    def found(self, study_uid: str, modality: str) -> list[dict[str, Any]]:
        """QIDO-RS: the study's instances of a modality."""
        answer = httpx.get(
            f"{self.dicomweb}/studies/{study_uid}/instances",
            params={"Modality": modality, "includefield": "all"},
            headers={"Accept": "application/dicom+json"},
            trust_env=False,
        )
        answers: list[dict[str, Any]] = answer.raise_for_status().json()
        return answers

    def returned(self, study_uid: str, series_uid: str, sop_instance_uid: str) -> bytes:
        """WADO-RS: the instance's file as it comes back."""
        place = f"studies/{study_uid}/series/{series_uid}/instances/{sop_instance_uid}"
        kind = 'multipart/related; type="application/dicom"; transfer-syntax=*'
        answer = httpx.get(f"{self.dicomweb}/{place}", headers={"Accept": kind}, trust_env=False)
        boundary = answer.raise_for_status().headers["Content-Type"].split("boundary=")[1]
        end = boundary.split(";")[0].strip('"')
        _, _, part = answer.content.partition(b"\r\n\r\n")
        file, _, _ = part.rpartition(f"\r\n--{end}--".encode())
        return file


@contextmanager
def running(folder: Path, *, modalities: dict[str, list[Any]] | None = None) -> Iterator[Orthanc]:
    """Orthanc with an empty database below `folder`; call it inside `private_network`.

    `modalities`: what it may send to, as `{name: [AE title, host, port]}`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "Name": "test",
        "StorageDirectory": str(folder / "db"),
        "IndexDirectory": str(folder / "db"),
        "Plugins": [str(PLUGIN)],
        "HttpPort": HTTP,
        "DicomPort": DICOM,
        "DicomAet": Orthanc.aet,
        "DicomCheckCalledAet": False,
        "DicomAlwaysAllowStore": True,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomModalities": modalities or {},
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    configuration = folder / "orthanc.json"
    configuration.write_text(json.dumps(settings), encoding="utf-8")
    with (folder / "orthanc.log").open("wb") as log:
        process = subprocess.Popen(["Orthanc", str(configuration)], stdout=log, stderr=log)
    try:
        orthanc = Orthanc(process)
        _wait_for(orthanc, folder / "orthanc.log")
        yield orthanc
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_for(orthanc: Orthanc, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if orthanc.process.poll() is not None:
            break
        try:
            orthanc.get("/system")
        except httpx.HTTPError:
            time.sleep(0.1)
            continue
        return
    raise RuntimeError(f"Orthanc did not start: {log.read_text(errors='replace')[-2000:]}")


@contextmanager
def beside(folder: Path) -> Iterator[Orthanc]:
    """Orthanc in a network of its own, reached from this thread's by ports of the loopback."""
    told: Future[_Bridge] = Future()
    with ExitStack() as open_ports:
        ports = {
            inside: open_ports.enter_context(closing(socket.create_server(("127.0.0.1", 0))))
            for inside in (HTTP, DICOM)
        }
        outside = {inside: port.getsockname()[1] for inside, port in ports.items()}
        thread = threading.Thread(target=_bridged, args=(folder, ports, told))
        thread.start()
        try:
            bridge = told.result()
            http = f"http://127.0.0.1:{outside[HTTP]}"
            try:
                yield replace(bridge.orthanc, http=http, dicom_port=outside[DICOM])
            finally:
                bridge.loop.call_soon_threadsafe(bridge.ended.set)
        finally:
            thread.join()


@dataclass(frozen=True)
class _Bridge:
    """An Orthanc elsewhere, and what ends the way to it."""

    orthanc: Orthanc
    loop: asyncio.AbstractEventLoop
    ended: asyncio.Event


def _bridged(folder: Path, ports: dict[int, socket.socket], told: Future[_Bridge]) -> None:
    """Thread body."""
    try:
        # A socket stays in the network in which it was made.
        with private_network(), running(folder) as orthanc:
            asyncio.run(_forward(orthanc, ports, told))
    except BaseException as error:
        if told.done():
            raise
        told.set_exception(error)


async def _forward(
    orthanc: Orthanc, ports: dict[int, socket.socket], told: Future[_Bridge]
) -> None:
    ended = asyncio.Event()
    for inside, listening in ports.items():

        async def connect(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int = inside
        ) -> None:
            # Cancelled where a connection is left open at the end.
            with suppress(asyncio.CancelledError, OSError), closing(writer):
                there, to_there = await asyncio.open_connection("127.0.0.1", port)
                await asyncio.gather(_pump(reader, to_there), _pump(there, writer))

        await asyncio.start_server(connect, sock=listening)
    told.set_result(_Bridge(orthanc, asyncio.get_running_loop(), ended))
    await ended.wait()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry what comes to the other side, and its end."""
    with suppress(OSError), closing(writer):
        while part := await reader.read(1 << 16):
            writer.write(part)
            await writer.drain()

"""A real PACS to test with: Debian's Orthanc with its DICOMweb plug-in, in a network of its own.

That Orthanc binds 0.0.0.0 whatever its configuration says, so it must not run in the machine's own
network. `private_network` moves the calling thread, and all that it starts, into an empty network
that has only a loopback: the tests' own listener, dcmtk's programs and Orthanc meet there.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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

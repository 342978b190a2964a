"""Two machines of a hospital's network, in network namespaces of this one."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.orthanc import private_network

SERVER, DESK = "10.99.0.1", "10.99.0.2"
_NETWORK = 0x40000000


@dataclass(frozen=True)
class TwoMachines:
    """A server, in whose network the calling thread is, and a desk."""

    desk_process: int
    """Its network is the desk's."""

    @contextmanager
    def at_desk(self) -> Iterator[None]:
        """This thread, and all that it starts, at the desk."""
        with _in_network(Path(f"/proc/{self.desk_process}/ns/net")):
            yield


@contextmanager
def two_machines() -> Iterator[TwoMachines]:
    """Move this thread to the server; skips the test where the kernel allows no namespaces."""
    with private_network():
        desk = subprocess.Popen(
            ["unshare", "-n", "sh", "-c", "ip link set lo up && echo there && exec sleep 3600"],
            stdout=subprocess.PIPE,
        )
        try:
            assert desk.stdout is not None
            if desk.stdout.readline() != b"there\n":
                pytest.skip("no second network namespace")
            _connect(desk.pid)
            yield TwoMachines(desk.pid)
        finally:
            desk.kill()
            desk.communicate()


def _connect(desk: int) -> None:
    """A cable between both."""
    pair = ["ip", "link", "add", "toward-desk", "type", "veth", "peer", "name", "toward-server"]
    made = subprocess.run([*pair, "netns", str(desk)], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        pytest.skip(f"no virtual cable: {made.stderr.strip()}")
    _address("toward-desk", SERVER)
    with _in_network(Path(f"/proc/{desk}/ns/net")):
        _address("toward-server", DESK)


def _address(device: str, address: str) -> None:
    subprocess.run(["ip", "address", "add", f"{address}/24", "dev", device], check=True)
    subprocess.run(["ip", "link", "set", device, "up"], check=True)


@contextmanager
def _in_network(namespace: Path) -> Iterator[None]:
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(namespace, os.O_RDONLY)
    try:
        if libc.setns(there, _NETWORK) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        try:
            yield
        finally:
            libc.setns(before, _NETWORK)
    finally:
        os.close(there)
        os.close(before)

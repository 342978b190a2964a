"""Connections that say nothing, too little, or come from elsewhere: others are served meanwhile."""

from __future__ import annotations

import resource
import select
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from pynetdicom.sop_class import Verification

from radraft.core.settings import Settings
from radraft.exchange.addresses import is_within
from radraft.exchange.dimse import Listener, Peer
from radraft.pipeline.inbox import Inbox
from radraft.store.database import Store, open_store
from tests.exchange.builders import PLAIN, associated, film, listening, send, states

pytestmark = pytest.mark.slow

VERIFY = (str(Verification), list(PLAIN))
DEADLINE_S = 60.0


@contextmanager
def connected(port: int, count: int, sent: bytes = b"") -> Iterator[list[socket.socket]]:
    """`count` connections that send `sent` and then nothing."""
    with ExitStack() as stack:
        peers = []
        for _ in range(count):
            peer = stack.enter_context(socket.create_connection(("127.0.0.1", port), DEADLINE_S))
            peer.sendall(sent)
            peers.append(peer)
        yield peers


def is_closed(peer: socket.socket) -> bool:
    """Whether the other side has ended the connection; waits for it."""
    try:
        return peer.recv(1) == b""
    except ConnectionError:
        return True


def echo(listener: Listener) -> int:
    with associated(listener.port, VERIFY) as association:
        assert association.is_established
        return int(association.send_c_echo().Status)


HALF_A_REQUEST = struct.pack(">BxI", 1, 200) + bytes(100)


@pytest.mark.parametrize("sent", [b"", b"\x01", HALF_A_REQUEST])
def test_images_are_taken_while_silent_connections_stand(
    inbox: Inbox, sqlite_store: Store, sent: bytes
) -> None:
    # No limit in time helps here: an hour is longer than any test.
    with (
        listening(inbox, request_s=3600, patience_s=3600) as listener,
        connected(listener.port, 40, sent),
    ):
        assert echo(listener) == 0x0000
        assert send(listener.port, film()) == [0x0000]
    assert states(sqlite_store) == {"waiting": 1}


def test_a_silent_connection_ends_after_the_time_for_a_request(inbox: Inbox) -> None:
    with (
        listening(inbox, request_s=0.1) as listener,
        connected(listener.port, 1) as [silent],
        connected(listener.port, 1, HALF_A_REQUEST) as [half],
    ):
        assert is_closed(silent) and is_closed(half)


def test_an_association_is_not_bound_by_the_time_for_a_request(inbox: Inbox) -> None:
    with (
        listening(inbox, request_s=3600) as listener,
        associated(listener.port, VERIFY) as association,
        connected(listener.port, 1) as [silent],
    ):
        wait_until(lambda: len(listener._server._pending) == 1)
        listener._server.limits = replace(listener._server.limits, request_s=0)
        assert is_closed(silent)
        assert association.send_c_echo().Status == 0x0000


def test_a_peer_that_closes_is_noticed(inbox: Inbox) -> None:
    with listening(inbox, request_s=3600, patience_s=3600) as listener:
        with connected(listener.port, 5):
            wait_until(lambda: len(listener._server._pending) == 5)
        wait_until(lambda: not listener._server._pending)


def wait_until(holds: Callable[[], bool]) -> None:
    """Poll until `holds()`; AssertionError after the deadline."""
    end = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < end
        select.select([], [], [], 0.01)


def test_the_oldest_silent_connection_makes_room(inbox: Inbox) -> None:
    with (
        listening(inbox, request_s=3600, most_associations=2) as listener,
        connected(listener.port, 1) as [oldest],
        connected(listener.port, 1) as [second],
        connected(listener.port, 1),
    ):
        assert is_closed(oldest)
        second.settimeout(0)
        with pytest.raises(BlockingIOError):
            second.recv(1)


def test_an_address_that_is_not_configured_is_refused_at_once(inbox: Inbox) -> None:
    with (
        listening(inbox, peers=(Peer("CT1", "10.1.2.3"),), request_s=3600) as listener,
        connected(listener.port, 1) as [stranger],
    ):
        assert is_closed(stranger)
        with associated(listener.port, VERIFY) as association:
            assert not association.is_established


def test_what_is_no_association_request_is_not_waited_for(inbox: Inbox) -> None:
    with (
        listening(inbox, request_s=3600) as listener,
        connected(listener.port, 1, b"GET / HTTP/1.1\r\n") as [browser],
    ):
        assert is_closed(browser)


def test_one_address_has_no_more_than_its_share(inbox: Inbox) -> None:
    with (
        listening(inbox, most_each=1) as listener,
        associated(listener.port, VERIFY) as first,
        associated(listener.port, VERIFY) as second,
    ):
        assert first.is_established
        assert second.is_rejected


@pytest.mark.parametrize(
    ("address", "within"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("10.1.3.3", False),
        ("::ffff:10.1.3.3", False),
        ("fd00::7", True),
        ("fe80::1%eth0", False),
    ],
)
def test_addresses_of_both_kinds(address: str, within: bool) -> None:
    networks = [Peer("A", "10.1.2.0/24").network, Peer("B", "fd00::/8").network]
    assert is_within(address, [network for network in networks if network is not None]) is within


def test_the_listener_takes_images_with_more_than_a_thousand_files_open(tmp_path: Path) -> None:
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 1300:
        pytest.skip("this machine allows too few open files")
    open_store(Settings(data_dir=tmp_path)).close()
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.exchange.listening_child", str(tmp_path), "0", "1100"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        port = int(child.stdout.readline().split()[1])
        assert send(port, film()) == [0x0000]
    finally:
        child.kill()
        child.communicate()

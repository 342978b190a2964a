"""The HL7 listener against another library's client, and against peers that are none."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hl7.client import MLLPClient

from radraft.core.errors import SettingsError
from radraft.exchange.dimse import Tls
from radraft.exchange.mllp_listener import MllpEvent, MllpListener, MllpPeer, MllpSettings
from tests.certificates import certificate
from tests.hl7_messages import framed
from tests.processes import until

pytestmark = pytest.mark.slow


class Sink:
    """Answers with what it was given, and remembers it."""

    def __init__(self) -> None:
        self.received: list[tuple[bytes, str, str]] = []
        self.refused: list[str] = []
        self.free = threading.Event()
        self.free.set()
        self.begun = threading.Event()

    def receive(self, raw: bytes, *, site: str, source: str) -> bytes:
        self.begun.set()
        assert self.free.wait(20)
        self.received.append((raw, site, source))
        return b"ACK " + raw

    def refuse(self, beginning: bytes, code: str) -> bytes:
        self.refused.append(code)
        return b"NAK " + code.encode()


@contextmanager
def listening(sink: Sink, **changed: object) -> Iterator[MllpListener]:
    settings = {"host": "127.0.0.1", "port": 0, "site": "site-a", "silence_s": 10.0} | changed
    listener = MllpListener(MllpSettings(**settings), sink)  # type: ignore[arg-type]
    try:
        yield listener
    finally:
        listener.close()


def connected(listener: MllpListener) -> socket.socket:
    return socket.create_connection(("127.0.0.1", listener.port), timeout=20)


def answer_of(connection: socket.socket) -> bytes:
    """Return the next answer without its frame; empty where the connection ended."""
    read = b""
    while not read.endswith(b"\x1c\r"):
        try:
            more = connection.recv(65536)
        except ConnectionResetError:
            return b""
        if not more:
            return b""
        read += more
    return read.strip(b"\x0b\x1c\r")


def test_another_librarys_client_is_answered_message_by_message() -> None:
    sink = Sink()
    with listening(sink) as listener, MLLPClient("127.0.0.1", listener.port) as client:
        for number in range(3):
            answer = client.send_message(f"MSH|^~\\&|{number}")
            assert answer == framed(f"ACK MSH|^~\\&|{number}")
        assert [raw for raw, *_ in sink.received] == [b"MSH|^~\\&|%d" % n for n in range(3)]
        assert sink.received[0][1:] == ("site-a", "127.0.0.1")
        until(lambda: listener.counts()[MllpEvent.MESSAGE] == 3)


def test_messages_in_one_packet_and_in_single_bytes_are_the_same() -> None:
    sink = Sink()
    with listening(sink) as listener, connected(listener) as connection:
        connection.sendall(framed("one") + b"\r\n" + framed("two"))
        assert answer_of(connection) in (b"ACK one", b"ACK one\x1c\r\x0bACK two")
        for byte in framed("three"):
            connection.sendall(bytes([byte]))
        until(lambda: len(sink.received) == 3)
    assert [raw for raw, *_ in sink.received] == [b"one", b"two", b"three"]


def test_a_sender_without_the_last_carriage_return_is_answered() -> None:
    with listening(Sink()) as listener, connected(listener) as connection:
        for _ in range(2):
            connection.sendall(b"\x0bMSH|\x1c")
            assert answer_of(connection) == b"ACK MSH|"


def test_half_a_message_is_taken_by_nobody() -> None:
    sink = Sink()
    with listening(sink) as listener:
        with connected(listener) as connection:
            connection.sendall(framed("whole") + b"\x0bhalf")
            assert answer_of(connection) == b"ACK whole"
        until(lambda: listener.counts()[MllpEvent.CUT] == 1)
        assert [raw for raw, *_ in sink.received] == [b"whole"]


def test_a_message_that_another_breaks_off_is_not_part_of_it() -> None:
    sink = Sink()
    with listening(sink) as listener, connected(listener) as connection:
        connection.sendall(b"\x0bhalf" + framed("whole"))
        assert answer_of(connection) == b"ACK whole"
    assert [raw for raw, *_ in sink.received] == [b"whole"]


def test_a_message_without_an_end_is_waited_for_no_longer_than_was_set() -> None:
    with listening(Sink(), silence_s=0.3) as listener, connected(listener) as connection:
        connection.sendall(b"\x0bMSH|never ending")
        assert answer_of(connection) == b""
        assert listener.counts()[MllpEvent.CUT] == 1


def test_what_is_too_large_is_refused_with_an_answer_and_never_held() -> None:
    sink = Sink()
    with listening(sink, most_bytes=20_000) as listener, connected(listener) as connection:
        connection.sendall(b"\x0b" + b"x" * 100_000)
        assert answer_of(connection) == b"NAK hl7_too_large"
        until(lambda: listener.counts()[MllpEvent.TOO_LARGE] == 1)
    assert (sink.received, sink.refused) == ([], ["hl7_too_large"])


def test_what_is_no_mllp_is_hung_up_on() -> None:
    sink = Sink()
    with listening(sink) as listener:
        for garbage in (b"GET / HTTP/1.1\r\n\r\n" * 100, bytes(5000), b"\x16\x03\x01" * 1000):
            with connected(listener) as connection:
                try:
                    connection.sendall(garbage)
                    assert connection.recv(10) == b""
                except ConnectionError:
                    pass
        until(lambda: listener.counts()[MllpEvent.GARBAGE] == 3)
        with connected(listener) as connection:
            connection.sendall(framed("still there"))
            assert answer_of(connection) == b"ACK still there"


def test_connections_wait_for_nobody() -> None:
    sink = Sink()
    with listening(sink) as listener, connected(listener) as slow, connected(listener) as quick:
        slow.sendall(b"\x0bhalf")
        quick.sendall(framed("quick"))
        assert answer_of(quick) == b"ACK quick"
        slow.sendall(b" whole\x1c\r")
        assert answer_of(slow) == b"ACK half whole"


def test_an_address_that_is_not_configured_is_not_heard() -> None:
    sink = Sink()
    peers = (MllpPeer("10.1.2.0/24", "north"),)
    with listening(sink, peers=peers) as listener, connected(listener) as connection:
        assert answer_of(connection) == b""
        until(lambda: listener.counts()[MllpEvent.STRANGER] == 1)
    assert sink.received == []


def test_an_address_says_whose_orders_it_sends() -> None:
    sink = Sink()
    peers = (MllpPeer("10.1.2.0/24"), MllpPeer("127.0.0.0/8", "north"))
    with listening(sink, peers=peers) as listener, connected(listener) as connection:
        connection.sendall(framed("one"))
        assert answer_of(connection) == b"ACK one"
    assert sink.received == [(b"one", "north", "127.0.0.1")]


def test_one_connection_too_many_is_refused_and_those_that_are_there_go_on() -> None:
    with (
        listening(Sink(), most_connections=2) as listener,
        connected(listener) as first,
        connected(listener) as second,
    ):
        first.sendall(framed("a"))
        second.sendall(framed("b"))
        assert {answer_of(first), answer_of(second)} == {b"ACK a", b"ACK b"}
        with connected(listener) as third:
            assert answer_of(third) == b""
        first.sendall(framed("c"))
        assert answer_of(first) == b"ACK c"


def test_a_message_under_way_is_answered_when_the_listener_ends() -> None:
    sink = Sink()
    sink.free.clear()
    with listening(sink) as listener, connected(listener) as connection, connected(listener):
        connection.sendall(framed("under way"))
        assert sink.begun.wait(20)
        ending = threading.Thread(target=listener.close)
        ending.start()
        sink.free.set()
        assert answer_of(connection) == b"ACK under way"
        ending.join(20)
        assert not ending.is_alive()
        with pytest.raises(OSError):
            connected(listener)


def test_a_port_that_is_taken_is_said_by_its_number() -> None:
    with listening(Sink()) as listener, pytest.raises(SettingsError) as error:
        MllpListener(MllpSettings("127.0.0.1", listener.port, "site-a"), Sink())
    assert error.value.code == "mllp_port_in_use"
    assert error.value.details == {"port": listener.port}


def secured_answer(context: ssl.SSLContext, connection: socket.socket, message: str) -> bytes:
    """Return the answer to a message over TLS; empty where the connection is not taken."""
    try:
        with context.wrap_socket(connection, server_hostname="localhost") as secured:
            secured.sendall(framed(message))
            return answer_of(secured)
    except (ssl.SSLError, ConnectionError):
        return b""


def test_with_tls_nobody_is_heard_in_the_clear_and_a_client_shows_its_certificate(
    tmp_path: Path,
) -> None:
    ca = certificate(tmp_path, "hospital")
    ours = certificate(tmp_path, "ours", (ca, ca))
    sink = Sink()
    tls = Tls(ours, None, ca)
    context = ssl.create_default_context(cafile=str(ca))
    with listening(sink, tls=tls, silence_s=5.0) as listener:
        with connected(listener) as plain:
            plain.sendall(framed("in the clear"))
            assert answer_of(plain) == b""
        with connected(listener) as nameless:
            assert secured_answer(context, nameless, "who am I") == b""
        context.load_cert_chain(certificate(tmp_path, "ris", (ca, ca)))
        with connected(listener) as connection:
            assert secured_answer(context, connection, "known") == b"ACK known"
    assert [raw for raw, *_ in sink.received] == [b"known"]


def test_a_certificate_that_cannot_be_used_is_said_at_the_start(tmp_path: Path) -> None:
    settings = MllpSettings("127.0.0.1", 0, "site-a", tls=Tls(tmp_path / "none", None, None))
    with pytest.raises(SettingsError, match="mllp_tls_unusable"):
        MllpListener(settings, Sink())

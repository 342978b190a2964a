"""The listener over TLS."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import pytest

from radraft.core.errors import SettingsError
from radraft.exchange.dimse import Tls
from radraft.pipeline.inbox import Inbox
from radraft.store.database import Store
from tests.certificates import certificate
from tests.exchange.builders import associated, listening
from tests.exchange.test_dimse import VERIFY
from tests.exchange.test_silent_peers import connected, is_closed

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pems(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pems")
    authority = certificate(folder, "authority")
    return {
        "authority": authority,
        "server": certificate(folder, "server", (authority, authority)),
        "client": certificate(folder, "client", (authority, authority)),
        "stranger": certificate(folder, "stranger"),
    }


def client_context(pems: dict[str, Path], shows: str | None) -> tuple[ssl.SSLContext, str]:
    context = ssl.create_default_context(cafile=pems["authority"])
    if shows is not None:
        context.load_cert_chain(pems[shows])
    return context, "localhost"


def test_tls_is_spoken(inbox: Inbox, pems: dict[str, Path], sqlite_store: Store) -> None:
    tls = Tls(pems["server"], None, None)
    with (
        listening(inbox, tls=tls) as listener,
        associated(listener.port, VERIFY, tls=client_context(pems, None)) as association,
    ):
        assert association.send_c_echo().Status == 0x0000


def test_tls_is_spoken_while_silent_connections_stand(inbox: Inbox, pems: dict[str, Path]) -> None:
    tls = Tls(pems["server"], None, None)
    with (
        listening(inbox, tls=tls, request_s=3600, patience_s=3600) as listener,
        connected(listener.port, 40),
        associated(listener.port, VERIFY, tls=client_context(pems, None)) as association,
    ):
        assert association.send_c_echo().Status == 0x0000


def test_a_handshake_that_takes_too_long_is_ended(inbox: Inbox, pems: dict[str, Path]) -> None:
    tls = Tls(pems["server"], None, None)
    with (
        listening(inbox, tls=tls, request_s=0.1) as listener,
        connected(listener.port, 1) as [silent],
    ):
        assert is_closed(silent)


def test_a_client_with_a_certificate_of_the_authority_gets_in(
    inbox: Inbox, pems: dict[str, Path]
) -> None:
    tls = Tls(pems["server"], None, pems["authority"])
    with (
        listening(inbox, tls=tls) as listener,
        associated(listener.port, VERIFY, tls=client_context(pems, "client")) as association,
    ):
        assert association.send_c_echo().Status == 0x0000


@pytest.mark.parametrize("shows", ["stranger", None])
def test_a_client_without_one_does_not(
    inbox: Inbox, pems: dict[str, Path], shows: str | None
) -> None:
    context, name = client_context(pems, shows)
    with (
        listening(inbox, tls=Tls(pems["server"], None, pems["authority"])) as listener,
        socket.create_connection(("127.0.0.1", listener.port), timeout=30) as plain,
        pytest.raises(OSError),
        # With TLS 1.3 a client hears of it at its first read only.
        context.wrap_socket(plain, server_hostname=name) as secured,
    ):
        if secured.recv(1) == b"":
            raise OSError


def test_a_silent_tls_client_keeps_nobody_out(inbox: Inbox, pems: dict[str, Path]) -> None:
    tls = Tls(pems["server"], None, None)
    with (
        listening(inbox, tls=tls) as listener,
        socket.create_connection(("127.0.0.1", listener.port)),
        associated(listener.port, VERIFY, tls=client_context(pems, None)) as association,
    ):
        assert association.send_c_echo().Status == 0x0000


def test_a_certificate_that_cannot_be_used_is_named(inbox: Inbox, tmp_path: Path) -> None:
    with (
        pytest.raises(SettingsError) as error,
        listening(inbox, tls=Tls(tmp_path / "none.pem", None, None)),
    ):
        raise AssertionError("never reached")
    assert error.value.code == "dicom_tls_unusable"

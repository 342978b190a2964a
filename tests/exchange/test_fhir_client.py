"""A FHIR server has a report where it says of every entry that it has it, and not before."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from radraft.exchange import fhir_client
from radraft.exchange.targets import Target, TargetKind
from radraft.exchange.values import DeliveryError
from radraft.reports.outgoing_entry import FailureKind, OutgoingForm
from tests.processes import free_port

BUNDLE = json.dumps(
    {"resourceType": "Bundle", "type": "transaction", "entry": [{"a": 1}, {"b": 2}]}
).encode()


def responses(*statuses: str) -> dict[str, Any]:
    entries = [{"response": {"status": status}} for status in statuses]
    return {"resourceType": "Bundle", "type": "transaction-response", "entry": entries}


def outcome(code: str) -> dict[str, Any]:
    issue = {"severity": "error", "code": code, "diagnostics": "魏植入"}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


class Server:
    """A stand-in that answers as it is told."""

    def __init__(self) -> None:
        self.status = 200
        self.body = b""
        self.cut = False
        self.came: list[tuple[dict[str, str], bytes]] = []
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                stand_in.came.append((dict(self.headers), self.rfile.read(length)))
                self.send_response(stand_in.status)
                missing = 100 if stand_in.cut else 0
                self.send_header("content-length", str(len(stand_in.body) + missing))
                self.end_headers()
                self.wfile.write(stand_in.body)

            def log_message(self, format: str, *arguments: Any) -> None:
                return

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/fhir"


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    thread = threading.Thread(target=running.http.serve_forever, args=(0.01,))
    thread.start()
    yield running
    running.http.shutdown()
    running.http.server_close()
    thread.join()


def target(**changes: Any) -> Target:
    values: dict[str, Any] = {
        "name": "his", "kind": TargetKind.FHIR, "sites": frozenset({"*"}),
        "forms": (OutgoingForm.FHIR,), "occasions": frozenset(), "timeout_s": 20.0,
    }  # fmt: skip
    return Target(**values | changes)


def post(url: str, **changes: Any) -> None:
    with fhir_client.client_of(target(**changes)) as client:
        fhir_client.post(client, url, BUNDLE)


def test_a_transaction_of_which_every_entry_is_confirmed_is_taken(server: Server) -> None:
    server.body = json.dumps(responses("201 Created", "200")).encode()
    post(server.url, token="of-his")
    (headers, body) = server.came[0]
    assert body == BUNDLE
    assert headers["Authorization"] == "Bearer of-his"


@pytest.mark.parametrize(
    ("status", "body", "code", "kind"),
    [
        (200, b"", "fhir_bad_answer", FailureKind.UNCLEAR),
        (200, b"{}", "fhir_bad_answer", FailureKind.UNCLEAR),
        (200, b"<html>", "fhir_bad_answer", FailureKind.UNCLEAR),
        (200, b"[" * 100_000, "fhir_bad_answer", FailureKind.UNCLEAR),
        (200, responses("201"), "fhir_bad_answer", FailureKind.UNCLEAR),
        (200, responses("201", ""), "fhir_bad_answer", FailureKind.UNCLEAR),
        (200, responses("201", "422 no"), "fhir_refused", FailureKind.REFUSED),
        (200, responses("201", "412 no"), "fhir_busy", FailureKind.UNCLEAR),
        (200, outcome("invalid"), "fhir_bad_answer", FailureKind.UNCLEAR),
        (204, b"", "fhir_bad_answer", FailureKind.UNCLEAR),
        (302, b"", "fhir_not_let_in", FailureKind.AWAY),
        (400, outcome("invalid"), "fhir_refused", FailureKind.REFUSED),
        (422, outcome("business-rule"), "fhir_refused", FailureKind.REFUSED),
        (422, b"\xff", "fhir_refused", FailureKind.REFUSED),
        (401, b"", "fhir_not_let_in", FailureKind.AWAY),
        (404, b"", "fhir_not_let_in", FailureKind.AWAY),
        (409, outcome("conflict"), "fhir_busy", FailureKind.UNCLEAR),
        (412, outcome("multiple-matches"), "fhir_busy", FailureKind.UNCLEAR),
        (429, b"", "fhir_busy", FailureKind.AWAY),
        (503, b"", "fhir_busy", FailureKind.AWAY),
        (500, b"", "fhir_busy", FailureKind.UNCLEAR),
    ],
)  # fmt: skip
def test_every_other_answer_is_told_by_its_code(
    server: Server, status: int, body: Any, code: str, kind: FailureKind
) -> None:
    server.status = status
    server.body = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(DeliveryError) as refused:
        post(server.url)
    assert (refused.value.code, refused.value.kind) == (code, kind)
    # What a server says of a report may quote it.
    assert "植入" not in refused.value.message_zh


@pytest.mark.parametrize("issue", ["PLANTED-4711", "WangXiaoming", 7, None, "", "not-found"])
def test_of_an_issue_its_type_is_told_and_nothing_else(server: Server, issue: Any) -> None:
    server.status, server.body = 422, json.dumps(outcome(issue)).encode()
    with pytest.raises(DeliveryError) as refused:
        post(server.url)
    assert refused.value.details["issue"] == ("not-found" if issue == "not-found" else "-")


def test_an_answer_that_breaks_off_confirms_nothing(server: Server) -> None:
    server.body = json.dumps(responses("201", "201")).encode()
    server.cut = True
    with pytest.raises(DeliveryError, match="fhir_no_answer"):
        post(server.url)


def test_a_server_that_is_not_there_is_away() -> None:
    with pytest.raises(DeliveryError) as refused:
        post(f"http://127.0.0.1:{free_port()}/fhir")
    assert (refused.value.code, refused.value.kind) == ("fhir_unreachable", FailureKind.AWAY)


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nx: ", b""])
def test_an_answer_that_drips_is_given_up_after_its_time(head: bytes) -> None:
    over = threading.Event()
    length = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n"
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            connection, _ = listening.accept()
            with connection, contextlib.suppress(OSError):
                connection.sendall(head or length)
                while not over.wait(0.02):
                    connection.sendall(b"1")

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            with pytest.raises(DeliveryError) as refused:
                post(f"http://127.0.0.1:{listening.getsockname()[1]}/fhir", timeout_s=0.3)
        finally:
            over.set()
            thread.join()
    assert (refused.value.code, refused.value.kind) == ("fhir_no_answer", FailureKind.UNCLEAR)

"""A message counts as taken only where its receiver says so of this message."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from radraft.core.errors import catalogue
from radraft.exchange import mllp
from radraft.exchange.targets import HostPort, TargetTls
from radraft.exchange.values import DeliveryError
from radraft.reports.outgoing_entry import FailureKind
from tests.certificates import certificate
from tests.exchange.mllp_receiver import Answer, Receiver, acknowledged, framed, receiving, saying

MESSAGE = "MSH|^~\\&|RADRAFT|院|RIS||20261129||ORU^R01|4711|P|2.5.1\rPID|1||X\r"


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


def sent(
    receiver: Receiver, answer: Answer, *, charset: str = "utf-8", wait_s: float = 20.0
) -> None:
    receiver.answer = answer
    to = HostPort("127.0.0.1", receiver.port)
    mllp.send(MESSAGE.encode(charset), to, charset=charset, tls=None, wait_s=wait_s)


@pytest.mark.parametrize("code", ["AA", "CA"])
@pytest.mark.parametrize("charset", ["utf-8", "gb18030"])
def test_a_message_that_is_acknowledged_is_taken(
    receiver: Receiver, code: str, charset: str
) -> None:
    sent(receiver, saying(code), charset=charset)
    control_id, message = receiver.came[-1]
    assert control_id == "4711"
    assert message.decode(charset) == MESSAGE


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_an_answer_whose_segments_end_as_lines_of_a_file_is_read(
    receiver: Receiver, end: str
) -> None:
    sent(receiver, lambda m, control_id: framed(acknowledged("AA", control_id).replace("\r", end)))


def test_a_frame_may_end_without_its_carriage_return(receiver: Receiver) -> None:
    def answer(message: bytes, control_id: str) -> bytes:
        return framed(acknowledged("AA", control_id)).removesuffix(b"\r")

    sent(receiver, answer)


@pytest.mark.parametrize("error", ["王小明", "4711", "107", "207x", "２０７"])
def test_what_stands_in_place_of_an_error_code_is_told_to_nobody(
    receiver: Receiver, error: str
) -> None:
    """It may be a patient's name or number; and it is no reason to send the same again."""
    with pytest.raises(DeliveryError) as refused:
        sent(receiver, saying("AR", error))
    assert (refused.value.code, refused.value.kind) == ("hl7_refused", FailureKind.REFUSED)
    assert refused.value.details["error"] == "-"


def test_an_answer_that_comes_twice_is_read_once(receiver: Receiver) -> None:
    sent(receiver, lambda message, control_id: framed(acknowledged("AA", control_id)) * 2)


@pytest.mark.parametrize(
    ("answer", "code", "kind"),
    [
        (saying("AE"), "hl7_refused", FailureKind.REFUSED),
        (saying("AE", "101"), "hl7_refused", FailureKind.REFUSED),
        (saying("CE"), "hl7_refused", FailureKind.REFUSED),
        (saying("AR", "200"), "hl7_refused", FailureKind.REFUSED),
        (saying("AE", "207"), "hl7_busy", FailureKind.UNCLEAR),
        (saying("AR"), "hl7_busy", FailureKind.UNCLEAR),
        (saying("CR"), "hl7_busy", FailureKind.UNCLEAR),
        (lambda m, c: framed(acknowledged("AA", "4712")), "hl7_other_answer", FailureKind.UNCLEAR),
        (lambda m, c: framed(acknowledged("AA", "")), "hl7_other_answer", FailureKind.UNCLEAR),
        (saying("OK"), "hl7_bad_answer", FailureKind.UNCLEAR),
        (lambda m, c: framed("HTTP/1.1 200 OK\r\n\r\n"), "hl7_bad_answer", FailureKind.UNCLEAR),
        (lambda m, c: framed(""), "hl7_bad_answer", FailureKind.UNCLEAR),
        (lambda m, c: b"\x1c\x0d\x0b", "hl7_bad_answer", FailureKind.UNCLEAR),
        (lambda m, c: b"\x0b" * (2 << 20), "hl7_bad_answer", FailureKind.UNCLEAR),
        (lambda m, c: framed(acknowledged("AA", c))[:40], "hl7_answer_cut", FailureKind.UNCLEAR),
        (lambda m, c: b"", "hl7_no_answer", FailureKind.UNCLEAR),
    ],
)  # fmt: skip
def test_what_is_no_acknowledgement_of_it_is_told_by_its_code(
    receiver: Receiver, answer: Answer, code: str, kind: FailureKind
) -> None:
    with pytest.raises(DeliveryError) as refused:
        sent(receiver, answer)
    assert (refused.value.code, refused.value.kind) == (code, kind)
    assert code in catalogue()


def test_a_receiver_that_says_nothing_is_not_waited_for_longer_than_allowed(
    receiver: Receiver,
) -> None:
    with pytest.raises(DeliveryError) as refused:
        sent(receiver, lambda message, control_id: None, wait_s=0.2)
    assert refused.value.code == "hl7_no_answer"


def test_a_receiver_that_is_not_there_is_away() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        with pytest.raises(DeliveryError) as refused:
            mllp.send(
                MESSAGE.encode(), HostPort("127.0.0.1", port), charset="utf-8", tls=None, wait_s=5.0
            )
    assert (refused.value.code, refused.value.kind) == ("hl7_unreachable", FailureKind.AWAY)


def test_tls_is_spoken_with_our_certificate_and_with_nobody_else(tmp_path: Path) -> None:
    authority = certificate(tmp_path, "authority")
    server = certificate(tmp_path, "server", (authority, authority))
    client = certificate(tmp_path, "client", (authority, authority))
    stranger = certificate(tmp_path, "stranger")
    with receiving(certificate=server, ca=authority) as receiver:
        to = HostPort("localhost", receiver.port)
        mllp.send(
            MESSAGE.encode(), to, charset="utf-8", tls=TargetTls(authority, client), wait_s=20.0
        )
        assert len(receiver.came) == 1
        with pytest.raises(DeliveryError) as refused:
            mllp.send(MESSAGE.encode(), to, charset="utf-8", tls=TargetTls(stranger), wait_s=20.0)
    assert (refused.value.code, refused.value.kind) == ("delivery_tls_failed", FailureKind.AWAY)

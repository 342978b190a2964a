"""HL7 v2 messages over MLLP (Minimal Lower Layer Protocol, release 1), and what a receiver says of
them (HL7 v2.5.1, 2.9.2). One connection a message: nothing of another's answer can be read."""

from __future__ import annotations

import re
import socket
import ssl
import time
from dataclasses import dataclass

from radraft.exchange.targets import HostPort, TargetTls
from radraft.exchange.values import DeliveryError
from radraft.reports.outgoing_entry import FailureKind

START, END = b"\x0b", b"\x1c\x0d"
_ANSWER_END = END[:1]
"""Of an answer: some receivers leave the carriage return away."""
MOST_ANSWER = 1 << 20
"""Bytes of an answer."""
_TAKEN = frozenset({"AA", "CA"})
_ERRORS = frozenset({*map(str, range(100, 105)), *map(str, range(200, 208))})
"""Error codes of table 0357: whatever else stands in their place may name the patient."""
_UNKNOWN = "-"
_OF_NOW = frozenset({"206", "207"})
"""Error codes of table 0357 that say nothing about the message: a record is locked, the application
has a fault of its own."""


@dataclass(frozen=True)
class _Answer:
    code: str
    """MSA-1."""
    control_id: str
    """MSA-2."""
    error: str
    """ERR-3.1; `_UNKNOWN` for what table 0357 does not have, empty where none is given."""


def send(
    message: bytes, to: HostPort, *, charset: str, tls: TargetTls | None, wait_s: float
) -> None:
    """Send a message; on return its receiver has said that it took it.

    `wait_s`: longest wait for the connection, and for the whole answer. DeliveryError
    `hl7_unreachable`, `delivery_tls_failed`; `hl7_no_answer`, `hl7_answer_cut`, `hl7_bad_answer`,
    `hl7_other_answer`; `hl7_busy`, `hl7_refused`.
    """
    control_id = _control_id(message.decode(charset))
    answer = _read_answer(_exchanged(message, to, tls, wait_s), charset)
    if answer.control_id != control_id:
        raise DeliveryError("hl7_other_answer", FailureKind.UNCLEAR)
    if answer.code in _TAKEN:
        return
    details = {"answer": answer.code, "error": answer.error or _UNKNOWN}
    # A reject without a reason of the message's own is of the receiver's state: "it is likely that
    # the responding system will be able to accept the same message at a later time".
    of_now = answer.error in _OF_NOW or (answer.code in {"AR", "CR"} and not answer.error)
    if of_now:
        raise DeliveryError("hl7_busy", FailureKind.UNCLEAR, **details)
    raise DeliveryError("hl7_refused", FailureKind.REFUSED, **details)


def _exchanged(message: bytes, to: HostPort, tls: TargetTls | None, wait_s: float) -> bytes:
    """Return the answer's frame without its ends."""
    try:
        plain = socket.create_connection((to.host, to.port), timeout=wait_s)
    except OSError:
        raise DeliveryError("hl7_unreachable", FailureKind.AWAY) from None
    with plain:
        try:
            connection = _secured(plain, to, tls)
        except (OSError, ssl.SSLError):
            raise DeliveryError("delivery_tls_failed", FailureKind.AWAY) from None
        try:
            connection.sendall(START + message + END)
            return _frame(connection, wait_s)
        except TimeoutError:
            raise DeliveryError("hl7_no_answer", FailureKind.UNCLEAR) from None
        except OSError:
            raise DeliveryError("hl7_answer_cut", FailureKind.UNCLEAR) from None
        finally:
            connection.close()


def _secured(plain: socket.socket, to: HostPort, tls: TargetTls | None) -> socket.socket:
    if tls is None:
        return plain
    return tls.context().wrap_socket(plain, server_hostname=to.host)


def _frame(connection: socket.socket, wait_s: float) -> bytes:
    """Read one frame, in `wait_s` however slowly it comes."""
    until = time.monotonic() + wait_s
    read = bytearray()
    while _ANSWER_END not in read:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        part = connection.recv(1 << 16)
        if not part:
            raise DeliveryError("hl7_answer_cut" if read else "hl7_no_answer", FailureKind.UNCLEAR)
        read += part
        if len(read) > MOST_ANSWER:
            raise DeliveryError("hl7_bad_answer", FailureKind.UNCLEAR)
    begin, end = read.find(START), read.index(_ANSWER_END)
    if begin < 0 or begin > end:
        raise DeliveryError("hl7_bad_answer", FailureKind.UNCLEAR)
    # What comes after it, such as the same once more, is nobody's.
    return bytes(read[begin + 1 : end])


def _read_answer(frame: bytes, charset: str) -> _Answer:
    """Return what an acknowledgement says. DeliveryError `hl7_bad_answer`."""
    # Its texts may be in any characters; what is read is ASCII in all of them. Careless receivers
    # end segments as files end lines.
    lines = re.split(r"\r\n|\r|\n", frame.decode(charset, "replace"))
    segments = [line for line in lines if line]
    if not segments or not segments[0].startswith("MSH") or len(segments[0]) < 8:
        raise DeliveryError("hl7_bad_answer", FailureKind.UNCLEAR)
    separator, component = segments[0][3], segments[0][4]
    fields = {segment[:3]: segment.split(separator) for segment in reversed(segments)}
    said, error = fields.get("MSA", []), fields.get("ERR", [])
    if len(said) < 3 or said[1] not in {"AA", "AE", "AR", "CA", "CE", "CR"}:
        raise DeliveryError("hl7_bad_answer", FailureKind.UNCLEAR)
    code = error[3].split(component)[0].strip() if len(error) > 3 else ""
    return _Answer(said[1], said[2].strip(), code if code in _ERRORS or not code else _UNKNOWN)


def _control_id(message: str) -> str:
    """MSH-10 of a message. ValueError where it is none."""
    header = message.split("\r", 1)[0]
    fields = header.split(header[3]) if header.startswith("MSH") and len(header) > 3 else []
    if len(fields) < 10 or not fields[9]:
        raise ValueError("a message without MSH-10")
    return fields[9]

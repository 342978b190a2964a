"""Answers to HL7 v2 messages: ACK with MSA and ERR (HL7 v2.5.1, 2.9.2, 2.14; original mode)."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from radraft.core.errors import RadraftError
from radraft.reports.hl7_text import Message, escaped, segment_text

OURSELVES = "RADRAFT"


class AckCode(StrEnum):
    """Table 0008."""

    ACCEPTED = "AA"
    ERROR = "AE"
    """Of what the message says: the same one will not be taken again."""
    REJECTED = "AR"
    """Of its kind or form; or not now, and the same one may be taken later."""


@dataclass(frozen=True)
class _Condition:
    """What is told of an error: the answer's code, the place, and table 0357."""

    answer: AckCode
    place: str
    number: str
    text: str


_INTERNAL = _Condition(AckCode.REJECTED, "", "207", "Application internal error")
_CONDITIONS = {
    "hl7_not_a_message": _Condition(AckCode.REJECTED, "MSH^1", "100", "Segment sequence error"),
    "hl7_segments": _Condition(AckCode.REJECTED, "", "100", "Segment sequence error"),
    "hl7_charset_unknown": _Condition(AckCode.REJECTED, "MSH^1^18", "103", "Table value not found"),
    "hl7_type_unsupported": _Condition(
        AckCode.REJECTED, "MSH^1^9", "200", "Unsupported message type"
    ),
    "hl7_too_large": _Condition(AckCode.REJECTED, "", "207", "Application internal error"),
    "hl7_breaks_line": _Condition(AckCode.ERROR, "", "207", "Application internal error"),
    "hl7_patient_missing": _Condition(AckCode.ERROR, "PID^1^3", "101", "Required field missing"),
    "hl7_merge_missing": _Condition(AckCode.ERROR, "MRG^1^1", "101", "Required field missing"),
    "hl7_merge_same": _Condition(AckCode.ERROR, "MRG^1^1", "205", "Duplicate key identifier"),
    "hl7_merge_authorities": _Condition(AckCode.ERROR, "MRG^1^1", "204", "Unknown key identifier"),
    "hl7_orders_missing": _Condition(AckCode.ERROR, "ORC^1", "100", "Segment sequence error"),
    "hl7_order_unnamed": _Condition(AckCode.ERROR, "ORC^1^2", "101", "Required field missing"),
}
"""Of codes that are not here the database or the disk is the cause."""


def accepted(message: Message, *, codec: str, now: datetime) -> bytes:
    """Return the answer to a message that was taken."""
    return _answer(message, AckCode.ACCEPTED, None, codec=codec, now=now)


def refused(
    message: Message | None, error: RadraftError, *, codec: str = "ascii", now: datetime
) -> bytes:
    """Return the answer to a message that was not taken. None: not even its header was read."""
    code = _CONDITIONS.get(error.code, _INTERNAL).answer
    return _answer(message, code, error, codec=codec, now=now)


def _answer(
    message: Message | None,
    code: AckCode,
    error: RadraftError | None,
    *,
    codec: str,
    now: datetime,
) -> bytes:
    version = "2.5.1" if message is None else message.header.text(12)
    if not re.fullmatch(r"2\.[0-9](\.[0-9])?", version):
        version = "2.5.1"
    control_id = "" if message is None else escaped(message.control_id)
    text = _header(message, version, now)
    text += segment_text("MSA", code.value, control_id, error.code if error else "")
    if error is not None:
        text += _error(error, version, codec)
    return text.encode(codec, "replace")


def _header(message: Message | None, version: str, now: datetime) -> str:
    def echoed(number: int) -> str:
        return "" if message is None else escaped(message.header.text(number))

    event = "" if message is None else escaped(message.header.text(9, 2))
    return segment_text(
        "MSH",
        echoed(5) or OURSELVES,
        echoed(6),
        echoed(3),
        echoed(4),
        now.astimezone().strftime("%Y%m%d%H%M%S%z"),
        "",
        f"ACK^{event}" if event else "ACK",
        secrets.token_hex(8),
        echoed(11) or "P",
        version,
        *([""] * 5),
        echoed(18),
    )


def _error(error: RadraftError, version: str, codec: str) -> str:
    """Return an ERR segment: our code, where it lies, and a sentence for a person."""
    condition = _CONDITIONS.get(error.code, _INTERNAL)
    if version < "2.5":
        # ELD (2.4, 2.16.5.1): segment, sequence, field, and the code with its text.
        segment, sequence, number = (*condition.place.split("^"), "", "", "")[:3]
        coded = f"{condition.number}&{condition.text}&HL70357&{error.code}&&99RADRAFT"
        return segment_text("ERR", f"{segment}^{sequence}^{number}^{coded}")
    sentence = error.message_en
    if codec != "ascii":
        sentence = f"{error.message_zh} {error.message_en}"
    return segment_text(
        "ERR",
        "",
        condition.place,
        f"{condition.number}^{condition.text}^HL70357",
        "E",
        f"{error.code}^^99RADRAFT",
        "",
        "",
        escaped(sentence),
    )

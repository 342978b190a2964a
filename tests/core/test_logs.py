"""What is written of an event, and what never is."""

from __future__ import annotations

import json
import logging
import sys
from logging import Formatter, LogRecord

import pytest

from radraft.core import logs

PATIENT = "ZHANG^SAN"


def record(text: str, *arguments: object, broken: bool = False, **fields: object) -> LogRecord:
    """An event; `broken`: with an error that quotes a patient."""
    caught = None
    if broken:
        try:
            raise ValueError(f"cannot read {PATIENT}")
        except ValueError:
            caught = sys.exc_info()
    made = LogRecord("radraft.test", logging.INFO, "file.py", 1, text, arguments, caught)
    if fields:
        made.fields = fields
    return made


def test_a_line_of_json_holds_time_level_logger_message_and_fields() -> None:
    written = logs.JsonLines().format(record("case %s taken in", "c-1", route="/api/x", status=200))
    told = json.loads(written)
    assert told.pop("time").endswith("+00:00")
    assert told == {
        "level": "INFO",
        "logger": "radraft.test",
        "message": "case c-1 taken in",
        "route": "/api/x",
        "status": 200,
    }


@pytest.mark.parametrize("lines", [logs.JsonLines(), logs.TextLines()])
def test_one_event_is_one_line_that_names_its_request(lines: Formatter) -> None:
    with logs.of_request("0123abcd"):
        written = lines.format(record("first\nsecond", code="x"))
    assert len(written.splitlines()) == 1
    assert "0123abcd" in written
    assert "0123abcd" not in lines.format(record("first"))


@pytest.mark.parametrize("lines", [logs.JsonLines(), logs.TextLines()])
def test_of_an_error_its_kind_and_place_are_written_and_never_its_text(lines: Formatter) -> None:
    written = lines.format(record("a request broke", broken=True))
    assert PATIENT not in written
    assert "ValueError" in written
    assert "test_logs.py" in written
    assert len(written.splitlines()) == 1

"""Nobody fills the log, and what he repeats is counted; what people do is kept line by line."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from radraft.core.logs import JsonLines
from radraft.core.repeats import DONE, MINUTE_S, MOST_KINDS, SHOWN, SHOWN_OF_CLIENT, RepeatLimit


@dataclass
class Clock:
    seconds: float = 100.0

    def __call__(self) -> float:
        return self.seconds


class Written(logging.Handler):
    """Keeps each line as it would be written."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, object]] = []
        self.setFormatter(JsonLines())

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(self.format(record)))

    def told(self, message: str) -> list[dict[str, object]]:
        return [line for line in self.lines if line["message"] == message]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def written(clock: Clock) -> Iterator[Written]:
    handler = Written()
    limit = RepeatLimit(handler, clock)
    handler.addFilter(limit)
    yield handler
    limit.close()


def log(
    to: logging.Handler,
    text: str = "request",
    *arguments: object,
    name: str = "radraft.ui.requests",
    level: int = logging.INFO,
    error: BaseException | None = None,
    **fields: object,
) -> None:
    caught = None if error is None else (type(error), error, error.__traceback__)
    record = logging.LogRecord(name, level, "here.py", 7, text, arguments, caught)
    if fields:
        record.fields = fields
    to.handle(record)


def refused(to: logging.Handler, client: str, code: str = "host_refused", **more: object) -> None:
    log(to, code=code, status=421, client=client, **more)


def test_of_a_flood_the_first_are_shown_and_the_rest_is_counted_at_the_minutes_end(
    written: Written, clock: Clock
) -> None:
    for _ in range(5000):
        refused(written, "10.0.0.9")
    assert len(written.lines) == SHOWN_OF_CLIENT
    clock.seconds += MINUTE_S
    log(written, "something else")
    (summary,) = written.told("repeated")
    assert (summary["of"], summary["code"]) == ("request", "host_refused")
    assert (summary["more"], summary["clients"]) == (5000 - SHOWN_OF_CLIENT, 1)
    refused(written, "10.0.0.9")
    assert len(written.told("request")) == SHOWN_OF_CLIENT + 1


def test_a_flood_from_one_address_hides_nobody_elses_lines(written: Written) -> None:
    for _ in range(500):
        refused(written, "10.0.0.9")
    refused(written, "10.0.0.7")
    refused(written, "10.0.0.9", code="sign_in_refused")
    log(written, status=200, route="/api/cases/{case_id}/sign", client="10.0.0.9")
    shown = [(line["client"], line.get("code"), line.get("route")) for line in written.lines[-3:]]
    assert shown == [
        ("10.0.0.7", "host_refused", None),
        ("10.0.0.9", "sign_in_refused", None),
        ("10.0.0.9", None, "/api/cases/{case_id}/sign"),
    ]


def test_many_addresses_and_many_routes_write_no_more_than_one_kind_may(written: Written) -> None:
    for number in range(3000):
        refused(written, f"10.0.{number // 250}.{number % 250}", route=f"/api/{number % 60}")
    assert len(written.lines) == SHOWN


def test_kinds_that_grow_without_end_are_counted_together(written: Written, clock: Clock) -> None:
    for number in range(MOST_KINDS + 500):
        log(written, "x", name=f"foreign.{number}", level=logging.WARNING)
    assert len(written.lines) <= MOST_KINDS + SHOWN
    clock.seconds += MINUTE_S
    log(written, "something else")
    (summary,) = written.told("repeated")
    assert (summary["of"], summary["more"]) == ("others", 500 - SHOWN)


def test_what_a_department_does_in_a_minute_is_kept_line_by_line(written: Written) -> None:
    for desk in range(30):
        for _ in range(20):
            log(written, status=200, route="/api/cases/{case_id}/report", client=f"10.0.0.{desk}")
    for number in range(200):
        log(written, "case %s taken in", f"c-{number}", name="radraft.pipeline.ingest")
    assert len(written.lines) == 800
    assert DONE > 600


def test_one_fault_again_and_again_does_not_hide_another(written: Written, clock: Clock) -> None:
    def raised(kind: type[Exception]) -> Exception:
        try:
            raise kind("ZHAO^MINGYUE")
        except kind as error:
            return error

    for _ in range(100):
        log(written, "a request broke", level=logging.ERROR, error=raised(ValueError))
    log(written, "a request broke", level=logging.ERROR, error=raised(KeyError))
    assert [line["error"] for line in written.lines[-2:]] == ["ValueError", "KeyError"]
    assert len(written.lines) == SHOWN + 1
    clock.seconds += MINUTE_S
    log(written, "something else")
    (summary,) = written.told("repeated")
    assert (summary["error"], summary["more"]) == ("ValueError", 100 - SHOWN)
    assert "ZHAO" not in json.dumps(written.lines)


def test_what_was_counted_last_is_told_at_the_end(clock: Clock) -> None:
    handler = Written()
    limit = RepeatLimit(handler, clock)
    handler.addFilter(limit)
    for _ in range(SHOWN_OF_CLIENT + 4):
        refused(handler, "10.0.0.9")
    limit.close()
    (summary,) = handler.told("repeated")
    assert summary["more"] == 4
    limit.close()
    assert len(handler.told("repeated")) == 1

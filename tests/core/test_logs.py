"""What is written of an event, and what never is."""

from __future__ import annotations

import asyncio
import errno
import gc
import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from logging import Formatter, LogRecord
from pathlib import Path
from typing import Any

import pytest

from radraft.core import logs
from radraft.core.settings import LogFormat, Settings

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


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The log that radraft writes, from now on."""
    root, ours = logging.getLogger(), logging.getLogger("radraft")
    before, level = list(root.handlers), ours.level
    for hook in ("excepthook", "unraisablehook"):
        monkeypatch.setattr(sys, hook, getattr(sys, hook))
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    logs.write_log(Settings(data_dir=tmp_path, log_format=LogFormat.JSON))
    logs.catch_strays()
    yield tmp_path / "logs" / "radraft.log"
    for handler in set(root.handlers) - set(before):
        root.removeHandler(handler)
        handler.close()
    ours.setLevel(level)


class FullDisk(io.StringIO):
    """A file on a disk without room."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, f"no room for {text}")


def lines(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


def test_what_another_library_logs_is_one_line_without_its_values(written: Path) -> None:
    foreign = logging.getLogger("sqlalchemy.pool.impl")
    try:
        raise ValueError(f"cannot read {PATIENT}")
    except ValueError:
        foreign.exception("Exception while storing %s", PATIENT)
        foreign.error(f"storing {PATIENT}\nTraceback ...", exc_info=True)
    foreign.warning(f"of {PATIENT}")
    foreign.info("nothing that anybody asked for")
    first, second, third = lines(written)
    assert first["message"].startswith("Exception while storing %s (")
    assert (first["error"], first["logger"]) == ("ValueError", "sqlalchemy.pool.impl")
    assert "test_logs.py" in first["at"][0]
    assert second["message"].startswith("logged (")
    assert "test_logs.py:" in third["message"]
    assert PATIENT not in written.read_text(encoding="utf-8")


def test_an_error_that_nothing_caught_is_logged_without_its_text(
    written: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise ValueError(f"cannot read {PATIENT}")

    async def lost() -> None:
        task = asyncio.ensure_future(asyncio.to_thread(broken))
        await asyncio.wait({task})
        del task
        gc.collect()

    class Thrown:
        def __del__(self) -> None:
            broken()

    thread = threading.Thread(target=broken, name="radraft-of-a-test")
    thread.start()
    thread.join()
    asyncio.run(lost())
    Thrown()
    gc.collect()
    warnings.showwarning(UserWarning(PATIENT), UserWarning, "file.py", 3)
    try:
        broken()
    except ValueError as error:
        sys.excepthook(ValueError, error, error.__traceback__)
    told = lines(written)
    assert [line["message"].split(" (")[0] for line in told] == [
        "a thread broke",
        "logged",
        "an error could not be raised",
        "Python warned",
        "the program broke",
    ]
    assert [line.get("error") for line in told].count("ValueError") == 4
    assert told[0]["thread"] == "radraft-of-a-test"
    assert (told[1]["logger"], told[3]["warning"]) == ("asyncio", "UserWarning")
    seen = capfd.readouterr()
    assert PATIENT not in written.read_text(encoding="utf-8") + seen.out + seen.err


def test_a_log_that_cannot_be_written_says_so_once_and_quotes_nothing(
    written: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (handler,) = [
        handler
        for handler in logging.getLogger().handlers
        if getattr(handler, "baseFilename", "") == str(written)
    ]
    monkeypatch.setattr(sys, "__stderr__", sys.stderr)
    assert isinstance(handler, logging.StreamHandler)
    before = handler.setStream(FullDisk())
    for _ in range(3):
        logging.getLogger("radraft.test").warning("case %s", PATIENT)
    handler.setStream(before)
    seen = capfd.readouterr()
    assert seen.err.count("log_not_written: OSError") == 1
    assert PATIENT not in seen.out + seen.err

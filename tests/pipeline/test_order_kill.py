"""Orders over a real socket from another library's client, while the process that takes them is
killed at the worst moment."""

from __future__ import annotations

import multiprocessing
import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from hl7.client import MLLPClient
from sqlalchemy import select

from radraft.core.settings import Settings
from radraft.exchange.mllp_listener import MllpListener, MllpSettings
from radraft.pipeline.order_intake import OrderIntake
from radraft.store import orders
from radraft.store.database import Store, open_store
from radraft.store.tables import OrderMessageRow
from tests.hl7_messages import order_message

pytestmark = pytest.mark.slow

context = multiprocessing.get_context("spawn")


class _Killed(OrderIntake):
    """Commits, and is killed before it can answer."""

    def receive(self, raw: bytes, *, site: str, source: str) -> bytes:
        super().receive(raw, site=site, source=source)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


def _serve(data_dir: Path, killed: bool, pipe: Connection) -> None:
    """Listen until the other end of the pipe says something."""
    store = open_store(Settings(data_dir=data_dir))
    sink = (_Killed if killed else OrderIntake)(store)
    listener = MllpListener(MllpSettings("127.0.0.1", 0, "site-a"), sink)
    pipe.send(listener.port)
    pipe.recv()
    listener.close()
    store.close()


def _send(data_dir: Path, message: str, *, killed: bool) -> bytes:
    """Return the answer to a message of a process of its own; empty where it was killed."""
    ours, theirs = context.Pipe()
    child = context.Process(target=_serve, args=(data_dir, killed, theirs))
    child.start()
    try:
        port = ours.recv()
        with MLLPClient("127.0.0.1", port) as client:
            try:
                answer: bytes = client.send_message(message)
            except ConnectionError:
                answer = b""
        if not killed:
            ours.send("end")
        child.join(30)
        assert child.exitcode == (-signal.SIGKILL if killed else 0)
    finally:
        child.kill()
        child.join()
    return answer


def test_a_message_that_was_committed_and_never_answered_is_taken_once(
    sqlite_store: Store, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    assert _send(data_dir, order_message("C1"), killed=True) == b""
    # Another order of the same number came meanwhile; the replay must not undo it.
    assert b"MSA|AA|C2" in _send(data_dir, order_message("C2", priority="R"), killed=False)
    assert b"MSA|AA|C1" in _send(data_dir, order_message("C1"), killed=False)
    with sqlite_store.read() as session:
        (order,) = orders.listing(session)
        rows = session.execute(
            select(OrderMessageRow.control_id, OrderMessageRow.repeats).order_by(
                OrderMessageRow.message_id
            )
        ).all()
    assert order.order.priority.value == "routine"
    assert [tuple(row) for row in rows] == [("C1", 1), ("C2", 0)]

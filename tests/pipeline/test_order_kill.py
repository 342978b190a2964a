"""Orders over a real socket from another library's client, while the process that takes them is
killed at the worst moment."""

from __future__ import annotations

import multiprocessing
import os
import signal
from contextlib import suppress
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


def _serve(data_dir: Path, pipe: Connection) -> None:
    """Listen until killed."""
    store = open_store(Settings(data_dir=data_dir))
    listener = MllpListener(MllpSettings("127.0.0.1", 0, "site-a"), _Killed(store))
    pipe.send(listener.port)
    pipe.recv()


def _send_to_killed(data_dir: Path, message: str) -> None:
    """Send a message to a process that commits it and is killed before it answers."""
    ours, theirs = context.Pipe()
    child = context.Process(target=_serve, args=(data_dir, theirs))
    child.start()
    try:
        with MLLPClient("127.0.0.1", ours.recv()) as client, suppress(ConnectionError):
            assert client.send_message(message) == b""
        child.join(30)
        assert child.exitcode == -signal.SIGKILL
    finally:
        child.kill()
        child.join()


def test_a_message_that_was_committed_and_never_answered_is_taken_once(
    sqlite_store: Store, tmp_path: Path
) -> None:
    _send_to_killed(tmp_path / "data", order_message("C1"))
    listener = MllpListener(MllpSettings("127.0.0.1", 0, "site-a"), OrderIntake(sqlite_store))
    try:
        with MLLPClient("127.0.0.1", listener.port) as client:
            # The order was changed meanwhile; the replay must not undo that.
            assert b"MSA|AA|C2" in client.send_message(order_message("C2", priority="R"))
            assert b"MSA|AA|C1" in client.send_message(order_message("C1"))
    finally:
        listener.close()
    with sqlite_store.read() as session:
        (order,) = orders.listing(session)
        rows = session.execute(
            select(OrderMessageRow.control_id, OrderMessageRow.repeats).order_by(
                OrderMessageRow.message_id
            )
        ).all()
    assert order.order.priority.value == "routine"
    assert [tuple(row) for row in rows] == [("C1", 1), ("C2", 0)]

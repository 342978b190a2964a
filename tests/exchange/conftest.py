"""An inbox in a time that only tests move."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from radraft.pipeline.inbox import Inbox
from radraft.store.database import Store
from tests.exchange.builders import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def inbox(sqlite_store: Store, tmp_path: Path, clock: Clock) -> Iterator[Inbox]:
    opened = Inbox(tmp_path / "data", sqlite_store, clock=clock)
    yield opened
    opened.close()

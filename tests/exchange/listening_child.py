"""The listener in a process that a test can kill. Imports little, so that it starts quickly."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from radraft.core.settings import Settings
from radraft.exchange.dimse import Door, Listener
from radraft.pipeline.inbox import Inbox
from radraft.store.database import open_store


def main(data_dir: str, port: int) -> None:
    """Listen until killed; says so on stdout once it does."""
    store = open_store(Settings(data_dir=Path(data_dir)))
    inbox = Inbox(Path(data_dir), store)
    Listener(Door("127.0.0.1", port, "RADRAFT", "site-a"), inbox)
    sys.stdout.write("listening\n")
    sys.stdout.flush()
    threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

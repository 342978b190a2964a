"""The listener in a process that a test can kill. Imports little, so that it starts quickly."""

from __future__ import annotations

import os
import resource
import sys
import threading
from pathlib import Path

from radraft.core.settings import Settings
from radraft.exchange.dimse import Listener, ListenerSettings
from radraft.pipeline.inbox import Inbox
from radraft.store.database import open_store


def main(data_dir: str, port: int, descriptors: int = 0) -> None:
    """Listen until killed; says so on stdout, with its port, once it does.

    `descriptors`: files that the process has open besides.
    """
    store = open_store(Settings(data_dir=Path(data_dir)))
    inbox = Inbox(Path(data_dir), store)
    if descriptors:
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors + 200, hard))
        for _ in range(descriptors):
            os.open(os.devnull, os.O_RDONLY)
    listener = Listener(ListenerSettings("127.0.0.1", port, "RADRAFT", "site-a"), inbox)
    sys.stdout.write(f"listening {listener.port}\n")
    sys.stdout.flush()
    threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))

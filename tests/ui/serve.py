"""A workstation over a data folder, for a process of its own.

While a draft is being written is a moment; here it is
how many sentences the file `FOLDER/partial` says a waiting case has so far.
"""

from __future__ import annotations

import socket
from multiprocessing.connection import Connection
from pathlib import Path

import uvicorn

from radraft.core.settings import Settings
from radraft.llm.profiles import load_profile
from radraft.pipeline.service import Service
from radraft.reports.draft import DraftedSentence
from radraft.reports.values import Section
from radraft.store.database import open_store
from radraft.ui.access import application
from radraft.ui.mount import mount
from tests.ui import seed


def main(folder: str, port: str, told: Connection, database_url: str = "") -> None:
    """Serve `folder` for ever; tells its port once it accepts connections."""
    settings = Settings(data_dir=Path(folder), database_url=database_url)
    written = Path(folder, "partial")

    def partial(case_id: str) -> tuple[DraftedSentence, ...]:
        count = int(written.read_text()) if written.exists() else 0
        sentences = seed.report(case_id).findings[:count]
        return tuple(DraftedSentence(case_id, Section.FINDINGS, item) for item in sentences)

    service = Service(open_store(settings), settings, load_profile("starter"), partial=partial)
    app = mount(application(service), service)
    listening = socket.create_server(("127.0.0.1", int(port)))
    told.send(str(listening.getsockname()[1]))
    told.close()
    config = uvicorn.Config(app, log_level="warning", ws="none")
    uvicorn.Server(config).run([listening])

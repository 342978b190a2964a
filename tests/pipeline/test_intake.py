"""Listener, watched folder and completion together, as `radraft serve` and `listen` run them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from radraft.core import settings
from radraft.core.errors import SettingsError
from radraft.core.settings import Settings
from radraft.llm.profiles import load_profile
from radraft.pipeline.intake import Progress, receiving
from radraft.store.database import Store, open_store
from radraft.ui import app
from radraft.ui.app import DraftedBy
from tests import orthanc
from tests.cli.test_commands import answer
from tests.exchange.builders import film, film_file, send

PROFILE = load_profile("starter")


@pytest.fixture
def port() -> int:
    """One that is free now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(Settings(data_dir=tmp_path))
    yield opened
    opened.close()


@pytest.mark.slow
def test_what_is_sent_waits_for_a_draft(store: Store, tmp_path: Path, port: int) -> None:
    drafting = threading.Event()
    chosen = Settings(data_dir=tmp_path, dicom_port=port, quiet_s=0)
    with receiving(chosen, PROFILE, store, wake=drafting.set) as receiver:
        assert send(port, film(1)) == [0x0000]
        assert drafting.wait(120)
        progress = receiver.progress()
    assert progress == Progress(1, 0, 0, 1, 0, 0)


@pytest.mark.slow
def test_the_service_receives_where_a_port_is_named(
    store: Store, tmp_path: Path, port: int
) -> None:
    chosen = Settings(data_dir=tmp_path, dicom_port=port)
    with app.running(chosen, PROFILE, store, drafted_by=DraftedBy.NOBODY):
        assert send(port, film(1)) == [0x0000]
    with app.running(Settings(data_dir=tmp_path), PROFILE, store, drafted_by=DraftedBy.NOBODY):
        assert not any(thread.name == "radraft-dicom" for thread in threading.enumerate())


def test_the_network_is_for_known_peers_only(store: Store, tmp_path: Path, port: int) -> None:
    chosen = Settings(data_dir=tmp_path, dicom_port=port, dicom_host="0.0.0.0")
    with pytest.raises(SettingsError) as error, receiving(chosen, PROFILE, store):
        raise AssertionError("never reached")
    assert error.value.code == "dicom_peers_missing"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RADRAFT_DICOM_PEERS", "CT1"),
        ("RADRAFT_DICOM_PEERS", '[{"aet": "CT1", "host": "scanner"}]'),
        ("RADRAFT_DICOM_PEERS", '[{"host": "10.1.2.3"}]'),
        ("RADRAFT_DICOM_AET", "SEVENTEEN LETTERS"),
        ("RADRAFT_QUIET_BY_SITE", "north=60"),
        ("RADRAFT_PACS_URL", "ftp://pacs"),
    ],
)
def test_a_bad_value_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name):
        settings.load()


def test_peers_are_read_from_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADRAFT_DICOM_PEERS", '[{"aet": "CT1", "host": "10.1.2.0/24"}]')
    [peer] = settings.load().dicom_peers
    assert (peer.aet, peer.host, peer.site) == ("CT1", "10.1.2.0/24", "")


# --- the commands


@pytest.mark.slow
def test_listen_and_received(tmp_path: Path, port: int) -> None:
    environment = os.environ | {
        "RADRAFT_DATA_DIR": str(tmp_path / "data"),
        "RADRAFT_DICOM_PORT": str(port),
        "RADRAFT_QUIET_S": "86400",
    }
    listening = subprocess.Popen(
        [sys.executable, "-m", "radraft.cli", "listen", "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert listening.stdout is not None
    assert json.loads(listening.stdout.readline())["port"] == port
    assert send(port, film(1), film(2)) == [0x0000, 0x0000]
    listening.send_signal(signal.SIGTERM)
    _, errors = listening.communicate(timeout=60)
    assert listening.returncode == 0, errors
    said = answer(tmp_path / "data", "received")
    assert said == {"counts": {"waiting": 2, "taken": 0, "refused": 0}, "refused": [], "cut": False}
    log = (tmp_path / "data" / "logs" / "radraft.log").read_text()
    assert film(1).PatientID not in log + errors
    assert film(1).StudyInstanceUID not in log + errors


@pytest.mark.slow
def test_listen_says_what_is_missing(tmp_path: Path) -> None:
    assert answer(tmp_path, "listen", code=1)["error"]["code"] == "dicom_port_missing"


@pytest.mark.slow
@pytest.mark.pacs
def test_pull_and_push(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    orthanc.needs("Orthanc", "ip")
    uid = str(film(1).StudyInstanceUID)
    data = tmp_path / "data"
    with orthanc.private_network(), orthanc.running(tmp_path / "orthanc") as pacs:
        monkeypatch.setenv("RADRAFT_PACS_URL", pacs.dicomweb)
        for number in (1, 2):
            film_file(tmp_path / "films", number)
        pushed: dict[str, Any] = answer(data, "push", tmp_path / "films")
        nothing: dict[str, Any] = {"warnings": [], "unconfirmed": [], "refused": [], "faults": []}
        assert pushed == {"stored": 2, "failed": 0, "reasons": []} | nothing
        pulled = answer(data, "pull", "--study", uid)
        whole = {"missing": 0, "refused": [], "faults": []}
        assert pulled == {"studies": 1, "objects": 2, "cases": 1} | whole
        for arguments in (("--patient", "P0042"), ("--since", "2025-01-02")):
            again = answer(data, "pull", *arguments)
            assert again == {"studies": 1, "objects": 0, "cases": 0} | whole
        for arguments, code in (
            ((), "pull_nothing_named"),
            (("--since", "yesterday"), "pull_bad_date"),
            (("--patient", "NOBODY"), "pacs_study_not_found"),
        ):
            assert answer(data, "pull", *arguments, code=1)["error"]["code"] == code
    assert answer(data, "pull", "--study", uid, code=1)["error"]["code"] == "pacs_unreachable"

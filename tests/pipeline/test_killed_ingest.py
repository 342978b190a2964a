"""Patient files of a process that was killed: where they are, and for how long."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from radraft.core.settings import Settings
from radraft.pipeline.intake import opened_inbox
from radraft.store.database import open_store
from tests.exchange.builders import film_file

PATIENT = "MADE-UP^KILLED"
INGESTING = """
import sys, threading
from pathlib import Path
from radraft.core.settings import Settings
from radraft.llm.profiles import load_profile
from radraft.pipeline.ingest import ingest
from radraft.store.database import open_store

def wait():
    print("at work", flush=True)
    threading.Event().wait()

data = Path(sys.argv[2])
ingest(
    Path(sys.argv[1]),
    store=open_store(Settings(data_dir=data)),
    profile=load_profile("starter"),
    site="north",
    scratch=data / "scratch",
    load_extractor=wait,
)
"""


def naming(folder: Path) -> Iterator[Path]:
    """Files below `folder` in which the patient's name stands."""
    for path in folder.rglob("*"):
        if path.is_file() and PATIENT.encode() in path.read_bytes():
            yield path


@pytest.mark.slow
def test_nothing_of_a_killed_ingest_stays_after_the_next_start(tmp_path: Path) -> None:
    film = film_file(tmp_path / "sent", PatientName=PATIENT)
    disc = tmp_path / "sent" / "disc.zip"
    with zipfile.ZipFile(disc, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(film, "film.dcm")
    film.unlink()
    data, system = tmp_path / "data", tmp_path / "tmp"
    data.mkdir()
    system.mkdir()
    open_store(Settings(data_dir=data)).close()
    child = subprocess.Popen(
        [sys.executable, "-c", INGESTING, str(disc), str(data)],
        stdout=subprocess.PIPE,
        text=True,
        env={"TMPDIR": str(system), "PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)},
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "at work\n"
    child.kill()
    child.communicate()
    left = list(naming(tmp_path))
    assert left, "the test must see what a kill leaves"
    for path in left:
        assert path.is_relative_to(data / "scratch")
        assert all(parent.stat().st_mode & 0o077 == 0 for parent in (data / "scratch", path.parent))
    store = open_store(Settings(data_dir=data))
    with opened_inbox(Settings(data_dir=data), store):
        assert list(naming(tmp_path)) == []
    store.close()

"""Scratch folders: nobody's work is swept, and nothing of the dead stays."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

from radraft.core.scratch import ScratchFolder, sweep

WORKING = """
import sys
from pathlib import Path
from radraft.core.scratch import ScratchFolder

with ScratchFolder(Path(sys.argv[1]), "work-") as folder:
    (folder / "film.dcm").write_bytes(b"made up")
    print(folder, flush=True)
    sys.stdin.read()
"""


def working(scratch: Path) -> tuple[subprocess.Popen[str], Path]:
    """A process that works in a scratch folder until it is killed or its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORKING, str(scratch)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_a_folder_is_for_its_owner_alone_and_goes_with_the_work(tmp_path: Path) -> None:
    with ScratchFolder(tmp_path / "scratch", "work-") as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "film.dcm").write_bytes(b"made up")
    assert list((tmp_path / "scratch").iterdir()) == []


def test_what_a_killed_process_left_is_swept_and_what_a_living_one_uses_is_not(
    tmp_path: Path,
) -> None:
    killed, left = working(tmp_path)
    alive, used = working(tmp_path)
    try:
        killed.kill()
        killed.communicate()
        assert (left / "film.dcm").exists()
        assert sweep(tmp_path) == 1
        assert not left.exists()
        assert (used / "film.dcm").exists()
    finally:
        alive.communicate("")
    assert alive.returncode == 0
    assert not used.exists()


def test_the_own_process_s_folders_are_not_swept(tmp_path: Path) -> None:
    with ScratchFolder(tmp_path, "work-") as folder:
        assert sweep(tmp_path) == 0
        assert folder.is_dir()


def test_of_two_that_sweep_at_once_one_does(tmp_path: Path) -> None:
    killed, left = working(tmp_path)
    killed.kill()
    killed.communicate()
    other = os.open(tmp_path / "sweep.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert sweep(tmp_path) == 0
        assert left.exists()
    finally:
        os.close(other)
    assert sweep(tmp_path) == 1


def test_locks_and_links_are_left_alone(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (scratch / "completion.lock").touch()
    (scratch / "link").symlink_to(elsewhere)
    assert sweep(scratch) == 0
    assert elsewhere.is_dir()
    assert (scratch / "completion.lock").exists()

"""`radraft archive import` in a process of its own, to its end or killed on the way."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_COMMAND = "from radraft.cli import main; main()"
_PERCENT = re.compile(rb"(\d{1,3})%")


@dataclass(frozen=True)
class ImportRun:
    """What a run of the command did and cost."""

    status: int
    """Exit status; -9 where it was killed."""
    counted: dict[str, int]
    """What it says that it kept and rejected; empty where it was killed."""
    seconds: float
    processor: float
    """Seconds of processor time: on a busy machine the others say little."""
    peak: int
    """Most resident memory of its process, in MiB."""
    percents: tuple[int, ...]
    """What its progress bar showed, each once."""


def import_archive(
    source: Path,
    *,
    data_dir: Path,
    site: str,
    mapping: Path | None = None,
    dry_run: bool = False,
    kill_at: int | None = None,
) -> ImportRun:
    """Run the command over `source`, its progress shown on a terminal; killed (-9) once that says
    `kill_at` percent. RuntimeError where it fails."""
    arguments = ["archive", "import", str(source), "--site", site, "--json"]
    arguments += ["--mapping", str(mapping)] if mapping is not None else []
    arguments += ["--dry-run"] if dry_run else []
    environment = {**os.environ, "RADRAFT_DATA_DIR": str(data_dir), "COLUMNS": "100"}
    screen, terminal = pty.openpty()
    began = time.monotonic()
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(
            [sys.executable, "-c", _COMMAND, *arguments],
            stdout=said,
            stderr=terminal,
            env={**environment, "TERM": "xterm"},
        )
        os.close(terminal)
        percents, peak = _watched(child, screen, kill_at)
        os.close(screen)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - began
        said.seek(0)
        printed = said.read().decode()
    if child.returncode not in {0, 3, -9}:
        raise RuntimeError(f"archive import ended with {child.returncode}: {printed}")
    counted = _counted(json.loads(printed)) if child.returncode != -9 else {}
    processor = usage.ru_utime + usage.ru_stime
    return ImportRun(child.returncode, counted, seconds, processor, peak, tuple(percents))


def _watched(
    child: subprocess.Popen[bytes], screen: int, kill_at: int | None
) -> tuple[dict[int, None], int]:
    """Read what the child shows until it ends; kill it where it is to be killed. Returns the
    percents that it showed, and its most memory in MiB."""
    percents: dict[int, None] = {}
    peak = 0
    while True:
        try:
            shown = os.read(screen, 1 << 16)
        except OSError:
            # Nobody holds the other end of the terminal.
            return percents, peak
        peak = max(peak, _most_memory(child.pid))
        percents |= dict.fromkeys(map(int, _PERCENT.findall(shown)))
        if kill_at is not None and max(percents, default=0) >= kill_at:
            child.kill()


def _most_memory(process: int) -> int:
    """Return the most resident memory that a process had, in MiB; 0 where it has ended. (What
    `wait4` says of a child counts the parent's memory at its birth.)"""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except ProcessLookupError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) // 1024 if found else 0


def _counted(result: dict[str, Any]) -> dict[str, int]:
    return {**result["kept"], **result["rejected"]}

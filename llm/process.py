"""vLLM's process group: started in a session of its own, stopped whole."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import psutil

from radraft.llm import record

TERM_S = 5.0
"""How long vLLM may take to end by itself before it is killed: the service itself must end within
ten seconds."""
KILL_S = 15.0


def spawn(words: list[str], environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start vLLM with both its outputs in `log` (mode 0600); the log before is kept as `.1`."""
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        return subprocess.Popen(
            words,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
            start_new_session=True,
        )


def members(pid: int, began: float) -> list[psutil.Process]:
    """Return the process that began at `began` and all others of its session, engine cores
    included.

    Empty when `pid` was given to another process meanwhile. Where only the leader died, the members
    left behind are found by the session's number, and must look like vLLM: after a reboot that
    number may be anyone's.
    """
    leader_lives = psutil.pid_exists(pid)
    if leader_lives and not _same(pid, began):
        return []
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == pid and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, ProcessLookupError, PermissionError):
            continue
    return found if leader_lives or any(map(_is_vllm, found)) else []


def stop(pid: int, began: float) -> bool:
    """End the whole session of vLLM process `pid`: ask, then kill. True when nothing is left.

    Does nothing when `pid` is another process by now. psutil checks each member's start again
    before it signals it.
    """
    left = members(pid, began)
    for each, seconds in ((signal.SIGTERM, TERM_S), (signal.SIGKILL, KILL_S)):
        for process in left:
            try:
                process.send_signal(each)
                # A stopped process acts on SIGTERM only once it runs again.
                process.send_signal(signal.SIGCONT)
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(left, timeout=seconds)
        left = members(pid, began)
        if not left:
            return True
    return False


def _same(pid: int, began: float) -> bool:
    try:
        return abs(record.created(pid) - began) < 0.1
    except psutil.NoSuchProcess:
        return True


def _is_vllm(process: psutil.Process) -> bool:
    try:
        return "vllm" in " ".join([process.name(), *process.cmdline()]).lower()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False

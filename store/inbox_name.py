"""The name of a data folder's inbox, in a file beside it: rows of `arrivals` bear it, so that
servers that share one database and not one folder leave one another's files alone."""

from __future__ import annotations

import os
import re
import secrets
import socket
from contextlib import suppress
from pathlib import Path

NAME = "inbox.id"
"""It is backed up and restored with what lies in the inbox."""


def read(data_dir: Path) -> str:
    """Return the inbox's name; empty where it never had one."""
    try:
        return (data_dir / NAME).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return ""


def of_folder(data_dir: Path) -> str:
    """Return the inbox's name, which it gets now where it has none. It begins as the machine is
    called, for people. OSError."""
    if known := read(data_dir):
        return known
    path = data_dir / NAME
    host = re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname())[:40]
    fresh = path.with_name(f"{NAME}.{secrets.token_hex(4)}")
    with fresh.open("x", encoding="ascii") as stream:
        stream.write(f"{host}-{secrets.token_hex(8)}")
        stream.flush()
        os.fsync(stream.fileno())
    # Of two who open a new folder at once both read what the first one wrote.
    with suppress(FileExistsError):
        os.link(fresh, path)
    fresh.unlink()
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return read(data_dir)

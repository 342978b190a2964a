"""A copy of a data folder, so that what is done to it changes nothing in the first."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

FOLDERS = ("objects", "adapters", "gate")
SECRET, DATABASE = "site.secret", "radraft.db"


def take(source: Path, target: Path) -> None:
    """Copies secret, database, objects and adapters; whole or not at all, once.

    The database by SQLite's own backup, so that writers may go on. Files of objects and adapters
    are shared between both: they are replaced and never written into.
    """
    if target.exists():
        return
    staging = target.with_name(f".{target.name}")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True, mode=0o700)
    shutil.copyfile(source / SECRET, staging / SECRET)
    (staging / SECRET).chmod(0o600)
    before = sqlite3.connect(source / DATABASE)
    after = sqlite3.connect(staging / DATABASE)
    try:
        before.backup(after)
    finally:
        before.close()
        after.close()
    for name in FOLDERS:
        if (source / name).is_dir():
            shutil.copytree(source / name, staging / name, copy_function=_link)
    staging.replace(target)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)

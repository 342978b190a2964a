"""What a backup holds: every file with its hash, and every file that its database names."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from radraft.store.backup_pool import target_errors

OBJECTS, ARCHIVE = "objects", "archive"
AT_ONCE = 1000
"""Rows held in memory."""


@dataclass(frozen=True)
class IndexedFile:
    """One file of a backup: its bytes lie in the pool under their hash."""

    path: str
    """`OBJECTS` or `ARCHIVE`, `/` and the object's key; or `data/` and where it lies in the data
    folder."""
    sha256: str
    size: int
    stamp: str
    """What its storage said of its writing when it was copied: the same stamp, the same bytes."""


class BackupIndex:
    """The files of one backup, in a file of its own. A context manager.

    What is written raises as `target_errors`; what is read was compared with its hash before.
    """

    def __init__(self, path: Path, *, new: bool = False) -> None:
        """Open the index `path`, or make it."""
        if not new:
            self._database = sqlite3.connect(f"{path.resolve().as_uri()}?immutable=1", uri=True)
            return
        with target_errors():
            path.touch(mode=0o600, exist_ok=False)
            self._database = sqlite3.connect(path)
            self._database.executescript(
                "CREATE TABLE files (path TEXT PRIMARY KEY, sha256 TEXT NOT NULL,"
                " size INTEGER NOT NULL, stamp TEXT NOT NULL) WITHOUT ROWID;"
                "CREATE TABLE named (path TEXT PRIMARY KEY) WITHOUT ROWID;"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the file go."""
        self._database.close()

    def add(self, files: Iterable[IndexedFile]) -> None:
        """Put files in, in place of what had their paths; durable on return."""
        with target_errors(), self._database:
            self._database.executemany(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)",
                ((file.path, file.sha256, file.size, file.stamp) for file in files),
            )

    def name(self, paths: Iterable[str]) -> None:
        """Note which files the database names."""
        with target_errors(), self._database:
            self._database.executemany(
                "INSERT OR IGNORE INTO named VALUES (?)", ((path,) for path in paths)
            )

    def find(self, path: str) -> IndexedFile | None:
        """Return the file `path`; None where the backup does not hold it."""
        row = self._database.execute("SELECT * FROM files WHERE path = ?", (path,)).fetchone()
        return None if row is None else IndexedFile(*row)

    def files(self) -> Iterator[IndexedFile]:
        """Yield every file by its path."""
        last = ""
        while rows := self._database.execute(
            "SELECT * FROM files WHERE path > ? ORDER BY path LIMIT ?", (last, AT_ONCE)
        ).fetchall():
            for row in rows:
                yield IndexedFile(*row)
            last = rows[-1][0]

    def missing(self) -> tuple[str, ...]:
        """Return what the database names and the backup does not hold."""
        rows = self._database.execute(
            # What is named as an object may lie in the archive.
            "SELECT path FROM named EXCEPT SELECT path FROM files"
            " EXCEPT SELECT ? || substr(path, ?) FROM files WHERE path LIKE ? ORDER BY path",
            (f"{OBJECTS}/", len(ARCHIVE) + 2, f"{ARCHIVE}/%"),
        )
        return tuple(path for (path,) in rows)

    def extent(self) -> tuple[int, int]:
        """Return how many files there are, and their bytes."""
        count, size = self._database.execute("SELECT count(*), sum(size) FROM files").fetchone()
        return count, size or 0

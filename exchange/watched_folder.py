"""A watched folder: files move into a sink once nobody writes them any more."""

from __future__ import annotations

import fcntl
import logging
import os
import signal
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from radraft.core.errors import SettingsError, StorageError, StudyRejected
from radraft.exchange.incoming_files import keep_file
from radraft.exchange.values import WATCH, Clock, ObjectSink
from radraft.studies._limits import MAX_FILES

_LOG = logging.getLogger("radraft.intake")


@dataclass(frozen=True)
class _Seen:
    """A file as it was, and since when it has been so."""

    size: int
    changed: int
    since: datetime


class Watcher:
    """Looks at a folder, and all below it, each time `poll` is called."""

    def __init__(
        self, folder: Path, sink: ObjectSink, *, site: str, quiet_s: float, clock: Clock
    ) -> None:
        """SettingsError `watch_dir_unusable` for a folder whose files could not be moved."""
        if not (folder.is_dir() and os.access(folder, os.R_OK | os.W_OK | os.X_OK)):
            raise SettingsError("watch_dir_unusable")
        self._folder = folder
        self._sink = sink
        self._site = site
        self._clock = clock
        self._quiet = timedelta(seconds=quiet_s)
        self._seen: dict[Path, _Seen] = {}

    def poll(self) -> int:
        """Move what has not changed for the quiet time and is open for writing nowhere; how many
        files that were. Links are left alone."""
        now = self._clock()
        seen: dict[Path, _Seen] = {}
        moved = 0
        for path, status in self._files():
            before = self._seen.get(path)
            same = before and (before.size, before.changed) == (status.st_size, status.st_mtime_ns)
            known = before if same and before else _Seen(status.st_size, status.st_mtime_ns, now)
            if known.since + self._quiet > now:
                seen[path] = known
            elif not being_written(path) and self._move(path):
                moved += 1
            else:
                seen[path] = replace(known, since=now)
        self._seen = seen
        return moved

    def _files(self) -> list[tuple[Path, os.stat_result]]:
        found: list[tuple[Path, os.stat_result]] = []
        for folder, _, names in os.walk(self._folder):
            for name in sorted(names):
                path = Path(folder, name)
                if path.is_symlink() or not path.is_file() or len(found) == MAX_FILES:
                    continue
                try:
                    found.append((path, path.stat()))
                except FileNotFoundError:
                    continue
        return found

    def _move(self, path: Path) -> bool:
        """Return whether the file is in the inbox now, or was emptied or taken away meanwhile."""
        try:
            keep_file(path, self._sink, source=WATCH, site=self._site)
            path.unlink()
        except StudyRejected as rejected:
            _LOG.warning("a file stays in the watched folder: %s", rejected.code)
            return False
        except FileNotFoundError:
            return False
        except (OSError, StorageError) as error:
            _LOG.error("a file stays in the watched folder: %s", type(error).__name__)
            return False
        return True


def being_written(path: Path) -> bool:
    """Return whether a process of this machine has the file open for writing. False where the file
    system cannot tell: there only its size and time speak."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return True
    try:
        # A writer that comes while the lease is held breaks it with a signal; this one is ignored.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False

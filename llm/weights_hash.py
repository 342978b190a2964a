"""Which weights lie in a checkpoint folder: a SHA-256 over its files' content.

Reading 16 GB takes some ten seconds, so each file's hash is remembered beside the files, under its
size, times and inode. That note is a cache and nothing else: what it does not know is read. It is
made for weights that are replaced by mistake, not against someone who may write in their folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
from pathlib import Path

from radraft.core import canonical
from radraft.core.errors import SettingsError

NOTE = ".radraft-sha256.json"


def folder_hash(folder: Path) -> str:
    """Return 16 hex characters of the names and the content of all files in `folder`.

    Hidden files and folders do not count: a hub's downloads leave their own notes there.
    SettingsError `checkpoint_not_found` where there is no such folder, `checkpoint_unreadable`.
    """
    if not folder.is_dir():
        raise SettingsError("checkpoint_not_found", path=str(folder))
    try:
        return _folder_hash(folder)
    except OSError:
        raise SettingsError("checkpoint_unreadable", path=str(folder)) from None


def former_folder_hash(folder: Path) -> str | None:
    """Return what `folder` was known by before content counted: names, sizes and times of the files
    directly in it. None where it cannot be read.

    Adapters that were trained then name it.
    """
    try:
        rows = [
            [item.name, item.stat().st_size, item.stat().st_mtime_ns]
            for item in sorted(folder.iterdir())
            if item.is_file() and not item.name.startswith(NOTE)
        ]
    except OSError:
        return None
    return canonical.sha256(rows)[:16]


def _folder_hash(folder: Path) -> str:
    known = _read_note(folder)
    found: dict[str, list[object]] = {}
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        state = _state(path)
        kept = known.get(name)
        sha = kept[1] if kept is not None and kept[0] == state else _sha256(path)
        found[name] = [state, sha]
    if found != known:
        _write_note(folder, found)
    return canonical.sha256([[name, sha] for name, (_, sha) in sorted(found.items())])[:16]


def _files(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _state(path: Path) -> list[int]:
    """Return what changes when a file is written or replaced; its ctime cannot be set back."""
    at = path.stat()
    return [at.st_size, at.st_mtime_ns, at.st_ctime_ns, at.st_ino]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_note(folder: Path) -> dict[str, list[object]]:
    try:
        note = json.loads((folder / NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(note, dict):
        return {}
    return {
        name: value for name, value in note.items() if isinstance(value, list) and len(value) == 2
    }


def _write_note(folder: Path, found: dict[str, list[object]]) -> None:
    partial = folder / f"{NOTE}.{secrets.token_hex(4)}"
    # A folder that only others may write in is hashed anew by each process.
    with contextlib.suppress(OSError):
        try:
            partial.write_text(json.dumps(found), encoding="utf-8")
            partial.replace(folder / NOTE)
        finally:
            partial.unlink(missing_ok=True)

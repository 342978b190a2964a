"""Finds the files to read: in a folder, in a zip, through a DICOMDIR."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from radraft.studies._child import Worker, WorkerLost
from radraft.studies._limits import HEADER_SECONDS, MAX_FILES, UNZIP_SECONDS

_ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")


@dataclass(frozen=True)
class FoundFile:
    """A file to read, and how to show its path to whoever named it."""

    path: Path = field(repr=False)
    shown: str = field(repr=False)


@dataclass(frozen=True)
class Refusal:
    """A file that is not read, with the code of the reason."""

    shown: str = field(repr=False)
    code: str
    details: dict[str, str | int | float] = field(default_factory=dict)


def walk(path: Path, work_dir: Path, worker: Worker) -> Iterator[FoundFile | Refusal]:
    """Yield every file below `path`, in a fixed order."""
    try:
        if path.is_dir():
            yield from _folder(path, work_dir, worker)
        elif not path.exists():
            yield Refusal(_printable(path), "file_not_found")
        elif path.name.upper() == "DICOMDIR":
            yield from _dicomdir(path, worker)
        else:
            yield from _file(FoundFile(path, _printable(path)), work_dir, worker)
    except OSError:
        yield Refusal(_printable(path), "unreadable_file")


def _folder(root: Path, work_dir: Path, worker: Worker) -> Iterator[FoundFile | Refusal]:
    count = 0
    inside = root.resolve()
    for folder, subfolders, names in os.walk(root, onerror=None):
        subfolders.sort()
        for name in sorted([*names, *(d for d in subfolders if Path(folder, d).is_symlink())]):
            count += 1
            entry = Path(folder, name)
            if count > MAX_FILES:
                yield Refusal(_printable(root), "too_many_files", {"most": MAX_FILES})
                return
            if entry.is_symlink():
                # What a link inside the folder points to is found at its own place.
                if not entry.resolve().is_relative_to(inside):
                    yield Refusal(_printable(entry), "link_leaves_folder")
                continue
            yield from _file(FoundFile(entry, _printable(entry)), work_dir, worker)
        for name in subfolders:
            if not os.access(Path(folder, name), os.R_OK | os.X_OK):
                yield Refusal(_printable(Path(folder, name)), "unreadable_file")


def _file(found: FoundFile, work_dir: Path, worker: Worker) -> Iterator[FoundFile | Refusal]:
    if not found.path.is_file():
        yield Refusal(found.shown, "unreadable_file")
        return
    try:
        with found.path.open("rb") as file:
            magic = file.read(4)
    except OSError:
        yield Refusal(found.shown, "unreadable_file")
        return
    if magic in _ZIP_MAGIC:
        yield from _zip(found, work_dir, worker)
    else:
        yield found


def _zip(found: FoundFile, work_dir: Path, worker: Worker) -> Iterator[FoundFile | Refusal]:
    work_dir.mkdir(parents=True, exist_ok=True)
    into = Path(tempfile.mkdtemp(prefix="zip-", dir=work_dir))
    try:
        answer, _ = worker.call(
            "unzip",
            seconds=UNZIP_SECONDS,
            path=str(found.path.absolute()),
            into=str(into.absolute()),
        )
    except WorkerLost as lost:
        answer = {"code": "zip_timeout" if lost.reason == "timeout" else "zip_damaged"}
    if "code" in answer:
        for left in into.iterdir():
            left.unlink()
        into.rmdir()
        yield Refusal(found.shown, answer["code"], answer.get("details", {}))
        return
    if not answer["members"]:
        yield Refusal(found.shown, "no_files")
    for name, file, code in answer["members"]:
        shown = f"{found.shown}!/{_clean(name)}"
        if code:
            yield Refusal(shown, code)
        elif _starts_as_zip(into / Path(file).name):
            yield Refusal(shown, "zip_in_zip")
        else:
            yield FoundFile(into / Path(file).name, shown)


def _starts_as_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) in _ZIP_MAGIC


def _dicomdir(path: Path, worker: Worker) -> Iterator[FoundFile | Refusal]:
    try:
        answer, _ = worker.call("directory", seconds=HEADER_SECONDS, path=str(path))
    except WorkerLost as lost:
        answer = {"code": "header_timeout" if lost.reason == "timeout" else "header_crashed"}
    if "code" in answer:
        yield Refusal(_printable(path), answer["code"], answer.get("details", {}))
        return
    root = path.parent.resolve()
    for components in answer["files"]:
        parts = [_clean(str(part)) for part in components]
        shown = _printable(path.parent.joinpath(*parts))
        bad = any(part in {"", ".", ".."} or "/" in part for part in parts)
        if bad or not root.joinpath(*parts).resolve().is_relative_to(root):
            yield Refusal(shown, "link_leaves_folder")
            continue
        yield FoundFile(_as_written(path.parent, parts), shown)


def _as_written(root: Path, parts: list[str]) -> Path:
    """Return the listed file; file systems of old discs show its upper-case name in lower case."""
    path = root.joinpath(*parts)
    lower = root.joinpath(*(part.lower() for part in parts))
    return lower if not path.exists() and lower.exists() else path


def _printable(path: Path) -> str:
    return _clean(os.fsencode(path).decode("utf-8", "replace"))


def _clean(name: str) -> str:
    """Return a name without control characters and lone surrogates, which no terminal or JSON can
    show."""
    shown = name.encode("utf-8", "replace").decode("utf-8")
    return "".join(char if char.isprintable() else "\ufffd" for char in shown)

"""Unpacks a zip inside a worker: no member's name ever becomes a path, sizes are counted."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

from radraft.studies import _limits

_CHUNK = 1 << 20
_ENCRYPTED = 0x1


class _TooMuch(Exception):
    """More came out than a zip may hold."""


def unzip(path: Path, into: Path) -> dict[str, Any]:
    """Members of `path`, written to numbered files in `into`.

    `{"members": [[name, file or "", code or ""], ...]}`, or `{"code": ...}` for the whole zip.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if not info.is_dir()]
            if len(members) > _limits.ZIP_MAX_MEMBERS:
                return {"code": "zip_too_many_files", "details": {"most": _limits.ZIP_MAX_MEMBERS}}
            packed = path.stat().st_size
            if _is_swollen(sum(info.file_size for info in members), packed):
                # Said openly, so nothing need be unpacked; what is not said is counted.
                return {"code": "zip_inflates_too_much"}
            return {"members": _extract_all(archive, members, into, packed)}
    except _TooMuch:
        return {"code": "zip_inflates_too_much"}
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError, zlib.error, LookupError):
        return {"code": "zip_damaged"}


def _extract_all(
    archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], into: Path, packed: int
) -> list[list[str]]:
    total = 0
    found = []
    for number, info in enumerate(members):
        name = _readable(info)
        if info.flag_bits & _ENCRYPTED:
            found.append([name, "", "zip_encrypted"])
            continue
        target = into / f"{number:06d}"
        try:
            total = _extract(archive, info, target, total, packed)
        except (zipfile.BadZipFile, EOFError, NotImplementedError, zlib.error, OSError):
            target.unlink(missing_ok=True)
            found.append([name, "", "zip_damaged"])
            continue
        found.append([name, target.name, ""])
    return found


def _extract(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, total: int, packed: int
) -> int:
    with archive.open(info) as source, target.open("wb") as out:
        while chunk := source.read(_CHUNK):
            total += len(chunk)
            if _is_swollen(total, packed):
                raise _TooMuch
            out.write(chunk)
    return total


def _is_swollen(total: int, packed: int) -> bool:
    """Return whether `total` bytes are more than may come out of a zip of `packed` bytes."""
    by_ratio = total > _limits.ZIP_RATIO_FROM and total > _limits.ZIP_MAX_RATIO * packed
    return by_ratio or total > _limits.ZIP_MAX_TOTAL


def _readable(info: zipfile.ZipInfo) -> str:
    """Return the name as the user would see it: older Chinese zip programs write GBK without
    saying so."""
    name = info.filename
    if not info.flag_bits & 0x800:
        for codec in ("utf-8", "gb18030"):
            try:
                return name.encode("cp437").decode(codec)[:1024]
            except (UnicodeEncodeError, UnicodeDecodeError):
                continue
    return name[:1024]

"""The one file an adapter travels in: a zip of stored members in one order, and no other bytes.

Exactly one file holds given members, so nothing can be hidden between them: what is read is packed
again and compared.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

from radraft.core.errors import AdapterError
from radraft.core.file_hash import file_sha256
from radraft.store.adapter_files import CONFIG, PROJECTOR, WEIGHTS

MANIFEST, SIGNATURE, CARD = "manifest.json", "manifest.sig", "card.json"
ORDER = (MANIFEST, SIGNATURE, CARD, CONFIG, WEIGHTS, PROJECTOR)
LARGEST: Mapping[str, int] = {
    MANIFEST: 64 << 10,
    SIGNATURE: 64,
    CARD: 1 << 20,
    CONFIG: 64 << 10,
    WEIGHTS: 2 << 30,
    PROJECTOR: 256 << 20,
}
"""Bytes. A rank 256 adapter of an 8B model is 1.3 GB."""
OVERHEAD = 64 << 10
CHUNK = 1 << 20


def pack(folder: Path, target: Path) -> None:
    """Writes the members in `folder` to `target`: the same members give the same bytes."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name in ORDER:
            path = folder / name
            if path.exists():
                info = zipfile.ZipInfo(name)
                # Known before, so that zip64 is used only where it is needed.
                info.file_size = path.stat().st_size
                with path.open("rb") as source, archive.open(info, "w") as member:
                    while block := source.read(CHUNK):
                        member.write(block)


def unpack(source: Path, folder: Path) -> None:
    """Writes the members of `source` into the empty `folder`, names and sizes checked before.

    AdapterError `adapter_import_too_large`, `adapter_import_members`, `adapter_import_unreadable`
    for what is no such file, is cut off, or has any other bytes than its members need.
    """
    try:
        size = source.stat().st_size
        if size > sum(LARGEST.values()) + OVERHEAD:
            raise AdapterError("adapter_import_too_large")
        with zipfile.ZipFile(source) as archive:
            members = archive.infolist()
            _expected(members, size)
            for info in members:
                with archive.open(info) as member, (folder / info.filename).open("xb") as out:
                    while block := member.read(CHUNK):
                        out.write(block)
        again = folder / "again"
        pack(folder, again)
        same = file_sha256(again) == file_sha256(source)
        again.unlink()
    except (
        OSError,
        EOFError,
        ValueError,
        NotImplementedError,
        OverflowError,
        RuntimeError,
        struct.error,
        zipfile.BadZipFile,
    ):
        raise AdapterError("adapter_import_unreadable") from None
    if not same:
        raise AdapterError("adapter_import_unreadable")


def _expected(members: list[zipfile.ZipInfo], size: int) -> None:
    names = [info.filename for info in members]
    needed = [name for name in ORDER if name != PROJECTOR or PROJECTOR in names]
    if names != needed:
        raise AdapterError("adapter_import_members")
    # A stored member is no larger than the file it lies in: a declared size cannot be made up.
    if any(i.file_size > LARGEST[i.filename] or i.file_size > size for i in members):
        raise AdapterError("adapter_import_too_large")
    if any(
        i.compress_type != zipfile.ZIP_STORED or i.compress_size != i.file_size for i in members
    ):
        raise AdapterError("adapter_import_members")

"""Puts DICOM files into a sink: from a watched folder, or as a PACS gave them."""

from __future__ import annotations

import errno
import mmap
import os
import shutil
from pathlib import Path
from typing import BinaryIO

from radraft.core.errors import StudyRejected
from radraft.exchange._elements import SOP_INSTANCE, STUDY, uids
from radraft.exchange.values import Incoming, KeepOutcome, ObjectSink
from radraft.studies import _limits
from radraft.studies._parse import encoding_of
from radraft.studies._refused import DEFLATED, Refused


def keep_file(path: Path, sink: ObjectSink, *, source: str, site: str) -> KeepOutcome:
    """Store the file `path`, whatever it holds: what is no DICOM is refused when its study is read.

    OSError or StorageError where it could not be stored; StudyRejected `too_large` for more than
    2 GiB, `empty_file` for nothing.
    """
    with path.open("rb") as stream, _mapped(stream) as content:
        start, syntax, found = _described(content)
        with memoryview(content) as view, view[start:] as data_set:
            incoming = Incoming(
                head=bytes(view[:start]),
                data_set=data_set,
                syntax=syntax,
                sop_uid=found.get(SOP_INSTANCE, ""),
                study_uid=found.get(STUDY, ""),
            )
            return sink.keep(incoming, source=source, site=site)


def data_set_sha256(path: Path) -> str:
    """Return the hash that `Incoming` gives the object in `path`; errors as in `keep_file`."""
    with path.open("rb") as stream, _mapped(stream) as content:
        start, syntax, _ = _described(content)
        with memoryview(content) as view, view[start:] as data_set:
            return Incoming(b"", data_set, syntax, "", "").sha256()


def sop_instance_uid(path: Path) -> str:
    """Return the SOP Instance UID of the object in `path`, empty where it holds none.

    Errors as in `keep_file`.
    """
    with path.open("rb") as stream, _mapped(stream) as content:
        _, _, found = _described(content)
    return found.get(SOP_INSTANCE, "")


def _mapped(stream: BinaryIO) -> mmap.mmap:
    size = stream.seek(0, 2)
    if size > _limits.MAX_FILE:
        raise StudyRejected("too_large")
    if not size:
        raise StudyRejected("empty_file")
    return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)


def _described(content: mmap.mmap) -> tuple[int, str, dict[int, str]]:
    """Return where the data set begins, its transfer syntax and its UIDs; nothing of what is no
    DICOM."""
    try:
        encoding = encoding_of(content)
    except Refused:
        return 0, "", {}
    with memoryview(content) as view, view[encoding.start :] as data_set:
        found = uids(
            data_set,
            implicit=encoding.implicit,
            little=encoding.little,
            deflated=encoding.syntax == DEFLATED,
        )
    return encoding.start, encoding.syntax, found


def link(source: Path, target: Path) -> None:
    """Give `source` a second name, or copy it where the file system has no hard links."""
    try:
        os.link(source, target)
    except FileExistsError:
        return
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV}:
            raise
        shutil.copyfile(source, target)
        with target.open("rb") as stream:
            os.fsync(stream.fileno())

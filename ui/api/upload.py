"""Files from the browser into the service: kept under the data folder, read, and removed again."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool

from radraft.core.scratch import ScratchFolder
from radraft.studies.values import Rejection
from radraft.ui.refusal import RequestRefused

if TYPE_CHECKING:
    from radraft.pipeline.ingest import IngestResult
    from radraft.pipeline.service import Service

MAX_FILES = 5000
"""Files of one upload: a large computed tomography study, several times over."""
_FIELD = b"files"


async def receive_upload(request: Request, service: Service) -> IngestResult:
    """Take in the `files` of a multipart request. Refused files carry the sender's own file names.

    RequestRefused `upload_empty`, `upload_invalid` or `upload_too_large`.
    """
    with ScratchFolder(service.settings.data_dir / "scratch", "upload-") as folder:
        names = await _keep(request, folder)
        if not names:
            raise RequestRefused(422, "upload_empty")
        result = await run_in_threadpool(service.ingest, folder)
        rejections = tuple(_named(rejection, names) for rejection in result.rejections)
        return replace(result, rejections=rejections)


async def _keep(request: Request, folder: Path) -> dict[str, str]:
    """Write the files under names of our own and return {our name: the sender's name}.

    Each byte goes from the request to its file: nothing is spooled anywhere else.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data":
        return {}
    parts = _Parts(folder)
    try:
        parser = MultipartParser(
            options[b"boundary"],
            {
                "on_part_begin": parts.begin,
                "on_header_field": parts.header_name,
                "on_header_value": parts.header_value,
                "on_header_end": parts.header_end,
                "on_headers_finished": parts.open,
                "on_part_data": parts.write,
                "on_part_end": parts.close,
            },
        )
        async for chunk in request.stream():
            await run_in_threadpool(parser.write, chunk)
        parser.finalize()
    except (FormParserError, KeyError):
        raise RequestRefused(422, "upload_invalid") from None
    finally:
        parts.close()
    return parts.names


@dataclass
class _Parts:
    """The parts of a multipart body, each written to a file of its own as it comes."""

    folder: Path
    names: dict[str, str] = field(default_factory=dict)
    _file: BinaryIO | None = None
    _header: tuple[bytes, bytes] = (b"", b"")
    _disposition: bytes = b""

    def begin(self) -> None:
        """Forget the headers of the part before."""
        self._header, self._disposition = (b"", b""), b""

    def header_name(self, data: bytes, start: int, end: int) -> None:
        """Take more of a header's name."""
        self._header = (self._header[0] + data[start:end], self._header[1])

    def header_value(self, data: bytes, start: int, end: int) -> None:
        """Take more of a header's value."""
        self._header = (self._header[0], self._header[1] + data[start:end])

    def header_end(self) -> None:
        """Keep the one header that matters."""
        name, value = self._header
        if name.lower() == b"content-disposition":
            self._disposition = value
        self._header = (b"", b"")

    def open(self) -> None:
        """Begin the part's file. RequestRefused `upload_invalid` for what is no file of `files`."""
        _, options = parse_options_header(self._disposition)
        known = options.get(b"name") == _FIELD and b"filename" in options
        if not known or len(self.names) == MAX_FILES:
            raise RequestRefused(422, "upload_invalid")
        name = f"{len(self.names):06d}"
        descriptor = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(descriptor, "wb")
        self.names[name] = options[b"filename"].decode("utf-8", "replace") or name

    def write(self, data: bytes, start: int, end: int) -> None:
        """Write more of the part's content."""
        assert self._file is not None
        self._file.write(memoryview(data)[start:end])

    def close(self) -> None:
        """End the part's file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _named(rejection: Rejection, names: dict[str, str]) -> Rejection:
    """Return `rejection` under the sender's file name; in an archive, the member's name follows."""
    file = rejection.file
    for ours, theirs in names.items():
        at = file.find(ours)
        if at >= 0:
            inner = file[at + len(ours) :].lstrip("/!: ")
            return replace(rejection, file=f"{theirs}: {inner}" if inner else theirs)
    return rejection

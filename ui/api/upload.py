"""Files from the browser into the service: kept under the data folder, read, and removed again."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from radraft.studies.values import Rejection
from radraft.ui.security import RequestRefused

if TYPE_CHECKING:
    from radraft.pipeline.ingest import IngestResult
    from radraft.pipeline.service import Service

MAX_FILES = 5000
"""Files of one upload: a large computed tomography study, several times over."""
CHUNK = 1024 * 1024


async def receive_upload(request: Request, service: Service) -> IngestResult:
    """Take in the `files` of a multipart request. Refused files carry the sender's own file names.

    RequestRefused `upload_empty`, `upload_invalid` or `upload_too_large`.
    """
    scratch = service.settings.data_dir / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch, prefix="upload-") as folder:
        names = await _keep(request, Path(folder))
        if not names:
            raise RequestRefused(422, "upload_empty")
        result = await run_in_threadpool(service.ingest, Path(folder))
        rejections = tuple(_named(rejection, names) for rejection in result.rejections)
        return replace(result, rejections=rejections)


async def _keep(request: Request, folder: Path) -> dict[str, str]:
    """Write the files under names of our own; gives {our name: the sender's name}."""
    names: dict[str, str] = {}
    try:
        async with request.form(max_files=MAX_FILES, max_fields=0) as form:
            for number, item in enumerate(form.getlist("files")):
                if not isinstance(item, UploadFile):
                    raise RequestRefused(422, "upload_invalid")
                name = f"{number:06d}"
                with (folder / name).open("wb") as out:
                    while chunk := await item.read(CHUNK):
                        await run_in_threadpool(out.write, chunk)
                names[name] = item.filename or name
    except HTTPException:
        raise RequestRefused(422, "upload_invalid") from None
    return names


def _named(rejection: Rejection, names: dict[str, str]) -> Rejection:
    """`rejection` under the sender's file name; inside an archive, the member's name follows."""
    file = rejection.file
    for ours, theirs in names.items():
        at = file.find(ours)
        if at >= 0:
            inner = file[at + len(ours) :].lstrip("/!: ")
            return replace(rejection, file=f"{theirs}: {inner}" if inner else theirs)
    return rejection

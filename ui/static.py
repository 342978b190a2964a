"""The page's own files: scripts, styles and languages, served as they lie in the package."""

from __future__ import annotations

import gzip
from functools import cache

from fastapi import FastAPI, Request, Response

from radraft.ui import asset_files
from radraft.ui.refusal import RequestRefused

LARGE = 64 * 1024
"""Bytes from which a file is sent compressed: a bundle takes seconds at 2 Mbit/s else."""


def add_assets(app: FastAPI) -> None:
    """Serve `/ui/NAME` and `/ui/i18n/NAME`; browsers ask each time and get 304 while unchanged."""
    served = asset_files.load()

    @app.get("/ui/{name:path}")
    def asset(name: str, request: Request) -> Response:
        if name not in served:
            raise RequestRefused(404, "path_unknown")
        content, media_type, tag = served[name]
        headers = {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        if len(content) >= LARGE and "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            content = _compressed(content)
        return Response(content, media_type=media_type, headers=headers)


@cache
def _compressed(content: bytes) -> bytes:
    """Return a file of the package in gzip's form, made once."""
    return gzip.compress(content, 6, mtime=0)

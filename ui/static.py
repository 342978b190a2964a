"""The page's own files: scripts, styles and languages, served as they lie in the package."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response

from radraft.ui import asset_files
from radraft.ui.refusal import RequestRefused


def add_assets(app: FastAPI) -> None:
    """Serve `/ui/NAME` and `/ui/i18n/NAME`; browsers ask each time and get 304 while unchanged."""
    served = asset_files.load()

    @app.get("/ui/{name:path}")
    def asset(name: str, request: Request) -> Response:
        if name not in served:
            raise RequestRefused(404, "path_unknown")
        content, media_type, tag = served[name]
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=media_type, headers=headers)

"""The page's own files: scripts, styles and languages, served as they lie in the package."""

from __future__ import annotations

import hashlib
from importlib.resources import files

from fastapi import FastAPI, Request, Response

from radraft.ui.security import RequestRefused

TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
}


def add_assets(app: FastAPI) -> None:
    """Serve `/ui/NAME` and `/ui/i18n/NAME`; browsers ask each time and get 304 while unchanged."""
    served = load()

    @app.get("/ui/{name:path}")
    def asset(name: str, request: Request) -> Response:
        if name not in served:
            raise RequestRefused(404, "path_unknown")
        content, media_type, tag = served[name]
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=media_type, headers=headers)


def load() -> dict[str, tuple[bytes, str, str]]:
    """`{name: (content, media type, entity tag)}` of everything that may be asked for."""
    served = {}
    for folder, prefix in (("assets", ""), ("i18n", "i18n/")):
        for item in files("radraft.ui").joinpath(folder).iterdir():
            suffix = item.name[item.name.rfind(".") :]
            if suffix in TYPES:
                content = item.read_bytes()
                tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
                served[prefix + item.name] = (content, TYPES[suffix], tag)
    return served


def text(name: str) -> str:
    """Text of one file of `ui/assets`."""
    return files("radraft.ui").joinpath("assets", name).read_text(encoding="utf-8")

"""`/api/cases/{id}/series` and `/frames/.../values`: every image of a study, for the viewer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse

from radraft.core import canonical
from radraft.ui.api.key_images import Frame, Ref
from radraft.ui.api.reports import CaseId

if TYPE_CHECKING:
    from radraft.pipeline.service import Service

AT_ONCE = 8
"""Frames that are read or decoded at once, in threads of their own: whoever scrolls takes none of
those that answer everybody else."""


def add_full_frames(app: FastAPI, service: Service) -> None:
    """Serve the series of a study and their frames."""
    app.include_router(_router(service), prefix="/api/cases/{case_id}")


def _router(service: Service) -> APIRouter:
    api = APIRouter()
    places = CapacityLimiter(AT_ONCE)

    @api.get("/series")
    def series(case_id: CaseId) -> Response:
        return JSONResponse(canonical.plain(service.full_frames.series(case_id)))

    @api.get("/viewer-link")
    def link(case_id: CaseId) -> Response:
        return JSONResponse({"url": service.full_frames.link(case_id)})

    @api.get("/frames/{instance_ref}/{frame}/values")
    async def values(
        case_id: CaseId, instance_ref: Ref, frame: Frame, request: Request, preview: bool = False
    ) -> Response:
        ask = partial(service.full_frames.values, case_id, instance_ref, frame, preview=preview)
        content = await to_thread.run_sync(ask, limiter=places)
        tag = f'"{service.full_frames.tag(instance_ref, frame, preview=preview)}"'
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers={"ETag": tag})
        # HTTP's "deflate" is the zlib format (RFC 9110, 8.4.1.2).
        return Response(
            content,
            media_type="application/octet-stream",
            headers={"Content-Encoding": "deflate", "ETag": tag},
        )

    return api

"""`/api/cases/{id}/rejections`: why a reader takes a drafted sentence out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from radraft.reports.rejection import RejectReason
from radraft.ui.access import SignedIn
from radraft.ui.api.reports import CaseId

if TYPE_CHECKING:
    from radraft.pipeline.service import Service


class RejectRequest(BaseModel):
    """The drafted sentence is taken out for this reason."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sentence_id: Annotated[str, Field(min_length=1, max_length=64)]
    reason: RejectReason


def add_rejections(app: FastAPI, service: Service) -> None:
    """Take readers' reasons."""
    app.include_router(_router(service), prefix="/api/cases/{case_id}/rejections")


def _router(service: Service) -> APIRouter:
    api = APIRouter()

    @api.post("")
    def reject(case_id: CaseId, body: RejectRequest, caller: SignedIn) -> Response:
        service.rejections.reject(case_id, body.sentence_id, body.reason, actor=caller.actor)
        return JSONResponse({"case_id": case_id})

    return api

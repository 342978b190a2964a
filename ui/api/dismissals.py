"""`/api/cases/{id}/dismissals`: what a reader says of a warning of the checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from radraft.reports.dismissal import MAX_TEXT, DismissalReason
from radraft.reports.people import Actor, ActorRole, typed_actor
from radraft.ui.api import forms
from radraft.ui.api.reports import CaseId, Name, Revision

if TYPE_CHECKING:
    from radraft.pipeline.service import Service

Key = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RestoreRequest(_Strict):
    """The warning `key`, seen at `base_revision`, stands again."""

    base_revision: Revision
    reader: Name
    key: Key


class DismissRequest(RestoreRequest):
    """The warning `key`, seen at `base_revision`, needs nothing done."""

    reason: DismissalReason
    text: Annotated[str, Field(max_length=2 * MAX_TEXT, repr=False)] = ""


def add_dismissals(app: FastAPI, service: Service) -> None:
    """Take what readers say of warnings; each answer is `{"issues": [...]}` as they stand then."""
    app.include_router(_router(service), prefix="/api/cases/{case_id}/dismissals")


def _router(service: Service) -> APIRouter:
    api = APIRouter()

    def reader(name: str) -> Actor:
        return typed_actor(name, ActorRole.READER, service.settings.site)

    @api.post("")
    def dismiss(case_id: CaseId, body: DismissRequest) -> Response:
        standing = service.proofreader.dismiss(
            case_id,
            body.key,
            base_revision=body.base_revision,
            reason=body.reason,
            text=body.text,
            actor=reader(body.reader),
        )
        return JSONResponse({"issues": forms.warnings(standing)})

    @api.post("/restore")
    def restore(case_id: CaseId, body: RestoreRequest) -> Response:
        standing = service.proofreader.restore(
            case_id, body.key, base_revision=body.base_revision, actor=reader(body.reader)
        )
        return JSONResponse({"issues": forms.warnings(standing)})

    return api

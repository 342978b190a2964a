"""`/api/cases/{id}/dismissals`: what a reader says of a warning of the checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from radraft.reports.dismissal import MAX_TEXT, DismissalReason
from radraft.ui.access import SignedIn
from radraft.ui.api import forms
from radraft.ui.api.reports import CaseId, Revision

if TYPE_CHECKING:
    from radraft.pipeline.service import Service

Key = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RestoreRequest(_Strict):
    """The warning `key`, seen at `base_revision`, stands again."""

    base_revision: Revision
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

    @api.post("")
    def dismiss(case_id: CaseId, body: DismissRequest, caller: SignedIn) -> Response:
        standing = service.proofreader.dismiss(
            case_id,
            body.key,
            base_revision=body.base_revision,
            reason=body.reason,
            text=body.text,
            actor=caller.actor,
        )
        return JSONResponse({"issues": forms.warnings(standing)})

    @api.post("/restore")
    def restore(case_id: CaseId, body: RestoreRequest, caller: SignedIn) -> Response:
        standing = service.proofreader.restore(
            case_id, body.key, base_revision=body.base_revision, actor=caller.actor
        )
        return JSONResponse({"issues": forms.warnings(standing)})

    return api

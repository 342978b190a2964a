"""`/api/cases/{id}/frames` and `/key-images`: what a reader chooses a draft's images from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from radraft.core import canonical
from radraft.core.errors import ReportError
from radraft.store.choices import ChoiceConflict, Chosen
from radraft.studies.values import WindowName
from radraft.ui.access import SignedIn
from radraft.ui.api import forms
from radraft.ui.api.reports import CaseId, Revision

if TYPE_CHECKING:
    from radraft.pipeline.service import Service

CONFLICTS = frozenset({"key_images_conflict", "key_images_drafting", "key_images_report_edited"})
"""Refusals of what would have been right at another moment."""

Ref = Annotated[str, Field(pattern=r"^i-[0-9a-f]{16}$")]
Frame = Annotated[int, Field(ge=0, le=100_000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ChosenImage(_Strict):
    """One frame through one window."""

    instance_ref: Ref
    frame: Frame = 0
    window: WindowName = WindowName.OWN


class ChooseRequest(_Strict):
    """The key images, in order, chosen looking at `base_revision` (0: at what radraft chose)."""

    images: Annotated[list[ChosenImage], Field(max_length=256)]
    base_revision: Revision
    keep_edit: bool = False
    """The reader knows that an edited report keeps its text."""


def add_keyimages(app: FastAPI, service: Service) -> None:
    """Serve what `service` knows of the frames of a study, and take choices."""
    app.include_router(_router(service), prefix="/api/cases/{case_id}")


def _router(service: Service) -> APIRouter:
    api = APIRouter()

    @api.get("/frames")
    def frames(case_id: CaseId) -> Response:
        return JSONResponse(canonical.plain(service.choosing.frames(case_id)))

    @api.get("/frames/{instance_ref}/{frame}/png")
    def thumbnail(
        case_id: CaseId, instance_ref: Ref, frame: Frame, window: WindowName = WindowName.OWN
    ) -> Response:
        wanted = Chosen(instance_ref, frame, window)
        return Response(service.choosing.thumbnail(case_id, wanted), media_type="image/png")

    @api.put("/key-images")
    def choose(case_id: CaseId, body: ChooseRequest, caller: SignedIn) -> Response:
        wanted = [Chosen(image.instance_ref, image.frame, image.window) for image in body.images]
        try:
            choice = service.choosing.choose(
                case_id,
                wanted,
                base_revision=body.base_revision,
                actor=caller.actor,
                keep_edit=body.keep_edit,
            )
        except ReportError as error:
            if error.code not in CONFLICTS:
                raise
            return _conflict(error)
        return JSONResponse(forms.choice(choice))

    return api


def _conflict(error: ReportError) -> Response:
    body: dict[str, Any] = {"error": error.as_json()}
    if isinstance(error, ChoiceConflict):
        body["choice"] = forms.choice(error.current)
    return JSONResponse(body, 409)

"""`/api/cases/{id}/impression`: changes to an impression, offered to whoever writes the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from radraft.core.errors import message
from radraft.ui.access import SignedIn
from radraft.ui.api import forms
from radraft.ui.api.reports import CaseId, Revision

if TYPE_CHECKING:
    from radraft.pipeline.impressions import ImpressionOffer
    from radraft.pipeline.service import Service
    from radraft.reports.concluding import Proposal


class ImpressionRequest(BaseModel):
    """The impression is to be drawn from the findings of `base_revision`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_revision: Revision


def add_impression(app: FastAPI, service: Service) -> None:
    """Offer changes to impressions."""
    app.include_router(_router(service), prefix="/api/cases/{case_id}/impression")


def _router(service: Service) -> APIRouter:
    api = APIRouter()

    @api.post("")
    def offer(case_id: CaseId, body: ImpressionRequest, caller: SignedIn) -> Response:
        offered = service.impressions.offer(
            case_id, base_revision=body.base_revision, actor=caller.actor
        )
        return JSONResponse(form(offered))

    return api


def form(offered: ImpressionOffer) -> dict[str, Any]:
    """Return an offer as the page takes it."""
    conclusion = offered.conclusion
    fell_back = None if offered.fell_back is None else message("impression_fell_back", {})
    return {
        "revision": offered.revision,
        "fell_back": fell_back,
        "proposals": [_proposal(proposal) for proposal in conclusion.proposals],
        "left_out": [
            {"sentence_id": left.sentence_id, "why": left.why.value, **forms.names_of(left.code)}
            for left in conclusion.left_out
        ],
        "contradicted": list(conclusion.contradicted),
        "refused": conclusion.refused,
    }


def _proposal(proposal: Proposal) -> dict[str, Any]:
    line = proposal.line
    texts = {} if line is None else dict(line.texts)
    return {
        "step": proposal.step.value,
        "sentence_id": proposal.sentence_id,
        "before": proposal.before,
        "zh": texts.get("zh", ""),
        "en": texts.get("en", ""),
        "origin": None if line is None else line.origin.value,
        "rests_on": [] if line is None else list(line.rests_on),
    }

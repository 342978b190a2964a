"""`/api/cases/{id}/similar`: signed cases of the same site whose pictures are alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse

from radraft.pipeline.similar_cases import SimilarCase, SimilarCases, SimilarState
from radraft.ui.access import SignedIn
from radraft.ui.api.reports import CaseId

if TYPE_CHECKING:
    from radraft.pipeline.service import Service


def add_similar(app: FastAPI, service: Service) -> None:
    """Serve them."""

    @app.get("/api/cases/{case_id}/similar")
    def shown(case_id: CaseId, caller: SignedIn) -> Response:
        if caller.reading_site:
            # He may read this study of a site of which he may read no other.
            return JSONResponse(view(SimilarCases(SimilarState.ELSEWHERE)))
        return JSONResponse(view(service.similar.of_case(case_id)))


def view(found: SimilarCases) -> dict[str, object]:
    """Return them as the page shows them."""
    return {"state": found.state.value, "cases": [_plain(case) for case in found.cases]}


def _plain(case: SimilarCase) -> dict[str, object]:
    return {
        "case_id": case.case_id,
        "likeness": round(case.likeness, 3),
        "modality": case.modality,
        "body_part": case.body_part,
        "view": case.view.value,
        "zh": case.impression.zh,
        "en": case.impression.en,
    }

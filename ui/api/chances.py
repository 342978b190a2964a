"""`/api/cases/{id}/chances`: what the encoder made of a draft's films, finding by finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse

from radraft.pipeline.chances import CaseChances, of_case
from radraft.reports.findings.vocabulary import vocabulary
from radraft.ui.api.reports import CaseId

if TYPE_CHECKING:
    from radraft.pipeline.service import Service


def add_chances(app: FastAPI, service: Service) -> None:
    """Serve them."""

    @app.get("/api/cases/{case_id}/chances")
    def shown(case_id: CaseId) -> Response:
        found = of_case(service.store, case_id)
        return JSONResponse(None if found is None else view(found))


def view(found: CaseChances) -> dict[str, object]:
    """Return them as the page shows them, each finding by its names."""
    return {
        "group": found.group.value,
        "images": found.images,
        "chances": [
            {
                "code": one.code,
                "zh": vocabulary()[one.code].zh,
                "en": vocabulary()[one.code].en,
                "chance": round(one.chance, 3),
            }
            for one in found.chances
        ],
    }

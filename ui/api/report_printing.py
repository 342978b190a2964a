"""Signed reports as text and as PDF under `/api`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, FastAPI, Response

from radraft.reports.values import Lang
from radraft.ui.api.reports import CaseId

if TYPE_CHECKING:
    from radraft.pipeline.service import Service


def add_report_printing(app: FastAPI, service: Service) -> None:
    """Serve the newest signed version of a report in the forms that people take along: of one that
    was replaced nobody may hand out a page that does not say so."""
    api = APIRouter()

    @api.get("/report.txt")
    def text(case_id: CaseId, lang: Lang = "zh") -> Response:
        content = service.printing.text(case_id, lang)
        return _file(content.encode(), "text/plain; charset=utf-8", f"{case_id}.txt")

    @api.get("/report.pdf")
    def pdf(case_id: CaseId) -> Response:
        content = service.printing.pdf(case_id)
        return _file(content, "application/pdf", f"{case_id}.pdf")

    app.include_router(api, prefix="/api/cases/{case_id}")


def _file(content: bytes, media_type: str, name: str) -> Response:
    """A file that a browser shows; kept by no cache, for it names the patient."""
    return Response(
        content,
        media_type=media_type,
        headers={"Content-Disposition": f'inline; filename="{name}"', "Cache-Control": "no-store"},
    )

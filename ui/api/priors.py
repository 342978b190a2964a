"""Earlier studies in the study page: what is linked, and what a reader has to say.

Identity goes to the reader's eyes only: where somebody must judge whether two studies are of one
patient, both are shown.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, Path, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from radraft.core import canonical
from radraft.reports.archive.values import KeptText
from radraft.reports.codec import edit_form
from radraft.store import archive, cases, priors, signatures
from radraft.ui.access import SignedIn

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.pipeline.service import Service

CaseId = Annotated[str, Path(pattern=r"^c-[0-9a-f]{16}$")]


class SameRequest(BaseModel):
    """What a reader says of two studies."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    same: bool


def add_priors(app: FastAPI, service: Service) -> None:
    """Serve `/api/cases/ID/priors`, and take what a reader says of one of them."""
    store = service.store

    @app.get("/api/cases/{case_id}/priors")
    def shown(case_id: CaseId, caller: SignedIn) -> Response:
        with store.read() as session:
            if caller.reading_site:
                return JSONResponse(view_elsewhere(session, case_id))
            return JSONResponse(view(session, case_id))

    @app.post("/api/cases/{case_id}/priors/{prior_case_id}")
    def said(
        case_id: CaseId, prior_case_id: CaseId, body: SameRequest, caller: SignedIn
    ) -> Response:
        decide = priors.confirm if body.same else priors.reject
        with store.begin() as session:
            decide(session, case_id, prior_case_id, by=caller.account.name, now=datetime.now(UTC))
            return JSONResponse(view(session, case_id))


def view(session: Session, case_id: str) -> dict[str, Any]:
    """Earlier studies as the page shows them. NotFound `case_not_found`."""
    found = priors.find(session, case_id)
    return {
        "state": found.state.value,
        "archived": _archived(session, case_id),
        "priors": [_linked(session, prior) for prior in found.priors],
        "to_confirm": [_doubtful(session, prior) for prior in found.to_confirm],
        "rejected": [_doubtful(session, prior) for prior in found.rejected],
    }


def view_elsewhere(session: Session, case_id: str) -> dict[str, Any]:
    """Return the earlier studies as readers of another site see them: those that are known to be
    of the patient, at the study's own site, and nobody's identity. NotFound `case_not_found`."""
    site = cases.get_case(session, case_id).site
    found = priors.find(session, case_id)
    own = [prior for prior in found.priors if cases.get_case(session, prior.case_id).site == site]
    return {
        "state": found.state.value,
        "archived": _archived(session, case_id, redacted=True),
        "priors": [_linked(session, prior, redacted=True) for prior in own],
        "to_confirm": [],
        "rejected": [],
    }


def _linked(session: Session, linked: priors.Linked, *, redacted: bool = False) -> dict[str, Any]:
    """Return an earlier study with its newest signed report, `broken` where that must not be read;
    with its archived report where none was signed here."""
    found = signatures.read(session, linked.case_id)
    intact = found.held[-1:] if not found.broken else ()
    report = edit_form(intact[0].report) if intact else None
    archived = None
    if linked.version is None:
        archived = _archived(session, linked.case_id, redacted=redacted)
    return {**_plain(linked), "report": report, "broken": bool(found.broken), "archived": archived}


def _archived(session: Session, case_id: str, *, redacted: bool = False) -> dict[str, Any] | None:
    """Return a study's report of another system, which nobody signed here, with who wrote it;
    `redacted`: without anybody's identity. None where there is none."""
    if redacted:
        taught = archive.redacted_text(session, case_id)
        if taught is None:
            return None
        part = {"findings": taught.findings, "impression": taught.impression}
        return {**part, "author": "", "reviewer": "", "reported_at": None, "addenda": []}
    found = archive.report_of(session, case_id)
    if found is None:
        return None
    return {
        **_external(found.report),
        "addenda": [_external(addendum) for addendum in found.addenda],
    }


def _external(text: KeptText) -> dict[str, Any]:
    return {
        "findings": text.findings,
        "impression": text.impression,
        "author": text.author,
        "reviewer": text.reviewer,
        "reported_at": None if text.reported_at is None else text.reported_at.isoformat(),
    }


def _doubtful(session: Session, linked: priors.Linked) -> dict[str, Any]:
    """An earlier study, with who it says was examined, and where."""
    who = cases.identity(session, linked.case_id)
    site = cases.get_case(session, linked.case_id).site
    return {
        **_plain(linked),
        "patient": canonical.plain(who.patient),
        "age_years": who.age_years,
        "site": site,
    }


def _plain(linked: priors.Linked) -> dict[str, Any]:
    plain: dict[str, Any] = canonical.plain(linked)
    return plain

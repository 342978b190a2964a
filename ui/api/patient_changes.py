"""What a hospital's system corrected of a study's patient, in its page, and what a reader says
where that is unsure.

Identity goes to the reader's eyes only.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, Path, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from radraft.core import canonical
from radraft.pipeline.patient_corrections import ShownPatient, decide, shown_patient
from radraft.reports.patient_record import PatientAnswer
from radraft.ui.access import SignedIn

if TYPE_CHECKING:
    from radraft.pipeline.service import Service

CaseId = Annotated[str, Path(pattern=r"^c-[0-9a-f]{16}$")]


class OfPatientRequest(BaseModel):
    """Whether the study is the patient's whom messages name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    same: bool


def add_patient_changes(app: FastAPI, service: Service) -> None:
    """Serve `/api/cases/ID/patient-changes`, and take what a reader says of an unsure one."""
    store = service.store

    @app.get("/api/cases/{case_id}/patient-changes")
    def shown(case_id: CaseId, caller: SignedIn) -> Response:
        with store.read() as session:
            found = shown_patient(session, case_id)
        return JSONResponse(_form(found, whole=not caller.reading_site))

    @app.post("/api/cases/{case_id}/patient-changes/same")
    def said(case_id: CaseId, body: OfPatientRequest, caller: SignedIn) -> Response:
        answer = PatientAnswer.SAME if body.same else PatientAnswer.OTHER
        with store.begin() as session:
            now = datetime.now(UTC)
            decide(session, case_id, answer, by=caller.audit_actor, secret=store.secret, now=now)
            found = shown_patient(session, case_id)
        return JSONResponse(_form(found, whole=True))


def _form(found: ShownPatient, *, whole: bool) -> dict[str, Any]:
    """Return it for the page; not `whole`: to who reads for another site, and sees nobody else's
    identity."""
    sent = bool(found.changes or found.doubts or found.answer)
    proposed = found.proposed if whole else None
    return {
        "changes": [
            {"at": change.at.isoformat(), "fields": list(change.fields), "by": change.by}
            for change in found.changes
        ],
        "sent": canonical.plain(found.sent) if sent else None,
        "proposed": None if proposed is None else canonical.plain(proposed),
        "doubts": list(found.doubts),
        "answer": found.answer,
        "by": found.by,
    }

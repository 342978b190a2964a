"""`/s` and what it asks for: signed studies by their numbers, and everything of one of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from radraft.core import canonical
from radraft.core.errors import SignInError
from radraft.reports.alerts import AlertMove
from radraft.reports.audit import AuditEvent, AuditKind
from radraft.reports.codec import edit_form
from radraft.reports.roles import Permission
from radraft.store.values import WorklistFilter
from radraft.studies.name_search import number_key
from radraft.ui import asset_files
from radraft.ui.access import APerson, Caller, SignedIn
from radraft.ui.api import forms, inquiry_forms
from radraft.ui.api.alert_forms import finding_name
from radraft.ui.api.answers import tagged
from radraft.ui.api.reports import CaseId
from radraft.ui.visits import Visitor

if TYPE_CHECKING:
    from radraft.pipeline.service import Service
    from radraft.pipeline.signed_studies import FoundStudy, PatientStudy, ShownVersion, SignedStudy
    from radraft.store.alerts import AlertRecord
    from radraft.store.values import WorklistRow

Form = dict[str, Any]
MOST_FOUND = 50
SEARCH_ROUTE = "POST /api/signed-studies/search"


class SearchRequest(BaseModel):
    """What somebody typed: a name, a number, a day."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    search: Annotated[str, Field(min_length=1, max_length=200, repr=False)]


class NumberRequest(BaseModel):
    """An accession number, or radraft's own case number."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: Annotated[str, Field(min_length=1, max_length=200, repr=False)]


def add_signed_studies(app: FastAPI, service: Service) -> None:
    """Serve the pages and their interface. Numbers stand in no address of the interface: those are
    logged."""

    @app.get("/s")
    def search_page() -> Response:
        return HTMLResponse(_document())

    @app.get("/s/{accession:path}")
    def study_page(accession: str) -> Response:
        return HTMLResponse(_document())

    @app.post("/api/signed-studies/search")
    def search(body: SearchRequest, caller: SignedIn) -> Response:
        who = caller.audit_actor
        event = AuditEvent(
            AuditKind.SEARCH, datetime.now(UTC), who, details={"route": SEARCH_ROUTE}
        )
        service.trail.note_search(event, body.search, session_id=caller.asked_by)
        found = service.worklist(
            frozenset(),
            signed_sites=caller.sites,
            wanted=WorklistFilter(search=body.search),
            limit=MOST_FOUND,
            counting=False,
        )
        numbered = _numbered(service, caller, body.search)
        return JSONResponse(
            {
                "studies": list(map(_row, found.rows)),
                "more": found.cut,
                "unsigned": [_found(study) for study in numbered if not study.case_id],
            }
        )

    @app.post("/api/signed-studies/numbered")
    def numbered(body: NumberRequest, caller: APerson) -> Response:
        return JSONResponse({"studies": list(map(_found, _numbered(service, caller, body.number)))})

    @app.get("/api/cases/{case_id}/signed")
    def study(case_id: CaseId, caller: APerson, request: Request) -> Response:
        shown = service.signed_studies.study(case_id, caller.sites_with(Permission.READ_SIGNED))
        service.opened_reports.opened(case_id, shown.versions[0].signed.version)
        return tagged(request, _study(shown, caller))


def _document() -> str:
    return asset_files.page("asking", "panes", "report", "handover", "asking")


def _numbered(service: Service, caller: Caller | Visitor, number: str) -> tuple[FoundStudy, ...]:
    """SignInError `study_link_foreign` where a visitor asks for another number than his link's."""
    if isinstance(caller, Visitor) and number_key(number) != caller.visit.accession:
        raise SignInError("study_link_foreign")
    return service.signed_studies.numbered(
        number, caller.sites_with(Permission.READ_SIGNED), caller.sites_with(Permission.WRITE)
    )


def _found(study: FoundStudy) -> Form:
    form: Form = canonical.plain(study)
    return form


def _row(row: WorklistRow) -> Form:
    return {
        "case_id": row.case_id,
        "modality": row.modality,
        "body_part": row.body_part,
        "study_time": canonical.plain(row.study_time),
        "patient_name": row.patient_name,
        "patient_sex": row.patient_sex,
        "patient_id": row.patient_id,
        "age_years": row.age_years,
        "accession": row.accession,
        "site": row.site,
    }


def _study(shown: SignedStudy, caller: Caller | Visitor) -> Form:
    return {
        "case": canonical.plain(shown.case),
        "identity": canonical.plain(shown.identity),
        "versions": list(map(_version, shown.versions)),
        "warning": shown.warning,
        "images": [image.image_id for image in shown.images],
        "dropped": shown.dropped is not None,
        "patient_studies": list(map(_patient_study, shown.patient_studies)),
        "alerts": list(map(_alert, shown.alerts)),
        "unreadable_alerts": list(shown.unreadable_alerts),
        "turns": [
            forms.shown_turn(asked)
            | {
                "marks": inquiry_forms.marks(
                    shown.marks.get(asked.turn.turn_id, ()), caller.account_id
                )
            }
            for asked in shown.turns
        ],
        "inquiries": [inquiry_forms.inquiry(asked, caller.account_id) for asked in shown.inquiries],
        "radiologist": None if shown.radiologist is None else shown.radiologist.name,
        "may": sorted(permission.value for permission in Permission if caller.may(permission)),
    }


def _version(version: ShownVersion) -> Form:
    return forms.signed(version.signed) | {"changes": list(map(forms.change, version.changes))}


def _patient_study(study: PatientStudy) -> Form:
    signed = study.signed
    return {
        "case_id": study.linked.case_id,
        "modality": study.linked.modality,
        "body_part": study.linked.body_part,
        "days_before": study.linked.days_before,
        "study_time": canonical.plain(study.study_time),
        "accession": study.accession,
        "signed": None
        if signed is None
        else {
            "version": signed.version,
            "author": signed.author.name,
            "reviewer": None if signed.reviewer is None else signed.reviewer.name,
            "signed_at": canonical.plain(signed.signed_at),
            "report": edit_form(signed.report),
        },
    }


def _alert(record: AlertRecord) -> Form:
    """What of a critical value concerns who treats the patient: who was told, and whether he
    confirmed it."""
    alert = record.alert
    told = record.last(AlertMove.NOTIFY)
    confirmed = record.last(AlertMove.ACKNOWLEDGE)
    return {
        "finding": finding_name(alert.finding),
        "side": canonical.plain(alert.side),
        "certainty": alert.certainty.value,
        "state": alert.state.value,
        "opened_at": canonical.plain(alert.opened_at),
        "told": None
        if told is None
        else {
            "whom": told.recipient,
            "channel": canonical.plain(told.channel),
            "by": told.actor.who.name,
            "at": canonical.plain(told.at),
        },
        "acknowledged": None
        if confirmed is None
        else {"by": confirmed.actor.who.name, "at": canonical.plain(confirmed.at)},
    }

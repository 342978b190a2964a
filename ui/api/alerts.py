"""Critical-value alerts under `/api`: what is open, one alert, a person's steps, the register."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, FastAPI, Path, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from radraft.pipeline import alert_entries
from radraft.pipeline.alert_entries import Days
from radraft.reports.alerts import AlertMove, AlertStep, Channel
from radraft.reports.values import Lang
from radraft.ui import asset_files
from radraft.ui.access import LetIn, SignedIn
from radraft.ui.api import alert_forms
from radraft.ui.api.answers import tagged
from radraft.ui.api.reports import CaseId, Revision
from radraft.ui.pages.alert_register import page, table

if TYPE_CHECKING:
    from radraft.pipeline.service import Service

AlertId = Annotated[str, Path(pattern=r"^a-[0-9a-f]{16}$")]
Text = Annotated[str, Field(max_length=4000, repr=False)]


class StepRequest(BaseModel):
    """A person's step with an alert that was seen at `base_revision`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_revision: Revision
    text: Text = ""
    recipient: Text = ""
    channel: Channel | None = None


def add_alerts(app: FastAPI, service: Service) -> None:
    """Serve the alerts' routes, `/alerts` and `/alerts/register`."""
    api = APIRouter()
    _add_reading(api, service)
    _add_register(api, service)

    @api.post("/alerts/{alert_id}/{move}")
    def step(alert_id: AlertId, move: AlertMove, body: StepRequest, caller: SignedIn) -> Response:
        service.critical.move(
            alert_id,
            AlertStep(move, text=body.text, recipient=body.recipient, channel=body.channel),
            actor=caller.actor,
            base_revision=body.base_revision,
        )
        return JSONResponse(alert_forms.entry(alert_entries.entry(service.store, alert_id)))

    app.include_router(api, prefix="/api")
    for path, name in (("/alerts", "alerts"), ("/alerts/register", "register")):
        _add_document(app, path, name)


def _add_document(app: FastAPI, path: str, name: str) -> None:
    @app.get(path)
    def document() -> Response:
        return HTMLResponse(asset_files.page(name, "page", "figures", "alerts"))


def _add_reading(api: APIRouter, service: Service) -> None:
    @api.get("/alerts")
    def open_alerts(caller: SignedIn, request: Request) -> Response:
        found = alert_entries.open_entries(service.store, caller.sites)
        return tagged(request, alert_forms.entries(found))

    @api.get("/cases/{case_id}/alerts")
    def of_case(case_id: CaseId, request: Request) -> Response:
        found = alert_entries.case_entries(service.store, case_id)
        return tagged(request, alert_forms.entries(found))


def _add_register(api: APIRouter, service: Service) -> None:
    @api.get("/alerts/register")
    def register(caller: SignedIn, first: str, last: str, lang: Lang = "en") -> Response:
        days = Days.named(first, last)
        found = alert_entries.register_entries(service.store, days, caller.sites)
        return JSONResponse({"html": page.drawn(found, days, lang, datetime.now(UTC))})

    @api.get("/alerts/register.csv")
    def register_csv(caller: LetIn, first: str, last: str, lang: Lang = "en") -> Response:
        days = Days.named(first, last)
        found = alert_entries.register_entries(service.store, days, caller.sites)
        name = f"critical-values_{days.first}_{days.last}.csv"
        return Response(
            table.to_csv(found, lang, datetime.now(UTC)),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    # After the register, whose path this one fits too.
    @api.get("/alerts/{alert_id}")
    def alert(alert_id: AlertId, request: Request) -> Response:
        return tagged(request, alert_forms.entry(alert_entries.entry(service.store, alert_id)))

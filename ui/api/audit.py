"""The audit under `/api`: searched by page, as CSV, and the page `/audit`."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, FastAPI, Query, Response
from fastapi.responses import HTMLResponse, JSONResponse

from radraft.core.errors import ReportError
from radraft.reports.audit import AuditKind, AuditQuery, Outcome
from radraft.store import audit
from radraft.ui import asset_files
from radraft.ui.access import SignedIn
from radraft.ui.pages.csv_text import csv_text

if TYPE_CHECKING:
    from radraft.pipeline.service import Service
    from radraft.store.audit import Entry

MOST_ROWS = 20_000
"""Of one CSV; more are refused, and taken by day or by `radraft audit export`."""
COLUMNS = (
    *("sequence", "at", "kind", "outcome", "code", "name", "account_id", "address", "site"),
    *("case_id", "details", "head"),
)
Text = Annotated[str, Query(max_length=200)]
Day = Annotated[str, Query(pattern=r"^(\d{4}-\d{2}-\d{2})?$")]


Before = Annotated[int | None, Query(ge=1, le=2**31 - 1)]


def _wanted(
    caller: SignedIn,
    first: Day = "",
    last: Day = "",
    kind: AuditKind | None = None,
    outcome: Outcome | None = None,
    name: Text = "",
    case_id: Text = "",
    address: Text = "",
) -> AuditQuery:
    """What a request asks for, at the sites where its person may."""
    return AuditQuery(
        first=_midnight(first, 0),
        last=_midnight(last, 1),
        kinds=frozenset({kind} if kind is not None else ()),
        outcome=outcome,
        name=name.strip(),
        case_id=case_id.strip() or None,
        address=address.strip(),
        sites=caller.sites,
    )


Wanted = Annotated[AuditQuery, Depends(_wanted)]


def add_audit(app: FastAPI, service: Service) -> None:
    """Serve `/audit`, `/api/audit` and `/api/audit.csv`."""

    @app.get("/audit")
    def document() -> Response:
        return HTMLResponse(asset_files.page("audit", "page", "figures", "audit"))

    @app.get("/api/audit")
    def search(query: Wanted, before: Before = None) -> Response:
        with service.store.read() as session:
            found = audit.search(session, replace(query, before=before))
            unsent = audit.unsent(session) if service.settings.audit_syslog else None
        entries = [_form(entry) for entry in found.entries]
        return JSONResponse({"entries": entries, "more": found.more, "unsent": unsent})

    @app.get("/api/audit.csv")
    def table(query: Wanted) -> Response:
        with service.store.read() as session:
            found = audit.search(session, query, MOST_ROWS)
        if found.more:
            raise ReportError("audit_too_many", most=MOST_ROWS)
        return Response(
            csv_text(COLUMNS, (_form(entry) for entry in found.entries)),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="audit.csv"'},
        )


def _midnight(day: str, later: int) -> datetime | None:
    """When a day of the hospital's clock begins, or one so many days later; None for no day."""
    if not day:
        return None
    try:
        begins = date.fromisoformat(day) + timedelta(days=later)
        return datetime.combine(begins, time.min).astimezone()
    except (ValueError, OverflowError):
        raise ReportError("audit_day_invalid") from None


def _form(entry: Entry) -> dict[str, Any]:
    details = sorted(entry.event.details.items())
    return {**entry.plain(), "details": " ".join(f"{name}={value}" for name, value in details)}

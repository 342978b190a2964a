"""`/outbox` and `/api/outbox`: what could not be delivered, and an administrator sees to it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, FastAPI, Path, Response
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from radraft.core.errors import stored_message
from radraft.reports.audit import AuditEvent, AuditKind
from radraft.reports.outgoing_entry import MAX_REASON, OPEN_STATES, EntryState
from radraft.ui import asset_files
from radraft.ui.access import Caller, SignedIn

if TYPE_CHECKING:
    from radraft.pipeline.outbox import TargetStanding
    from radraft.pipeline.service import Service
    from radraft.reports.outgoing_entry import ListedEntry

EntryId = Annotated[int, Path(ge=1, le=2**62)]
MOST = 200
"""Entries of one kind that the page shows, the newest."""


class DropRequest(BaseModel):
    """Why an entry is dropped."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: Annotated[str, Field(max_length=2 * MAX_REASON)]


def add_outbox(app: FastAPI, service: Service) -> None:
    """Serve the page and its interface."""
    api = APIRouter(prefix="/api/outbox")
    outbox = service.outbox

    @api.get("")
    def standing(caller: SignedIn) -> Response:
        sites = caller.sites
        dead = outbox.entries(states=(EntryState.DEAD,), sites=sites, limit=MOST)
        states = (*OPEN_STATES, EntryState.STORED)
        waiting = outbox.entries(states=states, sites=sites, limit=MOST)
        return JSONResponse(
            {
                "targets": list(map(_target, outbox.standings(sites))),
                "dead": list(map(_entry, dead)),
                "waiting": list(map(_entry, waiting)),
            }
        )

    @api.post("/{entry_id}/resend")
    def resend(entry_id: EntryId, caller: SignedIn) -> Response:
        with service.trail.refusals(_event(caller, entry_id, "resent")):
            entry = outbox.resend(entry_id, by=caller.audit_actor, sites=caller.sites)
        return JSONResponse(_entry(entry))

    @api.post("/{entry_id}/drop")
    def drop(entry_id: EntryId, body: DropRequest, caller: SignedIn) -> Response:
        with service.trail.refusals(_event(caller, entry_id, "dropped")):
            entry = outbox.drop(entry_id, body.reason, by=caller.audit_actor, sites=caller.sites)
        return JSONResponse(_entry(entry))

    app.include_router(api)

    @app.get("/outbox")
    def document() -> Response:
        return HTMLResponse(asset_files.page("outbox", "panes", "outbox"))


def _event(caller: Caller, entry_id: int, what: str) -> AuditEvent:
    details = {"what": what, "entry": str(entry_id)}
    return AuditEvent(AuditKind.OUTBOX, datetime.now(UTC), caller.audit_actor, details=details)


def _target(found: TargetStanding) -> dict[str, Any]:
    target, figures = found.target, found.figures
    return {
        "name": found.name,
        "kind": None if target is None else target.kind.value,
        "forms": [] if target is None else [form.value for form in target.forms],
        "orphaned": target is None,
        "waiting": figures.waiting,
        "stored": figures.stored,
        "commitment": None if found.commits else _stored_sentences("commitment_not_offered"),
        "dead": figures.dead,
        "oldest_at": _time(figures.oldest_at),
        "delivered_at": _time(figures.delivered_at),
        "problem": None if figures.last is None else _sentences(figures.last),
    }


def _entry(entry: ListedEntry) -> dict[str, Any]:
    return {
        "entry": entry.entry_id,
        "target": entry.target,
        "case_id": entry.case_id,
        "version": entry.version,
        "status": entry.status,
        "form": entry.form,
        "state": entry.state.value,
        "queued_at": _time(entry.queued_at),
        "ended_at": _time(entry.ended_at),
        "tries": entry.tries,
        "code": entry.code,
        "problem": _sentences(entry) if entry.code else None,
    }


def _sentences(entry: ListedEntry) -> dict[str, str]:
    return _stored_sentences(entry.code, entry.details)


def _stored_sentences(
    code: str, details: Mapping[str, str | int | float] = MappingProxyType({})
) -> dict[str, str]:
    zh, en = stored_message(code, details)
    return {"zh": zh, "en": en}


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()

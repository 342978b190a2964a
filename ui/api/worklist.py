"""The worklist under `/api`: its pages, a search, what one can ask for, and saved views.

What is searched for goes in the body of a request and never in its address: addresses are logged.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from radraft.core import canonical
from radraft.core.errors import ReportError
from radraft.reports.audit import AuditEvent, AuditKind
from radraft.reports.roles import Permission
from radraft.store.sql import storable
from radraft.store.values import LAST, Column, Stage, WorklistFilter, WorklistPlace
from radraft.store.worklist_pages import HEAD, SIGNED, Visible
from radraft.studies.values import StudyPriority
from radraft.ui.access import Caller, LetIn, Machine, SignedIn
from radraft.ui.api.alert_forms import alert_line, finding_name
from radraft.ui.api.answers import tagged

if TYPE_CHECKING:
    from radraft.pipeline.service import Service
    from radraft.store.values import Worklist, WorklistRow
    from radraft.store.worklist_views import WorklistView

Form = dict[str, Any]
Code = Annotated[str, Field(max_length=64)]
ActionName = Annotated[str, Field(max_length=40, pattern=r"^[a-z]+\.[a-z0-9_]+$")]
KeyName = Annotated[str, Field(max_length=32, pattern=r"^[!-~]+$")]
ViewId = Annotated[int, Path(ge=0, lt=2**31)]
LIST_ROUTE = "GET /api/worklist"
SEARCH_ROUTE = "POST /api/worklist/search"
PARTS = range(HEAD, SIGNED + 1)
RANKS_OF_PLACES = range(LAST + 1)
LINES = 50
"""On one page, where nothing else is asked for."""


class FilterRequest(BaseModel):
    """What of the worklist is listed; an empty field asks for nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stage: Stage = Stage.ALL
    phase: Code = ""
    site: Code = ""
    modality: Code = ""
    body_part: Code = ""
    verdict: Code = ""
    priority: StudyPriority | Literal[""] = ""
    author: Code = ""
    reviewer: Code = ""
    mine: bool = False
    asked: bool = False
    since: date | None = None
    until: date | None = None


class PageRequest(FilterRequest):
    """A page of it. `after`: what the page before gave as `next`."""

    after: Annotated[str, Field(max_length=400)] = ""
    limit: Annotated[int, Field(ge=1, le=200)] = LINES


class Part(StrEnum):
    """What of an answer is wanted. Counting grows with what is found, and lines do not: whoever
    wants to see them first asks for each by itself."""

    BOTH = "both"
    LINES = "lines"
    COUNTS = "counts"


class SearchRequest(PageRequest):
    """A page of what is found."""

    search: Annotated[str, Field(min_length=1, max_length=200, repr=False)]
    part: Part = Part.BOTH


class ViewRequest(BaseModel):
    """A view to keep."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1, max_length=200)]
    wanted: FilterRequest


class KeysRequest(BaseModel):
    """Which keys somebody changes: of each action of the page its keys, as the page writes them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keys: Annotated[
        dict[ActionName, Annotated[list[KeyName], Field(max_length=4)]], Field(max_length=100)
    ]


class ColumnsRequest(BaseModel):
    """What each line is to show."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: Annotated[list[Column], Field(max_length=len(Column))]


def router(service: Service) -> APIRouter:
    """Return the worklist's routes."""
    api = APIRouter()

    @api.get("/worklist")
    def worklist(
        caller: LetIn, request: Request, asked: Annotated[PageRequest, Query()]
    ) -> Response:
        return tagged(request, form(_page(service, caller, asked, ""), caller.account_id))

    @api.post("/worklist/search")
    def search(caller: LetIn, body: SearchRequest) -> Response:
        searched = AuditEvent(
            AuditKind.SEARCH, datetime.now(UTC), caller.audit_actor, details={"route": SEARCH_ROUTE}
        )
        service.trail.note_search(searched, body.search, session_id=caller.asked_by)
        if body.part is Part.COUNTS:
            return JSONResponse(_counts(service, caller, body))
        counting = body.part is Part.BOTH
        shown = _page(service, caller, body, body.search, counting=counting)
        return JSONResponse(form(shown, caller.account_id))

    @api.get("/worklist/choices")
    def choices(caller: LetIn, request: Request) -> Response:
        return tagged(request, canonical.plain(service.listing.choices(_visible(caller))))

    _add_views(api, service)
    _add_columns(api, service)
    _add_keys(api, service)
    return api


def _add_views(api: APIRouter, service: Service) -> None:
    @api.get("/worklist/views")
    def views(caller: SignedIn, request: Request) -> Response:
        kept = service.listing.views(caller.account.account_id)
        return tagged(request, {"views": [_view(view, caller) for view in kept]})

    @api.post("/worklist/views")
    def save(body: ViewRequest, caller: SignedIn) -> Response:
        wanted = _wanted(body.wanted, caller)
        view = service.listing.save_view(caller.account.account_id, body.name, wanted)
        return JSONResponse(_view(view, caller))

    @api.delete("/worklist/views/{view_id}")
    def remove(view_id: ViewId, caller: SignedIn) -> Response:
        service.listing.remove_view(caller.account.account_id, view_id)
        return JSONResponse({"view_id": view_id})


def _add_columns(api: APIRouter, service: Service) -> None:
    @api.get("/worklist/columns")
    def columns(caller: SignedIn, request: Request) -> Response:
        chosen = service.listing.columns(caller.account.account_id)
        return tagged(request, {"columns": chosen, "offered": tuple(Column)})

    @api.put("/worklist/columns")
    def choose(body: ColumnsRequest, caller: SignedIn) -> Response:
        chosen = service.listing.choose_columns(caller.account.account_id, body.columns)
        return JSONResponse({"columns": chosen, "offered": tuple(Column)})


def _add_keys(api: APIRouter, service: Service) -> None:
    @api.get("/keys")
    def keys(caller: SignedIn, request: Request) -> Response:
        return tagged(request, {"keys": service.listing.keys(caller.account.account_id)})

    @api.put("/keys")
    def choose(body: KeysRequest, caller: SignedIn) -> Response:
        bindings = {action: tuple(keys) for action, keys in body.keys.items()}
        service.listing.choose_keys(caller.account.account_id, bindings)
        return JSONResponse({"keys": bindings})


def form(shown: Worklist, account_id: str) -> Form:
    """Return a page as the browser takes it: `next` leads to the page after it. `inquiries`: how
    many studies wait for an answer, and how many of them for `account_id`'s."""
    plain: Form = canonical.plain(replace(shown, rows=(), next=None, inquiries=()))
    return plain | {
        "rows": [_row(row, account_id) for row in shown.rows],
        "inquiries": {
            "studies": len(shown.inquiries),
            "mine": sum(account_id in waiting.to_accounts for waiting in shown.inquiries),
        },
        "next": None if shown.next is None else _token(shown.next),
    }


def _page(
    service: Service,
    caller: Caller | Machine,
    asked: PageRequest,
    search: str,
    *,
    counting: bool = True,
) -> Worklist:
    visible = _visible(caller)
    shown = service.worklist(
        visible.sites,
        signed_sites=visible.signed_sites,
        wanted=replace(_wanted(asked, caller), search=search),
        after=_place(asked.after) if asked.after else None,
        limit=asked.limit,
        counting=counting,
    )
    if isinstance(caller, Machine):
        _note_shown(service, caller, shown)
    return shown


def _note_shown(service: Service, machine: Machine, shown: Worklist) -> None:
    """Have the audit say which patients' lines a program was given: a person opens what he looks
    at, and a program has all that it wants of a line."""
    of_site: dict[str, list[str]] = {}
    for row in shown.rows:
        of_site.setdefault(row.site, []).append(row.case_id)
    listed = AuditEvent(
        AuditKind.VIEW, datetime.now(UTC), machine.audit_actor, details={"route": LIST_ROUTE}
    )
    service.trail.note_lines(listed, of_site, token_id=machine.token.token_id)


def _counts(service: Service, caller: Caller | Machine, asked: SearchRequest) -> Form:
    visible = _visible(caller)
    counted = service.worklist_counts(
        visible.sites,
        signed_sites=visible.signed_sites,
        wanted=replace(_wanted(asked, caller), search=asked.search),
    )
    plain: Form = canonical.plain(counted)
    return {name: plain[name] for name in ("total", "near", "over", "stages")}


def _visible(caller: Caller | Machine) -> Visible:
    return Visible(caller.sites_with(Permission.READ_UNSIGNED), caller.sites)


def _wanted(asked: FilterRequest, caller: Caller | Machine) -> WorklistFilter:
    return WorklistFilter(
        stage=asked.stage,
        phase=asked.phase,
        site=asked.site,
        modality=asked.modality,
        body_part=asked.body_part,
        verdict=asked.verdict,
        priority=str(asked.priority),
        author=asked.author,
        reviewer=asked.reviewer,
        person=caller.account_id if asked.mine else "",
        asked=asked.asked,
        since=asked.since,
        until=asked.until,
    )


def _view(view: WorklistView, caller: Caller) -> Form:
    wanted: Form = canonical.plain(asdict(view.wanted))
    del wanted["search"]
    wanted["mine"] = wanted.pop("person") == caller.account.account_id
    return {"view_id": view.view_id, "name": view.name, "wanted": wanted}


def _token(place: WorklistPlace) -> str:
    text = json.dumps([place.part, place.rank, place.key, place.case_id])
    return base64.urlsafe_b64encode(text.encode()).decode()


def _place(token: str) -> WorklistPlace:
    """The place that a page gave. ReportError `worklist_place_invalid`."""
    try:
        fields = json.loads(base64.urlsafe_b64decode(token))
    except (binascii.Error, ValueError, RecursionError):
        raise ReportError("worklist_place_invalid") from None
    match fields:
        case [int(part), int(rank), str(key), str(case_id)] if (
            part in PARTS
            and rank in RANKS_OF_PLACES
            and not {type(part), type(rank)} - {int}
            and storable(key + case_id) == key + case_id
        ):
            return WorklistPlace(part, rank, key, case_id)
    raise ReportError("worklist_place_invalid")


def _row(row: WorklistRow, account_id: str) -> Form:
    """A line; by its names and not by looking at what it holds, since there are so many."""
    return {
        "case_id": row.case_id,
        "modality": row.modality,
        "body_part": row.body_part,
        "study_time": None if row.study_time is None else row.study_time.isoformat(),
        "received_at": row.received_at.isoformat(),
        "state": row.state.value,
        "report_state": None if row.report_state is None else row.report_state.value,
        "patient_name": row.patient_name,
        "patient_sex": row.patient_sex,
        "age_years": row.age_years,
        "priority": row.priority.value,
        "site": row.site,
        "reading_site": row.reading_site,
        "patient_id": row.patient_id,
        "accession": row.accession,
        "author": row.author,
        "reviewer": row.reviewer,
        "verdict": row.verdict,
        "inquiries": None
        if row.inquiries is None
        else {
            "number": row.inquiries.number,
            "oldest": row.inquiries.oldest.isoformat(),
            "mine": account_id in row.inquiries.to_accounts,
        },
        "limit_minutes": row.limit_minutes,
        "standing": None if row.standing is None else row.standing.value,
        "critical": list(map(finding_name, row.critical)),
        "alerts": list(map(alert_line, row.alerts)),
    }

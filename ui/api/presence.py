"""`/api/presence`: who is on which study, for those who may see what is not signed yet."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from radraft.core import canonical
from radraft.reports.lifecycle import same_person
from radraft.reports.presence import present
from radraft.reports.roles import Permission
from radraft.ui.access import Caller, SignedIn
from radraft.ui.api.answers import tagged
from radraft.ui.api.reports import CaseId

if TYPE_CHECKING:
    from radraft.pipeline.presence import Presence
    from radraft.pipeline.service import Service
    from radraft.reports.presence import PresentPerson

Form = dict[str, Any]


class PageRequest(BaseModel):
    """A page of the browser, by a name that it made up: random, and another one at each load."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    page: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


class SignRequest(PageRequest):
    """A page that has the study open says that it is alive."""

    writing: bool = False
    """Whether its person changed anything since he opened the study."""
    known: Annotated[str, Field(max_length=64)] = ""
    """The `tag` of the last answer, whose `cases` need not be said again."""


def add_presence(app: FastAPI, service: Service) -> None:
    """Serve who is on which study, and take pages' signs of life."""
    api = APIRouter(prefix="/api")

    @api.get("/presence")
    def listed(caller: SignedIn, request: Request) -> Response:
        return tagged(request, _cases(service.presences.now(), caller))

    @api.post("/cases/{case_id}/presence")
    def seen(case_id: CaseId, body: SignRequest, caller: SignedIn) -> Response:
        service.presences.seen(case_id, body.page, caller.actor, writing=body.writing)
        return _answer(service, case_id, body.page, caller, body.known)

    @api.post("/cases/{case_id}/presence/take")
    def take(case_id: CaseId, body: PageRequest, caller: SignedIn) -> Response:
        service.presences.take(case_id, body.page, caller.actor)
        return _answer(service, case_id, body.page, caller, "")

    @api.post("/cases/{case_id}/presence/leave")
    def leave(case_id: CaseId, body: PageRequest, caller: SignedIn) -> Response:
        service.presences.leave(case_id, body.page, caller.actor)
        return JSONResponse({"case_id": case_id})

    app.include_router(api)


def _answer(service: Service, case_id: str, page: str, caller: Caller, known: str) -> Response:
    """What a page shows of its own study, and of the others where that has changed."""
    now = service.presences.now()
    cases = _cases(now, caller)
    tag = hashlib.sha256(canonical.dumps(cases).encode()).hexdigest()[:32]
    me = caller.account.person
    people = now.people(case_id)
    here = {
        "standing": now.standing(case_id, me).value,
        "people": [_person(other) for other in people if not same_person(other.person, me)],
        "elsewhere": now.elsewhere(case_id, me, caller.session.session_id, page),
    }
    return JSONResponse(
        {"tag": tag, "here": here} | ({} if tag == known else {"cases": cases["cases"]})
    )


def _cases(now: Presence, caller: Caller) -> Form:
    """Who is on which study at the sites whose unsigned reports the caller may see."""
    sites = caller.sites_with(Permission.READ_UNSIGNED)
    me = caller.account.person
    return {
        "cases": {
            case_id: [
                _person(other) | {"own": same_person(other.person, me)} for other in present(pages)
            ]
            for case_id, pages in sorted(now.pages.items())
            if sites is None or not sites.isdisjoint((pages[0].site, pages[0].reading_site))
        }
    }


def _person(present_person: PresentPerson) -> Form:
    taken = present_person.taken_at
    return {
        "name": present_person.person.name,
        "since": present_person.since.isoformat(),
        "taken_at": None if taken is None else taken.isoformat(),
        "writing": present_person.writing,
    }

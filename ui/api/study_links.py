"""Links of a hospital's system: made for its token, opened by the page that they lead to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from radraft.core.errors import SignInError
from radraft.pipeline.study_links import MOST_MINUTES, PRESET_MINUTES
from radraft.ui.access import LetIn, Machine, client_address, cookie_name, drop_cookie
from radraft.ui.visits import COOKIE

if TYPE_CHECKING:
    from radraft.pipeline.service import Service

Words = Annotated[str, Field(max_length=200, repr=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LinkRequest(_Strict):
    """What a hospital's system wants opened, and for whom."""

    accession: Words
    person_name: Words
    person_id: Words
    """His number there: the same person is the same here."""
    minutes: Annotated[int, Field(ge=1, le=MOST_MINUTES)] = PRESET_MINUTES


class VisitRequest(_Strict):
    """A link that was opened, and the page's own accession number."""

    link: Annotated[str, Field(max_length=8000, repr=False)]
    accession: Words


def add_study_links(app: FastAPI, service: Service) -> None:
    """Serve what makes links and what opens them."""
    links = service.study_links

    @app.post("/api/study-links")
    def make(body: LinkRequest, caller: LetIn, request: Request) -> Response:
        if not isinstance(caller, Machine):
            raise SignInError("study_link_by_token")
        made = links.make(
            caller.token,
            accession=body.accession,
            name=body.person_name,
            person_id=body.person_id,
            minutes=body.minutes,
            address=caller.address,
        )
        origin = f"{request.url.scheme}://{request.headers['host']}"
        # Behind the number sign it is sent to no server, and stands in no log.
        url = f"{origin}/s/{quote(body.accession, safe='')}#link={made.secret}"
        return JSONResponse({"url": url, "expires_at": made.expires_at.isoformat()})

    @app.post("/api/session/visit")
    def visit(body: VisitRequest, request: Request) -> Response:
        address = client_address(request)
        try:
            begun = links.open(body.link, body.accession, address=address)
        except SignInError as error:
            once = ("study_link", address, error.code)
            service.trail.note(links.refusal(error, address=address), once=once)
            raise
        answer = JSONResponse({"login": begun.visit.person_ref, "name": begun.visit.name})
        answer.set_cookie(
            cookie_name(request, COOKIE),
            begun.secret,
            path="/",
            httponly=True,
            secure=request.url.scheme == "https",
            samesite="lax",
        )
        return answer

    @app.post("/api/session/visit/end")
    def end(request: Request) -> Response:
        secret = request.cookies.get(cookie_name(request, COOKIE))
        if secret is not None:
            links.end(secret)
        answer = JSONResponse({})
        drop_cookie(request, answer, COOKIE)
        return answer

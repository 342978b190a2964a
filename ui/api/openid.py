"""A browser's way to the hospital's OpenID provider and back, in cookies and addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from radraft.core.errors import SignInError
from radraft.pipeline.openid_sign_in import ANSWERED_WITHIN
from radraft.ui.access import client_address, cookie_name, drop_cookie

if TYPE_CHECKING:
    from radraft.exchange.openid import ProviderAnswer
    from radraft.pipeline.openid_sign_in import OpenIdSignIn, Vouched
    from radraft.pipeline.service import Service

TICKET = "radraft-openid"
"""The cookie of a browser that is at the provider."""
VOUCHED = "radraft-vouched"
"""The cookie with the token that the provider is shown at the end: of the person himself."""
MOST_COOKIE = 3800
"""Bytes that browsers keep of one cookie, less its name and attributes."""


def begun(request: Request, service: Service, *, fresh: bool) -> Response:
    """Return where the browser goes, and have it keep its ticket. SignInError as `begin`."""
    attempt = _openid(service).begin(_redirect_uri(request), fresh=fresh)
    answer = JSONResponse({"url": attempt.url})
    seconds = int(ANSWERED_WITHIN.total_seconds())
    _keep(request, answer, TICKET, attempt.ticket, seconds=seconds)
    return answer


def finished(request: Request, service: Service, answer: ProviderAnswer) -> Vouched:
    """Return the session of whom the provider vouches for. SignInError as `finish`."""
    ticket = request.cookies.get(cookie_name(request, TICKET))
    return _openid(service).finish(
        ticket, answer, _redirect_uri(request), address=client_address(request)
    )


def keep(request: Request, answer: Response, vouched: Vouched) -> None:
    """Have a browser that was let in keep what it needs to sign out; its ticket is worthless."""
    drop_cookie(request, answer, TICKET)
    # Without it the provider asks whether he means it.
    fits = len(vouched.id_token) <= MOST_COOKIE
    _keep(request, answer, VOUCHED, vouched.id_token if fits else "-")


def leave_url(request: Request, service: Service) -> str | None:
    """Return where a browser signs out at the provider; None where none vouched for it."""
    id_token = request.cookies.get(cookie_name(request, VOUCHED))
    if id_token is None or service.openid is None:
        return None
    return service.openid.logout_url(id_token.strip("-"), f"{_origin(request)}/sign-in")


def _openid(service: Service) -> OpenIdSignIn:
    if service.openid is None:
        raise SignInError("openid_off")
    return service.openid


def _redirect_uri(request: Request) -> str:
    return f"{_origin(request)}/sign-in/openid"


def _origin(request: Request) -> str:
    """Under which of its names, all known to the guard, the browser asks: its cookies are there."""
    return f"{request.url.scheme}://{request.headers['host']}"


def _keep(
    request: Request, answer: Response, cookie: str, value: str, *, seconds: int | None = None
) -> None:
    answer.set_cookie(
        cookie_name(request, cookie),
        value,
        max_age=seconds,
        path="/",
        httponly=True,
        secure=request.url.scheme == "https",
        samesite="strict",
    )

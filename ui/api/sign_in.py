"""`/api/session`: signing in, going on after a lock, signing out; and the page `/sign-in`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from radraft.core.errors import SignInError
from radraft.core.networks import is_loopback
from radraft.exchange.openid import ProviderAnswer
from radraft.pipeline import demo_accounts
from radraft.reports.roles import EVERY_SITE, Permission, Role, permissions_at
from radraft.ui import asset_files
from radraft.ui.access import COOKIE, APerson, SignedIn, client_address, cookie_name, drop_cookie
from radraft.ui.api import openid
from radraft.ui.visits import VISITORS, Visitor

if TYPE_CHECKING:
    from radraft.pipeline.service import Service
    from radraft.pipeline.sign_in import SignedIn as Begun
    from radraft.reports.accounts import Account, Session

# Longer than any that can be right: what is too long is refused like what is wrong.
Secret = Annotated[str, Field(max_length=1000, repr=False)]


# Codes of some providers are themselves tokens.
Answered = Annotated[str, Field(max_length=8000, repr=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SignInRequest(_Strict):
    """A log-in name and a password."""

    login: Secret
    password: Secret
    code: Secret = ""
    """Of the second factor, where one was asked for."""


class LinkRequest(_Strict):
    """A one-time link that is used: `login` and `name` where it makes the first administrator."""

    secret: Secret
    password: Secret
    login: Secret = ""
    name: Secret = ""


class UnlockRequest(_Strict):
    """The password of who is signed in."""

    password: Secret


class OpenIdRequest(_Strict):
    """To go to the hospital's provider; `fresh`: it asks for credentials though it knows him."""

    fresh: bool = False


class OpenIdAnswer(_Strict):
    """What the browser brings back from there."""

    state: Answered
    code: Answered = ""
    error: Answered = ""
    iss: Answered = ""

    @property
    def answer(self) -> ProviderAnswer:
        """Return it as the step takes it."""
        return ProviderAnswer(self.state, self.code, self.error, self.iss)


class DemoRequest(_Strict):
    """As what the demo's visitor goes on."""

    role: Role


def add_sign_in(app: FastAPI, service: Service) -> None:
    """Serve `/api/session` and `/sign-in`."""
    api = APIRouter(prefix="/api/session")
    _add_beginning(api, service)
    _add_session(api, service)
    _add_demo(api, service)
    _add_openid(api, service)
    app.include_router(api)

    # The second is where an OpenID provider sends a browser back to.
    @app.get("/sign-in")
    @app.get("/sign-in/openid")
    def document() -> Response:
        return HTMLResponse(asset_files.page("signin", "page", "figures", "signin"))


def _add_beginning(api: APIRouter, service: Service) -> None:
    @api.post("")
    def sign_in(body: SignInRequest, request: Request) -> Response:
        # Whoever signs in anew leaves what he was signed in as: no session is carried over.
        service.sign_in.out(_secret(request), address=client_address(request))
        begun = service.sign_in.by_password(
            body.login, body.password, address=client_address(request), code=body.code
        )
        return _begun(request, service, begun)

    @api.post("/link")
    def use_link(body: LinkRequest, request: Request) -> Response:
        account = service.sign_in.by_link(
            body.secret,
            login=body.login,
            name=body.name,
            password=body.password,
            address=client_address(request),
        )
        return JSONResponse({"login": account.login})

    @api.post("/unlock")
    def unlock(body: UnlockRequest, request: Request) -> Response:
        begun = service.sign_in.unlock(
            _secret(request), body.password, address=client_address(request)
        )
        return _begun(request, service, begun)

    @api.post("/end")
    def end(request: Request) -> Response:
        service.sign_in.out(_secret(request), address=client_address(request))
        answer = JSONResponse({"leave": openid.leave_url(request, service)})
        drop_cookie(request, answer, COOKIE)
        drop_cookie(request, answer, openid.VOUCHED)
        return answer


def _add_session(api: APIRouter, service: Service) -> None:
    @api.get("")
    def who(caller: APerson, request: Request) -> Response:
        if isinstance(caller, Visitor):
            return JSONResponse(_visit_form(caller, service))
        return JSONResponse(_form(caller.session, service, demo=_is_demo(request)))

    @api.post("/active")
    def active(caller: SignedIn) -> Response:
        return JSONResponse({})


def _add_demo(api: APIRouter, service: Service) -> None:
    @api.get("/demo")
    def offered(request: Request) -> Response:
        roles = [role.value for role in Role] if _is_demo(request) else []
        return JSONResponse({"roles": roles})

    @api.post("/demo")
    def become(body: DemoRequest, request: Request) -> Response:
        if not _is_demo(request):
            raise SignInError("sign_in_refused")
        service.sign_in.out(_secret(request), address=client_address(request))
        login = demo_accounts.login_of(body.role)
        return _begun(
            request, service, service.sign_in.as_demo(login, address=client_address(request))
        )


def _add_openid(api: APIRouter, service: Service) -> None:
    @api.get("/openid")
    def offered() -> Response:
        label = None if service.openid is None else service.openid.label.model_dump()
        return JSONResponse({"label": label})

    @api.post("/openid")
    def begin(body: OpenIdRequest, request: Request) -> Response:
        # Whoever finds a locked session could otherwise go on as whom the provider still knows.
        fresh = body.fresh or service.sign_in.locked(_secret(request))
        return openid.begun(request, service, fresh=fresh)

    @api.post("/openid/answer")
    def finish(body: OpenIdAnswer, request: Request) -> Response:
        vouched = openid.finished(request, service, body.answer)
        service.sign_in.out(_secret(request), address=client_address(request))
        answer = _begun(request, service, vouched.signed_in)
        openid.keep(request, answer, vouched)
        return answer


def _begun(request: Request, service: Service, begun: Begun) -> Response:
    form = _form(begun.session, service, demo=_is_demo(request))
    answer = JSONResponse(form | {"recovery": begun.recovery})
    # Of who was signed in here before.
    drop_cookie(request, answer, openid.VOUCHED)
    answer.set_cookie(
        cookie_name(request),
        begun.secret,
        path="/",
        httponly=True,
        secure=request.url.scheme == "https",
        samesite="lax",
    )
    return answer


def _form(session: Session, service: Service, *, demo: bool) -> dict[str, Any]:
    """Who is signed in, as a page takes it. `sites`: what he may do at each site that is named, and
    under `*` at every other."""
    account = session.account
    return {
        "login": account.login,
        "name": account.name,
        "site": service.settings.site,
        "sites": _permissions(account, service.settings.site),
        "may": sorted(_anywhere(account)),
        "idle_s": service.settings.session_idle_min * 60,
        "demo": demo and account.demo,
        "openid": account.openid,
        "demo_role": min((held.role.value for held in account.memberships), default=None)
        if account.demo
        else None,
    }


def _visit_form(visitor: Visitor, service: Service) -> dict[str, Any]:
    """Who came by a link, in the same form."""
    may = sorted(VISITORS)
    return {
        "login": visitor.visit.person_ref,
        "name": visitor.visit.name,
        "site": service.settings.site,
        "sites": {EVERY_SITE: may},
        "may": may,
        "idle_s": service.settings.session_idle_min * 60,
        "demo": False,
        "openid": False,
        "demo_role": None,
        "visit": {"via": visitor.token.name, "ends_at": visitor.visit.ends_at.isoformat()},
    }


def _permissions(account: Account, own: str) -> dict[str, list[str]]:
    named = {held.site for held in account.memberships} | {own, EVERY_SITE}
    return {site: sorted(permissions_at(account.memberships, site)) for site in sorted(named)}


def _anywhere(account: Account) -> frozenset[Permission]:
    return frozenset().union(
        *(permissions_at(account.memberships, held.site) for held in account.memberships)
    )


def _is_demo(request: Request) -> bool:
    return bool(request.app.state.demo) and is_loopback(request.url.hostname or "")


def _secret(request: Request) -> str | None:
    return request.cookies.get(cookie_name(request))

"""Who is let in, and to what: the one table of routes, and the check that every request passes.

A route that is not in the table is for nobody. Permissions hold at the site of what is asked for:
of a case, an image or an alert; a list shows the sites at which its caller may see it. A person
asks by the cookie of his session, another program by a token, and no request by both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, TypeVar

from fastapi import Depends, FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from starlette.routing import compile_path

from radraft.core.errors import RadraftError, SignInError, TokenError
from radraft.pipeline.audit_trail import read_elsewhere
from radraft.pipeline.machine_tokens import actor_of
from radraft.reports.accounts import Account, Session
from radraft.reports.audit import AuditActor, AuditEvent, AuditKind, Outcome
from radraft.reports.machine_tokens import MachineToken
from radraft.reports.people import Actor, ActorRole
from radraft.reports.roles import EVERY_SITE, Permission, Scope, sites_with
from radraft.store import reading, sites
from radraft.ui import bearer
from radraft.ui.draining import Draining
from radraft.ui.measured import Measured
from radraft.ui.security import SAFE_METHODS, UPLOAD, Guard
from radraft.ui.visits import COOKIE as VISIT, REF as VISIT_REF, Visitor

if TYPE_CHECKING:
    from radraft.pipeline.service import Service

COOKIE = "radraft-session"
"""On loopback, where a browser may speak HTTP; elsewhere `__Host-` stands before it."""
ACCOUNT_HEADER = "X-Radraft-Account"
"""The log-in name of whose page asks. All tabs of a browser share its cookie: where somebody else
has signed in in another one, nothing that this person typed is taken as that other's."""


class Anybody(StrEnum):
    """What needs no permission."""

    ANYBODY = "anybody"
    SIGNED_IN = "signed_in"


Needed = Permission | Anybody


@dataclass(frozen=True)
class Access:
    """A line of the table: what a person needs for a route, and what the token of another program
    has to be for."""

    needed: Needed
    scopes: frozenset[Scope] = frozenset()
    """Any of these; empty: the route is for no program."""
    by_link: bool = False
    """Whether it is also for whom a hospital's system let in by a link, of the study he came
    for."""


def _by_token(needed: Permission, *scopes: Scope) -> Access:
    return Access(needed, frozenset(scopes))


def _by_link(needed: Needed, *scopes: Scope) -> Access:
    return Access(needed, frozenset(scopes), by_link=True)


def _table(
    lines: Mapping[tuple[str, str], Needed | Access],
) -> Mapping[tuple[str, str], Access]:
    """The lines of the table; where no scope is written, no program is let in."""
    return MappingProxyType(
        {route: line if isinstance(line, Access) else Access(line) for route, line in lines.items()}
    )


ROUTES: Mapping[tuple[str, str], Access] = _table(
    {
        ("GET", "/ui/{name:path}"): Anybody.ANYBODY,
        ("GET", "/sign-in"): Anybody.ANYBODY,
        ("GET", "/health/live"): Anybody.ANYBODY,
        ("GET", "/health/ready"): Anybody.ANYBODY,
        # Who may read them is asked of the machine, not of a person: `api/monitoring.py`.
        ("GET", "/metrics"): Anybody.ANYBODY,
        ("POST", "/api/session"): Anybody.ANYBODY,
        ("POST", "/api/session/link"): Anybody.ANYBODY,
        ("POST", "/api/session/unlock"): Anybody.ANYBODY,
        ("POST", "/api/session/end"): Anybody.ANYBODY,
        ("GET", "/api/session/demo"): Anybody.ANYBODY,
        ("POST", "/api/session/demo"): Anybody.ANYBODY,
        ("GET", "/sign-in/openid"): Anybody.ANYBODY,
        ("GET", "/api/session/openid"): Anybody.ANYBODY,
        ("POST", "/api/session/openid"): Anybody.ANYBODY,
        ("POST", "/api/session/openid/answer"): Anybody.ANYBODY,
        # Their link opens them, or a session; what they show is asked for by them.
        ("GET", "/s"): Anybody.ANYBODY,
        ("GET", "/s/{accession:path}"): Anybody.ANYBODY,
        ("POST", "/api/session/visit"): Anybody.ANYBODY,
        ("POST", "/api/session/visit/end"): Anybody.ANYBODY,
        ("GET", "/api/session"): _by_link(Anybody.SIGNED_IN),
        ("POST", "/api/session/active"): Anybody.SIGNED_IN,
        ("GET", "/api/status"): Anybody.SIGNED_IN,
        ("GET", "/api/worklist"): _by_token(Permission.READ_SIGNED, Scope.READ),
        ("POST", "/api/worklist/search"): _by_token(Permission.READ_SIGNED, Scope.READ),
        ("GET", "/api/worklist/choices"): _by_token(Permission.READ_SIGNED, Scope.READ),
        ("GET", "/api/worklist/views"): Permission.READ_SIGNED,
        ("POST", "/api/worklist/views"): Permission.READ_SIGNED,
        ("DELETE", "/api/worklist/views/{view_id}"): Permission.READ_SIGNED,
        ("GET", "/api/worklist/columns"): Permission.READ_SIGNED,
        ("PUT", "/api/worklist/columns"): Permission.READ_SIGNED,
        ("GET", "/api/keys"): Permission.READ_SIGNED,
        ("PUT", "/api/keys"): Permission.READ_SIGNED,
        ("GET", "/api/presence"): Permission.READ_UNSIGNED,
        ("GET", "/api/cases/{case_id}"): _by_token(Permission.READ_SIGNED, Scope.READ),
        ("GET", "/api/images/{image_id}/png"): _by_link(Permission.READ_SIGNED, Scope.READ),
        ("GET", "/api/images/{image_id}/values"): _by_token(Permission.READ_SIGNED, Scope.READ),
        ("POST", "/api/cases/{case_id}/questions"): _by_link(Permission.ASK),
        ("POST", "/api/signed-studies/search"): Permission.READ_SIGNED,
        ("POST", "/api/signed-studies/numbered"): _by_link(Permission.READ_SIGNED),
        ("GET", "/api/cases/{case_id}/signed"): _by_link(Permission.READ_SIGNED),
        ("POST", "/api/cases/{case_id}/turns/{turn_id}/mark"): _by_link(Permission.ASK),
        ("POST", "/api/cases/{case_id}/inquiries"): _by_link(Permission.ASK),
        ("POST", "/api/cases/{case_id}/inquiries/{inquiry_id}/withdraw"): _by_link(Permission.ASK),
        ("POST", "/api/cases/{case_id}/inquiries/{inquiry_id}/see"): Permission.WRITE,
        ("POST", "/api/cases/{case_id}/inquiries/{inquiry_id}/take"): Permission.WRITE,
        ("POST", "/api/cases/{case_id}/inquiries/{inquiry_id}/answer"): Permission.WRITE,
        ("POST", "/api/cases/{case_id}/inquiries/{inquiry_id}/addendum"): Permission.AMEND,
        ("POST", "/api/study-links"): _by_token(Permission.READ_SIGNED, Scope.LINK),
        ("POST", "/api/cases/{case_id}/opened"): Permission.WRITE,
        ("POST", "/api/cases/{case_id}/presence"): Permission.WRITE,
        ("POST", "/api/cases/{case_id}/presence/take"): Permission.WRITE,
        ("POST", "/api/cases/{case_id}/presence/leave"): Permission.WRITE,
        ("PUT", "/api/cases/{case_id}/report"): Permission.WRITE,
        ("POST", "/api/cases/{case_id}/follow"): Permission.WRITE,
        ("POST", "/api/cases/{case_id}/impression"): Permission.WRITE,
        ("POST", "/api/cases/{case_id}/rejections"): Permission.WRITE,
        ("POST", "/api/cases/{case_id}/redraft"): Permission.WRITE,
        ("POST", "/api/cases/{case_id}/submit"): Permission.WRITE,
        ("POST", "/api/cases/{case_id}/withdraw"): Permission.WRITE,
        ("POST", "/api/cases/{case_id}/take-over"): Permission.WRITE,
        ("POST", "/api/cases/{case_id}/return"): Permission.SIGN,
        ("POST", "/api/cases/{case_id}/sign"): Permission.SIGN,
        ("POST", "/api/cases/{case_id}/amend"): Permission.AMEND,
        ("POST", "/api/cases/{case_id}/cancel-amendment"): Permission.AMEND,
        ("GET", "/api/cases/{case_id}/versions"): _by_token(Permission.READ_SIGNED, Scope.READ),
        ("GET", "/api/cases/{case_id}/versions/{before}/{after}"): _by_token(
            Permission.READ_SIGNED, Scope.READ
        ),
        ("GET", "/api/cases/{case_id}/report.pdf"): _by_link(Permission.READ_SIGNED, Scope.READ),
        ("GET", "/api/cases/{case_id}/report.txt"): _by_link(Permission.READ_SIGNED, Scope.READ),
        ("GET", "/api/cases/{case_id}/history"): Permission.READ_UNSIGNED,
        ("GET", "/api/signature-rules"): Permission.CONFIGURE,
        ("GET", "/api/sites/{site}/signature-rule"): Permission.CONFIGURE,
        ("PUT", "/api/sites/{site}/signature-rule"): Permission.CONFIGURE,
        ("GET", "/api/language-rules"): Permission.CONFIGURE,
        ("PUT", "/api/sites/{site}/language-rule"): Permission.CONFIGURE,
        ("GET", "/api/written-language"): Permission.WRITE,
        ("PUT", "/api/written-language"): Permission.WRITE,
        ("GET", "/api/reading"): Permission.CONFIGURE,
        ("GET", "/api/sites/{site}/reading-rules"): Permission.CONFIGURE,
        ("PUT", "/api/sites/{site}/reading-rules"): Permission.CONFIGURE,
        ("GET", "/api/retention-rules"): Permission.CONFIGURE,
        ("PUT", "/api/sites/{site}/retention-rule"): Permission.CONFIGURE,
        ("POST", "/api/cases/{case_id}/template"): Permission.WRITE,
        ("GET", "/api/cases/{case_id}/phrases"): Permission.WRITE,
        ("GET", "/api/phrases"): Permission.WRITE,
        ("PUT", "/api/phrases"): Permission.WRITE,
        ("DELETE", "/api/phrases/{letters}"): Permission.WRITE,
        ("GET", "/api/templates"): Permission.CONFIGURE,
        ("POST", "/api/sites/{site}/templates"): Permission.CONFIGURE,
        ("GET", "/api/sites/{site}/templates/{template_id}"): Permission.CONFIGURE,
        ("PUT", "/api/sites/{site}/templates/{template_id}"): Permission.CONFIGURE,
        ("GET", "/api/sites/{site}/templates/{template_id}/file/{form}"): Permission.CONFIGURE,
        ("PUT", "/api/sites/{site}/template-rule"): Permission.CONFIGURE,
        ("GET", "/api/sites/{site}/phrases"): Permission.CONFIGURE,
        ("PUT", "/api/sites/{site}/phrases"): Permission.CONFIGURE,
        ("DELETE", "/api/sites/{site}/phrases/{letters}"): Permission.CONFIGURE,
        ("GET", "/api/cases/{case_id}/frames"): Permission.READ_UNSIGNED,
        (
            "GET",
            "/api/cases/{case_id}/frames/{instance_ref}/{frame}/png",
        ): Permission.READ_UNSIGNED,
        ("GET", "/api/cases/{case_id}/series"): Permission.READ_SIGNED,
        ("GET", "/api/cases/{case_id}/viewer-link"): Permission.READ_SIGNED,
        (
            "GET",
            "/api/cases/{case_id}/frames/{instance_ref}/{frame}/values",
        ): Permission.READ_SIGNED,
        ("PUT", "/api/cases/{case_id}/key-images"): Permission.WRITE,
        ("GET", "/api/cases/{case_id}/priors"): Permission.READ_UNSIGNED,
        ("POST", "/api/cases/{case_id}/priors/{prior_case_id}"): Permission.WRITE,
        ("GET", "/api/cases/{case_id}/chances"): Permission.READ_UNSIGNED,
        ("GET", "/api/cases/{case_id}/similar"): Permission.READ_UNSIGNED,
        ("GET", "/api/cases/{case_id}/orders"): Permission.READ_UNSIGNED,
        ("POST", "/api/cases/{case_id}/orders/{order_id}"): Permission.WRITE,
        ("GET", "/api/cases/{case_id}/patient-changes"): Permission.READ_UNSIGNED,
        ("POST", "/api/cases/{case_id}/patient-changes/same"): Permission.WRITE,
        ("POST", "/api/cases/{case_id}/dismissals"): Permission.WRITE,
        ("POST", "/api/cases/{case_id}/dismissals/restore"): Permission.WRITE,
        ("GET", "/api/cases/{case_id}/alerts"): Permission.ALERTS,
        ("GET", "/api/alerts"): Permission.ALERTS,
        ("GET", "/api/alerts/{alert_id}"): Permission.ALERTS,
        ("POST", "/api/alerts/{alert_id}/{move}"): Permission.ALERTS,
        ("GET", "/api/alerts/register"): Permission.REGISTER,
        ("GET", "/api/alerts/register.csv"): _by_token(Permission.REGISTER, Scope.EXPORT),
        ("POST", "/api/upload"): _by_token(Permission.INTAKE, Scope.INTAKE),
        ("GET", "/api/arrivals"): Permission.INTAKE,
        ("GET", "/api/arrivals/{arrival_id}/picture"): Permission.INTAKE,
        ("POST", "/api/arrivals/{arrival_id}/retake"): Permission.INTAKE,
        ("GET", "/api/quality"): Permission.QUALITY,
        ("GET", "/api/quality.csv"): _by_token(Permission.QUALITY, Scope.EXPORT),
        ("GET", "/api/questions"): Permission.QUALITY,
        ("GET", "/api/questions.csv"): _by_token(Permission.QUALITY, Scope.EXPORT),
        ("GET", "/api/flywheel"): Permission.MODELS,
        ("GET", "/api/flywheel.csv"): _by_token(Permission.MODELS, Scope.EXPORT),
        ("GET", "/api/outbox"): Permission.CONFIGURE,
        ("POST", "/api/outbox/{entry_id}/resend"): Permission.CONFIGURE,
        ("POST", "/api/outbox/{entry_id}/drop"): Permission.CONFIGURE,
        ("GET", "/api/tokens"): Permission.ACCOUNTS,
        ("POST", "/api/tokens"): Permission.ACCOUNTS,
        ("POST", "/api/tokens/{token_id}/revoke"): Permission.ACCOUNTS,
        ("GET", "/api/audit"): Permission.AUDIT,
        ("GET", "/api/audit.csv"): Permission.AUDIT,
        ("GET", "/arrivals"): Permission.INTAKE,
        ("GET", "/alerts"): Permission.ALERTS,
        ("GET", "/alerts/register"): Permission.REGISTER,
        ("GET", "/quality"): Permission.QUALITY,
        ("GET", "/questions"): Permission.QUALITY,
        ("GET", "/audit"): Permission.AUDIT,
        ("GET", "/flywheel"): Permission.MODELS,
        ("GET", "/signature-rules"): Permission.CONFIGURE,
        ("GET", "/reading"): Permission.CONFIGURE,
        ("GET", "/administration"): Permission.ACCOUNTS,
        ("GET", "/templates"): Permission.CONFIGURE,
        ("GET", "/outbox"): Permission.CONFIGURE,
    }
)
"""What each route needs. `tests/ui/test_access.py` walks every cell of routes, roles and scopes."""

NOTED: Mapping[tuple[str, str], AuditKind] = MappingProxyType(
    {
        ("GET", "/api/cases/{case_id}"): AuditKind.VIEW,
        ("GET", "/api/cases/{case_id}/priors"): AuditKind.VIEW,
        ("GET", "/api/cases/{case_id}/orders"): AuditKind.VIEW,
        ("GET", "/api/cases/{case_id}/patient-changes"): AuditKind.VIEW,
        ("GET", "/api/cases/{case_id}/signed"): AuditKind.VIEW,
        ("GET", "/api/cases/{case_id}/versions"): AuditKind.VIEW,
        ("GET", "/api/cases/{case_id}/versions/{before}/{after}"): AuditKind.VIEW,
        ("GET", "/api/cases/{case_id}/report.pdf"): AuditKind.EXPORT,
        ("GET", "/api/cases/{case_id}/report.txt"): AuditKind.EXPORT,
        ("GET", "/api/cases/{case_id}/history"): AuditKind.VIEW,
        ("GET", "/api/alerts/register"): AuditKind.VIEW,
        ("GET", "/api/arrivals"): AuditKind.VIEW,
        ("POST", "/api/upload"): AuditKind.INTAKE,
        ("GET", "/api/alerts/register.csv"): AuditKind.EXPORT,
        ("GET", "/api/quality.csv"): AuditKind.EXPORT,
        ("GET", "/api/questions.csv"): AuditKind.EXPORT,
        ("GET", "/api/flywheel.csv"): AuditKind.EXPORT,
        ("GET", "/api/audit"): AuditKind.AUDIT_READ,
        ("GET", "/api/audit.csv"): AuditKind.EXPORT,
    }
)
"""What the audit knows of routes that change nothing, or whose change has no transaction. A report
that is saved or signed, an alert's step, a question, an account are written down by the step that
does it; dismissals, choices of key images and of priors have append-only tables of their own."""

_TEMPLATES = frozenset(template for _, template in ROUTES)
_CASE = re.compile(r"c-[0-9a-f]{16}")
_NUMBER = re.compile(r"[0-9]{1,9}")
_UNTOUCHED = frozenset(
    {
        "/api/cases/{case_id}/opened",
        "/api/cases/{case_id}/presence",
        "/api/cases/{case_id}/presence/leave",
        "/api/worklist/search",
        "/api/signed-studies/numbered",
        "/api/cases/{case_id}/inquiries/{inquiry_id}/see",
    }
)
"""What a page sends by itself: it keeps no session open."""


_OF_OWN_PEOPLE = frozenset(
    {
        "/api/cases/{case_id}/priors/{prior_case_id}",
        "/api/cases/{case_id}/orders/{order_id}",
        "/api/cases/{case_id}/patient-changes/same",
    }
)
"""What of a study nobody does who reads it from another site: he would be shown who else was
examined."""


@dataclass(frozen=True)
class Caller:
    """A person who asks, and where he may do what he asks for."""

    account: Account
    session: Session
    needed: Permission | None
    """None: signed in is enough."""
    site: str = field(default="")
    """Of what is asked for; empty for a list."""
    reading_site: str = ""
    """Where he reads it for that site, whose own people he is none of; empty: at that site."""
    address: str = ""
    """Where from."""

    @property
    def sites(self) -> frozenset[str] | None:
        """Return the sites whose part of a list he may see; None: all."""
        return self.sites_with(self.needed) if self.needed is not None else None

    def sites_with(self, permission: Permission) -> frozenset[str] | None:
        """Return the sites at which he may do something else; None: all."""
        held = sites_with(self.account.memberships, permission)
        return None if EVERY_SITE in held else held

    def may(self, permission: Permission) -> bool:
        """Return whether he may do something else at the same site; of a list, at any."""
        if self.site:
            return self.account.may(permission, self.site) or (
                self.reading_site != ""
                and self.account.may_for_other(permission, self.reading_site)
            )
        return bool(sites_with(self.account.memberships, permission))

    @property
    def account_id(self) -> str:
        """Return whose a view or a filter `mine` is."""
        return self.account.account_id

    @property
    def asked_by(self) -> str:
        """Return by which session he asks."""
        return self.session.session_id

    @property
    def audit_actor(self) -> AuditActor:
        """Return him as the audit names him."""
        return AuditActor(self.account.name, self.account.account_id, self.address)

    def at(self, site: str, readers: Sequence[str]) -> Caller:
        """Return him where he asks for something of `site` that is read at `readers` too. Of a
        site whose people he is none of, he is asked as one of the first of those where he reads."""
        if self.account.may(Permission.WRITE, site):
            return replace(self, site=site)
        reads = (other for other in readers if self.account.may_for_other(Permission.WRITE, other))
        return replace(self, site=site, reading_site=next(reads, ""))

    @property
    def actor(self) -> Actor:
        """Return him as the service takes him."""
        if self.needed is Permission.ASK:
            role = ActorRole.CLINICIAN
        elif self.may(Permission.SIGN):
            role = ActorRole.READER
        elif self.may(Permission.WRITE):
            role = ActorRole.AUTHOR
        else:
            role = ActorRole.CLINICIAN
        return Actor(
            self.account.person,
            role,
            self.site,
            self.address,
            self.session.session_id,
            self.reading_site,
        )


@dataclass(frozen=True)
class Machine:
    """Another program that asks, by its token: it may do what its route needs, at the token's
    sites, and nothing else."""

    token: MachineToken
    needed: Permission
    site: str = ""
    """Of what is asked for; empty for a list."""
    address: str = ""
    """Where from."""

    @property
    def asked_by(self) -> str:
        """Return by which token it asks."""
        return self.token.token_id

    @property
    def audit_actor(self) -> AuditActor:
        """Return it as the audit names it."""
        return actor_of(self.token, self.address)

    @property
    def account_id(self) -> str:
        """Return what stands in the place of an account's id; nothing is its own."""
        return self.token.token_id

    @property
    def sites(self) -> frozenset[str] | None:
        """Return the sites whose part of a list it may see; None: all."""
        return self.sites_with(self.needed)

    def sites_with(self, permission: Permission) -> frozenset[str] | None:
        """Return the sites at which it may do something; None: all."""
        if permission is not self.needed:
            return frozenset()
        return None if EVERY_SITE in self.token.sites else self.token.sites

    def may(self, permission: Permission) -> bool:
        """Return whether it may do something at the same site; of a list, at any."""
        return permission is self.needed and (not self.site or self.token.holds_at(self.site))

    def at(self, site: str, readers: Sequence[str]) -> Machine:
        """Return it where it asks for something of `site`; it reads for no other."""
        return replace(self, site=site)


Asker = TypeVar("Asker", Caller, Machine, Visitor)


def application(service: Service, *, demo: bool = False) -> FastAPI:
    """Return an application without routes, in which every route that is added passes the check.

    `demo`: visitors of the loopback address are signed in as readers of the demo.
    """
    app = FastAPI(
        title="radraft",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(caller)],
    )
    app.state.service = service
    app.state.demo = demo
    app.add_middleware(Draining, health=service.health)
    app.add_middleware(Guard, settings=service.settings)
    app.add_middleware(Measured, metrics=service.metrics, routes=frozenset(ROUTES))
    return app


def caller(request: Request) -> Caller | Machine | Visitor | None:
    """Return who asks; None where anybody may. SignInError `sign_in_needed`, `session_of_another`,
    `session_locked`, `not_allowed`, `visit_ended`; TokenError as `_machine`."""
    template, access = _route(request)
    secret = bearer.shown(request)
    if secret is not None:
        return _machine(request, template, access, secret)
    if access is not None and access.needed is Anybody.ANYBODY:
        return None
    visit_secret = _visit_secret(request, access)
    if access is not None and visit_secret is not None:
        return _visitor(request, template, access, visit_secret)
    service: Service = request.app.state.service
    by_himself = request.method != "GET" and template not in _UNTOUCHED
    session = service.sign_in.session(
        request.cookies.get(cookie_name(request)),
        acting=by_himself,
        believed=request.headers.get(ACCOUNT_HEADER),
    )
    address = client_address(request)
    if access is not None and access.needed is Anybody.SIGNED_IN:
        return Caller(session.account, session, None, address=address)
    person = session.account.person
    note = _AuditNote(
        request, template, AuditActor(person.name, person.id, address), session.session_id
    )
    try:
        if access is None or isinstance(access.needed, Anybody):
            raise SignInError("not_allowed", site=service.settings.site)
        found = _placed(
            request, template, Caller(session.account, session, access.needed, address=address)
        )
    except SignInError as error:
        note.refused(error)
        raise
    note.done(found.site, read_elsewhere(found.actor))
    return found


def _machine(request: Request, template: str, access: Access | None, secret: str) -> Machine | None:
    """Return the program that asks by a token; None where anybody may read what it asks for.

    TokenError `token_with_cookie`, `token_scope`, `token_site`, `token_unsigned`, and those of
    `MachineTokens.by_secret`.
    """
    if any(name.endswith(COOKIE) for name in request.cookies):
        raise TokenError("token_with_cookie")
    anybody = access is not None and access.needed is Anybody.ANYBODY
    if anybody and request.method in SAFE_METHODS:
        return None
    service: Service = request.app.state.service
    address = client_address(request)
    token = service.machine_tokens.by_secret(secret, address=address)
    note = _AuditNote(request, template, actor_of(token, address), token.token_id)
    try:
        if access is None or isinstance(access.needed, Anybody) or not access.scopes & token.scopes:
            raise TokenError("token_scope", scopes=", ".join(sorted(token.scopes)))
        found = _placed(request, template, Machine(token, access.needed, address=address))
    except SignInError as error:
        site = str(error.details["site"])
        code = "token_unsigned" if token.holds_at(site) else "token_site"
        refusal = TokenError(code, site=site)
        note.refused(refusal)
        raise refusal from None
    except TokenError as error:
        note.refused(error)
        raise
    note.done(found.site)
    return found


def _visit_secret(request: Request, access: Access | None) -> str | None:
    """Return the secret of the visit that asks; None where a session does. Both may be in one
    browser: the page says whose it is, and where it does not, a session goes before."""
    secret = request.cookies.get(cookie_name(request, VISIT))
    if secret is None or access is None or not access.by_link:
        return None
    believed = request.headers.get(ACCOUNT_HEADER)
    if believed is None:
        return None if cookie_name(request) in request.cookies else secret
    return secret if believed.startswith(VISIT_REF) else None


def _visitor(request: Request, template: str, access: Access, secret: str) -> Visitor:
    """Return who came by a link. SignInError `visit_ended`, `session_of_another` where another has
    come by one in this browser since, `not_allowed` for what is not of the study he came for."""
    service: Service = request.app.state.service
    visit, token = service.study_links.visit(secret)
    if request.headers.get(ACCOUNT_HEADER, visit.person_ref) != visit.person_ref:
        raise SignInError("session_of_another")
    address = client_address(request)
    needed = None if isinstance(access.needed, Anybody) else access.needed
    asker = Visitor(visit, token, needed, address=address)
    if needed is None:
        return asker
    note = _AuditNote(request, template, asker.audit_actor, visit.visit_id)
    try:
        if not asker.came_for(service.store, request.path_params):
            raise SignInError("not_allowed", site=service.settings.site)
        found = _placed(request, template, asker)
    except SignInError as error:
        note.refused(error)
        raise
    note.done(found.site)
    return found


def client_address(request: Request) -> str:
    """Return the address that asks; empty where there is none."""
    return "" if request.client is None else request.client.host


@dataclass(frozen=True)
class _AuditNote:
    """What the audit is told of one request."""

    request: Request
    template: str
    actor: AuditActor
    by: str
    """The session or the token that asked: its looking again soon is the same event."""

    def done(self, site: str, elsewhere: Mapping[str, str] = MappingProxyType({})) -> None:
        """Have it written down that somebody looked at something, where that is to be known;
        `elsewhere`: what the event says of where he reads for that site."""
        kind = NOTED.get((self.request.method, self.template))
        # What is not there was not looked at: its handler says so.
        if kind is not None and (site or "{" not in self.template):
            self._note(kind, site, elsewhere=elsewhere)

    def refused(self, error: RadraftError) -> None:
        """Have it written down that somebody was refused something."""
        self._note(AuditKind.ACCESS, str(error.details.get("site", "")), error.code)

    def _note(
        self,
        kind: AuditKind,
        site: str,
        code: str = "",
        elsewhere: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        case_id = str(self.request.path_params.get("case_id", ""))
        template = self.template if self.template in _TEMPLATES else "?"
        event = AuditEvent(
            kind,
            datetime.now(UTC),
            self.actor,
            outcome=Outcome.REFUSED if code else Outcome.DONE,
            site=site,
            # What is no case number is somebody's own words.
            case_id=case_id if _CASE.fullmatch(case_id) else None,
            code=code,
            details={"route": f"{self.request.method} {template}", **elsewhere},
        )
        looked = kind in (AuditKind.VIEW, AuditKind.ACCESS, AuditKind.AUDIT_READ)
        # Of refusals the first of a route: nobody fills the audit by asking on.
        once = (self.by, kind, self.template, "" if code else event.case_id) if looked else None
        service: Service = self.request.app.state.service
        service.trail.note(event, once=once)


def _somebody(
    found: Annotated[Caller | Machine | Visitor | None, Depends(caller)],
) -> Caller | Machine | Visitor:
    if found is None:
        raise SignInError("sign_in_needed")
    return found


def _let_in(found: Annotated[Caller | Machine | Visitor, Depends(_somebody)]) -> Caller | Machine:
    if isinstance(found, Visitor):
        raise SignInError("sign_in_needed")
    return found


def _person(found: Annotated[Caller | Machine | Visitor, Depends(_somebody)]) -> Caller | Visitor:
    if isinstance(found, Machine):
        raise TokenError("token_scope", scopes=", ".join(sorted(found.token.scopes)))
    return found


def _signed_in(found: Annotated[Caller | Visitor, Depends(_person)]) -> Caller:
    if isinstance(found, Visitor):
        raise SignInError("sign_in_needed")
    return found


SignedIn = Annotated[Caller, Depends(_signed_in)]
"""A handler's parameter: the person who asks."""
APerson = Annotated[Caller | Visitor, Depends(_person)]
"""The same, of a route that the table has for links too: or who came by one."""
LetIn = Annotated[Caller | Machine, Depends(_let_in)]
"""A handler's parameter, of a route that the table has for programs too: who asks."""


def cookie_name(request: Request, cookie: str = COOKIE) -> str:
    """Return under which name the browser keeps a cookie; without one, its session's secret."""
    return f"__Host-{cookie}" if request.url.scheme == "https" else cookie


def drop_cookie(request: Request, answer: Response, cookie: str) -> None:
    """Have the browser forget a cookie, where it has it."""
    name = cookie_name(request, cookie)
    if name in request.cookies:
        # A name with `__Host-` is taken with `Secure` alone, also to forget it.
        secure = request.url.scheme == "https"
        answer.delete_cookie(name, path="/", secure=secure, httponly=True)


def refused_page(request: Request, error: RadraftError) -> Response | None:
    """Return what a browser gets in place of a page that its person may not see; None for what a
    program asks for."""
    if request.url.path.startswith("/api/") or not isinstance(error, SignInError):
        return None
    return RedirectResponse(f"/sign-in?why={error.code}&next={request.url.path}", 303)


def _route(request: Request) -> tuple[str, Access | None]:
    """The line of the table that a request is of; None where there is none: it is for nobody."""
    method, path = request.method, request.url.path
    # FastAPI names the route that it took only from its router's prefix on.
    taken: str = request.scope["route"].path
    for template, pattern in _patterns():
        if (method, template) in ROUTES and template.endswith(taken) and pattern.fullmatch(path):
            return template, ROUTES[method, template]
    return path, None


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """The table's paths as patterns, those without parameters first, as the routers have them."""
    templates = sorted({template for _, template in ROUTES}, key=lambda path: ("{" in path, path))
    return tuple((template, compile_path(template)[0]) for template in templates)


@dataclass(frozen=True)
class _Asked:
    """Where what a path names is."""

    sites: Mapping[str, bool] = field(default_factory=dict)
    """Each with whether some of it is signed there; empty where it names nothing that is there."""
    readings: frozenset[tuple[str, str]] = frozenset()
    """Those of whose studies it is that another reads, each with that other."""


def _placed(request: Request, template: str, asker: Asker) -> Asker:
    """Return who asks, with the site at which it may. SignInError `not_allowed`."""
    service: Service = request.app.state.service
    needed = asker.needed
    assert needed is not None
    asked = _asked(request, service)
    if not asked.sites:
        # A list, or something that is not there: its handler says so.
        if asker.sites_with(needed) == frozenset():
            raise SignInError("not_allowed", site=service.settings.site)
        return asker
    for site in sorted(asked.sites):
        others = [other for of, other in sorted(asked.readings) if of == site]
        found = asker.at(site, [] if template in _OF_OWN_PEOPLE else others)
        unsigned = not asked.sites[site] and not found.may(Permission.READ_UNSIGNED)
        if found.may(needed) and not (needed is Permission.READ_SIGNED and unsigned):
            return found
    raise SignInError("not_allowed", site=min(asked.sites))


def _asked(request: Request, service: Service) -> _Asked:
    named = request.path_params
    if request.url.path == UPLOAD:
        # What is handed in becomes a case of this site.
        return _Asked({service.settings.site: False})
    if "site" in named:
        return _Asked({named["site"]: False})
    with service.store.read() as session:
        if "case_id" in named:
            case_id = named["case_id"]
            return _Asked(
                sites.of_case(session, case_id),
                reading.readings_of_case(session, case_id),
            )
        if "image_id" in named:
            image_id = named["image_id"]
            return _Asked(
                sites.of_image(session, image_id),
                reading.readings_of_image(session, image_id),
            )
        if "alert_id" in named:
            alert_id = named["alert_id"]
            return _Asked(
                dict.fromkeys(sites.of_alert(session, alert_id), False),
                reading.readings_of_alert(session, alert_id),
            )
        if "arrival_id" in named and _NUMBER.fullmatch(named["arrival_id"]):
            found = sites.of_arrival(session, int(named["arrival_id"]))
            return _Asked(dict.fromkeys(found, False))
    return _Asked()

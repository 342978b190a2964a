"""`/api/tokens`: an administrator lists, makes and revokes the tokens of other programs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, FastAPI, Path, Response
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from radraft.reports.audit import AuditEvent, AuditKind
from radraft.reports.machine_tokens import terms_of
from radraft.reports.roles import Permission
from radraft.ui import asset_files
from radraft.ui.access import Caller, SignedIn

if TYPE_CHECKING:
    from radraft.pipeline.service import Service

TokenId = Annotated[str, Path(pattern=r"^t-[0-9a-f]{16}$")]
Word = Annotated[str, Field(max_length=200)]
Words = Annotated[list[Word], Field(max_length=100)]


class TokenRequest(BaseModel):
    """What a token is to be; checked by `reports.machine_tokens`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Word
    sites: Words
    scopes: Words
    days: Annotated[int, Field(strict=True)]


def add_tokens(app: FastAPI, service: Service) -> None:
    """Serve `/administration` and `/api/tokens`."""
    api = APIRouter(prefix="/api/tokens")
    tokens = service.machine_tokens

    @api.get("")
    def every(caller: SignedIn) -> Response:
        now = datetime.now(UTC)
        shown = [token.plain(now) for token in tokens.every(caller.sites)]
        return JSONResponse({"tokens": shown})

    @api.post("")
    def make(body: TokenRequest, caller: SignedIn) -> Response:
        terms = terms_of(body.name, body.sites, body.scopes, body.days)
        with service.trail.refusals(_event(caller, "made")):
            token, secret = tokens.make(
                terms,
                by=caller.audit_actor,
                sites=caller.sites,
                reads_at=caller.sites_with(Permission.READ_SIGNED),
            )
        return JSONResponse({"token": token.plain(datetime.now(UTC)), "secret": secret})

    @api.post("/{token_id}/revoke")
    def revoke(token_id: TokenId, caller: SignedIn) -> Response:
        with service.trail.refusals(_event(caller, "revoked", token_id)):
            token = tokens.revoke(token_id, by=caller.audit_actor, sites=caller.sites)
        return JSONResponse({"token": token.plain(datetime.now(UTC))})

    app.include_router(api)

    @app.get("/administration")
    def document() -> Response:
        return HTMLResponse(asset_files.page("administration", "panes", "administration"))


def _event(caller: Caller, what: str, token_id: str = "") -> AuditEvent:
    details = {"what": what} | ({"token": token_id} if token_id else {})
    return AuditEvent(AuditKind.TOKEN, datetime.now(UTC), caller.audit_actor, details=details)

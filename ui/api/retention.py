"""How long each site keeps its images: its rule, for its administrator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, FastAPI, Path, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from radraft.ui.access import SignedIn

if TYPE_CHECKING:
    from radraft.pipeline.service import Service
    from radraft.store.retention_rules import SetRetentionRule

SiteName = Annotated[str, Path(min_length=1, max_length=64)]
Term = Annotated[str, Field(max_length=200)]


class RetentionRequest(BaseModel):
    """Another rule in the place of that of number `base_number`; no term: everything is kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_number: Annotated[int, Field(ge=0)]
    terms: Annotated[tuple[Term, ...], Field(max_length=100)]


def add_retention(app: FastAPI, service: Service) -> None:
    """Serve each site's rule."""
    api = APIRouter(prefix="/api")

    @api.get("/retention-rules")
    def rules(caller: SignedIn) -> Response:
        held = service.retention_rules.rules(caller.sites)
        archive = service.settings.archive_dir is not None
        return JSONResponse({"rules": list(map(_rule, held)), "archive": archive})

    @api.put("/sites/{site}/retention-rule")
    def set_rule(site: SiteName, body: RetentionRequest, caller: SignedIn) -> Response:
        changed = service.retention_rules.set_rule(
            site, body.terms, base_number=body.base_number, by=caller.audit_actor
        )
        return JSONResponse(_rule(changed))

    app.include_router(api)


def _rule(held: SetRetentionRule) -> dict[str, Any]:
    return {
        "site": held.site,
        "number": held.number,
        "terms": list(map(str, held.rule.terms)),
        "by": held.by,
        "at": None if held.at is None else held.at.isoformat(),
        "damaged": held.damaged,
    }

"""Reading for other sites: each site's rules, and how much is read where, for administrators."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, FastAPI, Path, Response
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from radraft.core import canonical
from radraft.reports.reading_rule import HOURS, ReadingRule
from radraft.studies.values import StudyPriority
from radraft.ui import asset_files
from radraft.ui.access import SignedIn

if TYPE_CHECKING:
    from radraft.pipeline.service import Service
    from radraft.store.reading import SetRules

SiteName = Annotated[str, Path(min_length=1, max_length=64)]
Few = Field(max_length=64)


class RuleForm(BaseModel):
    """One rule; an empty field asks for nothing. What it may be: `ReadingRule`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reading_site: Annotated[str, Field(max_length=64)]
    modalities: Annotated[tuple[str, ...], Few] = ()
    weekdays: Annotated[tuple[int, ...], Few] = ()
    from_hour: int = 0
    to_hour: int = HOURS
    more_than: int = 0
    priorities: Annotated[tuple[StudyPriority, ...], Few] = ()


class RulesRequest(BaseModel):
    """Other rules in the place of those of number `base_number`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_number: Annotated[int, Field(ge=0)]
    rules: Annotated[tuple[RuleForm, ...], Field(max_length=100)]


def add_reading(app: FastAPI, service: Service) -> None:
    """Serve `/reading`, what it shows, and each site's rules."""
    app.include_router(_router(service), prefix="/api/sites/{site}/reading-rules")

    @app.get("/api/reading")
    def overview(caller: SignedIn) -> Response:
        held, queues = service.reading.overview(caller.sites)
        return JSONResponse(
            {"rules": list(map(_rules, held)), "queues": list(map(canonical.plain, queues))}
        )

    @app.get("/reading")
    def document() -> Response:
        return HTMLResponse(asset_files.page("reading", "panes", "reading"))


def _router(service: Service) -> APIRouter:
    api = APIRouter()

    @api.get("")
    def rules(site: SiteName) -> Response:
        return JSONResponse(_rules(service.reading.rules(site)))

    @api.put("")
    def set_rules(site: SiteName, body: RulesRequest, caller: SignedIn) -> Response:
        changed = service.reading.set_rules(
            site,
            [ReadingRule(**dict(rule)) for rule in body.rules],
            base_number=body.base_number,
            by=caller.account.person,
            address=caller.address,
        )
        return JSONResponse(_rules(changed))

    return api


def _rules(held: SetRules) -> dict[str, Any]:
    return {
        "site": held.site,
        "number": held.number,
        "rules": [canonical.plain(asdict(rule)) for rule in held.rules],
        "by": None if held.by is None else held.by.name,
        "at": None if held.at is None else held.at.isoformat(),
        "damaged": held.damaged,
    }

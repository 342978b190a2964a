"""The page `/flywheel`: is it getting better? It holds figures: no case and no person is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse, JSONResponse

from radraft.finetune.trend.facts import Ledger
from radraft.finetune.trend.values import SiteTrend
from radraft.finetune.trend.weeks import trends
from radraft.reports.values import Lang
from radraft.ui import static
from radraft.ui.pages.figures import PAGE, Drawn, picked
from radraft.ui.pages.flywheel.page import fragment
from radraft.ui.pages.flywheel.table import to_csv

if TYPE_CHECKING:
    from radraft.pipeline.service import Service

PATH = "/flywheel"


def add_flywheel(app: FastAPI, service: Service) -> None:
    """Serve the page, what it shows (`/api/flywheel`) and the CSV (`/api/flywheel.csv`)."""
    shown = Shown(service)

    @app.get(PATH)
    def page() -> Response:
        return HTMLResponse(static.text(PAGE))

    @app.get("/api/flywheel")
    def part(lang: Lang = "en", site: str | None = None) -> Response:
        return JSONResponse(shown.part(lang, site))

    @app.get("/api/flywheel.csv")
    def table(site: str | None = None) -> Response:
        found = trends(service.store, site=site, ledger=shown.ledger)
        return Response(
            to_csv(found),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="flywheel.csv"'},
        )


class Shown:
    """What the page shows. Pairs are read once while the server runs."""

    def __init__(self, service: Service) -> None:
        self.ledger = Ledger()
        self._service = service
        self._drawn: Drawn[SiteTrend] = Drawn(lambda trend, lang: fragment((trend,), lang))

    def part(self, lang: Lang, named: str | None) -> dict[str, object]:
        """`figures.picked`'s site: its sections as HTML; and all sites. NotFound
        `trend_site_unknown`."""
        found = {one.site: one for one in trends(self._service.store, ledger=self.ledger)}
        sites = list(found)
        site = picked(sites, named, self._service.settings.site, "trend_site_unknown")
        if site is None:
            return {"sites": sites, "site": None, "html": fragment((), lang)}
        html = self._drawn.html(site, found[site], lang)
        return {"sites": sites, "site": site, "html": html}

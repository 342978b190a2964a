"""The page `/quality`: what this site sends, by week, device and operator. No patient and no case
is named on it; operators are staff of the hospital whose workstation this is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse, JSONResponse

from radraft.pipeline.site_quality import SiteQuality, facts, of_site, records
from radraft.reports.values import Lang
from radraft.ui import static
from radraft.ui.pages.figures import PAGE, Drawn, picked
from radraft.ui.pages.site_quality.page import fragment
from radraft.ui.pages.site_quality.table import coded, to_csv

if TYPE_CHECKING:
    from radraft.pipeline.service import Service

PATH = "/quality"


def add_quality(app: FastAPI, service: Service) -> None:
    """Serve the page, what it shows (`/api/quality`) and the CSV (`/api/quality.csv`)."""
    shown = Shown(service)

    @app.get(PATH)
    def page() -> Response:
        return HTMLResponse(static.text(PAGE))

    @app.get("/api/quality")
    def part(lang: Lang = "en", site: str | None = None) -> Response:
        return JSONResponse(shown.part(lang, site))

    @app.get("/api/quality.csv")
    def table(site: str | None = None) -> Response:
        known = facts(service.store, site)
        return Response(
            to_csv(records(known), coded(service.store.secret)),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="quality.csv"'},
        )


class Shown:
    """What the page shows."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._drawn: Drawn[SiteQuality] = Drawn(fragment)

    def part(self, lang: Lang, named: str | None) -> dict[str, object]:
        """`figures.picked`'s site: its sections as HTML; and all sites. NotFound
        `quality_site_unknown`."""
        known = facts(self._service.store)
        sites = sorted({one.site for one in known})
        site = picked(sites, named, self._service.settings.site, "quality_site_unknown")
        if site is None:
            return {"sites": sites, "site": None, "html": fragment(None, lang)}
        html = self._drawn.html(site, of_site(known, site), lang)
        return {"sites": sites, "site": site, "html": html}

"""The page `/quality`: what this site sends, by week, device and operator. No patient and no case
is named on it; operators are staff of the hospital whose workstation this is."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse, JSONResponse

from radraft.errors import NotFound
from radraft.eval.values import Lang
from radraft.studies.quality.site.figures import SiteQuality, facts, of_site, records
from radraft.studies.quality.site.page import fragment
from radraft.studies.quality.site.table import coded, to_csv
from radraft.ui import static

if TYPE_CHECKING:
    from radraft.service import Service

PATH = "/quality"


def add_quality(app: FastAPI, service: Service) -> None:
    """Serve the page, what it shows (`/api/quality`) and the CSV (`/api/quality.csv`)."""
    shown = Shown(service)

    @app.get(PATH)
    def page() -> Response:
        return HTMLResponse(static.text("quality.html"))

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
    """What the page shows; a site's plots are drawn anew only when its figures changed."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._drawn: dict[tuple[str, Lang], tuple[SiteQuality, str]] = {}
        self._lock = threading.Lock()

    def part(self, lang: Lang, site: str | None) -> dict[str, object]:
        """`site` or this hospital's own, else the first: its sections as HTML, and all sites.

        NotFound `quality_site_unknown` for a site that is named and not there.
        """
        known = facts(self._service.store)
        sites = sorted({one.site for one in known})
        own = self._service.settings.site
        if site is None and sites:
            site = own if own in sites else sites[0]
        if site is not None and site not in sites:
            raise NotFound("quality_site_unknown")
        chosen = None if site is None else of_site(known, site)
        return {"sites": sites, "site": site, "html": self._html(chosen, lang)}

    def _html(self, site: SiteQuality | None, lang: Lang) -> str:
        if site is None:
            return fragment(None, lang)
        with self._lock:
            known = self._drawn.get((site.site, lang))
            if known is None or known[0] != site:
                known = self._drawn[site.site, lang] = (site, fragment(site, lang))
            return known[1]

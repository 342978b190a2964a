"""The page `/flywheel`: is it getting better? It holds figures: no case and no person is named."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse, JSONResponse

from radraft.errors import NotFound
from radraft.eval.values import Lang
from radraft.finetune.trend.facts import Ledger
from radraft.finetune.trend.page import fragment
from radraft.finetune.trend.table import to_csv
from radraft.finetune.trend.values import SiteTrend
from radraft.finetune.trend.weeks import trends
from radraft.ui import static

if TYPE_CHECKING:
    from radraft.service import Service

PATH = "/flywheel"


def add_flywheel(app: FastAPI, service: Service) -> None:
    """Serve the page, what it shows (`/api/flywheel`) and the CSV (`/api/flywheel.csv`)."""
    shown = Shown(service)

    @app.get(PATH)
    def page() -> Response:
        return HTMLResponse(static.text("flywheel.html"))

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
    """What the page shows. Pairs are read once while the server runs, and a site's plots are drawn
    anew only when its figures changed."""

    def __init__(self, service: Service) -> None:
        self.ledger = Ledger()
        self._service = service
        self._drawn: dict[tuple[str, Lang], tuple[SiteTrend, str]] = {}
        self._lock = threading.Lock()

    def part(self, lang: Lang, site: str | None) -> dict[str, object]:
        """`site` or this hospital's own, else the first: its sections as HTML, and all sites.

        NotFound `trend_site_unknown` for a site that is named and not there.
        """
        found = trends(self._service.store, ledger=self.ledger)
        sites = [trend.site for trend in found]
        own = self._service.settings.site
        if site is None and sites:
            site = own if own in sites else sites[0]
        if site is not None and site not in sites:
            raise NotFound("trend_site_unknown")
        chosen = next((trend for trend in found if trend.site == site), None)
        return {"sites": sites, "site": site, "html": self._html(chosen, lang)}

    def _html(self, trend: SiteTrend | None, lang: Lang) -> str:
        if trend is None:
            return fragment((), lang)
        with self._lock:
            known = self._drawn.get((trend.site, lang))
            if known is None or known[0] != trend:
                known = self._drawn[trend.site, lang] = (trend, fragment((trend,), lang))
            return known[1]

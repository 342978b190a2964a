"""Pages of one site's figures: a document, what it shows (`/api/NAME`) and a CSV of all sites."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Generic, Protocol, TypeVar

from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse, JSONResponse

from radraft.core.errors import NotFound
from radraft.reports.values import Lang
from radraft.ui import asset_files
from radraft.ui.access import LetIn, SignedIn

F = TypeVar("F")


class SitePage(Protocol[F]):
    """One page of figures."""

    name: str
    """Its path, and its CSV's name."""
    unknown: str
    """Error code for a site that is named and not there."""

    def read(self) -> Mapping[str, F]:
        """Return what is known of each site."""

    def draw(self, known: F | None, lang: Lang) -> str:
        """Return one site's sections as HTML; a plain sentence for None."""

    def table(self, site: str | None) -> str:
        """Return the CSV of one site or of all."""


def add_site_page(app: FastAPI, page: SitePage[F], own: str) -> None:
    """Serve `page` at `/NAME`, `/api/NAME` and `/api/NAME.csv`. `own` is the hospital's site."""
    drawn = Drawn(page)

    @app.get(f"/{page.name}")
    def document() -> Response:
        # One document for all; its path says what it shows.
        return HTMLResponse(asset_files.page("figures", "page", "figures"))

    @app.get(f"/api/{page.name}")
    def part(caller: SignedIn, lang: Lang = "en", site: str | None = None) -> Response:
        known = _seen_by(caller, page.read())
        sites = list(known)
        shown = picked(sites, site, own, page.unknown)
        html = page.draw(None, lang) if shown is None else drawn.html(shown, known[shown], lang)
        return JSONResponse({"sites": sites, "site": shown, "html": html})

    @app.get(f"/api/{page.name}.csv")
    def table(caller: LetIn, site: str | None = None) -> Response:
        if caller.sites is not None:
            # All that there is would be others' too.
            site = picked(sorted(caller.sites), site, own, page.unknown)
        return Response(
            page.table(site),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{page.name}.csv"'},
        )


def _seen_by(caller: SignedIn, known: Mapping[str, F]) -> Mapping[str, F]:
    if caller.sites is None:
        return known
    return {site: figures for site, figures in known.items() if site in caller.sites}


def picked(sites: Sequence[str], named: str | None, own: str, unknown: str) -> str | None:
    """Return the named site, else the hospital's own, else the first; None where there is none yet.

    NotFound `unknown` for a site that is named and not there.
    """
    if named is None:
        return own if own in sites else next(iter(sites), None)
    if named not in sites:
        raise NotFound(unknown)
    return named


class Drawn(Generic[F]):
    """A page's HTML of each site in each language, kept while its figures stay what they are."""

    def __init__(self, page: SitePage[F]) -> None:
        self._page = page
        self._kept: dict[tuple[str, Lang], tuple[F, str]] = {}
        self._lock = threading.Lock()

    def html(self, site: str, known: F, lang: Lang) -> str:
        """Return the site's HTML as drawn from these figures."""
        with self._lock:
            kept = self._kept.get((site, lang))
            if kept is None or kept[0] != known:
                kept = self._kept[site, lang] = (known, self._page.draw(known, lang))
            return kept[1]

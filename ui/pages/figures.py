"""What the pages of figures share: one site at a time, drawn anew only when its figures changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from radraft.core.errors import NotFound
from radraft.reports.values import Lang

F = TypeVar("F")
PAGE = "figures.html"
"""The one page; its path says what it shows."""


def picked(sites: Sequence[str], named: str | None, own: str, unknown: str) -> str | None:
    """The named site, else the hospital's own, else the first; None where there is none yet.

    NotFound `unknown` for a site that is named and not there.
    """
    if named is None:
        return own if own in sites else next(iter(sites), None)
    if named not in sites:
        raise NotFound(unknown)
    return named


class Drawn(Generic[F]):
    """HTML of each site in each language, kept while the site's figures stay what they are."""

    def __init__(self, draw: Callable[[F, Lang], str]) -> None:
        self._draw = draw
        self._kept: dict[tuple[str, Lang], tuple[F, str]] = {}
        self._lock = threading.Lock()

    def html(self, site: str, figures: F, lang: Lang) -> str:
        """As drawn from these figures."""
        with self._lock:
            known = self._kept.get((site, lang))
            if known is None or known[0] != figures:
                known = self._kept[site, lang] = (figures, self._draw(figures, lang))
            return known[1]

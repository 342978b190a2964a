"""Tokens by which other programs are let in: what they are for, where, and until when.

Rules only: rows are in `store.machine_tokens`, the steps in `pipeline.machine_tokens`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from radraft.core import canonical
from radraft.core.errors import TokenError
from radraft.reports.roles import EVERY_SITE, Scope

PREFIX = "radraft_"
"""Before the random part: whoever searches files or addresses for lost tokens finds them by it."""
MOST_DAYS = 366
MOST_SITES = 50
_MOST_NAME = 64


class TokenState(StrEnum):
    """Where a token stands at a moment."""

    USABLE = "usable"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True)
class TokenTerms:
    """What a token is to be. TokenError `token_name_invalid`, `token_scopes_invalid`,
    `token_sites_invalid`, `token_days_invalid`."""

    name: str
    """Of the program, as the audit shows it."""
    sites: frozenset[str]
    """`EVERY_SITE` stands for all."""
    scopes: frozenset[Scope]
    days: int
    """How long it lasts: there is none without an end."""

    def __post_init__(self) -> None:
        """Raise TokenError for terms that no token may have."""
        if not 1 <= len(self.name) <= _MOST_NAME or not self.name.isprintable():
            raise TokenError("token_name_invalid", most=_MOST_NAME)
        if not self.scopes:
            raise TokenError("token_scopes_invalid", scopes=", ".join(Scope))
        named = all(1 <= len(site) <= 64 and site.isprintable() for site in self.sites)
        if not 1 <= len(self.sites) <= MOST_SITES or not named:
            raise TokenError("token_sites_invalid", most=MOST_SITES)
        if not 1 <= self.days <= MOST_DAYS:
            raise TokenError("token_days_invalid", most=MOST_DAYS)


@dataclass(frozen=True)
class MachineToken:
    """What another program shows to be let in; its secret is known to that program alone."""

    token_id: str
    """For people and the audit; stands there where a person's account would."""
    name: str
    sites: frozenset[str]
    scopes: frozenset[Scope]
    made_by: str = field(repr=False)
    made_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    """When it was last used, to the minute; None: never."""
    revoked_at: datetime | None = None

    def state(self, now: datetime) -> TokenState:
        """Return where it stands at `now`."""
        if self.revoked_at is not None:
            return TokenState.REVOKED
        return TokenState.EXPIRED if now >= self.expires_at else TokenState.USABLE

    def plain(self, now: datetime) -> dict[str, Any]:
        """Return it as JSON takes it, with its state at `now`."""
        return {
            "token_id": self.token_id,
            "name": self.name,
            "sites": sorted(self.sites),
            "scopes": sorted(self.scopes),
            "state": self.state(now).value,
            "made_by": self.made_by,
            "made_at": canonical.plain(self.made_at),
            "expires_at": canonical.plain(self.expires_at),
            "used_at": canonical.plain(self.used_at),
            "revoked_at": canonical.plain(self.revoked_at),
        }

    def holds_at(self, site: str) -> bool:
        """Return whether it says anything about `site`."""
        return not self.sites.isdisjoint((site, EVERY_SITE))


def terms_of(name: str, sites: Iterable[str], scopes: Iterable[str], days: int) -> TokenTerms:
    """Return the terms that somebody wrote. TokenError as `TokenTerms`."""
    wanted = frozenset(scopes)
    if not wanted <= set(Scope):
        raise TokenError("token_scopes_invalid", scopes=", ".join(Scope))
    return TokenTerms(name.strip(), frozenset(sites), frozenset(map(Scope, wanted)), days)


def expiry(terms: TokenTerms, now: datetime) -> datetime:
    """Return when a token that is made now ends."""
    return now + timedelta(days=terms.days)


def new_secret() -> str:
    """Return a new token's secret: 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)

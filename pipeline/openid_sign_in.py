"""Signing in through a hospital's OpenID provider: the steps between a browser and the provider.

What a browser began is told by a ticket in a cookie of its own. State, nonce and verifier are made
of the ticket with this store's key: nothing is kept until an answer comes, and no other browser's
answer fits.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from radraft.core.errors import SignInError
from radraft.exchange.openid import Attempt, OpenIdProvider, ProviderAnswer
from radraft.pipeline.sign_in import SignedIn, SignIn
from radraft.reports.openid import ProviderLabel, load
from radraft.store import accounts

if TYPE_CHECKING:
    from radraft.core.settings import Settings
    from radraft.store.database import Store

ANSWERED_WITHIN = timedelta(minutes=10)
"""How long a person may take at the provider."""
KEPT = timedelta(hours=1)
"""How long an answered attempt is remembered: longer than it may be answered."""
_KEY_LABEL = b"radraft openid attempts, key 1"
# When it was made, whether it asks for fresh credentials, and what nobody can guess.
_TICKET = re.compile(r"([0-9]{1,11})\.([01])\.([A-Za-z0-9_-]{43})")


@dataclass(frozen=True)
class Begun:
    """An attempt: where the browser goes, and what it keeps meanwhile."""

    url: str = field(repr=False)
    ticket: str = field(repr=False)


@dataclass(frozen=True)
class Vouched:
    """A session that a provider vouched for, and the token to show it at the end."""

    signed_in: SignedIn
    id_token: str = field(repr=False)


class OpenIdSignIn:
    """Who is let in by a provider. Thread-safe; everything it knows is in the store."""

    def __init__(
        self,
        store: Store,
        sign_in: SignIn,
        provider: OpenIdProvider,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._sign_in = sign_in
        self._provider = provider
        self._now = now

    @property
    def label(self) -> ProviderLabel:
        """Return what the button on the sign-in page is called."""
        return self._provider.rules.label

    def begin(self, redirect_uri: str, *, fresh: bool) -> Begun:
        """Return where a browser goes. `fresh`: the provider has to ask for credentials again.

        SignInError `openid_unreachable`, `openid_misfit`.
        """
        made = int(self._now().timestamp())
        ticket = f"{made}.{int(fresh)}.{secrets.token_urlsafe(32)}"
        attempt = self._attempt(ticket, redirect_uri)
        return Begun(self._provider.authorization_url(attempt), ticket)

    def finish(
        self, ticket: str | None, answer: ProviderAnswer, redirect_uri: str, *, address: str
    ) -> Vouched:
        """Begin a session by what a browser brought back from the provider.

        SignInError `openid_not_begun` where this browser began nothing, something else, or too long
        ago; `openid_replayed`; `sign_in_wait` where too many were refused at this address; those of
        `OpenIdProvider.person` and `SignIn.by_provider`. Each but the wait is written down.
        """
        self._sign_in.require_calm(address)
        try:
            attempt = self._attempt(ticket or "", redirect_uri)
            now = self._now()
            if not hmac.compare_digest(
                attempt.state.encode(), answer.state.encode("utf-8", "surrogatepass")
            ):
                raise SignInError("openid_not_begun")
            # A clock that went back lets nobody in for longer.
            if abs(now - attempt.begun_at) > ANSWERED_WITHIN:
                raise SignInError("openid_not_begun")
            with self._store.begin() as database:
                accounts.sweep_attempts(database, now - KEPT)
                accounts.use_attempt(database, attempt.state, made_at=attempt.begun_at, now=now)
            person = self._provider.person(attempt, answer, now)
        except SignInError as error:
            self._sign_in.refused_by_provider(None, address, error.code)
            raise
        roles = self._provider.rules.roles_of(person.groups)
        signed_in = self._sign_in.by_provider(person, roles, address=address)
        return Vouched(signed_in, person.id_token)

    def logout_url(self, id_token: str, back: str) -> str | None:
        """Return where a browser goes to sign out at the provider too; None where that cannot be
        had: here he is signed out in any case."""
        try:
            return self._provider.logout_url(id_token, back)
        except SignInError:
            # The provider's log line says why.
            return None

    def _attempt(self, ticket: str, redirect_uri: str) -> Attempt:
        parts = _TICKET.fullmatch(ticket)
        if parts is None:
            raise SignInError("openid_not_begun")
        return Attempt(
            state=self._made_of(ticket, "state"),
            nonce=self._made_of(ticket, "nonce"),
            verifier=self._made_of(ticket, "verifier"),
            redirect_uri=redirect_uri,
            fresh=parts[2] == "1",
            begun_at=datetime.fromtimestamp(int(parts[1]), UTC),
        )

    def _made_of(self, ticket: str, what: str) -> str:
        key = hmac.new(self._store.secret, _KEY_LABEL, hashlib.sha256).digest()
        made = hmac.new(key, f"{what} {ticket}".encode(), hashlib.sha256).digest()
        return urlsafe_b64encode(made).rstrip(b"=").decode()


def openid_of(settings: Settings, store: Store, sign_in: SignIn) -> OpenIdSignIn | None:
    """Return how the site's provider lets people in; None where it names none. SettingsError
    `openid_invalid`, `openid_ca_unusable`."""
    if settings.openid is None:
        return None
    provider = OpenIdProvider(
        load(settings.openid), settings.openid_secret.get_secret_value(), settings.openid_ca
    )
    provider.require_usable()
    return OpenIdSignIn(store, sign_in, provider)

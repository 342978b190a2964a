"""Tokens of other programs: making and revoking them, and letting a program in by its own."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from radraft.core.errors import SignInError, StorageUnavailable, TokenError
from radraft.reports.accounts import wait
from radraft.reports.audit import AuditActor, AuditEvent, AuditKind, Outcome
from radraft.reports.machine_tokens import MachineToken, TokenState, TokenTerms, new_secret
from radraft.reports.roles import EVERY_SITE, Scope
from radraft.store import audit, machine_tokens, sign_ins

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.store.database import Store

log = logging.getLogger("radraft.pipeline.machine_tokens")

NOTED_EVERY = timedelta(minutes=1)
"""That a token is used is written down so often, not at every request."""


class MachineTokens:
    """What tokens there are, and who is let in by one. Thread-safe; all it knows is in the store.

    `sites` of a step: those whose administrator takes it; None stands for all.
    """

    def __init__(
        self, store: Store, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._store = store
        self._now = now

    def by_secret(self, secret: str, *, address: str) -> MachineToken:
        """Return the token of a program that may be let in.

        TokenError `token_unknown`, `token_expired`, `token_revoked`; in their place `token_wait`
        where many were refused at the address. One that is right never waits: no other can be
        found by trying, and a program that is set up wrongly must not shut its neighbours out.
        """
        now = self._now()
        with self._store.read() as session:
            token = machine_tokens.by_secret(session, secret)
        if token is None or token.state(now) is not TokenState.USABLE:
            raise self._refused(token, address, now)
        if token.used_at is None or now - token.used_at >= NOTED_EVERY:
            self._note_used(token, now)
        return token

    def make(
        self,
        terms: TokenTerms,
        *,
        by: AuditActor,
        sites: frozenset[str] | None = None,
        reads_at: frozenset[str] | None = None,
    ) -> tuple[MachineToken, str]:
        """Make a token, and return it with its secret, which is kept nowhere.

        `reads_at`: the sites whose signed reports its maker may read himself; None: all.
        SignInError `not_allowed` where it is for a site that is not among `sites`; TokenError
        `token_read_denied` where it opens reports that its maker may not read.
        """
        _require_all(terms.sites, sites)
        reads = not terms.scopes.isdisjoint({Scope.READ, Scope.LINK})
        if reads and reads_at is not None and not terms.sites <= reads_at:
            raise TokenError("token_read_denied", site=min(terms.sites - reads_at))
        secret = new_secret()
        now = self._now()
        with self._store.begin() as session:
            token = machine_tokens.add(session, terms, secret, made_by=by.name, now=now)
            self._note(session, token, by, "made")
        return token, secret

    def every(self, sites: frozenset[str] | None = None) -> tuple[MachineToken, ...]:
        """Return all tokens that are for any of `sites`, newest first."""
        with self._store.read() as session:
            found = machine_tokens.every(session)
        return tuple(token for token in found if sites is None or any(map(token.holds_at, sites)))

    def revoke(
        self, token_id: str, *, by: AuditActor, sites: frozenset[str] | None = None
    ) -> MachineToken:
        """Let a token be used no more, from its next request on, and return it.

        NotFound `token_not_found`; SignInError `not_allowed` where it is for a site that is not
        among `sites`.
        """
        with self._store.begin() as session:
            token = machine_tokens.get(session, token_id)
            _require_all(token.sites, sites)
            if token.revoked_at is None:
                machine_tokens.revoke(session, token_id, self._now())
                self._note(session, token, by, "revoked")
            return machine_tokens.get(session, token_id)

    def _note_used(self, token: MachineToken, now: datetime) -> None:
        try:
            with self._store.begin() as session:
                machine_tokens.used(session, token.token_id, now)
        except StorageUnavailable as error:
            # Where nothing can be written, what is there can still be read.
            log.warning("token_use_not_written: %s", error.code)

    def _refused(self, token: MachineToken | None, address: str, now: datetime) -> TokenError:
        """Count a token that is not right, write it down, and return what its program is told."""
        refusal = _refusal(token, now)
        with self._store.read() as session:
            paused = _paused(session, address, now)
        if paused is not None:
            return paused
        with self._store.begin() as session:
            # Others may have been counted since it was looked.
            paused = _paused(session, address, now)
            if paused is not None:
                return paused
            place = _place(address)
            sign_ins.refused(session, place, place, now)
            actor = AuditActor("", address=address) if token is None else actor_of(token, address)
            event = AuditEvent(
                AuditKind.LOG_IN, now, actor, outcome=Outcome.REFUSED, code=refusal.code
            )
            audit.append(session, event)
        return refusal

    def _note(self, session: Session, token: MachineToken, by: AuditActor, what: str) -> None:
        """Write down, for the administrators of each of its sites, what `by` did with a token."""
        now = self._now()
        details = {
            "token": token.token_id,
            "what": what,
            "for": token.name,
            "scopes": " ".join(sorted(token.scopes)),
            "expires": f"{token.expires_at:%Y-%m-%d}",
        }
        for site in sorted(token.sites):
            shown = "" if site == EVERY_SITE else site
            audit.append(session, AuditEvent(AuditKind.TOKEN, now, by, site=shown, details=details))


def actor_of(token: MachineToken, address: str) -> AuditActor:
    """Return a program as the audit names it: by its token."""
    return AuditActor(token.name, token.token_id, address)


def _refusal(token: MachineToken | None, now: datetime) -> TokenError:
    if token is None:
        return TokenError("token_unknown")
    if token.state(now) is TokenState.REVOKED:
        return TokenError("token_revoked")
    return TokenError("token_expired", day=f"{token.expires_at:%Y-%m-%d}")


def _paused(session: Session, address: str, now: datetime) -> TokenError | None:
    place = _place(address)
    pause = wait(sign_ins.tries(session, place, place, None, now), now)
    if not pause:
        return None
    return TokenError("token_wait", seconds=max(1, math.ceil(pause.total_seconds())))


def _place(address: str) -> str:
    """Where refused tokens are counted: apart from people's log-ins, whom a program with an old
    token must not shut out at its address."""
    return f"token {address}"[:64]


def _require_all(wanted: frozenset[str], held: frozenset[str] | None) -> None:
    """Raise SignInError `not_allowed` for a site that is not held."""
    if held is not None and not wanted <= held:
        raise SignInError("not_allowed", site=min(wanted - held))

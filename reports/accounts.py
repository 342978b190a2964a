"""Accounts, sessions and one-time links as values, and the rules of signing in.

Rules only: rows are in `store.accounts` and `store.sign_ins`, the steps in `pipeline.sign_in`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from radraft.core.errors import SignInError
from radraft.reports.people import Person, PersonKind
from radraft.reports.roles import READING_FOR_OTHERS, Membership, Permission, permissions_at

LOGIN = re.compile(r"[a-z0-9](?:[a-z0-9._@-]{0,62}[a-z0-9])?")
"""A log-in name: Latin letters, digits and `._@-`; kept and compared in small letters."""
LEAST_PASSWORD = 12
MOST_PASSWORD = 256
"""Characters. Longer ones would let anybody keep the processor busy."""


@dataclass(frozen=True)
class Account:
    """Somebody who can sign in. The id is never given to another person."""

    account_id: str
    login: str
    name: str = field(repr=False)
    """As it stands under what he signs."""
    memberships: frozenset[Membership]
    disabled: bool = False
    demo: bool = False
    """Of the demo: signs in without a password, and only there."""
    openid: bool = False
    """An OpenID provider vouches for him: he has no password here, and that provider's groups say
    what he is."""

    @property
    def person(self) -> Person:
        """Return who he is under a report."""
        return Person(PersonKind.ACCOUNT, self.name, self.account_id)

    def may(self, permission: Permission, site: str) -> bool:
        """Return whether he may do something at `site`."""
        return not self.disabled and permission in permissions_at(self.memberships, site)

    def may_for_other(self, permission: Permission, site: str) -> bool:
        """Return whether he may do something with a study of another site that was sent to `site`
        to be read: who writes reports there, as far as he may it there."""
        writes = self.may(Permission.WRITE, site)
        return writes and permission in READING_FOR_OTHERS and self.may(permission, site)


class SessionState(StrEnum):
    """Where a session stands at a moment."""

    OPEN = "open"
    LOCKED = "locked"
    """Nobody moved for too long: the same person unlocks it with his password."""
    ENDED = "ended"


@dataclass(frozen=True)
class SessionTerms:
    """How long a session of this site lasts."""

    idle: timedelta
    """Without a request that a person made, after which it locks."""
    longest: timedelta
    """From signing in, after which it ends."""


@dataclass(frozen=True)
class Session:
    """One browser in which one person is signed in."""

    session_id: str
    """For people and the audit; not the secret that the browser holds."""
    account: Account
    started_at: datetime
    active_at: datetime
    """When the person last did something; what a page asks for by itself does not count."""
    address: str = field(repr=False)

    def state(self, terms: SessionTerms, now: datetime) -> SessionState:
        """Return where it stands at `now`. A clock that went back neither locks nor ends it."""
        if self.account.disabled or now - self.started_at >= terms.longest:
            return SessionState.ENDED
        return SessionState.LOCKED if now - self.active_at >= terms.idle else SessionState.OPEN


class LinkPurpose(StrEnum):
    """What a one-time link is for."""

    FIRST_ADMINISTRATOR = "first_administrator"
    SET_PASSWORD = "set_password"
    OPENID = "openid"
    """No link: an attempt to sign in through an OpenID provider, kept once it was answered."""


def checked_login(login: str) -> str:
    """Return a log-in name as it is kept. SignInError `login_invalid`."""
    kept = login.strip().lower()
    # Of other alphabets some letters have small forms in this one.
    if not login.strip().isascii() or not LOGIN.fullmatch(kept):
        raise SignInError("login_invalid")
    return kept


def checked_password(password: str, *, login: str, name: str) -> str:
    """Return a new password. SignInError `password_weak` for one that is short, overlong, one
    character over and over, or made of the person's own names (NIST SP 800-63B, 3.1.1.2: length
    counts, kinds of characters do not)."""
    plain = password.casefold()
    own = [word for word in (login, *name.casefold().split()) if len(word) > 2]
    left = plain
    for word in own:
        left = left.replace(word, "")
    if (
        not LEAST_PASSWORD <= len(password) <= MOST_PASSWORD
        or len(set(plain)) < 5
        or len(left) < LEAST_PASSWORD // 2
    ):
        raise SignInError("password_weak", least=LEAST_PASSWORD, most=MOST_PASSWORD)
    return password


@dataclass(frozen=True)
class Tries:
    """Refused log-ins of late, before one more is tried."""

    here: int
    """Of this log-in name from this address, since it last got in, within `TRIES_WITHIN`."""
    address: int
    """From this address under any name, within `TRIES_WITHIN`."""
    login: int
    """Of this log-in name from anywhere, within `LOGIN_WITHIN`."""
    last_at: datetime | None
    """The newest of those that count."""
    known_address: bool
    """Whether the account has signed in from here before."""


TRIES_WITHIN = timedelta(minutes=15)
LOGIN_WITHIN = timedelta(hours=1)
FREE_TRIES = 5
MOST_OF_ADDRESS = 50
MOST_OF_LOGIN = 100
LONGEST_WAIT = timedelta(seconds=60)


def wait(tries: Tries, now: datetime) -> timedelta:
    """Return how long this log-in name has to wait at this address; zero: it may be tried now.

    The wait doubles from a second to a minute, so that no person is shut out for long by what he
    mistyped. Where many addresses try one name, only those from which it got in before are heard:
    the right person at his own desk is.
    """
    longest = timedelta(0)
    if tries.here >= FREE_TRIES:
        longest = min(LONGEST_WAIT, timedelta(seconds=2.0 ** min(tries.here - FREE_TRIES, 10)))
    crowded = tries.login >= MOST_OF_LOGIN and not tries.known_address
    if tries.address >= MOST_OF_ADDRESS or crowded:
        longest = LONGEST_WAIT
    if tries.last_at is None or not longest:
        return timedelta(0)
    # A clock that went back makes nobody wait longer than the wait.
    return min(longest, max(timedelta(0), tries.last_at + longest - now))

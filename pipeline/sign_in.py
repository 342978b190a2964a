"""Signing in and out: the steps that join accounts, passwords, sessions and refused log-ins."""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from radraft.core import passwords
from radraft.core.errors import NotFound, SignInError
from radraft.reports.accounts import (
    Account,
    LinkPurpose,
    Session,
    SessionState,
    SessionTerms,
    checked_login,
    checked_password,
    wait,
)
from radraft.reports.audit import MOST_DETAIL, AuditActor, AuditEvent, AuditKind, Outcome
from radraft.reports.people import checked_name
from radraft.reports.roles import EVERY_SITE, PERMISSIONS, Membership, Permission, Role
from radraft.store import accounts, audit, sign_ins

if TYPE_CHECKING:
    from sqlalchemy.orm import Session as DatabaseSession

    from radraft.core.settings import Settings
    from radraft.store.database import Store

LINK_LASTS = timedelta(hours=24)
NOTED_EVERY = timedelta(seconds=30)
"""That a person is active is written down so often, not at every request."""
SERVER = AuditActor("radraft")
"""Who does what no person is known to have asked for."""
_KEY_LABEL = b"radraft refused log-ins, key 1"


@dataclass(frozen=True)
class SignedIn:
    """A session, and the secret that its browser has to hold from now on."""

    session: Session
    secret: str = field(repr=False)


def session_terms(settings: Settings) -> SessionTerms:
    """Return how long sessions last here."""
    return SessionTerms(
        idle=timedelta(minutes=settings.session_idle_min),
        longest=timedelta(hours=settings.session_hours),
    )


class SignIn:
    """Who is let in. Thread-safe; everything it knows is in the store."""

    def __init__(
        self,
        store: Store,
        terms: SessionTerms,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._terms = terms
        self._now = now

    def by_password(
        self,
        login: str,
        password: str,
        *,
        address: str,
        noted: AuditKind = AuditKind.LOG_IN,
    ) -> SignedIn:
        """Begin a session, which the audit knows as `noted`. SignInError `sign_in_refused`, the
        same for every reason; `sign_in_wait` where too many were refused.

        A log-in that is being tried counts as refused until it is not, and nothing is locked while
        the password is hashed.
        """
        known = _login(login)
        now = self._now()
        login_key = self._login_key(known)
        with self._store.begin() as session:
            found = accounts.by_login(session, known)
            account_id = None if found is None else found[0].account_id
            pause = wait(sign_ins.tries(session, login_key, address, account_id, now), now)
            if pause:
                raise SignInError("sign_in_wait", seconds=max(1, math.ceil(pause.total_seconds())))
            sign_ins.refused(session, login_key, address, now)
        account, kept = (None, None) if found is None else found
        right, anew = passwords.matches(password, kept)
        if account is None or account.disabled or account.demo or not right:
            self._note_refused(noted, account, address)
            raise SignInError("sign_in_refused")
        with self._store.begin() as session:
            if anew is not None:
                accounts.set_password(session, account.account_id, anew)
            sign_ins.succeeded(session, login_key, address)
            sign_ins.sweep(session, now, self._terms.longest)
            return self._begun(session, account, address, noted)

    def by_link(
        self, secret: str, *, login: str, name: str, password: str, address: str = ""
    ) -> Account:
        """Use a one-time link up: set the password of its account, or make the first administrator
        with this log-in and name. Sessions of the account end.

        SignInError `link_unusable`, `password_weak`, `login_invalid`, `login_taken`; ReportError
        `author_invalid`. The link works on where the input was refused.
        """
        now = self._now()
        with self._store.begin() as session:
            purpose, account_id = accounts.use_link(session, secret, now)
            if purpose is LinkPurpose.FIRST_ADMINISTRATOR:
                if accounts.any_administrator(session):
                    raise SignInError("link_unusable")
                known = checked_login(login)
                checked_password(password, login=known, name=name)
                account = accounts.add(
                    session,
                    login=known,
                    name=checked_name(name),
                    memberships=[Membership(EVERY_SITE, Role.ADMINISTRATOR)],
                    password_hash=passwords.hashed(password),
                    now=now,
                )
                self._note(session, AuditKind.ACCOUNT, account, _self(account, address), "first")
                return account
            if account_id is None:
                raise SignInError("link_unusable")
            account = accounts.get(session, account_id)
            checked_password(password, login=account.login, name=account.name)
            accounts.set_password(session, account_id, passwords.hashed(password))
            sign_ins.end_all(session, account_id)
            self._note(session, AuditKind.ACCOUNT, account, _self(account, address), "password")
            return account

    def as_demo(self, login: str, *, address: str) -> SignedIn:
        """Begin a session of a demo account, which has no password. SignInError `sign_in_refused`
        where it is none; whoever calls has seen to it that this is a demo on loopback."""
        with self._store.begin() as session:
            found = accounts.by_login(session, login)
            if found is None or not found[0].demo or found[0].disabled:
                raise SignInError("sign_in_refused")
            return self._begun(session, found[0], address, AuditKind.LOG_IN)

    def session(self, secret: str | None, *, acting: bool) -> Session:
        """Return the session of a browser; `acting`: a person asks, not a page by itself.

        SignInError `sign_in_needed` where there is none or it has ended; `session_locked`.
        """
        session = self._found(secret)
        now = self._now()
        state = session.state(self._terms, now)
        if state is SessionState.ENDED:
            raise SignInError("sign_in_needed")
        if state is SessionState.LOCKED:
            raise SignInError("session_locked")
        if acting and now - session.active_at >= NOTED_EVERY:
            with self._store.begin() as database:
                sign_ins.active(database, session.session_id, now)
        return session

    def unlock(self, secret: str | None, password: str, *, address: str) -> SignedIn:
        """Go on with a locked session by its person's password, under another secret.

        SignInError as `by_password`, and `sign_in_needed` where the session has ended.
        """
        session = self._found(secret)
        if secret is None or session.state(self._terms, self._now()) is SessionState.ENDED:
            raise SignInError("sign_in_needed")
        self.confirm(session.account, password, address=address, noted=AuditKind.UNLOCK)
        now = self._now()
        with self._store.begin() as database:
            fresh = sign_ins.rotate(database, secret, now)
            found = sign_ins.find(database, fresh)
        if found is None:
            # Revoked while the password was read.
            raise SignInError("sign_in_needed")
        return SignedIn(found, fresh)

    def confirm(
        self,
        account: Account,
        password: str,
        *,
        address: str,
        noted: AuditKind = AuditKind.CONFIRM,
    ) -> None:
        """Have a person who is signed in prove who he is. SignInError as `by_password`."""
        if account.demo:
            return
        signed_in = self.by_password(account.login, password, address=address, noted=noted)
        with self._store.begin() as database:
            sign_ins.end(database, signed_in.session.session_id)

    def out(self, secret: str | None, *, address: str = "") -> None:
        """End a session; nothing where there is none."""
        if secret is None:
            return
        with self._store.begin() as database:
            found = sign_ins.find(database, secret)
            if found is not None:
                sign_ins.end(database, found.session_id)
                account = found.account
                self._note(database, AuditKind.LOG_OUT, account, _self(account, address))

    def revoke(self, login: str, *, by: AuditActor = SERVER) -> int:
        """End all sessions of an account, and return how many. NotFound `account_not_found`."""
        with self._store.begin() as database:
            account = _known(database, login)
            ended = sign_ins.end_all(database, account.account_id)
            self._note(database, AuditKind.SESSIONS_ENDED, account, by)
            return ended

    def first_link(self) -> str | None:
        """Return the secret of a link by which the first administrator is made; None where there is
        one already."""
        with self._store.begin() as database:
            if accounts.any_administrator(database):
                return None
            return accounts.make_link(
                database, LinkPurpose.FIRST_ADMINISTRATOR, now=self._now(), lasts=LINK_LASTS
            )

    def add_account(
        self,
        login: str,
        name: str,
        memberships: Iterable[Membership],
        *,
        by: AuditActor = SERVER,
    ) -> tuple[Account, str]:
        """Make an account, and return it with the secret of a link by which its person sets a
        password. SignInError `login_invalid`, `login_taken`; ReportError `author_invalid`."""
        known, shown = checked_login(login), checked_name(name)
        with self._store.begin() as database:
            account = accounts.add(
                database, login=known, name=shown, memberships=memberships, now=self._now()
            )
            link = self._password_link(database, account.account_id)
            self._note(database, AuditKind.ACCOUNT, account, by, "added")
            self._note_roles(database, account, frozenset(), by)
            return account, link

    def password_link(self, login: str, *, by: AuditActor = SERVER) -> str:
        """Return the secret of a link by which the person of an account sets a password.

        NotFound `account_not_found`.
        """
        with self._store.begin() as database:
            account = _known(database, login)
            link = self._password_link(database, account.account_id)
            self._note(database, AuditKind.ACCOUNT, account, by, "link")
            return link

    def set_memberships(
        self, login: str, memberships: Iterable[Membership], *, by: AuditActor = SERVER
    ) -> Account:
        """Make `memberships` what an account is. It holds from its next request on.

        NotFound `account_not_found`; SignInError `last_administrator`.
        """
        with self._store.begin() as database:
            account = _known(database, login)
            accounts.set_memberships(database, account.account_id, memberships)
            _require_administrator(database, account)
            changed = accounts.get(database, account.account_id)
            self._note_roles(database, changed, account.memberships, by)
            return changed

    def set_disabled(self, login: str, *, disabled: bool, by: AuditActor = SERVER) -> None:
        """Disable an account and end its sessions, or enable it again.

        NotFound `account_not_found`; SignInError `last_administrator`.
        """
        with self._store.begin() as database:
            account = _known(database, login)
            accounts.set_disabled(database, account.account_id, self._now() if disabled else None)
            if disabled:
                _require_administrator(database, account)
                sign_ins.end_all(database, account.account_id)
            self._note(
                database, AuditKind.ACCOUNT, account, by, "disabled" if disabled else "enabled"
            )

    def _found(self, secret: str | None) -> Session:
        with self._store.read() as database:
            session = None if secret is None else sign_ins.find(database, secret)
        if session is None:
            raise SignInError("sign_in_needed")
        return session

    def _begun(
        self, database: DatabaseSession, account: Account, address: str, noted: AuditKind
    ) -> SignedIn:
        secret = sign_ins.begin(database, account.account_id, address, self._now())
        session = sign_ins.find(database, secret)
        assert session is not None
        self._note(database, noted, account, _self(account, address))
        return SignedIn(session, secret)

    def _note(
        self,
        database: DatabaseSession,
        kind: AuditKind,
        account: Account,
        by: AuditActor,
        what: str = "",
        site: str = "",
    ) -> None:
        """Write down what `by` did with an account, in the transaction that does it."""
        details = {"account": account.account_id, "login": account.login}
        if what:
            details["what"] = what[:MOST_DETAIL]
        site = "" if site == EVERY_SITE else site
        audit.append(database, AuditEvent(kind, self._now(), by, site=site, details=details))

    def _note_roles(
        self,
        database: DatabaseSession,
        account: Account,
        before: frozenset[Membership],
        by: AuditActor,
    ) -> None:
        """Write down each role that an account got or lost, at the site that it is of."""
        now = account.memberships
        for sign, memberships in (("+", now - before), ("-", before - now)):
            for held in sorted(memberships):
                what = f"{sign}{held.role.value}@{held.site}"
                self._note(database, AuditKind.ROLES, account, by, what, held.site)

    def _note_refused(self, kind: AuditKind, account: Account | None, address: str) -> None:
        """Write down a log-in that was refused. A name that no account has is not kept: people type
        passwords there."""
        actor = AuditActor("", address=address) if account is None else _self(account, address)
        event = AuditEvent(
            kind,
            self._now(),
            actor,
            outcome=Outcome.REFUSED,
            code="sign_in_refused",
            details={} if account is None else {"login": account.login},
        )
        with self._store.begin() as database:
            audit.append(database, event)

    def _password_link(self, database: DatabaseSession, account_id: str) -> str:
        return accounts.make_link(
            database,
            LinkPurpose.SET_PASSWORD,
            now=self._now(),
            lasts=LINK_LASTS,
            account_id=account_id,
        )

    def _login_key(self, login: str) -> str:
        key = hmac.new(self._store.secret, _KEY_LABEL, hashlib.sha256).digest()
        return hmac.new(key, login.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def _self(account: Account, address: str) -> AuditActor:
    return AuditActor(account.name, account.account_id, address)


def _login(login: str) -> str:
    """A log-in name as it is looked up: one that no account can have is refused like any other."""
    return login.strip().lower()[:256]


def _known(database: DatabaseSession, login: str) -> Account:
    found = accounts.by_login(database, _login(login))
    if found is None:
        raise NotFound("account_not_found")
    return found[0]


def _require_administrator(database: DatabaseSession, changed: Account) -> None:
    """Raise SignInError `last_administrator` where `changed` was the last one who could sign in."""
    held = any(Permission.ACCOUNTS in PERMISSIONS[known.role] for known in changed.memberships)
    if held and not changed.demo and not accounts.any_administrator(database):
        raise SignInError("last_administrator")

"""Signing in and out: the steps that join accounts, passwords, sessions and refused log-ins."""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from radraft.core import passwords
from radraft.core.errors import NotFound, SignInError
from radraft.pipeline.second_factor import SecondFactors, UsedCode
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
from radraft.reports.second_factor import SecondFactorNeeded
from radraft.store import accounts, audit, second_factors, sign_ins

if TYPE_CHECKING:
    from sqlalchemy.orm import Session as DatabaseSession

    from radraft.core.settings import Settings
    from radraft.exchange.openid import ProviderPerson
    from radraft.reports.openid import GroupRoles
    from radraft.store.database import Store

LINK_LASTS = timedelta(hours=24)
NOTED_EVERY = timedelta(seconds=30)
"""That a person is active is written down so often, not at every request."""
SERVER = AuditActor("radraft")
"""Who does what no person is known to have asked for."""
_KEY_LABEL = b"radraft refused log-ins, key 1"
_PROVIDER = "openid provider"
"""Stands for a log-in name where none is typed; no account can have it."""


@dataclass(frozen=True)
class SignedIn:
    """A session, and the secret that its browser has to hold from now on."""

    session: Session
    secret: str = field(repr=False)
    recovery: tuple[str, ...] = field(default=(), repr=False)
    """Recovery codes of a telephone that was enrolled just now: shown once."""


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
        *,
        factors: SecondFactors | None = None,
    ) -> None:
        """`factors`: where who signs in by a password is asked for a second one."""
        self._factors = factors
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
        code: str = "",
    ) -> SignedIn:
        """Begin a session, which the audit knows as `noted`; `code`: of the second factor, which
        signing in asks for, and nothing that goes on with a session.

        SignInError `sign_in_refused`, the same for every reason; `sign_in_wait` where too many were
        refused; as `SecondFactors.require_given`, and what `UsedCode.refusal` names. A log-in that
        is being tried counts as refused until it is not, and nothing is locked while the password
        is hashed.
        """
        known = _login(login)
        now = self._now()
        login_key = self._login_key(known)
        found = self._tried(known, login_key, address, now)
        account, kept = (None, None) if found is None else found
        let_in = account is not None and not account.disabled and not account.demo
        # For who is not let in anyway the work is done in vain, and takes as long.
        right, anew = passwords.matches(password, kept if let_in else None)
        if account is None or not let_in or not right:
            self._note_refused(noted, account, address)
            raise SignInError("sign_in_refused")
        # What goes on with a session asks for no code.
        factors = self._factors if noted is AuditKind.LOG_IN else None
        if factors is not None:
            self._require_given(factors, account, code, address)
        used = UsedCode()
        with self._store.begin() as session:
            if anew is not None:
                accounts.set_password(session, account.account_id, anew)
            if factors is not None:
                used = factors.use(session, account, code, address=address)
            if used.refusal is None:
                sign_ins.succeeded(session, login_key, address)
                sign_ins.sweep(session, now, self._terms.longest)
                begun = self._begun(session, account, address, noted)
                return replace(begun, recovery=used.recovery)
        assert used.refusal is not None
        self._note_refused(noted, account, address, used.refusal.code)
        raise used.refusal

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

    def by_provider(self, person: ProviderPerson, roles: GroupRoles, *, address: str) -> SignedIn:
        """Begin a session of whom an OpenID provider vouches for: his account is made at his first
        log-in, and has from now on the roles that `roles` gives, and no others.

        SignInError `openid_no_role` where they are none: his sessions end; `sign_in_refused` where
        the account is disabled. ReportError `author_invalid`.
        """
        with self._store.begin() as session:
            account = accounts.by_subject(session, person.issuer, person.subject)
            if account is None and roles.memberships:
                account = self._made(session, person, roles, address)
            elif account is not None and not account.disabled:
                account = self._refreshed(session, account, person, roles, address)
            if account is not None and roles.memberships and not account.disabled:
                self._note_unknown(session, account, roles, address)
                sign_ins.succeeded(session, self._login_key(_PROVIDER), address)
                sign_ins.sweep(session, self._now(), self._terms.longest)
                return self._begun(session, account, address, AuditKind.LOG_IN)
        code = "openid_no_role"
        if account is not None and account.disabled:
            code = "sign_in_refused"
        self.refused_by_provider(account, address, code)
        if code == "sign_in_refused":
            raise SignInError(code)
        raise SignInError(code, groups=", ".join(roles.unknown)[:MOST_DETAIL] or "-")

    def session(self, secret: str | None, *, acting: bool, believed: str | None = None) -> Session:
        """Return the session of a browser; `acting`: a person asks, not a page by itself;
        `believed`: the log-in name of whose page asks, where it says that.

        SignInError `sign_in_needed` where there is none or it has ended; `session_of_another` where
        somebody else has signed in at that browser since; `session_locked`.
        """
        session = self._found(secret)
        now = self._now()
        state = session.state(self._terms, now)
        if state is SessionState.ENDED:
            raise SignInError("sign_in_needed")
        if believed is not None and believed != session.account.login:
            # Also where it is locked: no password of his unlocks it.
            raise SignInError("session_of_another")
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

    def require_calm(self, address: str) -> None:
        """Require that few log-ins through the provider were refused at an address. SignInError
        `sign_in_wait`."""
        now = self._now()
        with self._store.read() as database:
            known = sign_ins.tries(database, self._login_key(_PROVIDER), address, None, now)
        # Not those of other addresses: nobody here can be guessed, and all come this one way.
        pause = wait(replace(known, login=0), now)
        if pause:
            raise SignInError("sign_in_wait", seconds=max(1, math.ceil(pause.total_seconds())))

    def refused_by_provider(self, account: Account | None, address: str, code: str) -> None:
        """Write down that a log-in through the provider was refused, and count it."""
        with self._store.begin() as database:
            sign_ins.refused(database, self._login_key(_PROVIDER), address, self._now())
        self._note_refused(AuditKind.LOG_IN, account, address, code)

    def locked(self, secret: str | None) -> bool:
        """Return whether a browser's session is one that has to be unlocked."""
        if secret is None:
            return False
        with self._store.read() as database:
            found = sign_ins.find(database, secret)
        return found is not None and found.state(self._terms, self._now()) is SessionState.LOCKED

    def confirm(
        self,
        account: Account,
        password: str,
        *,
        address: str,
        noted: AuditKind = AuditKind.CONFIRM,
    ) -> None:
        """Have a person who is signed in prove who he is. SignInError as `by_password`;
        `openid_no_password` where he has none here."""
        if account.demo:
            return
        if account.openid:
            raise SignInError("openid_no_password")
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

        NotFound `account_not_found`; SignInError `openid_no_password`: who is vouched for by a
        provider must not get in past it.
        """
        with self._store.begin() as database:
            account = _known(database, login)
            if account.openid:
                raise SignInError("openid_no_password")
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

    def reset_second_factor(self, login: str, *, by: AuditActor = SERVER) -> None:
        """Forget the telephone of an account and its recovery codes, and end its sessions: its
        person enrols another when he signs in next. NotFound `account_not_found`."""
        with self._store.begin() as database:
            account = _known(database, login)
            second_factors.forget(database, account.account_id)
            sign_ins.end_all(database, account.account_id)
            self._note(database, AuditKind.ACCOUNT, account, by, "second factor reset")

    def _tried(
        self, login: str, login_key: str, address: str, now: datetime
    ) -> tuple[Account, str | None] | None:
        """Count a try as refused, and return as `_require_turn`. SignInError `sign_in_wait`."""
        # Most tries of a flood end here, and hold up nobody's writing.
        with self._store.read() as session:
            self._require_turn(session, login, login_key, address, now)
        with self._store.begin() as session:
            # Of many at once each counts the others.
            found = self._require_turn(session, login, login_key, address, now)
            sign_ins.refused(session, login_key, address, now)
            return found

    def _require_turn(
        self,
        session: DatabaseSession,
        login: str,
        login_key: str,
        address: str,
        now: datetime,
    ) -> tuple[Account, str | None] | None:
        """Return the account of a log-in name, with its password's hash, where it may be tried now.

        SignInError `sign_in_wait`.
        """
        found = accounts.by_login(session, login)
        account_id = None if found is None else found[0].account_id
        pause = wait(sign_ins.tries(session, login_key, address, account_id, now), now)
        if pause:
            raise SignInError("sign_in_wait", seconds=max(1, math.ceil(pause.total_seconds())))
        return found

    def _require_given(
        self, factors: SecondFactors, account: Account, code: str, address: str
    ) -> None:
        """Require a code. That the password was right and none came is in the audit: who came by a
        password alone finds out here that it is right."""
        try:
            factors.require_given(account, code)
        except SecondFactorNeeded as error:
            self._note_refused(AuditKind.LOG_IN, account, address, error.code)
            raise

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

    def _made(
        self,
        session: DatabaseSession,
        person: ProviderPerson,
        roles: GroupRoles,
        address: str,
    ) -> Account:
        """Make the account of somebody whom a provider knows. One with the same log-in name that
        is there already is somebody else's: only issuer and subject say who he is."""
        subject = (person.issuer, person.subject)
        for login in _logins(person):
            try:
                account = accounts.add(
                    session,
                    login=login,
                    name=checked_name(person.name),
                    memberships=roles.memberships,
                    subject=subject,
                    now=self._now(),
                )
            except SignInError:
                # The name is taken, or he signs in twice at once.
                known = accounts.by_subject(session, *subject)
                if known is not None:
                    return known
                continue
            by = _self(account, address)
            self._note(session, AuditKind.ACCOUNT, account, by, "openid")
            self._note_roles(session, account, frozenset(), SERVER)
            return account
        raise SignInError("login_taken")

    def _refreshed(
        self,
        session: DatabaseSession,
        account: Account,
        person: ProviderPerson,
        roles: GroupRoles,
        address: str,
    ) -> Account:
        """Make an account what its provider says now. Its last administrator may go with that: who
        is one is the provider's to say."""
        name = checked_name(person.name)
        if name != account.name:
            accounts.set_name(session, account.account_id, name)
            self._note(session, AuditKind.ACCOUNT, account, _self(account, address), "name")
        if roles.memberships != account.memberships:
            accounts.set_memberships(session, account.account_id, roles.memberships)
        changed = accounts.get(session, account.account_id)
        self._note_roles(session, changed, account.memberships, SERVER)
        if not roles.memberships:
            sign_ins.end_all(session, account.account_id)
        return changed

    def _note_unknown(
        self, session: DatabaseSession, account: Account, roles: GroupRoles, address: str
    ) -> None:
        """Write down which groups gave nothing: one that was misspelt in the site's file is found
        here."""
        if roles.unknown:
            shown = ", ".join(group for group in roles.unknown if group.isprintable())
            what = f"groups without a role: {shown}"
            self._note(session, AuditKind.ACCOUNT, account, _self(account, address), what)

    def _note_refused(
        self,
        kind: AuditKind,
        account: Account | None,
        address: str,
        code: str = "sign_in_refused",
    ) -> None:
        """Write down a log-in that was refused. A name that no account has is not kept: people type
        passwords there."""
        actor = AuditActor("", address=address) if account is None else _self(account, address)
        event = AuditEvent(
            kind,
            self._now(),
            actor,
            outcome=Outcome.REFUSED,
            code=code,
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


def _logins(person: ProviderPerson) -> tuple[str, ...]:
    """Log-in names that an account of a provider may get: as he is called there, then with a mark
    that is his alone."""
    mark = hashlib.sha256(f"{person.issuer}\n{person.subject}".encode()).hexdigest()[:12]
    try:
        wanted = checked_login(person.login)
    except SignInError:
        return (f"openid-{mark}",)
    return wanted, f"{wanted[:48]}-{mark}"


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

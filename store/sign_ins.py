"""Sessions of people who are signed in, and log-ins that were refused."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.orm import Session as DatabaseSession

from radraft.reports.accounts import LOGIN_WITHIN, TRIES_WITHIN, Account, Session, Tries
from radraft.store import accounts
from radraft.store.sql import insert_new
from radraft.store.tables_accounts import (
    AccountRow,
    FailedSignInRow,
    KnownAddressRow,
    MembershipRow,
    SessionRow,
)

KEPT = timedelta(days=1)
"""How long a refused log-in is kept here; the audit keeps it for good."""
KNOWN_FOR = timedelta(days=90)
"""How long an address is remembered after an account last signed in from it."""


def begin(session: DatabaseSession, account_id: str, address: str, now: datetime) -> str:
    """Keep a new session and its address, and return the secret that its browser is to hold."""
    secret = secrets.token_urlsafe(32)
    session.add(
        SessionRow(
            token_sha=accounts.secret_sha(secret),
            session_id=f"s-{secrets.token_hex(8)}",
            account_id=account_id,
            started_at=now,
            active_at=now,
            address=address,
        )
    )
    if not insert_new(
        session, KnownAddressRow, account_id=account_id, address=address[:64], seen_at=now
    ):
        session.execute(
            update(KnownAddressRow)
            .where(
                KnownAddressRow.account_id == account_id, KnownAddressRow.address == address[:64]
            )
            .values(seen_at=now)
        )
    session.flush()
    return secret


def find(session: DatabaseSession, secret: str) -> Session | None:
    """Return the session whose browser holds `secret`."""
    # One question: it is asked for every request.
    rows = session.execute(
        select(SessionRow, AccountRow, MembershipRow)
        .join(AccountRow, AccountRow.account_id == SessionRow.account_id)
        .outerjoin(MembershipRow, MembershipRow.account_id == AccountRow.account_id)
        .where(SessionRow.token_sha == accounts.secret_sha(secret))
    ).all()
    if not rows:
        return None
    found, account, _ = rows[0]
    memberships = [membership for *_, membership in rows if membership is not None]
    return session_of(found, accounts.account_of(account, memberships))


def is_live(session: DatabaseSession, session_id: str | None, account_id: str | None) -> bool:
    """Return whether a session is there, of this account, which is not disabled."""
    found = session.scalar(
        select(SessionRow.session_id)
        .join(AccountRow, AccountRow.account_id == SessionRow.account_id)
        .where(
            SessionRow.session_id == session_id,
            SessionRow.account_id == account_id,
            AccountRow.disabled_at.is_(None),
        )
    )
    return found is not None


def of_account(session: DatabaseSession, account_id: str) -> tuple[Session, ...]:
    """Return an account's sessions, newest first."""
    rows = session.scalars(
        select(SessionRow)
        .where(SessionRow.account_id == account_id)
        .order_by(SessionRow.started_at.desc(), SessionRow.session_id)
    )
    account = accounts.get(session, account_id)
    return tuple(session_of(row, account) for row in rows.all())


def rotate(session: DatabaseSession, secret: str, now: datetime) -> str:
    """Give a session another secret and note that its person is there; the old one is worthless."""
    fresh = secrets.token_urlsafe(32)
    session.execute(
        update(SessionRow)
        .where(SessionRow.token_sha == accounts.secret_sha(secret))
        .values(token_sha=accounts.secret_sha(fresh), active_at=now)
        .execution_options(synchronize_session=False)
    )
    return fresh


def active(session: DatabaseSession, session_id: str, now: datetime) -> None:
    """Note that the person of a session did something."""
    session.execute(
        update(SessionRow)
        .where(SessionRow.session_id == session_id, SessionRow.active_at < now)
        .values(active_at=now)
        .execution_options(synchronize_session=False)
    )


def end(session: DatabaseSession, session_id: str) -> None:
    """End one session."""
    session.execute(delete(SessionRow).where(SessionRow.session_id == session_id))


def end_all(session: DatabaseSession, account_id: str, *, but: str = "") -> int:
    """End an account's sessions, all but the one named, and return how many."""
    ended = session.execute(
        delete(SessionRow)
        .where(SessionRow.account_id == account_id, SessionRow.session_id != but)
        .returning(SessionRow.session_id)
    ).all()
    return len(ended)


def end_everybodys(session: DatabaseSession) -> None:
    """End all sessions of everybody."""
    session.execute(delete(SessionRow))


def sweep(session: DatabaseSession, now: datetime, longest: timedelta) -> None:
    """Forget ended sessions, and refused log-ins and addresses that are of no use any more."""
    session.execute(delete(SessionRow).where(SessionRow.started_at <= now - longest))
    session.execute(delete(FailedSignInRow).where(FailedSignInRow.at <= now - KEPT))
    session.execute(delete(KnownAddressRow).where(KnownAddressRow.seen_at <= now - KNOWN_FOR))


def tries(
    session: DatabaseSession, login_key: str, address: str, account_id: str | None, now: datetime
) -> Tries:
    """Return what was refused of late; `login_key` stands for the log-in name."""
    of_login = FailedSignInRow.login_key == login_key
    of_address = FailedSignInRow.address == address
    recent = FailedSignInRow.at > now - TRIES_WITHIN

    def count(*where: ColumnElement[bool]) -> int:
        found = select(func.count()).select_from(FailedSignInRow).where(*where)
        return session.scalar(found) or 0

    # Looked for without an account too, so that the time does not tell of one.
    known = session.get(KnownAddressRow, (account_id or "", address[:64]))
    return Tries(
        here=count(of_login, of_address, recent),
        address=count(of_address, recent),
        login=count(of_login, FailedSignInRow.at > now - LOGIN_WITHIN),
        last_at=session.scalar(
            select(func.max(FailedSignInRow.at)).where(or_(of_login, of_address))
        ),
        known_address=known is not None,
    )


def refused(session: DatabaseSession, login_key: str, address: str, now: datetime) -> None:
    """Note a log-in that is being tried: it counts as refused until it `succeeded`, so that many at
    once are counted too."""
    session.add(FailedSignInRow(login_key=login_key, address=address, at=now))
    session.flush()


def succeeded(session: DatabaseSession, login_key: str, address: str) -> None:
    """Forget the refused log-ins of a name at an address: its person got in."""
    session.execute(
        delete(FailedSignInRow).where(
            FailedSignInRow.login_key == login_key, FailedSignInRow.address == address
        )
    )


def session_of(row: SessionRow, account: Account) -> Session:
    """Return the session of a row, which is of `account`."""
    return Session(
        session_id=row.session_id,
        account=account,
        started_at=row.started_at,
        active_at=row.active_at,
        address=row.address,
    )

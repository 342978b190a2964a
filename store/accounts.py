"""Accounts, what they are at which site, and one-time links that let a person set a password."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from radraft.core.errors import NotFound, SignInError
from radraft.reports.accounts import Account, LinkPurpose
from radraft.reports.roles import Membership, Role
from radraft.store import faults
from radraft.store.sql import insert_all_new, insert_new
from radraft.store.tables_accounts import AccountRow, LinkRow, MembershipRow


def add(
    session: Session,
    *,
    login: str,
    name: str,
    memberships: Iterable[Membership],
    now: datetime,
    password_hash: str | None = None,
    subject: tuple[str, str] | None = None,
    demo: bool = False,
) -> Account:
    """Keep a new account; `login` and `name` were checked. SignInError `login_taken`.

    `subject`: issuer and subject by which an OpenID provider knows the person.
    """
    account_id = f"a-{secrets.token_hex(8)}"
    issuer, known_as = subject or (None, None)
    if not insert_new(
        session,
        AccountRow,
        account_id=account_id,
        login=login,
        name=name,
        password_hash=password_hash,
        issuer=issuer,
        subject=known_as,
        demo=demo,
        created_at=now,
    ):
        raise SignInError("login_taken")
    set_memberships(session, account_id, memberships)
    return get(session, account_id)


def get(session: Session, account_id: str) -> Account:
    """Return an account. NotFound `account_not_found`."""
    row = session.get(AccountRow, account_id)
    if row is None:
        raise NotFound("account_not_found")
    return _accounts(session, [row])[0]


def by_login(session: Session, login: str) -> tuple[Account, str | None] | None:
    """Return the account of a log-in name with the hash of its password, None where there is none.

    The hash is None where the account has no password.
    """
    rows = session.scalars(select(AccountRow).where(AccountRow.login == login)).all()
    # As much is asked for a name that nobody has: the time tells nobody whether there is one.
    found = _accounts(session, rows)
    return (found[0], rows[0].password_hash) if found else None


def by_subject(session: Session, issuer: str, subject: str) -> Account | None:
    """Return the account of whom an OpenID provider calls `subject`."""
    row = session.scalar(
        select(AccountRow).where(AccountRow.issuer == issuer, AccountRow.subject == subject)
    )
    return None if row is None else _accounts(session, [row])[0]


def password_hash(session: Session, account_id: str) -> str | None:
    """Return the hash of an account's password; None where it has none."""
    return session.scalar(
        select(AccountRow.password_hash).where(AccountRow.account_id == account_id)
    )


def every(session: Session) -> tuple[Account, ...]:
    """Return all accounts by log-in name, those that are disabled among them."""
    rows = session.scalars(select(AccountRow).order_by(AccountRow.login)).all()
    return _accounts(session, rows)


def of_ids(session: Session, account_ids: Collection[str]) -> dict[str, Account]:
    """Return those of these accounts that there are, by their ids."""
    rows = session.scalars(select(AccountRow).where(AccountRow.account_id.in_(account_ids))).all()
    return {account.account_id: account for account in _accounts(session, rows)}


def any_administrator(session: Session) -> bool:
    """Return whether somebody can give accounts: an administrator who is not disabled and can sign
    in otherwise than in the demo."""
    found = session.scalar(
        select(func.count())
        .select_from(AccountRow)
        .join(MembershipRow, MembershipRow.account_id == AccountRow.account_id)
        .where(
            MembershipRow.role == Role.ADMINISTRATOR.value,
            AccountRow.disabled_at.is_(None),
            AccountRow.demo.is_(False),
            AccountRow.password_hash.is_not(None) | AccountRow.subject.is_not(None),
        )
    )
    return bool(found)


def set_memberships(session: Session, account_id: str, memberships: Iterable[Membership]) -> None:
    """Make `memberships` what the account is, and nothing else."""
    session.execute(delete(MembershipRow).where(MembershipRow.account_id == account_id))
    rows = [
        {"account_id": account_id, "site": held.site, "role": held.role.value}
        for held in sorted(set(memberships))
    ]
    if rows:
        insert_all_new(session, MembershipRow, rows)


def set_password(session: Session, account_id: str, hashed: str | None) -> None:
    """Keep another password's hash; None: it cannot sign in by one."""
    _update(session, account_id, password_hash=hashed)


def set_name(session: Session, account_id: str, name: str) -> None:
    """Give an account another name; `name` was checked. What was signed keeps the former one."""
    _update(session, account_id, name=name)


def set_disabled(session: Session, account_id: str, at: datetime | None) -> None:
    """Disable an account, or enable it again with None."""
    _update(session, account_id, disabled_at=at)


def make_link(
    session: Session,
    purpose: LinkPurpose,
    *,
    now: datetime,
    lasts: timedelta,
    account_id: str | None = None,
) -> str:
    """Return the secret of a new one-time link. Earlier ones of its kind stop working."""
    session.execute(
        update(LinkRow)
        .where(
            LinkRow.purpose == purpose.value,
            LinkRow.account_id.is_not_distinct_from(account_id),
            LinkRow.used_at.is_(None),
        )
        .values(used_at=now)
    )
    secret = secrets.token_urlsafe(32)
    session.add(
        LinkRow(
            token_sha=secret_sha(secret),
            purpose=purpose.value,
            account_id=account_id,
            made_at=now,
            expires_at=now + lasts,
            used_at=None,
        )
    )
    session.flush()
    return secret


def use_link(session: Session, secret: str, now: datetime) -> tuple[LinkPurpose, str | None]:
    """Use up a link, and return its purpose and account. SignInError `link_unusable` where it is
    unknown, used or too old; of two at once one gets it."""
    used = session.execute(
        update(LinkRow)
        .where(
            LinkRow.token_sha == secret_sha(secret),
            LinkRow.used_at.is_(None),
            LinkRow.expires_at > now,
        )
        .values(used_at=now)
        .returning(LinkRow.purpose, LinkRow.account_id)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if used is None:
        raise SignInError("link_unusable")
    return LinkPurpose(used.purpose), used.account_id


def use_attempt(session: Session, state: str, *, made_at: datetime, now: datetime) -> None:
    """Note that an attempt to sign in through an OpenID provider was answered. SignInError
    `openid_replayed` where it was before; of two at once one is."""
    if not insert_new(
        session,
        LinkRow,
        token_sha=secret_sha(state),
        purpose=LinkPurpose.OPENID.value,
        account_id=None,
        made_at=made_at,
        expires_at=made_at,
        used_at=now,
    ):
        raise SignInError("openid_replayed")


def sweep_attempts(session: Session, before: datetime) -> None:
    """Forget attempts that were answered `before`: they are too old to be answered again."""
    session.execute(
        delete(LinkRow).where(LinkRow.purpose == LinkPurpose.OPENID.value, LinkRow.used_at < before)
    )


def secret_sha(secret: str) -> str:
    """Return what stands for a secret of ours in the database. The secrets are random, so a fast
    hash is enough."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def account_of(row: AccountRow, memberships: Iterable[MembershipRow]) -> Account:
    """Return the account of a row and of the rows of what it is where."""
    held = set()
    for membership in memberships:
        with faults.decoding("memberships", membership.account_id):
            held.add(Membership(membership.site, Role(membership.role)))
    return Account(
        account_id=row.account_id,
        login=row.login,
        name=row.name,
        memberships=frozenset(held),
        disabled=row.disabled_at is not None,
        demo=row.demo,
        openid=row.subject is not None,
    )


def _accounts(session: Session, rows: Sequence[AccountRow]) -> tuple[Account, ...]:
    held: dict[str, list[MembershipRow]] = {row.account_id: [] for row in rows}
    found = session.scalars(select(MembershipRow).where(MembershipRow.account_id.in_(held)))
    for membership in found:
        held[membership.account_id].append(membership)
    return tuple(account_of(row, held[row.account_id]) for row in rows)


def _update(session: Session, account_id: str, **values: object) -> None:
    changed = session.execute(
        update(AccountRow)
        .where(AccountRow.account_id == account_id)
        .values(**values)
        .returning(AccountRow.account_id)
    ).one_or_none()
    if changed is None:
        raise NotFound("account_not_found")

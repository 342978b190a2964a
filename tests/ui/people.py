"""People who are signed in, for tests of what comes after."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from radraft.reports.people import Actor, ActorRole
from radraft.reports.roles import EVERY_SITE, Membership, Role
from radraft.store import accounts, sign_ins

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

    from radraft.reports.accounts import Account
    from radraft.store.database import Store

NAME = "林清"
ALL_ROUND = (Role.ATTENDING, Role.ADMINISTRATOR)
"""What a test's person is where the test is about something else."""


def account_of(
    store: Store, name: str = NAME, roles: tuple[Role, ...] = ALL_ROUND, site: str = EVERY_SITE
) -> Account:
    """The account of a name, made if it is not there; these are its roles from now on."""
    login = f"p-{hashlib.sha256(name.encode()).hexdigest()[:12]}"
    memberships = [Membership(site, role) for role in roles]
    now = datetime.now(UTC)
    with store.begin() as session:
        known = accounts.by_login(session, login)
        if known is None:
            return accounts.add(session, login=login, name=name, memberships=memberships, now=now)
        accounts.set_memberships(session, known[0].account_id, memberships)
        return accounts.get(session, known[0].account_id)


def reader(store: Store, name: str = NAME) -> Actor:
    """The person of that name as the service takes him."""
    return Actor(account_of(store, name).person, ActorRole.READER, "site-a")


def session_of(
    store: Store, name: str = NAME, roles: tuple[Role, ...] = ALL_ROUND, site: str = EVERY_SITE
) -> str:
    """The secret of a new session: what signing in would have given the person's browser."""
    account = account_of(store, name, roles, site)
    with store.begin() as session:
        return sign_ins.begin(session, account.account_id, "127.0.0.1", datetime.now(UTC))


def become(
    client: TestClient,
    name: str = NAME,
    roles: tuple[Role, ...] = ALL_ROUND,
    site: str = EVERY_SITE,
) -> TestClient:
    """`client`, whose person is now this one."""
    store = client.app.state.service.store  # type: ignore[attr-defined]
    client.cookies.set("radraft-session", session_of(store, name, roles, site))
    return client

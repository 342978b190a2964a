"""The demo's people: one for each role, who sign in without a password, on loopback only."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from radraft.core.errors import SignInError
from radraft.reports.roles import EVERY_SITE, Membership, Role
from radraft.store import accounts

if TYPE_CHECKING:
    from radraft.store.database import Store

NAMES = {
    Role.RESIDENT: "演示住院医师 Demo resident",
    Role.ATTENDING: "演示主治医师 Demo attending",
    Role.CLINICIAN: "演示临床医师 Demo clinician",
    Role.TECHNOLOGIST: "演示技师 Demo technologist",
    Role.ENGINEER: "演示工程师 Demo engineer",
    Role.ADMINISTRATOR: "演示管理员 Demo administrator",
}


def login_of(role: Role) -> str:
    """Return the log-in name of the demo's person of a role."""
    return f"demo-{role.value}"


def add_all(store: Store) -> None:
    """Make the accounts that are not there yet; somebody's own account of that name is left."""
    now = datetime.now(UTC)
    for role, name in NAMES.items():
        # Another process may be making it.
        with suppress(SignInError), store.begin() as session:
            if accounts.by_login(session, login_of(role)) is None:
                accounts.add(
                    session,
                    login=login_of(role),
                    name=name,
                    memberships=[Membership(EVERY_SITE, role)],
                    now=now,
                    demo=True,
                )

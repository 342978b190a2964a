"""Which keys of the workstation people have changed for themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sqlalchemy.orm import Session

from radraft.core import canonical
from radraft.store import faults
from radraft.store.sql import insert_new
from radraft.store.tables import KeyBindingsRow

Bindings = Mapping[str, tuple[str, ...]]
"""Of each action of the page that was changed, its keys as the page writes them."""


def of_account(session: Session, account_id: str) -> Bindings:
    """Return what somebody has changed; empty where nothing was. StorageDamaged."""
    row = session.get(KeyBindingsRow, account_id)
    if row is None:
        return {}
    with faults.decoding("key_bindings", account_id):
        return {action: tuple(keys) for action, keys in json.loads(row.bindings).items()}


def choose(session: Session, account_id: str, bindings: Bindings) -> None:
    """Keep what somebody has changed, in place of what was kept before."""
    text = canonical.dumps(bindings)
    insert_new(session, KeyBindingsRow, account_id=account_id, bindings=text)
    session.get_one(KeyBindingsRow, account_id, with_for_update=True).bindings = text

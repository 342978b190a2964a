"""Tokens of other programs. Of a token's secret the SHA-256 is kept: it is made of 256 random
bits, which nobody finds by trying, with or without a key."""

from __future__ import annotations

import secrets
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from radraft.core.errors import NotFound
from radraft.reports.machine_tokens import MachineToken, TokenTerms, expiry
from radraft.reports.roles import Scope
from radraft.store import faults
from radraft.store.accounts import secret_sha
from radraft.store.tables_accounts import MachineTokenRow


def add(
    session: Session, terms: TokenTerms, secret: str, *, made_by: str, now: datetime
) -> MachineToken:
    """Keep a new token and return it."""
    row = MachineTokenRow(
        token_sha=secret_sha(secret),
        token_id=f"t-{secrets.token_hex(8)}",
        name=terms.name,
        sites=tuple(sorted(terms.sites)),
        scopes=tuple(sorted(terms.scopes)),
        made_by=made_by,
        made_at=now,
        expires_at=expiry(terms, now),
        used_at=None,
        revoked_at=None,
    )
    session.add(row)
    session.flush()
    return _token(row)


def by_secret(session: Session, secret: str) -> MachineToken | None:
    """Return the token of a secret; None where there is none."""
    row = session.get(MachineTokenRow, secret_sha(secret))
    return None if row is None else _token(row)


def get(session: Session, token_id: str) -> MachineToken:
    """Return a token. NotFound `token_not_found`."""
    row = session.scalar(select(MachineTokenRow).where(MachineTokenRow.token_id == token_id))
    if row is None:
        raise NotFound("token_not_found")
    return _token(row)


def every(session: Session) -> tuple[MachineToken, ...]:
    """Return all tokens, newest first, those that can be used no more among them."""
    newest = select(MachineTokenRow).order_by(
        MachineTokenRow.made_at.desc(), MachineTokenRow.token_id
    )
    return tuple(map(_token, session.scalars(newest)))


def used(session: Session, token_id: str, now: datetime) -> None:
    """Note that a token was used."""
    session.execute(
        update(MachineTokenRow).where(MachineTokenRow.token_id == token_id).values(used_at=now)
    )


def revoke(session: Session, token_id: str, now: datetime) -> None:
    """Let a token be used no more; one that was revoked before keeps its time."""
    session.execute(
        update(MachineTokenRow)
        .where(MachineTokenRow.token_id == token_id, MachineTokenRow.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def _token(row: MachineTokenRow) -> MachineToken:
    with faults.decoding("machine_tokens", row.token_id):
        scopes = frozenset(map(Scope, row.scopes))
    return MachineToken(
        token_id=row.token_id,
        name=row.name,
        sites=frozenset(row.sites),
        scopes=scopes,
        made_by=row.made_by,
        made_at=row.made_at,
        expires_at=row.expires_at,
        used_at=row.used_at,
        revoked_at=row.revoked_at,
    )

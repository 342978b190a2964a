"""Second factors of accounts: what their codes are made of, and which codes were used."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from radraft.store.sql import insert_all_new, insert_new
from radraft.store.tables_second_factor import RecoveryCodeRow, SecondFactorCodeRow, SecondFactorRow


def find(session: Session, account_id: str) -> tuple[str, bool] | None:
    """Return an account's sealed secret, and whether a code of it was ever given."""
    row = session.get(SecondFactorRow, account_id, populate_existing=True)
    return None if row is None else (row.sealed, row.confirmed_at is not None)


def propose(session: Session, account_id: str, sealed: str, now: datetime) -> None:
    """Keep a secret of which no code was given yet, in the place of another such."""
    session.execute(
        delete(SecondFactorRow).where(
            SecondFactorRow.account_id == account_id, SecondFactorRow.confirmed_at.is_(None)
        )
    )
    # Where a code was given just then, that one stays.
    insert_new(
        session,
        SecondFactorRow,
        account_id=account_id,
        sealed=sealed,
        made_at=now,
        confirmed_at=None,
    )


def confirm(
    session: Session, account_id: str, sealed: str, recovery: Iterable[str], now: datetime
) -> bool:
    """Note that a code of an account's secret was given for the first time, and keep the hashes of
    its recovery codes; False, and nothing is kept, where one was given before, of this secret or
    of another. Of two at once one is first."""
    confirmed = session.execute(
        update(SecondFactorRow)
        .where(
            SecondFactorRow.account_id == account_id,
            SecondFactorRow.sealed == sealed,
            SecondFactorRow.confirmed_at.is_(None),
        )
        .values(confirmed_at=now)
        .returning(SecondFactorRow.account_id)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if confirmed is None:
        return False
    rows = [{"account_id": account_id, "code_hash": code_hash} for code_hash in recovery]
    insert_all_new(session, RecoveryCodeRow, rows)
    return True


def use_code(session: Session, account_id: str, step: int, *, forget_before: int) -> bool:
    """Note that the code of a step was given; False where it was before. Of two at once one is
    first. Steps before `forget_before` are too old to be given again."""
    session.execute(
        delete(SecondFactorCodeRow).where(
            SecondFactorCodeRow.account_id == account_id, SecondFactorCodeRow.step < forget_before
        )
    )
    return insert_new(session, SecondFactorCodeRow, account_id=account_id, step=step)


def use_recovery_code(session: Session, account_id: str, code_hash: str) -> bool:
    """Use a recovery code up; False where there is none such."""
    used = session.execute(
        delete(RecoveryCodeRow)
        .where(RecoveryCodeRow.account_id == account_id, RecoveryCodeRow.code_hash == code_hash)
        .returning(RecoveryCodeRow.code_hash)
    ).one_or_none()
    return used is not None


def recovery_codes_left(session: Session, account_id: str) -> int:
    """Return how many recovery codes an account has left."""
    left = select(func.count()).where(RecoveryCodeRow.account_id == account_id)
    return session.scalar(left) or 0


def forget(session: Session, account_id: str) -> None:
    """Forget an account's second factor and all its codes."""
    for table in (RecoveryCodeRow, SecondFactorCodeRow, SecondFactorRow):
        session.execute(delete(table).where(table.account_id == account_id))

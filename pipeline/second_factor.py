"""The second factor at signing in: enrolling a telephone, and asking for its codes."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from radraft.core import sealed
from radraft.core.errors import SignInError, StorageDamaged
from radraft.reports.audit import AuditActor, AuditEvent, AuditKind
from radraft.reports.second_factor import (
    SEARCHED,
    STEP,
    Enrolment,
    Match,
    SecondFactorNeeded,
    enrolment,
    is_code,
    is_recovery_code,
    match,
    new_recovery_codes,
    new_secret,
    typed,
)
from radraft.store import audit, second_factors

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.reports.accounts import Account
    from radraft.store.database import Store

_SEAL_LABEL = b"radraft second factors, key 1"
_RECOVERY_LABEL = b"radraft recovery codes, key 1"


class SecondFactors:
    """What is asked for beside a password. Thread-safe; everything it knows is in the store."""

    def __init__(
        self,
        store: Store,
        site: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`site`: how radraft is called on a person's telephone."""
        self._store = store
        self._site = site
        self._now = now
        self._seal_key = sealed.key_of(store.secret, _SEAL_LABEL)
        self._recovery_key = sealed.key_of(store.secret, _RECOVERY_LABEL)

    def require(self, account: Account, code: str, *, address: str) -> tuple[str, ...]:
        """Require a code of a person whose password was right. Return recovery codes where it is
        the first code of his telephone: they are shown once.

        SecondFactorNeeded where no code was given; SignInError `second_factor_refused`,
        `second_factor_replayed`, `second_factor_clock`.
        """
        code = typed(code)
        with self._store.read() as session:
            known = second_factors.find(session, account.account_id)
        if known is None or not code:
            confirmed = known is not None and known[1]
            raise SecondFactorNeeded(None if confirmed else self._proposed(account))
        if is_recovery_code(code):
            self._use_recovery_code(account, code, address)
            return ()
        secret = self._opened(known[0], account)
        found = match(secret, code, self._now()) if is_code(code) else None
        if found is None:
            raise SignInError("second_factor_refused")
        return self._use_code(account, found, known[0], address)

    def _proposed(self, account: Account) -> Enrolment:
        secret = new_secret()
        kept = sealed.seal(self._seal_key, secret, account.account_id)
        with self._store.begin() as session:
            second_factors.propose(session, account.account_id, kept, self._now())
        return enrolment(secret, account.login, self._site)

    def _opened(self, kept: str, account: Account) -> str:
        try:
            return sealed.unseal(self._seal_key, kept, account.account_id)
        except ValueError:
            raise StorageDamaged("value_damaged") from None

    def _use_code(self, account: Account, found: Match, kept: str, address: str) -> tuple[str, ...]:
        """Let a code count once; of one that is too early or too late it is said how much. Such a
        one is used up too: what a clock of tomorrow shows must not be good tomorrow."""
        now = self._now()
        oldest = int(now.timestamp() // STEP.total_seconds()) - 2 * SEARCHED
        recovery: tuple[str, ...] = ()
        with self._store.begin() as session:
            held = second_factors.find(session, account.account_id)
            fresh = second_factors.use_code(
                session, account.account_id, found.step, forget_before=oldest
            )
            # Another telephone was enrolled, or this one forgotten, since it was looked.
            same = held is not None and held[0] == kept
            if held is not None and same and fresh and found.taken and not held[1]:
                recovery = new_recovery_codes()
                hashes = map(self._recovery_hash, recovery)
                second_factors.confirm(session, account.account_id, hashes, now)
                self._note(session, account, address, "second factor enrolled")
        if not found.taken:
            minutes = max(1, round(abs(found.off) * STEP.total_seconds() / 60))
            raise SignInError("second_factor_clock", minutes=minutes)
        if not same:
            raise SignInError("second_factor_refused")
        if not fresh:
            raise SignInError("second_factor_replayed")
        return recovery

    def _use_recovery_code(self, account: Account, code: str, address: str) -> None:
        with self._store.begin() as session:
            code_hash = self._recovery_hash(code)
            if not second_factors.use_recovery_code(session, account.account_id, code_hash):
                raise SignInError("second_factor_refused")
            left = second_factors.recovery_codes_left(session, account.account_id)
            self._note(session, account, address, f"recovery code used, {left} left")

    def _recovery_hash(self, code: str) -> str:
        return hmac.new(self._recovery_key, typed(code).encode(), hashlib.sha256).hexdigest()

    def _note(self, session: Session, account: Account, address: str, what: str) -> None:
        actor = AuditActor(account.name, account.account_id, address)
        details = {"account": account.account_id, "login": account.login, "what": what}
        audit.append(session, AuditEvent(AuditKind.ACCOUNT, self._now(), actor, details=details))

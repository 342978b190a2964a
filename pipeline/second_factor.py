"""The second factor at signing in: enrolling a telephone, and asking for its codes."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
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


@dataclass(frozen=True)
class UsedCode:
    """What became of a code that was given."""

    recovery: tuple[str, ...] = field(default=(), repr=False)
    """Recovery codes, where it was the first of a telephone: they are shown once."""
    refusal: SignInError | None = None
    """`second_factor_refused`, `second_factor_replayed`, `second_factor_clock`."""


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

    def require_given(self, account: Account, code: str) -> None:
        """Require that a person whose password was right gave a code of the telephone that he has.
        SecondFactorNeeded otherwise, with what he enrols one by where he has none."""
        with self._store.read() as session:
            known = second_factors.find(session, account.account_id)
        if known is None or not typed(code):
            confirmed = known is not None and known[1]
            raise SecondFactorNeeded(None if confirmed else self._proposed(account))

    def use(self, session: Session, account: Account, code: str, *, address: str) -> UsedCode:
        """Let a code count once, in the transaction that begins the session of its person: what is
        not committed has used nothing up. A refusal is returned and not raised: what was guessed
        is used up with it."""
        code = typed(code)
        if is_recovery_code(code):
            return self._use_recovery_code(session, account, code, address)
        held = second_factors.find(session, account.account_id)
        if held is None or not is_code(code):
            return _refused("second_factor_refused")
        found = match(self._opened(held[0], account), code, self._now())
        if found is None:
            return _refused("second_factor_refused")
        return self._use_code(session, account, found, held, address)

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

    def _use_code(
        self,
        session: Session,
        account: Account,
        found: Match,
        held: tuple[str, bool],
        address: str,
    ) -> UsedCode:
        """Let a code count once; of one that is too early or too late it is said how much. Such a
        one is used up too: what a clock of tomorrow shows must not be good tomorrow."""
        now = self._now()
        oldest = int(now.timestamp() // STEP.total_seconds()) - 2 * SEARCHED
        fresh = second_factors.use_code(
            session, account.account_id, found.step, forget_before=oldest
        )
        if not found.taken:
            minutes = max(1, round(abs(found.off) * STEP.total_seconds() / 60))
            return UsedCode(refusal=SignInError("second_factor_clock", minutes=minutes))
        if not fresh:
            return _refused("second_factor_replayed")
        sealed_secret, confirmed = held
        if confirmed:
            return UsedCode()
        recovery = new_recovery_codes()
        hashes = map(self._recovery_hash, recovery)
        if second_factors.confirm(session, account.account_id, sealed_secret, hashes, now):
            self._note(session, account, address, "second factor enrolled")
            return UsedCode(recovery)
        # Another code was the first in between: of the same telephone, or of another.
        again = second_factors.find(session, account.account_id)
        same = again is not None and again[0] == sealed_secret
        return UsedCode() if same else _refused("second_factor_refused")

    def _use_recovery_code(
        self, session: Session, account: Account, code: str, address: str
    ) -> UsedCode:
        code_hash = self._recovery_hash(code)
        if not second_factors.use_recovery_code(session, account.account_id, code_hash):
            return _refused("second_factor_refused")
        left = second_factors.recovery_codes_left(session, account.account_id)
        self._note(session, account, address, f"recovery code used, {left} left")
        return UsedCode()

    def _recovery_hash(self, code: str) -> str:
        return hmac.new(self._recovery_key, typed(code).encode(), hashlib.sha256).hexdigest()

    def _note(self, session: Session, account: Account, address: str, what: str) -> None:
        actor = AuditActor(account.name, account.account_id, address)
        details = {"account": account.account_id, "login": account.login, "what": what}
        audit.append(session, AuditEvent(AuditKind.ACCOUNT, self._now(), actor, details=details))


def _refused(code: str) -> UsedCode:
    return UsedCode(refusal=SignInError(code))

"""A site's rule of signatures: whether two people sign, who may sign alone, and with a password."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from radraft.core.errors import ReportError, SignInError
from radraft.reports.values import Manner


class Alone(StrEnum):
    """Who may sign alone where two signatures are the rule; he must be able to sign at all."""

    ATTENDING = "attending"
    """Whoever may sign, what he wrote himself."""
    EMERGENCY = "emergency"
    """Whoever may sign and is on emergency duty, what he wrote himself, with the reason."""


@dataclass(frozen=True)
class SignatureRule:
    """What one site asks of a signature. As made: one person may sign, as he sees fit."""

    two_signatures: bool = False
    """Whether a report needs an author (书写) and a reviewer (审核)."""
    alone: frozenset[Alone] = frozenset(Alone)
    """Exceptions from that; of no effect where one signature is enough."""
    reauthenticate: bool = False
    """Whether the signer enters his password for each signature."""


ONE_IS_ENOUGH = SignatureRule()
"""What holds where a site set no rule."""


def alone_manner(rule: SignatureRule, *, own: bool, reason: str) -> Manner:
    """Return how one person signs alone; `own`: he is the report's author, or there is none.

    `reason` is that of emergency duty, empty otherwise. ReportError `second_signature_needed`,
    `emergency_reason_needed`, `not_the_author`.
    """
    if not rule.two_signatures:
        return Manner.EMERGENCY if reason else Manner.ALONE
    if not rule.alone:
        raise ReportError("second_signature_needed")
    if not own:
        raise ReportError("not_the_author")
    if reason and Alone.EMERGENCY in rule.alone:
        return Manner.EMERGENCY
    if Alone.ATTENDING in rule.alone:
        return Manner.ALONE
    raise ReportError("emergency_reason_needed")


def require_password(rule: SignatureRule, *, confirmed: bool) -> None:
    """Raise SignInError `password_needed` where the rule asks for one and none was entered."""
    if rule.reauthenticate and not confirmed:
        raise SignInError("password_needed")

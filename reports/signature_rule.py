"""A site's rule of signatures: whether two people sign, who may sign alone, and with a password."""

from __future__ import annotations

from dataclasses import dataclass

from radraft.core.errors import ReportError, SignInError
from radraft.reports.values import Manner


@dataclass(frozen=True)
class SignatureRule:
    """What one site asks of a signature. As made: one person may sign, as he sees fit."""

    two_signatures: bool = False
    """Whether a report needs an author (书写) and a reviewer (审核)."""
    attending_alone: bool = True
    """Whether, for all that, whoever may sign may sign alone what he wrote himself."""
    emergency_alone: bool = True
    """Whether he may on emergency duty, with the reason."""
    reauthenticate: bool = False
    """Whether the signer enters his password for each signature."""

    @property
    def exceptions(self) -> bool:
        """Return whether there is anybody who may sign alone where two signatures are asked for."""
        return self.attending_alone or self.emergency_alone


ONE_IS_ENOUGH = SignatureRule()
"""What holds where a site set no rule."""
STRICTEST = SignatureRule(
    two_signatures=True, attending_alone=False, emergency_alone=False, reauthenticate=True
)
"""What a page goes by where a site's rule cannot be read; nobody signs there meanwhile."""


def may_sign_alone(rule: SignatureRule, *, own: bool) -> bool:
    """Return whether one person may sign alone; `own`: nobody else wrote in the report
    (`lifecycle.wrote_alone`)."""
    return not rule.two_signatures or (own and rule.exceptions)


def reason_needed(rule: SignatureRule) -> bool:
    """Return whether whoever signs alone has to be on emergency duty, and to say why."""
    return rule.two_signatures and rule.emergency_alone and not rule.attending_alone


def alone_manner(rule: SignatureRule, *, own: bool, reason: str) -> Manner:
    """Return how one person signs alone; `own` as for `may_sign_alone`.

    `reason` is that of emergency duty, empty otherwise. ReportError `second_signature_needed`,
    `emergency_reason_needed`, `others_wrote`.
    """
    if not may_sign_alone(rule, own=own):
        raise ReportError("others_wrote" if rule.exceptions else "second_signature_needed")
    if reason_needed(rule) and not reason:
        raise ReportError("emergency_reason_needed")
    on_duty = not rule.two_signatures or rule.emergency_alone
    return Manner.EMERGENCY if reason and on_duty else Manner.ALONE


def require_password(rule: SignatureRule, *, confirmed: bool) -> None:
    """Raise SignInError `password_needed` where the rule asks for one and none was entered."""
    if rule.reauthenticate and not confirmed:
        raise SignInError("password_needed")

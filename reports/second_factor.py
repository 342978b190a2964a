"""A second factor beside the password: codes of the moment (RFC 6238) and recovery codes.

Rules only: rows are in `store.second_factors`, the steps in `pipeline.second_factor`.
"""

from __future__ import annotations

import hmac
import re
import secrets
from base64 import b32encode
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from radraft.core.errors import SignInError

STEP = timedelta(seconds=30)
AROUND = 1
"""Steps before and after this one whose codes are taken (RFC 6238, 5.2): clocks differ a little."""
SEARCHED = 20
"""Steps before and after in which a code that is not taken is looked for: ten minutes."""
RECOVERY_CODES = 10
_RECOVERY_BYTES = 10
"""80 bits: with the site's key nobody finds one by trying."""
_CODE = re.compile(r"[0-9]{6}")
_LOOK_ALIKE = str.maketrans("018", "OIB")
_RECOVERY = re.compile(r"[A-Z2-7]{16}")


@dataclass(frozen=True)
class Enrolment:
    """What a person's telephone is to be given, once."""

    secret: str = field(repr=False)
    """Base32, 160 bits, for typing in."""
    uri: str = field(repr=False)
    """`otpauth://`, for a camera."""


@dataclass(frozen=True)
class Match:
    """The step of which a code is."""

    step: int
    """Steps of 30 seconds since 1970."""
    off: int
    """Steps after this one; negative: before."""

    @property
    def taken(self) -> bool:
        """Return whether the code counts now."""
        return abs(self.off) <= AROUND


class SecondFactorNeeded(SignInError):
    """The password was right, and a code is asked for: `enrolment` where there is nothing yet that
    shows codes."""

    def __init__(self, enrolment: Enrolment | None = None) -> None:
        self.enrolment = enrolment
        super().__init__("second_factor_needed" if enrolment is None else "second_factor_enrol")


def new_secret() -> str:
    """Return a new secret, in base32."""
    import pyotp

    return pyotp.random_base32()


def enrolment(secret: str, login: str, site: str) -> Enrolment:
    """Return what a telephone is to be given."""
    import pyotp

    uri = pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=f"radraft {site}")
    return Enrolment(secret, uri)


def match(secret: str, code: str, now: datetime) -> Match | None:
    """Return the step around `now` of which `code` is, the nearest first; None: it is of none."""
    import pyotp

    codes = pyotp.HOTP(secret)
    current = int(now.timestamp() // STEP.total_seconds())
    for off in sorted(range(-SEARCHED, SEARCHED + 1), key=abs):
        if hmac.compare_digest(codes.at(current + off), code):
            return Match(current + off, off)
    return None


def typed(code: str) -> str:
    """Return a code as it is compared, however it was typed; in recovery codes there is no 0, 1 or
    8."""
    code = re.sub(r"[\s-]", "", code[:64]).upper()
    return code if is_code(code) else code.translate(_LOOK_ALIKE)


def is_code(code: str) -> bool:
    """Return whether `code` has the form of those of the moment."""
    return bool(_CODE.fullmatch(code))


def is_recovery_code(code: str) -> bool:
    """Return whether `code` has the form of a recovery code."""
    return bool(_RECOVERY.fullmatch(code))


def new_recovery_codes() -> tuple[str, ...]:
    """Return codes that let a person in once each, where his telephone is lost."""
    raw = (b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode() for _ in range(RECOVERY_CODES))
    return tuple("-".join(code[at : at + 4] for at in range(0, 16, 4)) for code in raw)

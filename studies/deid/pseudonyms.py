"""What stands for a patient, a UID and a date: keyed hashes of one secret.

The same secret always gives the same pseudonyms, so that the same patient stays the same patient
and a reference still finds its image; without the secret nothing leads back.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import timedelta

_LEAST_SECRET = 16
_FIRST_DAY, _DAYS = 366, 3650
"""Dates go back by one to eleven years: far enough to tell nothing, and never into the future."""


@dataclass(frozen=True)
class Pseudonyms:
    """Pseudonyms under one secret of at least 16 bytes (ValueError otherwise)."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) < _LEAST_SECRET:
            raise ValueError("the secret must have at least 16 bytes")

    def uid(self, uid: str) -> str:
        """Return a UID in the form of PS3.5 B.2: `2.25.` and a number of 122 bits, a version 4
        UUID."""
        number = int.from_bytes(self._digest("uid", uid)[:16], "big")
        number = number & ~(0xF << 76) | 0x4 << 76
        return f"2.25.{number & ~(0x3 << 62) | 0x2 << 62}"

    def keyed(self, kind: str, value: str) -> str:
        """16 hex characters; `kind` keeps a study and a patient of equal numbers apart."""
        return self._digest(kind, value).hex()[:16]

    def patient(self, patient_id: str, study_uid: str) -> str:
        """`p-` and 16 hex characters, as `DeidStudy.patient_ref`. Without a Patient ID nothing
        links two studies: names are shared by many people."""
        kind, value = self._patient(patient_id, study_uid)
        return "p-" + self.keyed(kind, value)

    def back(self, patient_id: str, study_uid: str) -> timedelta:
        """Return how far this patient's dates go back: whole days, so that intervals and times
        stay."""
        kind, value = self._patient(patient_id, study_uid)
        number = int.from_bytes(self._digest("days of " + kind, value)[:8], "big")
        return timedelta(days=_FIRST_DAY + number % _DAYS)

    def _patient(self, patient_id: str, study_uid: str) -> tuple[str, str]:
        if patient_id:
            return "patient", patient_id
        return "unknown patient of study", study_uid

    def _digest(self, kind: str, value: str) -> bytes:
        return hmac.new(self.secret, f"{kind}\0{value}".encode(), hashlib.sha256).digest()

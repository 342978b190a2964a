"""What the sign-in page shows for a telephone to be enrolled."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from radraft.reports.second_factor import Enrolment

_QUIET = 4
"""Modules of white around a QR code (ISO/IEC 18004, 9.1)."""


def enrolment_form(enrolment: Enrolment) -> dict[str, str]:
    """Return the secret in groups of four, and its QR code as an SVG picture's address."""
    import segno

    secret = enrolment.secret
    picture = segno.make(enrolment.uri, error="m", micro=False)
    return {
        "secret": " ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        "qr": picture.svg_data_uri(border=_QUIET, dark="#000", light="#fff", scale=4),
    }

"""Tokens that other programs show with a request: `Authorization: Bearer` (RFC 6750, 2.1).

From an address or a form none is taken: addresses are logged by every proxy on the way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from radraft.core.errors import TokenError
from radraft.reports.machine_tokens import PREFIX

if TYPE_CHECKING:
    from fastapi import Request
    from starlette.datastructures import Headers

_SCHEME = "bearer"
_IN_ADDRESS = "access_token"
"""The name that RFC 6750 (2.3) gives a token in an address."""


def is_shown(headers: Headers) -> bool:
    """Return whether a request shows a token, be it right or wrong."""
    return any(
        value.partition(" ")[0].lower() == _SCHEME for value in headers.getlist("authorization")
    )


def shown(request: Request) -> str | None:
    """Return the token that a request shows; None where it shows none, and empty where it shows
    several. TokenError `token_in_address`."""
    query = request.query_params
    if _IN_ADDRESS in query or any(PREFIX in text for pair in query.multi_items() for text in pair):
        raise TokenError("token_in_address")
    if not is_shown(request.headers):
        return None
    values = request.headers.getlist("authorization")
    return values[0].partition(" ")[2].strip() if len(values) == 1 else ""

"""Requests that are refused, and the code under which each is counted."""

from __future__ import annotations

import json

from starlette.types import Scope, Send

from radraft.core.errors import RadraftError

_CODE = "radraft.error_code"


class RequestRefused(RadraftError):
    """A request that no page of this workstation makes."""

    def __init__(self, status: int, code: str, **details: str | int) -> None:
        self.status = status
        super().__init__(code, file=None, **details)


async def refuse(error: RequestRefused, scope: Scope, send: Send) -> None:
    """Answer a refused request."""
    note_code(scope, error.code)
    body = json.dumps({"error": error.as_json()}, ensure_ascii=False).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def note_code(scope: Scope, code: str) -> None:
    """Keep with a request what it was refused with."""
    scope[_CODE] = code


def noted_code(scope: Scope) -> str | None:
    """Return what a request was refused with; None where it was not."""
    code: str | None = scope.get(_CODE)
    return code

"""Answers that a page asks for again and again."""

from __future__ import annotations

import hashlib
from typing import Any

from fastapi import Request, Response

from radraft.core import canonical


def tagged(request: Request, content: Any) -> Response:
    """Return JSON under an entity tag, or 304 where the client has it: polling costs next to
    nothing."""
    text = canonical.dumps(content).encode()
    tag = f'"{hashlib.sha256(text).hexdigest()[:32]}"'
    headers = {"ETag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(text, media_type="application/json", headers=headers)

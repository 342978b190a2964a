"""Small questions to a vLLM over HTTP: which models it serves, how it is, to load an adapter.

Whoever answers may be broken, or may not be a vLLM: every answer has one deadline over all of it
and a largest size, and what cannot be read is an error with a code.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx

from radraft.core.errors import DraftingError

ANSWER_BYTES = 8 * 2**20
"""Largest answer. The longest that is asked for, `/metrics`, has some hundred kilobytes."""


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    status: int
    body: bytes

    @property
    def good(self) -> bool:
        """Whether the status says yes."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Return the body as JSON. DraftingError `llm_bad_answer`."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise DraftingError("llm_bad_answer") from None


@dataclass(frozen=True)
class ModelCard:
    """A model as `/v1/models` tells of it."""

    name: str
    root: str | None
    """Folder or name of a hub that vLLM loaded it from; None where that is not told."""
    parent: str | None
    """Name of the base model of an adapter; None of a base model."""


def client() -> httpx.AsyncClient:
    """Return a client for one event loop that uses no proxy: keys and patients' data go straight to
    vLLM, whatever the environment says."""
    return httpx.AsyncClient(trust_env=False, verify=_trusted())


async def ask(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    key: str,
    patience_s: float,
    body: bytes | None = None,
    most: int = ANSWER_BYTES,
) -> Answer:
    """Return the whole answer to one request, whatever its status; no redirect is followed.

    `patience_s` is for all of it, from connecting to the last byte. DraftingError
    `llm_unreachable`, `llm_no_answer` (in that time), `llm_bad_answer` (more than `most` bytes, or
    compressed though nobody asked for that).
    """
    headers = authorization(key) | {"accept-encoding": "identity"}
    if body is not None:
        headers["content-type"] = "application/json"
    try:
        async with (
            asyncio.timeout(patience_s),
            client.stream(
                method, url, content=body, headers=headers, timeout=None, follow_redirects=False
            ) as response,
        ):
            if response.headers.get("content-encoding", "identity") != "identity":
                raise DraftingError("llm_bad_answer")
            return Answer(response.status_code, await _read(response, most))
    except (TimeoutError, httpx.TimeoutException):
        raise DraftingError("llm_no_answer") from None
    except (httpx.RequestError, httpx.InvalidURL, UnicodeError, ExceptionGroup):
        # The last three are addresses and keys that cannot be written into a request; what goes
        # wrong while connecting comes as a group where httpx has no error for it.
        raise DraftingError("llm_unreachable") from None


def ask_and_wait(
    method: str, url: str, *, key: str, patience_s: float, body: bytes | None = None
) -> Answer:
    """Return what `ask` does, to a thread that has no event loop."""

    async def whole() -> Answer:
        async with client() as own:
            return await ask(own, method, url, key=key, patience_s=patience_s, body=body)

    return asyncio.run(whole())


def models(answer: Answer) -> tuple[str, ...]:
    """Return the names in an answer of `/v1/models`, one or more.

    DraftingError `llm_refused` (key), `llm_unreachable` (its own fault), `llm_bad_answer`.
    """
    if answer.status >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise DraftingError("llm_unreachable")
    if not answer.good:
        raise DraftingError("llm_refused")
    try:
        names = tuple(model["id"] for model in answer.json()["data"])
    except (KeyError, TypeError):
        raise DraftingError("llm_bad_answer") from None
    if not names or not all(isinstance(name, str) for name in names):
        raise DraftingError("llm_bad_answer")
    return names


def cards(answer: Answer) -> tuple[ModelCard, ...]:
    """Return what an answer of `/v1/models` tells of each model. DraftingError as `models`."""
    names = models(answer)
    told = answer.json()["data"]
    return tuple(
        ModelCard(name, _text(model.get("root")), _text(model.get("parent")))
        for name, model in zip(names, told, strict=True)
    )


def authorization(key: str) -> dict[str, str]:
    """Return the header for an API key. An empty key has none: HTTP has no word for an empty
    token."""
    return {"authorization": f"Bearer {key}"} if key else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


async def _read(response: httpx.Response, most: int) -> bytes:
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > most:
            raise DraftingError("llm_bad_answer")
    return bytes(body)


@cache
def _trusted() -> ssl.SSLContext:
    """Return the certificates that are trusted; reading them takes longer than a question."""
    return httpx.create_ssl_context(trust_env=False)

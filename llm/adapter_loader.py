"""Adapters in a running vLLM: loaded by name, asked for, and forgotten."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import httpx

from radraft.core.errors import AdapterError, DraftingError
from radraft.llm.endpoint import Endpoint
from radraft.llm.question import Answer, ask, models

LOAD_S = 120.0
"""How long one load may take: vLLM reads the files between two steps of a full batch."""

# A client lives in one event loop, so a lock that belongs to it does too.
_locks: WeakKeyDictionary[httpx.AsyncClient, dict[tuple[str, str], asyncio.Lock]] = (
    WeakKeyDictionary()
)


async def ensure(
    endpoint: Endpoint, adapter_id: str, folder: Path, client: httpx.AsyncClient
) -> None:
    """Have vLLM serve the adapter in `folder` (peft's files) under the name `adapter_id`.

    Asks first, so that a vLLM that restarted gets its adapter again; of any number of calls at
    once, one loads. vLLM reads the folder itself: it must see the same files. DraftingError
    `llm_unreachable`, `llm_no_answer`, `llm_bad_answer`, `llm_refused` (key); AdapterError
    `adapter_not_loaded` where vLLM would not take the files.
    """
    locks = _locks.setdefault(client, {})
    async with locks.setdefault((endpoint.url, adapter_id), asyncio.Lock()):
        if adapter_id in await loaded(endpoint, client):
            return
        body = {"lora_name": adapter_id, "lora_path": str(folder.resolve())}
        answer = await _send(client, endpoint, "POST", "/v1/load_lora_adapter", body)
        # Another process may have loaded it since.
        if answer.good or adapter_id in await loaded(endpoint, client):
            return
        raise AdapterError("adapter_not_loaded", adapter=adapter_id)


async def loaded(
    endpoint: Endpoint, client: httpx.AsyncClient, *, patience_s: float = LOAD_S
) -> frozenset[str]:
    """Return the names that vLLM serves now, its base model's among them. DraftingError as
    `ensure`."""
    return frozenset(
        models(await _send(client, endpoint, "GET", "/v1/models", patience_s=patience_s))
    )


async def unload(endpoint: Endpoint, adapter_id: str, client: httpx.AsyncClient) -> None:
    """Have vLLM forget the name; drafts in progress are finished. DraftingError as `ensure`."""
    await _send(client, endpoint, "POST", "/v1/unload_lora_adapter", {"lora_name": adapter_id})


async def probe(
    endpoint: Endpoint, adapter_id: str, client: httpx.AsyncClient, patience: float
) -> None:
    """Have the adapter write one token. DraftingError `llm_no_answer` after `patience` seconds,
    and as `ensure`; AdapterError `adapter_not_loaded` where vLLM cannot run it."""
    body = {"model": adapter_id, "prompt": ".", "max_tokens": 1}
    answer = await _send(client, endpoint, "POST", "/v1/completions", body, patience)
    if not answer.good:
        raise AdapterError("adapter_not_loaded", adapter=adapter_id)


async def _send(
    client: httpx.AsyncClient,
    endpoint: Endpoint,
    method: str,
    path: str,
    body: dict[str, Any] | None = None,
    patience_s: float = LOAD_S,
) -> Answer:
    answer = await ask(
        client,
        method,
        f"{endpoint.url}{path}",
        key=endpoint.key,
        patience_s=patience_s,
        body=json.dumps(body).encode() if body is not None else None,
    )
    if answer.status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        raise DraftingError("llm_refused")
    return answer

"""Adapters in a running vLLM: loaded by name, asked for, and forgotten."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import httpx

from radraft.core.errors import AdapterError, DraftingError
from radraft.llm.endpoint import Endpoint

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
    `llm_unreachable`, `llm_refused` (key); AdapterError `adapter_not_loaded` where vLLM would not
    take the files.
    """
    locks = _locks.setdefault(client, {})
    async with locks.setdefault((endpoint.url, adapter_id), asyncio.Lock()):
        if adapter_id in await loaded(endpoint, client):
            return
        body = {"lora_name": adapter_id, "lora_path": str(folder.resolve())}
        response = await _send(client, endpoint, "POST", "/v1/load_lora_adapter", body)
        # Another process may have loaded it since.
        if response.is_success or adapter_id in await loaded(endpoint, client):
            return
        raise AdapterError("adapter_not_loaded", adapter=adapter_id)


async def loaded(endpoint: Endpoint, client: httpx.AsyncClient) -> frozenset[str]:
    """Names that vLLM serves now, its base model's among them. DraftingError as `ensure`."""
    response = await _send(client, endpoint, "GET", "/v1/models")
    if response.is_server_error:
        raise DraftingError("llm_unreachable")
    try:
        return frozenset(str(model["id"]) for model in response.json()["data"])
    except (ValueError, KeyError, TypeError):
        raise DraftingError("llm_refused") from None


async def unload(endpoint: Endpoint, adapter_id: str, client: httpx.AsyncClient) -> None:
    """Have vLLM forget the name; drafts in progress are finished. DraftingError as `ensure`."""
    await _send(client, endpoint, "POST", "/v1/unload_lora_adapter", {"lora_name": adapter_id})


async def probe(
    endpoint: Endpoint, adapter_id: str, client: httpx.AsyncClient, patience: float
) -> None:
    """Have the adapter write one token. DraftingError `llm_timeout` after `patience` seconds, and
    as `ensure`; AdapterError `adapter_not_loaded` where vLLM cannot run it."""
    body = {"model": adapter_id, "prompt": ".", "max_tokens": 1}
    response = await _send(client, endpoint, "POST", "/v1/completions", body, patience)
    if not response.is_success:
        raise AdapterError("adapter_not_loaded", adapter=adapter_id)


async def _send(
    client: httpx.AsyncClient,
    endpoint: Endpoint,
    method: str,
    path: str,
    body: dict[str, Any] | None = None,
    patience: float = LOAD_S,
) -> httpx.Response:
    try:
        response = await client.request(
            method,
            f"{endpoint.url}{path}",
            json=body,
            headers=endpoint.headers,
            timeout=patience,
        )
    except httpx.TimeoutException:
        raise DraftingError("llm_timeout") from None
    except httpx.TransportError:
        raise DraftingError("llm_unreachable") from None
    if response.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        raise DraftingError("llm_refused")
    return response

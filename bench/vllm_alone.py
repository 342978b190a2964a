"""A vLLM under measurement: the demo studies' requests, sent to it and timed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from radraft.core.settings import Settings
from radraft.llm.profiles import Profile
from radraft.llm.server import Endpoint
from radraft.llm.wire import chat_body
from radraft.pipeline import draft
from radraft.pipeline.eligibility import Barred
from radraft.pipeline.ingest import ingest
from radraft.store import cases
from radraft.store.database import Store

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / "demo" / "studies"


@dataclass(frozen=True)
class Bench:
    """What every measurement needs."""

    settings: Settings
    profile: Profile
    store: Store
    vision: draft.VisionModel
    endpoint: Endpoint


def take_in(path: Path, bench: Bench) -> tuple[str, ...]:
    """Return the case ids of the studies at `path`, new or known."""
    taken = ingest(
        path,
        store=bench.store,
        profile=bench.profile,
        site="bench",
        scratch=bench.settings.data_dir / "scratch",
    )
    return taken.cases + taken.known


def covered(bench: Bench) -> list[str]:
    """Return the demo studies that the model drafts, taken in where they are not."""
    take_in(DEMO, bench)
    with bench.store.read() as session:
        rows = cases.worklist(session).rows
    asked = partial(draft.prepare, store=bench.store, profile=bench.profile, vision=bench.vision)
    return [row.case_id for row in rows if not isinstance(asked(row.case_id), Barred)]


def body(case_id: str, bench: Bench, model: str | None = None) -> bytes:
    """Return the HTTP body radraft sends for a case, to the base or to an adapter."""
    request = draft.prepare(case_id, store=bench.store, profile=bench.profile, vision=bench.vision)
    assert not isinstance(request, Barred)
    return chat_body(request, bench.profile, model or bench.endpoint.model)


async def bare(bodies: Sequence[bytes], bench: Bench) -> None:
    """Send the same requests straight to vLLM; answers are read and thrown away."""
    headers = bench.endpoint.headers | {"content-type": "application/json"}
    url = f"{bench.endpoint.url}/v1/chat/completions"
    async with httpx.AsyncClient(trust_env=False, timeout=None) as client:

        async def send(content: bytes) -> None:
            async with client.stream("POST", url, content=content, headers=headers) as response:
                response.raise_for_status()
                async for _ in response.aiter_bytes():
                    pass

        await asyncio.gather(*(send(content) for content in bodies))


def say(text: str) -> None:
    """Print what is being measured now, on stderr."""
    from rich.console import Console

    Console(stderr=True).print(text, highlight=False)

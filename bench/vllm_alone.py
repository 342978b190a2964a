"""A vLLM under measurement: the demo studies' requests, sent to it and timed."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from radraft.core.settings import Settings
from radraft.llm.profiles import Profile
from radraft.llm.server import Endpoint
from radraft.llm.wire import chat_body
from radraft.pipeline import draft
from radraft.store import cases
from radraft.store.database import Store

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / "demo" / "studies"
ROUNDS = 3


@dataclass(frozen=True)
class Bench:
    """What every measurement needs."""

    settings: Settings
    profile: Profile
    store: Store
    vision: draft.VisionModel
    endpoint: Endpoint


def ingest(path: Path, bench: Bench) -> tuple[str, ...]:
    """Case ids of the studies at `path`, new or known."""
    taken = draft.ingest(
        path,
        store=bench.store,
        profile=bench.profile,
        site="bench",
        scratch=bench.settings.data_dir / "scratch",
    )
    return taken.cases + taken.known


def covered(bench: Bench) -> list[str]:
    """The demo studies that the model drafts, taken in where they are not."""
    ingest(DEMO, bench)
    with bench.store.read() as session:
        rows = cases.worklist(session)
    asked = partial(draft.prepare, store=bench.store, profile=bench.profile, vision=bench.vision)
    return [one.case_id for one in rows if not isinstance(asked(one.case_id), draft.Barred)]


def body(case_id: str, bench: Bench, model: str | None = None) -> bytes:
    """The HTTP body radraft sends for a case, to the base or to an adapter."""
    request = draft.prepare(case_id, store=bench.store, profile=bench.profile, vision=bench.vision)
    assert not isinstance(request, draft.Barred)
    return chat_body(request, bench.profile, model or bench.endpoint.model)


async def bare(bodies: Sequence[bytes], bench: Bench) -> None:
    """The same requests straight to vLLM, answers read and thrown away."""
    headers = bench.endpoint.headers | {"content-type": "application/json"}
    url = f"{bench.endpoint.url}/v1/chat/completions"
    async with httpx.AsyncClient(trust_env=False, timeout=None) as client:

        async def one(content: bytes) -> None:
            async with client.stream("POST", url, content=content, headers=headers) as response:
                response.raise_for_status()
                async for _ in response.aiter_bytes():
                    pass

        await asyncio.gather(*(one(content) for content in bodies))


def timed(run: Callable[[], Awaitable[None]]) -> float:
    """Seconds one run takes."""

    async def whole() -> float:
        began = time.perf_counter()
        await run()
        return time.perf_counter() - began

    return asyncio.run(whole())


def in_turns(
    one: Callable[[], Awaitable[None]], other: Callable[[], Awaitable[None]]
) -> tuple[list[float], list[float]]:
    """Seconds of each in every round, after a round that is not measured."""
    rounds = [(timed(one), timed(other)) for _ in range(1 + ROUNDS)][1:]
    return [first for first, _ in rounds], [second for _, second in rounds]


def per_second(count: int, seconds: Sequence[float]) -> float:
    """Median of `count` in so many seconds."""
    return statistics.median(count / each for each in seconds)


def pace(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Median of how much of `theirs` ours does in the same time: below 1 where ours is slower."""
    return statistics.median(b / a for a, b in zip(ours, theirs, strict=True))


def say(text: str) -> None:
    """What is being measured now, on stderr."""
    from rich.console import Console

    Console(stderr=True).print(text, highlight=False)

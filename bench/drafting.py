"""`make bench`: what radraft costs on top of vLLM and open_clip, measured in one run.

    python bench/drafting.py            prints the figures
    python bench/drafting.py --write    puts them into docs/performance.md too

Ratios compare both sides in the same run, in turns, on the same vLLM and the same prompts.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx
import psutil

from radraft.bench.embedding import embedding_ratio
from radraft.bench.vllm_alone import (
    DEMO,
    ROOT,
    ROUNDS,
    Bench,
    bare,
    body,
    covered,
    in_turns,
    pace,
    per_second,
    say,
    take_in,
)
from radraft.core.settings import Settings, load as load_settings
from radraft.finetune.adapt import peft_files
from radraft.finetune.train.recipe import Lora
from radraft.llm import adapter_loader, pins, starter_model
from radraft.llm.launch import has_gpu
from radraft.llm.lora import DOWN, UP
from radraft.llm.profiles import load_profile
from radraft.llm.server import ManagedServer
from radraft.llm.support import SCORED_AT_ONCE
from radraft.pipeline import adapter_router, draft
from radraft.pipeline.adapter_router import Router
from radraft.pipeline.draft_batch import draft_many, load_vision_model
from radraft.reports.draft import DraftedSentence
from radraft.store.database import open_store

AT_ONCE = (1, 4, 16)
IMAGES = 48
IDLE, RANK = "idle", 16


def main() -> None:
    """Measure everything, print a table, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="update docs/performance.md")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder))
    text = render(rows)
    print(text)
    if arguments.write:
        page = ROOT / "docs" / "performance.md"
        # What follows is `bench/metrics.py`'s.
        rest = page.read_text(encoding="utf-8").partition("\n## ")
        page.write_text(text + "".join(rest[1:]), encoding="utf-8")


def measure(folder: Path) -> list[tuple[str, str]]:
    """(what, figure) of every measurement, in order."""
    settings = Settings(data_dir=folder / "data", cache_dir=load_settings().cache_dir)
    profile = load_profile("starter")
    say("building the starter where it is missing")
    starter_model.build(settings.cache_dir)
    say("embedding images, radraft and bare open_clip in turns")
    embedding = embedding_ratio(IMAGES)
    rows = [
        ("embedding, radraft", f"{embedding['radraft_images_per_s']} images/s"),
        (
            f"embedding, bare open_clip ({embedding['best_bare']}, its fastest batch)",
            f"{embedding[str(embedding['best_bare']) + '_images_per_s']} images/s",
        ),
        ("embedding, radraft over bare (goal 0.9)", f"{embedding['ratio']}"),
    ]
    store = open_store(settings)
    server = ManagedServer(settings, profile)
    try:
        say("starting vLLM")
        began = time.monotonic()
        server.start()
        server.wait_ready()
        rows.append(("cold start of vLLM", f"{time.monotonic() - began:.1f} s"))
        vision = load_vision_model(profile)
        assert vision is not None
        bench = Bench(settings, profile, store, vision, server.endpoint)
        rows += first_draft(bench)
        known = covered(bench)
        rows += throughput(bench, known)
        rows += adapter_cost(bench, known, folder)
        rows += memory(server)
    finally:
        server.stop()
        store.close()
    return rows


def first_draft(bench: Bench) -> list[tuple[str, str]]:
    """From `ingest` of one study to its first drafted sentence and to its whole draft."""
    say("one study from file to draft")
    firsts, wholes = [], []
    for study in sorted(DEMO.iterdir())[:ROUNDS]:
        began = time.monotonic()
        seen: list[float] = []
        (case_id,) = take_in(study, bench)

        def note(sentence: DraftedSentence, seen: list[float] = seen) -> None:
            seen.append(time.monotonic())

        asyncio.run(draft_one(case_id, bench, note))
        wholes.append(time.monotonic() - began)
        firsts.append(seen[0] - began)
    return [
        ("ingest to first drafted sentence", f"{statistics.median(firsts):.1f} s"),
        ("ingest to whole draft", f"{statistics.median(wholes):.1f} s"),
    ]


def throughput(bench: Bench, known: Sequence[str]) -> list[tuple[str, str]]:
    """Drafts/s through radraft over drafts/s of vLLM alone with the same prompts."""
    figures = []
    for at_once in AT_ONCE:
        chosen = [known[i % len(known)] for i in range(at_once)]
        bodies = [body(case_id, bench) for case_id in chosen]
        say(f"{at_once} at once: vLLM alone and through radraft, in turns")
        alone, ours = in_turns(partial(bare, bodies, bench), partial(through, chosen, bench))
        goal = " (goal 0.95)" if at_once == 16 else ""
        figures += [
            (f"{at_once} at once, vLLM alone", f"{per_second(at_once, alone):.3f} drafts/s"),
            (f"{at_once} at once, through radraft", f"{per_second(at_once, ours):.3f} drafts/s"),
            (f"{at_once} at once, radraft over vLLM alone{goal}", f"{pace(ours, alone):.3f}"),
        ]
    return figures


def adapter_cost(bench: Bench, known: Sequence[str], folder: Path) -> list[tuple[str, str]]:
    """Drafts/s with an adapter that changes no answer over those without."""
    asyncio.run(load_idle(bench, folder / IDLE))
    figures = []
    for at_once in (AT_ONCE[0], AT_ONCE[-1]):
        chosen = [known[i % len(known)] for i in range(at_once)]
        plain = [body(case_id, bench) for case_id in chosen]
        adapted = [body(case_id, bench, IDLE) for case_id in chosen]
        say(f"{at_once} at once: without an adapter and with one, in turns")
        without, with_one = in_turns(partial(bare, plain, bench), partial(bare, adapted, bench))
        what = f"{at_once} at once, vLLM alone, an adapter of rank {RANK} over none"
        figures.append((what, f"{pace(with_one, without):.3f}"))
    return figures


async def load_idle(bench: Bench, target: Path) -> None:
    """Have vLLM serve an adapter of the starter's layers whose B is zero."""
    import torch

    state = {}
    sizes = peft_files.sizes_of(pins.files()["lora"])
    for layer, (inputs, outputs) in sizes.items():
        state[layer + DOWN] = torch.randn(RANK, inputs)
        state[layer + UP] = torch.zeros(outputs, RANK)
    lora = Lora(rank=RANK, alpha=RANK, targets=tuple({name.rpartition(".")[2] for name in sizes}))
    peft_files.write(target, state, lora, bench.profile.model_id, None)
    async with httpx.AsyncClient(trust_env=False) as client:
        await adapter_loader.ensure(bench.endpoint, IDLE, target, client)


def memory(server: ManagedServer) -> list[tuple[str, str]]:
    """Peak resident size of this process and of each of vLLM's (VmHWM of proc(5))."""
    figures = [("peak memory, radraft with the encoder", peak(os.getpid()))]
    assert server.pid is not None
    parent = psutil.Process(server.pid)
    for process in (parent, *parent.children(recursive=True)):
        name = process.name() if process.pid != parent.pid else "API server"
        if "resource_tracker" not in " ".join(process.cmdline()):
            figures.append((f"peak memory, vLLM {name}", peak(process.pid)))
    return figures


async def draft_one(case_id: str, bench: Bench, note: Callable[[DraftedSentence], None]) -> None:
    """Draft one case and call `note` with each sentence as it comes."""
    async with httpx.AsyncClient(trust_env=False) as client:
        drafter = draft.Drafter(
            bench.profile,
            bench.endpoint,
            client,
            bench.vision,
            bench.settings.draft_timeout_s,
            asyncio.Semaphore(SCORED_AT_ONCE),
        )
        router = Router(bench.store, bench.settings.adapters_dir)
        await adapter_router.draft(
            case_id, store=bench.store, router=router, base=drafter, on_sentence=note
        )


async def through(case_ids: Sequence[str], bench: Bench) -> None:
    """The cases through radraft: read, embed or look up, prompt, draft, check, store."""
    results = await draft_many(
        case_ids,
        store=bench.store,
        settings=bench.settings,
        profile=bench.profile,
        endpoint=bench.endpoint,
        vision=bench.vision,
        at_once=len(case_ids),
    )
    assert all(result.error_code is None for result in results)


def peak(pid: int) -> str:
    """Largest resident size a process ever had."""
    for entry in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if entry.startswith("VmHWM:"):
            return f"{int(entry.split()[1]) / 2**20:.2f} GiB"
    return "-"


def render(rows: Sequence[tuple[str, str]]) -> str:
    """The page docs/performance.md."""
    table = "\n".join(f"| {what} | {figure} |" for what, figure in rows)
    return (
        "# Performance\n\n"
        "Printed by `make bench`; `bench/drafting.py --write` writes this part. Starter model,\n"
        "demo studies, embeddings stored beforehand; both sides of a ratio in the same run, in\n"
        f"turns; medians of {ROUNDS} rounds.\n\n"
        f"{machine()}\n\n| what | figure |\n|---|---|\n{table}\n"
    )


def machine() -> str:
    """The machine in a sentence."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    cpu = next((row.split(":", 1)[1].strip() for row in info if row.startswith("model name")), "")
    memory_gib = psutil.virtual_memory().total / 2**30
    gpu = "with an NVIDIA GPU" if has_gpu() else "no GPU"
    return (
        f"Machine: {len(os.sched_getaffinity(0))} cores ({cpu or platform.machine()}), "
        f"{memory_gib:.0f} GiB, {gpu}; Python {platform.python_version()}; "
        f"{datetime.now(UTC):%Y-%m-%d}."
    )


if __name__ == "__main__":
    main()

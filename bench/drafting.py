"""`make bench`: what radraft costs on top of vLLM and open_clip, measured in one run.

    python -m radraft.bench.drafting                 prints every figure
    python -m radraft.bench.drafting --write         puts them into docs/performance.md too
    python -m radraft.bench.drafting --throughput    only drafts/s, beside vLLM alone

Ratios compare both sides in the same run, in turns, on the same vLLM and the same prompts, and come
with an interval (`bench.turns`). The machine must be quiet: the load is printed.
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
from radraft.bench.turns import PAIRS, Cost, in_turns, load, ratio, table
from radraft.bench.vllm_alone import DEMO, ROOT, Bench, bare, body, covered, say, take_in
from radraft.core.settings import Settings, load as load_settings
from radraft.finetune.adapt import peft_files
from radraft.finetune.train.recipe import Lora
from radraft.llm import adapter_loader, pins, starter_model
from radraft.llm.launch import has_gpu, shares_cpu
from radraft.llm.lora import DOWN, UP
from radraft.llm.profiles import load_profile
from radraft.llm.server import ManagedServer
from radraft.llm.support import SCORED_AT_ONCE
from radraft.pipeline import adapter_router, draft
from radraft.pipeline.adapter_router import Router
from radraft.pipeline.draft_batch import load_vision_model
from radraft.reports.draft import DraftProgress
from radraft.store.database import open_store

AT_ONCE = (16, 4, 1)
GOALS = {16: 0.95, 4: 0.95}
ADAPTER_PAIRS = 4
STUDIES = 3
"""Studies drafted one after another, from file to draft."""
IMAGES = 48
Rows = list[tuple[str, str]]
"""(what, figure) of each measurement, in order."""
IDLE, RANK = "idle", 16


def main() -> None:
    """Measure, print a table, and write it where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="update docs/performance.md")
    parser.add_argument("--throughput", action="store_true", help="nothing but drafts/s")
    parser.add_argument("--pairs", type=int, default=PAIRS, help=f"of each ratio ({PAIRS})")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder), pairs=arguments.pairs, throughput_only=arguments.throughput)
    text = render(rows, arguments.pairs)
    print(text)
    if arguments.write:
        page = ROOT / "docs" / "performance.md"
        # What follows is `bench/metrics.py`'s.
        rest = page.read_text(encoding="utf-8").partition("\n## ")
        page.write_text(text + "".join(rest[1:]), encoding="utf-8")


def measure(folder: Path, *, pairs: int, throughput_only: bool) -> Rows:
    """Return (what, figure) of every measurement, in order."""
    settings = Settings(data_dir=folder / "data", cache_dir=load_settings().cache_dir)
    profile = load_profile("starter")
    say("building the starter where it is missing")
    starter_model.build(settings.cache_dir)
    rows = [] if throughput_only else embedding_figures()
    store = open_store(settings)
    server = ManagedServer(settings, profile)
    try:
        say("starting vLLM")
        began = time.monotonic()
        server.start()
        server.wait_ready()
        assert server.pid is not None
        rows.append(("cold start of vLLM", f"{time.monotonic() - began:.1f} s"))
        vision = load_vision_model(profile, beside_llm=shares_cpu(settings))
        assert vision is not None
        bench = Bench(settings, profile, store, vision, server.endpoint)
        if not throughput_only:
            rows += first_draft(bench)
        known = covered(bench)
        rows += throughput(bench, known, server.pid, pairs)
        if not throughput_only:
            rows += adapter_cost(bench, known, folder, server.pid)
            rows += memory(server)
    finally:
        server.stop()
        store.close()
    return rows


def embedding_figures() -> Rows:
    """Return images/s of the encoder, radraft's and bare open_clip's."""
    say("embedding images, radraft and bare open_clip in turns")
    embedding = embedding_ratio(IMAGES)
    best = embedding["best_bare"]
    return [
        ("embedding, radraft", f"{embedding['radraft_images_per_s']} images/s"),
        (
            f"embedding, bare open_clip ({best}, its fastest batch)",
            f"{embedding[f'{best}_images_per_s']} images/s",
        ),
        ("embedding, radraft over bare (goal 0.9)", f"{embedding['ratio']}"),
    ]


def first_draft(bench: Bench) -> Rows:
    """Return the time from `ingest` of one study to its first sentence and to its whole draft."""
    say("one study from file to draft")
    firsts, wholes = [], []
    for study in sorted(DEMO.iterdir())[:STUDIES]:
        began = time.monotonic()
        times: list[float] = []
        (case_id,) = take_in(study, bench)

        def note(progress: DraftProgress, times: list[float] = times) -> None:
            times.append(time.monotonic())

        asyncio.run(draft_one(case_id, bench, note))
        wholes.append(time.monotonic() - began)
        firsts.append(times[0] - began)
    return [
        ("ingest to first drafted sentence", f"{statistics.median(firsts):.1f} s"),
        ("ingest to whole draft", f"{statistics.median(wholes):.1f} s"),
    ]


def throughput(bench: Bench, known: Sequence[str], server: int, pairs: int) -> Rows:
    """Return drafts/s through radraft over drafts/s of vLLM alone with the same request bodies."""
    figures: Rows = []
    for at_once in AT_ONCE:
        chosen = [known[i % len(known)] for i in range(at_once)]
        bodies = [body(case_id, bench) for case_id in chosen]
        say(f"{at_once} at once: through radraft and vLLM alone, in turns; load {load():.1f}")
        measured = list(
            in_turns(
                partial(through, chosen, bench),
                partial(bare, bodies, bench),
                server=server,
                pairs=pairs,
            )
        )
        print(f"\n{at_once} at once\n{table(at_once, measured)}", flush=True)
        found, goal = ratio(measured), GOALS.get(at_once)
        verdict = f"; goal {goal}: {found.verdict(goal)}" if goal else ""
        print(f"radraft over vLLM alone: {found}{verdict}", flush=True)
        ours, theirs = zip(*measured, strict=True)
        figures += [
            (f"{at_once} at once, vLLM alone", f"{per_second(at_once, theirs):.3f} drafts/s"),
            (f"{at_once} at once, through radraft", f"{per_second(at_once, ours):.3f} drafts/s"),
            (f"{at_once} at once, radraft over vLLM alone", f"{found}{verdict}"),
            (f"{at_once} at once, processor time of the client alone", own_cpu(theirs)),
            (f"{at_once} at once, processor time of radraft", own_cpu(ours)),
        ]
    return figures


def per_second(count: int, costs: Sequence[Cost]) -> float:
    """Return the median of `count` in so many seconds."""
    return statistics.median(count / cost.seconds for cost in costs)


def own_cpu(costs: Sequence[Cost]) -> str:
    """Return the median processor time of this process."""
    return f"{statistics.median(cost.own_cpu_s for cost in costs):.2f} s"


def adapter_cost(bench: Bench, known: Sequence[str], folder: Path, server: int) -> Rows:
    """Return drafts/s with an adapter that changes no answer over those without."""
    asyncio.run(load_idle(bench, folder / IDLE))
    figures: Rows = []
    for at_once in (min(AT_ONCE), max(AT_ONCE)):
        chosen = [known[i % len(known)] for i in range(at_once)]
        plain = [body(case_id, bench) for case_id in chosen]
        adapted = [body(case_id, bench, IDLE) for case_id in chosen]
        say(f"{at_once} at once: with an adapter and without one, in turns")
        measured = list(
            in_turns(
                partial(bare, adapted, bench),
                partial(bare, plain, bench),
                server=server,
                pairs=ADAPTER_PAIRS,
            )
        )
        what = f"{at_once} at once, vLLM alone, an adapter of rank {RANK} over none"
        figures.append((what, str(ratio(measured))))
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


def memory(server: ManagedServer) -> Rows:
    """Peak resident size of this process and of each of vLLM's (VmHWM of proc(5))."""
    return [("peak memory, radraft with the encoder", peak(os.getpid())), *vllm_memory(server)]


def vllm_memory(server: ManagedServer) -> Rows:
    """Peak resident size of each of vLLM's processes."""
    figures: Rows = []
    assert server.pid is not None
    parent = psutil.Process(server.pid)
    for process in (parent, *parent.children(recursive=True)):
        name = process.name() if process.pid != parent.pid else "API server"
        if "resource_tracker" not in " ".join(process.cmdline()):
            figures.append((f"peak memory, vLLM {name}", peak(process.pid)))
    return figures


async def draft_one(case_id: str, bench: Bench, note: Callable[[DraftProgress], None]) -> None:
    """Draft one case and call `note` with each sentence as it comes."""
    async with httpx.AsyncClient(trust_env=False) as client:
        await adapter_router.draft(
            case_id,
            store=bench.store,
            router=Router(bench.store, bench.settings.adapters_dir),
            base=drafter_of(bench, client),
            on_sentence=note,
        )


async def through(case_ids: Sequence[str], bench: Bench) -> None:
    """The cases through radraft: read, embed or look up, prompt, draft, check, store.

    Not claimed: the same few cases are drafted several times at once.
    """
    async with httpx.AsyncClient(trust_env=False) as client:
        router, base = Router(bench.store, bench.settings.adapters_dir), drafter_of(bench, client)
        results = await asyncio.gather(
            *(
                adapter_router.draft(case_id, store=bench.store, router=router, base=base)
                for case_id in case_ids
            )
        )
    assert all(result.error_code is None for result in results)


def drafter_of(bench: Bench, client: httpx.AsyncClient) -> draft.Drafter:
    """The served model of the measurement."""
    return draft.Drafter(
        bench.profile,
        bench.endpoint,
        client,
        bench.vision,
        bench.settings.draft_timeout_s,
        asyncio.Semaphore(SCORED_AT_ONCE),
    )


def peak(pid: int) -> str:
    """Largest resident size a process ever had."""
    for entry in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if entry.startswith("VmHWM:"):
            return f"{int(entry.split()[1]) / 2**20:.2f} GiB"
    return "-"


def render(rows: Rows, pairs: int) -> str:
    """Return the first part of docs/performance.md."""
    lines = "\n".join(f"| {what} | {figure} |" for what, figure in rows)
    return (
        "# Performance\n\n"
        "Printed by `make bench`; `bench/drafting.py --write` writes this part. Starter model,\n"
        "demo studies, image tokens stored beforehand; both sides of a ratio in the same run, in\n"
        f"turns, {pairs} pairs; drafts/s and processor time are medians, ratios geometric\n"
        "means.\n\n"
        f"{machine()}\n\n| what | figure |\n|---|---|\n{lines}\n"
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

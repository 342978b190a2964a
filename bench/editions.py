"""Both editions of the starter on two vLLMs beside each other, asked in turns.

    .venv/bin/python -m radraft.bench.editions [--pairs 8]

Printed, each with its interval where it is a ratio: from no vLLM to one that is ready, one after
the other; the demo studies' drafts a second and seconds of processor time a draft, alone, four and
sixteen at once; and, because an edition that says less is done sooner, how fast each writes a text
of a fixed number of words. Last, the most memory that each one's processes held.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from radraft.bench.drafting import machine, vllm_memory
from radraft.bench.turns import PAIRS, in_turns, load, ratio
from radraft.bench.vllm_alone import Bench, bare, body, covered, say
from radraft.core.settings import Settings, load as load_settings
from radraft.llm import starter_model
from radraft.llm.launch import shares_cpu
from radraft.llm.profiles import load_profile
from radraft.llm.server import ManagedServer
from radraft.pipeline.draft_batch import load_vision_model
from radraft.store.database import open_store
from radraft.vision_encoder.shipped import EDITIONS, Edition

AT_ONCE = (1, 4, 16)
FIXED = 64
"""Words of the text that both write, whatever they would say."""


@dataclass(frozen=True)
class Served:
    """One edition on a vLLM of its own."""

    name: str
    bench: Bench
    server: ManagedServer
    ready_s: float
    studies: tuple[str, ...]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=PAIRS, help=f"of each ratio ({PAIRS})")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        both = [serve(edition, Path(folder) / str(edition), stack) for edition in EDITIONS]
        print(machine())
        for one in both:
            print(f"{one.name}: ready after {one.ready_s:.0f} s")
        first, second = both
        for count in AT_ONCE:
            compare(first, second, count, given.pairs)
        for one in both:
            for what, figure in vllm_memory(one.server):
                print(f"{one.name}, {what}: {figure}")


def serve(edition: Edition, folder: Path, stack: ExitStack) -> Served:
    """Return the edition on a vLLM that is ready, stopped with `stack`."""
    settings = Settings(data_dir=folder, cache_dir=load_settings().cache_dir)
    name = starter_model.PROFILES[edition]
    profile = load_profile(name)
    starter_model.build(settings.cache_dir, edition=edition)
    store = open_store(settings)
    stack.callback(store.close)
    server = ManagedServer(settings, profile)
    stack.callback(server.stop)
    say(f"starting vLLM with {name}; load {load():.1f}")
    began = time.monotonic()
    server.start()
    server.wait_ready()
    ready = time.monotonic() - began
    vision = load_vision_model(profile, beside_llm=shares_cpu(settings))
    assert vision is not None
    bench = Bench(settings, profile, store, vision, server.endpoint)
    return Served(name, bench, server, ready, tuple(covered(bench)))


def compare(first: Served, second: Served, count: int, pairs: int) -> None:
    """Print seconds and processor seconds of both, and how much more of the same the second does:
    of drafts, and of texts of a fixed length."""
    for kind, fixed in (("drafts", False), (f"texts of {FIXED} words", True)):
        say(f"{count} {kind} at once, in turns; load {load():.1f}")
        ours, theirs = (
            partial(bare, [body_of(one, number, fixed=fixed) for number in range(count)], one.bench)
            for one in (second, first)
        )
        measured = list(
            in_turns(
                ours,
                theirs,
                server=first_process(second),
                their_server=first_process(first),
                pairs=pairs,
            )
        )
        for one, costs in zip((second, first), zip(*measured, strict=True), strict=True):
            seconds = statistics.median(cost.seconds for cost in costs)
            cpu = statistics.median(cost.server_cpu_s for cost in costs)
            print(
                f"{count} {kind} at once, {one.name}: {seconds:.2f} s,"
                f" {seconds / count:.3f} s each, {cpu / count:.2f} s of processor each"
            )
        print(f"{count} {kind} at once, second edition to first: {ratio(measured)}", flush=True)


def body_of(one: Served, number: int, *, fixed: bool) -> bytes:
    """Return the request for the study of this number; `fixed`: for so many words of anything."""
    content = body(one.studies[number % len(one.studies)], one.bench)
    if not fixed:
        return content
    asked = json.loads(content)
    del asked["response_format"]
    asked |= {"max_tokens": FIXED, "min_tokens": FIXED, "ignore_eos": True}
    return json.dumps(asked).encode("utf-8")


def first_process(one: Served) -> int:
    """Return the process id of its vLLM."""
    assert one.server.pid is not None
    return one.server.pid


if __name__ == "__main__":
    main()

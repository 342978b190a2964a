"""`bench/gpu.sh`: one run of at most ten minutes on a machine with a CUDA GPU and no network.

    bench/gpu.sh                prints a Markdown table
    OUT=folder bench/gpu.sh     puts it into folder/gpu.md too, each part's log beside it

Each part runs in a process of its own with a time limit. What a part did not measure, because a
package is missing, memory ran out or time did, is a row that says why; the other parts go on. Only
Python's own library is imported before a part runs, so that one without our packages can say so.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from radraft.bench.vllm_alone import Bench
    from radraft.finetune.train.recipe import LanguageRecipe
    from radraft.finetune.train.run import Pairs
    from radraft.finetune.train.text import Tokenizer

LIMIT_S = 560.0
GRACE_S = 20.0
"""For a part that is told to end: it stops its vLLM."""
AT_ONCE = (1, 16, 256)
PAIRS = 3
"""Of each ratio."""
IMAGES = 128
STEPS, WARM_STEPS = 20, 4
"""Optimiser steps of a training measurement, and how many of them are not counted."""
LARGE_BATCH = 64
PART_OF_NAME = {"sft": "LoRA training, first stage", "dpo": "LoRA training, second stage"}
RANK = 16


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    figure: str
    """With its unit."""
    n: str
    """How many of what it is over."""
    ran: str
    """What was run."""


@dataclass(frozen=True)
class Part:
    """What is measured in a process of its own."""

    name: str
    share: float
    """Of the whole time; the last part takes all that is left."""
    rows: tuple[str, ...]
    """`Row.what` of all that it measures."""
    command: tuple[str, ...]
    """Of its process; the file to which it appends its rows, a JSON object each, follows."""


def own_part(name: str, share: float, *rows: str) -> Part:
    """Return the part that this module measures under `name`."""
    command = (sys.executable, "-m", "radraft.bench.gpu", "--part", name, "--rows")
    return Part(name, share, rows, command)


PARTS = (
    own_part("starter", 0.2, "starter checkpoint"),
    own_part(
        "embedding", 0.15, "embedding, radraft", "embedding, bare open_clip", "radraft over bare"
    ),
    own_part("training", 0.25, *PART_OF_NAME.values(), f"{PART_OF_NAME['sft']}, large batch"),
    own_part(
        "drafting",
        1.0,
        "cold start of vLLM",
        "ingest to first drafted sentence",
        "ingest to whole draft",
        *(
            f"{at_once} at once, {side}"
            for at_once in AT_ONCE
            for side in ("through radraft", "vLLM alone", "radraft over vLLM alone")
        ),
        *(f"{at_once} at once, an adapter of rank {RANK} over none" for at_once in AT_ONCE),
    ),
)


def main() -> int:
    """Measure every part and print the table; 2 where there is no GPU."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--limit", type=float, default=LIMIT_S, help="seconds for all of it")
    parser.add_argument("--out", type=Path, help="folder for gpu.md and the parts' logs")
    parser.add_argument("--part", choices=sorted(MEASURES), help="measure this part, here")
    parser.add_argument("--rows", type=Path, help="file for the part's rows")
    parser.add_argument("--probe", action="store_true", help="print what torch sees, as JSON")
    arguments = parser.parse_args()
    if arguments.probe:
        print(json.dumps(probe()))
        return 0
    if arguments.part:
        # So that what a part began is ended by its `finally`.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to end"))
        append(arguments.rows, MEASURES[arguments.part]())
        return 0
    deadline = time.monotonic() + arguments.limit
    seen = probed()
    if isinstance(seen, str):
        print(f"No CUDA GPU to measure on: {seen}. Nothing was measured.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as scratch:
        out = arguments.out or Path(scratch)
        out.mkdir(parents=True, exist_ok=True)
        print(measure(PARTS, deadline, out, machine(seen)))
    return 0


def measure(parts: Sequence[Part], deadline: float, out: Path, head: str) -> str:
    """Return the table of all `parts`, which end before `deadline` (`time.monotonic`).

    `out` gets `gpu.md`, written anew after each part, and each part's log.
    """
    rows: list[Row] = []
    began = time.monotonic()
    text = render(head, rows)
    for part in parts:
        left = deadline - GRACE_S - time.monotonic()
        whole = part is parts[-1]
        limit_s = left if whole else min(left, part.share * (deadline - began))
        print(f"{part.name}: at most {max(limit_s, 0):.0f} s", file=sys.stderr, flush=True)
        rows += run_part(part, limit_s, out)
        text = render(head, rows)
        (out / "gpu.md").write_text(text, encoding="utf-8")
    return text


def run_part(part: Part, limit_s: float, out: Path) -> list[Row]:
    """Return a row for each of `part.rows`: measured, or not and why. Nothing of it runs on."""
    if limit_s <= 0:
        return filled(part, [], "no time was left")
    log = out / f"{part.name}.log"
    with tempfile.TemporaryDirectory(prefix="gpu-") as scratch:
        rows = Path(scratch) / "rows.jsonl"
        rows.touch()
        # vLLM runs in a session of its own; the folder is what its processes are known by.
        environment = os.environ | {"TMPDIR": scratch}
        with log.open("wb") as output:
            child = subprocess.Popen(
                [*part.command, str(rows)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                reason = ended(child, limit_s, log)
            finally:
                kill(child, scratch)
        found = [Row(**json.loads(line)) for line in rows.read_text("utf-8").splitlines()]
    return filled(part, found, reason)


def ended(child: subprocess.Popen[bytes], limit_s: float, log: Path) -> str:
    """Return why `child` measured no more, once it has ended or was told to."""
    try:
        status = child.wait(limit_s)
    except subprocess.TimeoutExpired:
        child.terminate()
        try:
            child.wait(GRACE_S / 2)
        except subprocess.TimeoutExpired:
            print("killed: it did not end by itself", file=sys.stderr)
        return f"time limit of {limit_s:.0f} s"
    if status < 0:
        return f"killed by {signal.Signals(-status).name}"
    return failure(log) if status else "the part ended without it"


def failure(log: Path) -> str:
    """Return the last exception that `log` names, or its last line."""
    lines = [line.strip() for line in log.read_text("utf-8", "replace").splitlines()]
    lines = [line for line in lines if line]
    raised = [line for line in lines if re.match(r"[\w.]*(Error|Exception|Exit)\b", line)]
    last = (raised or lines or ["it said nothing"])[-1]
    return last.rpartition("core.errors.")[2]


def kill(child: subprocess.Popen[bytes], scratch: str) -> None:
    """Kill `child` and every process of a session in which one has `scratch` as its TMPDIR, and
    wait until they are gone: the next part needs their memory."""
    sessions, patience = {child.pid}, time.monotonic() + GRACE_S / 2
    while True:
        child.poll()
        pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        # Kept from round to round: vLLM's engine writes its name over its environment.
        sessions |= {session(pid) for pid in pids if is_marked(pid, scratch)} - {0, os.getsid(0)}
        members = [pid for pid in pids if session(pid) in sessions and lives(pid)]
        if not members:
            return
        if time.monotonic() > patience:
            print(f"still there: {members}", file=sys.stderr)
            return
        for pid in members:
            try:
                os.kill(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue
        time.sleep(0.1)


def lives(pid: int) -> bool:
    """Return whether `pid` is there and no zombie."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def session(pid: int) -> int:
    """Return the session of `pid`, 0 where it is gone."""
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return 0


def is_marked(pid: int, scratch: str) -> bool:
    """Return whether `pid` was started with `scratch` as its TMPDIR."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return f"TMPDIR={scratch}".encode() in environment.split(b"\0")


def filled(part: Part, found: Sequence[Row], reason: str) -> list[Row]:
    """Return `found`, and a row that says `reason` for each that `part` should have given."""
    known = {row.what for row in found}
    missing = [what for what in part.rows if what not in known]
    return [*found, *(Row(what, f"not measured: {reason}", "", part.name) for what in missing)]


def append(path: Path, rows: Iterator[Row]) -> None:
    """Write each row to `path` as soon as it is measured."""
    with path.open("a", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(asdict(row)) + "\n")
            file.flush()


def render(head: str, rows: Sequence[Row]) -> str:
    """Return the head line and the table, in Markdown."""
    lines = ["| what | figure | n | run |", "|---|---|---|---|"]
    lines += [
        f"| {' | '.join(cell(text) for text in (row.what, row.figure, row.n, row.ran))} |"
        for row in rows
    ]
    return "\n".join([head, "", *lines, ""])


def cell(text: str) -> str:
    """Return `text` as it may stand in a table: one line, of at most 200 characters."""
    return " ".join(text.split())[:200].replace("|", "\\|")


def probe() -> dict[str, Any]:
    """Return what torch sees; `fault` says why it sees no GPU."""
    try:
        import torch
    except ImportError as error:
        return {"fault": f"{sys.executable} cannot import torch ({error})"}
    if not torch.cuda.is_available():
        return {"fault": f"torch {torch.__version__} of {sys.executable} sees none"}
    of = torch.cuda.get_device_properties(0)
    return {
        "gpu": f"{of.name} ({of.total_memory / 2**30:.0f} GiB)",
        "torch": str(torch.__version__),
        "cuda": str(torch.version.cuda),
    }


def probed() -> dict[str, Any] | str:
    """Return what `probe` finds in a process of its own, so that this one holds no GPU memory; the
    reason where there is no GPU."""
    command = [sys.executable, "-m", "radraft.bench.gpu", "--probe"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    except subprocess.TimeoutExpired:
        return "torch did not answer within 90 s"
    if done.returncode:
        return cell((done.stderr.strip().splitlines() or ["torch could not be asked"])[-1])
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    fault = seen.get("fault")
    return str(fault) if fault else seen


def machine(seen: dict[str, Any]) -> str:
    """Return the machine and the versions in one line."""
    return (
        f"{seen['gpu']}, driver {driver()}, CUDA {seen['cuda']}, torch {seen['torch']}, "
        f"vLLM {vllm_version()}, Python {platform.python_version()}, "
        f"{len(os.sched_getaffinity(0))} cores; {datetime.now(UTC):%Y-%m-%d}."
    )


def driver() -> str:
    """Return the version of the NVIDIA driver that is loaded."""
    try:
        text = Path("/proc/driver/nvidia/version").read_text(encoding="utf-8")
    except OSError:
        return "unknown"
    found = re.search(r"\d{3,}\.\d+(\.\d+)?", text)
    return found.group() if found else "unknown"


def vllm_version() -> str:
    """Return the version of vLLM in its own Python."""
    python = os.environ.get("RADRAFT_VLLM_PYTHON", "")
    code = "from importlib.metadata import version; print(version('vllm'))"
    try:
        done = subprocess.run(
            [python, "-c", code], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return "not installed"
    return "not installed" if done.returncode else done.stdout.strip()


def starter() -> Iterator[Row]:
    """Build the starter checkpoint where it is missing, as `radraft starter build` does."""
    from radraft.core.settings import load as load_settings
    from radraft.llm import starter_model

    began = time.monotonic()
    starter_model.build(load_settings().cache_dir)
    took = f"{time.monotonic() - began:.1f} s"
    yield Row("starter checkpoint", took, "1", "built, or found in the cache")


def embedding(images: int = IMAGES) -> Iterator[Row]:
    """Measure images/s of the encoder beside bare open_clip."""
    from radraft.bench.embedding import BARE_BATCHES, ROUNDS, embedding_ratio

    found = embedding_ratio(images)
    n = f"{images} images, {ROUNDS} rounds"
    ours, theirs, over = next(part for part in PARTS if part.name == "embedding").rows
    rate, best = found["radraft_images_per_s"], found["best_bare"]
    ran = f"Encoder.encode on {found['device']}, 1024 x 1024, preprocessing counted"
    yield Row(ours, f"{rate} images/s", n, ran)
    ran = f"{best}, the fastest batch of {', '.join(map(str, BARE_BATCHES))}"
    yield Row(theirs, f"{found[f'{best}_images_per_s']} images/s", n, ran)
    yield Row(over, f"{found['ratio']}", n, "medians of rounds in turns")


def training() -> Iterator[Row]:
    """Measure samples/s of the recipe `adapt` over the starter, on made-up pairs."""
    from radraft.core.settings import load as load_settings
    from radraft.finetune.adapt.recipe import load_recipe
    from radraft.finetune.train.text import Tokenizer
    from radraft.llm import checkpoint, starter_model

    paths = starter_model.build(load_settings().cache_dir)
    tokenizer = Tokenizer(paths.checkpoint, checkpoint.IMAGE_TOKEN, checkpoint.TOKENS_PER_IMAGE)
    recipe = load_recipe("adapt")
    first = recipe.sft_plan(LARGE_BATCH, recipe.lora)
    second = recipe.dpo_plan(LARGE_BATCH, recipe.lora)
    large = first.model_copy(update={"batch": LARGE_BATCH, "micro_batch": LARGE_BATCH})
    pairs = made_up_pairs(tokenizer, paths.projector, checkpoint.TOKENS_PER_IMAGE, LARGE_BATCH)
    names = (*PART_OF_NAME.values(), f"{PART_OF_NAME['sft']}, large batch")
    for name, plan in zip(names, (first, second, large), strict=True):
        yield trained(name, plan, pairs, paths.checkpoint, paths.projector)


def trained(
    name: str,
    plan: LanguageRecipe,
    pairs: Pairs,
    base: Path,
    projector: Path,
    steps: int = STEPS,
) -> Row:
    """Return samples/s of `plan`'s optimiser step, the median of those after the first few."""
    import torch

    from radraft.core.run_folder import Step
    from radraft.finetune.train import tuned
    from radraft.finetune.train.run import train

    short = plan.model_copy(
        update={"steps": steps, "warm_up": 0, "valid_every": steps, "checkpoint_every": steps}
    )
    times: list[float] = []

    def note(step: Step) -> None:
        times.append(time.perf_counter())

    torch.manual_seed(0)
    model = tuned.build(base, projector, short)
    with tempfile.TemporaryDirectory() as folder:
        train(model, pairs, short, Path(folder), seed=0, on_step=note)
    # The last one validates and saves.
    seconds = [after - before for before, after in pairwise(times[:-1])]
    counted = seconds[WARM_STEPS - 1 :]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tokens = statistics.mean(pair.length for pair in pairs.train)
    return Row(
        name,
        f"{short.batch / statistics.median(counted):.1f} samples/s",
        f"{len(counted)} steps of {short.batch}",
        f"finetune.train on {device}: {short.objective}, rank {short.lora.rank}, "
        f"{short.precision}, micro-batch {short.micro_batch}, made-up pairs of {tokens:.0f} tokens",
    )


def made_up_pairs(tokenizer: Tokenizer, projector: Path, per_image: int, count: int) -> Pairs:
    """Return `count` pairs of a plainly made-up report and draft over random image tokens."""
    import numpy as np

    from radraft.finetune.train.language import stored
    from radraft.finetune.train.run import Pairs
    from radraft.finetune.train.values import Example, Tokens

    dim = stored(projector)["whole.weight"].shape[1]
    text = "CR chest frontal, F, 40-49 y.\n影像报告 JSON (zh, en):"
    content = [{"type": "image"}, {"type": "text", "text": text}]
    findings = [
        {"zh": "双肺未见实变影。", "en": "No consolidation is seen in either lung."},
        {"zh": "心影不大。", "en": "The heart is not enlarged."},
        {"zh": "双侧肋膈角锐利。", "en": "Both costophrenic angles are sharp."},
    ]
    impression = [{"zh": "未见明显异常。", "en": "No abnormality is seen."}]

    def written(sentences: Sequence[dict[str, str]]) -> str:
        report = {"findings": list(sentences), "impression": impression}
        return json.dumps(report, ensure_ascii=False, separators=(",", ":"))

    def tokens(image_id: str) -> Tokens:
        shape = (4 * (per_image - 1), dim)
        drawn = np.random.default_rng(int(image_id)).standard_normal(shape)
        return drawn.astype(np.float32)

    encoded = [
        tokenizer.encode(
            Example(
                messages=({"role": "user", "content": content},),
                images=(str(number),),
                chosen=written(findings),
                rejected=written(findings[:2]),
            )
        )
        for number in range(count)
    ]
    return Pairs(encoded, encoded[:4], tokens, tokenizer.image_id)


def drafting(at_once: Sequence[int] = AT_ONCE, pairs: int = PAIRS) -> Iterator[Row]:
    """Measure vLLM from the profile to the draft, and what an adapter costs."""
    from radraft.bench import drafting as figures
    from radraft.bench.vllm_alone import Bench, covered
    from radraft.core.settings import Settings, load as load_settings
    from radraft.llm.launch import shares_cpu
    from radraft.llm.profiles import load_profile
    from radraft.llm.server import ManagedServer
    from radraft.pipeline.draft_batch import load_vision_model
    from radraft.store.database import open_store

    profile = load_profile("starter")
    engine = profile.vllm.model_copy(update={"max_num_seqs": max(at_once)})
    profile = profile.model_copy(update={"vllm": engine})
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder) / "data", cache_dir=load_settings().cache_dir)
        store = open_store(settings)
        server = ManagedServer(settings, profile)
        try:
            began = time.monotonic()
            server.start()
            server.wait_ready()
            cold = f"{time.monotonic() - began:.1f} s"
            yield Row("cold start of vLLM", cold, "1", f"starter, max_num_seqs {max(at_once)}")
            vision = load_vision_model(profile, beside_llm=shares_cpu(settings))
            assert vision is not None and server.pid is not None
            bench = Bench(settings, profile, store, vision, server.endpoint)
            for what, figure in figures.first_draft(bench):
                yield Row(what, figure, f"median of {figures.STUDIES} studies", "one by one")
            known = covered(bench)
            for count in at_once:
                yield from throughput(bench, known, count, server.pid, pairs)
            yield from adapter_cost(bench, known, at_once, Path(folder), server.pid, pairs)
        finally:
            server.stop()
            store.close()
            show(settings.data_dir / "logs" / "vllm.log")


def throughput(
    bench: Bench, known: Sequence[str], count: int, server: int, pairs: int
) -> Iterator[Row]:
    """Measure drafts/s of `count` at once, through radraft and of vLLM alone."""
    from radraft.bench.drafting import per_second
    from radraft.bench.turns import in_turns, ratio
    from radraft.bench.vllm_alone import body

    chosen = [known[i % len(known)] for i in range(count)]
    bodies = [body(case_id, bench) for case_id in chosen]
    measured = list(
        in_turns(
            partial(through, chosen, bench),
            partial(alone, bodies, bench),
            server=server,
            pairs=pairs,
        )
    )
    ours, theirs = zip(*measured, strict=True)
    n = f"{count} drafts of {len(set(chosen))} studies, {pairs} rounds"
    ran = "image tokens stored beforehand, median"
    yield Row(
        f"{count} at once, through radraft", f"{per_second(count, ours):.3f} drafts/s", n, ran
    )
    ran = "the same request bodies, median"
    yield Row(f"{count} at once, vLLM alone", f"{per_second(count, theirs):.3f} drafts/s", n, ran)
    yield Row(f"{count} at once, radraft over vLLM alone", str(ratio(measured)), n, "in turns")


def adapter_cost(
    bench: Bench,
    known: Sequence[str],
    at_once: Sequence[int],
    folder: Path,
    server: int,
    pairs: int,
) -> Iterator[Row]:
    """Measure what an adapter that changes no answer costs vLLM."""
    import asyncio

    from radraft.bench.drafting import IDLE, load_idle
    from radraft.bench.turns import in_turns, ratio
    from radraft.bench.vllm_alone import body

    asyncio.run(load_idle(bench, folder / IDLE))
    for count in at_once:
        chosen = [known[i % len(known)] for i in range(count)]
        adapted = [body(case_id, bench, IDLE) for case_id in chosen]
        plain = [body(case_id, bench) for case_id in chosen]
        measured = list(
            in_turns(
                partial(alone, adapted, bench),
                partial(alone, plain, bench),
                server=server,
                pairs=pairs,
            )
        )
        n = f"{count} drafts of {len(set(chosen))} studies, {pairs} rounds"
        what = f"{count} at once, an adapter of rank {RANK} over none"
        yield Row(what, str(ratio(measured)), n, "vLLM alone, in turns; B of the adapter is zero")


async def through(case_ids: Sequence[str], bench: Bench) -> None:
    """Draft the cases through radraft, all at once.

    As `bench.drafting.through`, over as many connections as there are cases: httpx's own limit is
    100.
    """
    import asyncio

    import httpx

    from radraft.bench.drafting import drafter_of
    from radraft.pipeline import adapter_router

    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(trust_env=False, limits=limits) as client:
        router = adapter_router.Router(bench.store, bench.settings.adapters_dir)
        base = drafter_of(bench, client)
        results = await asyncio.gather(
            *(
                adapter_router.draft(case_id, store=bench.store, router=router, base=base)
                for case_id in case_ids
            )
        )
    failed = sorted({str(result.error_code) for result in results if result.error_code})
    if failed:
        raise RuntimeError(f"drafts failed: {', '.join(failed)}")


async def alone(bodies: Sequence[bytes], bench: Bench) -> None:
    """Send the bodies straight to vLLM, all at once, over as many connections."""
    import asyncio

    import httpx

    headers = bench.endpoint.headers | {"content-type": "application/json"}
    url = f"{bench.endpoint.url}/v1/chat/completions"
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(trust_env=False, timeout=None, limits=limits) as client:

        async def send(content: bytes) -> None:
            async with client.stream("POST", url, content=content, headers=headers) as response:
                response.raise_for_status()
                async for _ in response.aiter_bytes():
                    pass

        await asyncio.gather(*(send(content) for content in bodies))


def show(log: Path) -> None:
    """Print vLLM's log, which is then in the part's; the data folder does not stay."""
    if log.exists():
        print("== vLLM's log ==", flush=True)
        with log.open("r", encoding="utf-8", errors="replace") as text:
            shutil.copyfileobj(text, sys.stdout)
        print("== its end ==", flush=True)


MEASURES: dict[str, Callable[[], Iterator[Row]]] = {
    "starter": starter,
    "embedding": embedding,
    "training": training,
    "drafting": drafting,
}


if __name__ == "__main__":
    sys.exit(main())

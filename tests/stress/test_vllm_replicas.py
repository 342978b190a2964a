"""Two real vLLMs of one tiny model: an adapter that is exchanged and taken back writes what a cold
server writes, and no draft is lost when one of the two is killed."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen

import httpx
import numpy as np
import pytest
from safetensors.numpy import save_file

from radraft.core.settings import Settings
from radraft.llm import launch, process, record
from radraft.llm.draft import draft
from radraft.llm.endpoint import Endpoint
from radraft.llm.profiles import Profile
from radraft.llm.replicas.look import Looker
from radraft.llm.replicas.router import Replicas, ReplicaState, Timing
from radraft.pipeline import promotion
from radraft.pipeline.adapter_router import Router
from radraft.pipeline.draft_worker import Worker
from radraft.reports.draft import Draft
from radraft.reports.values import Coverage
from radraft.store import adapter_files, adapters, drafts
from radraft.store.database import Store
from tests.llm.cases import make_request
from tests.llm.test_replicas import until
from tests.llm.tiny_vlm import build_tiny_vlm
from tests.pipeline.test_draft_worker import waiting_case
from tests.processes import free_port
from tests.store.adapter_builders import SITE, decision, make_adapter

pytestmark = [pytest.mark.stress, pytest.mark.vllm, pytest.mark.timeout(3000)]

KEY = "key"
STUDIES = 20
HIDDEN, VALUES, RANK = 64, 32, 4
PATIENT = Timing(pause=1.0, longest_pause=4.0, patience=30.0)
"""Two vLLMs share what processors there are."""


@dataclass
class Vllm:
    """One real vLLM, which can be killed and started again."""

    profile: Profile
    model: Path
    folder: Path
    port: int = field(default_factory=free_port)
    child: Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        python = launch.vllm_python(Settings())
        self.child = process.spawn(
            launch.command(self.profile, python=python, model=str(self.model), port=self.port),
            launch.environment(self.profile, KEY, python=python, base=os.environ),
            self.folder / "vllm.log",
        )

    def kill(self) -> None:
        if self.child is not None:
            began = record.created(self.child.pid)
            for each in process.members(self.child.pid, began):
                each.kill()
            self.child.wait()
            self.child = None


@contextmanager
def two(profile: Profile, model: Path, folder: Path) -> Iterator[list[Vllm]]:
    made = [Vllm(profile, model, folder / name) for name in ("first", "second")]
    try:
        for each in made:
            each.start()
        yield made
    finally:
        for each in made:
            each.kill()


def write_lora(folder: Path, seed: int) -> Path:
    """peft's files with weights large enough to change every word."""
    folder.mkdir(parents=True)
    config = {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "r": RANK, "lora_alpha": 8,
        "target_modules": ["q_proj", "v_proj", "down_proj"], "bias": "none",
    }  # fmt: skip
    (folder / adapter_files.CONFIG).write_text(json.dumps(config), encoding="utf-8")
    random = np.random.default_rng(seed)
    shapes = {"self_attn.q_proj": HIDDEN, "self_attn.v_proj": VALUES, "mlp.down_proj": HIDDEN}
    weights = {}
    for layer in range(2):
        for name, wide in shapes.items():
            start = f"base_model.model.model.language_model.layers.{layer}.{name}"
            for part, shape in (("A", (RANK, HIDDEN)), ("B", (wide, RANK))):
                drawn = random.standard_normal(shape).astype(np.float32)
                weights[f"{start}.lora_{part}.weight"] = drawn
    save_file(weights, folder / adapter_files.WEIGHTS)
    return folder


def through_gate(store: Store, root: Path, scratch: Path, profile: Profile, number: int) -> str:
    """A shadow of its own weights, with its files in their place; its id."""
    source = write_lora(scratch / f"lora-{number}", number)
    made = make_adapter(adapter_files.hashes(source), number, base=profile.model_id)
    adapter_files.install(source, root, made.adapter_id)
    with store.begin() as session:
        adapters.register(session, made, by="test")
        adapters.record(session, decision(session, made.adapter_id))
    return made.adapter_id


def said(vllm: Vllm, profile: Profile, adapter_id: str, root: Path) -> list[str]:
    """What the adapter drafts there of one and of two images, one after the other."""

    async def ask() -> list[str]:
        texts = []
        async with httpx.AsyncClient(trust_env=False) as client:
            looker = Looker(vllm.url, KEY, profile, 60)
            found = await looker.give(client, adapter_id, root / adapter_id)
            endpoint = Endpoint(vllm.url, KEY, found.base.name)
            for images in (1, 2):
                request = make_request(profile, images=images, adapter_id=adapter_id)
                events = draft(
                    request, profile=profile, endpoint=endpoint, client=client, timeout_s=600
                )
                made = [event async for event in events][-1]
                assert isinstance(made, Draft)
                assert (made.coverage, made.error_code) == (Coverage.DRAFTED, None)
                texts.append(" ".join(each.zh + each.en for each in made.report.sentences))
        return texts

    return asyncio.run(ask())


def test_an_exchange_and_a_roll_back_write_what_a_cold_server_writes_and_no_draft_is_lost(
    sqlite_store: Store, tmp_path: Path
) -> None:
    weights = tmp_path / "weights"
    weights.mkdir()
    profile = build_tiny_vlm(weights)
    store = sqlite_store
    with two(profile, weights, tmp_path) as (first, second):
        settings = Settings(
            data_dir=tmp_path / "data", llm_url=f"{first.url} {second.url}", llm_key=KEY
        )
        root = settings.adapters_dir
        old = through_gate(store, root, tmp_path, profile, 1)
        router = Router(store, root)
        replicas = Replicas(settings, profile, lambda: router.serving(profile), PATIENT)
        replicas.start()

        def ready(count: int) -> bool:
            return [each.state for each in replicas.status()].count(ReplicaState.READY) == count

        def promote(adapter_id: str) -> None:
            promotion.promote(
                adapter_id, store=store, settings=settings, profile=profile, by="Dr. Li"
            )

        try:
            until(lambda: ready(2))
            promote(old)
            cold_old = said(first, profile, old, root)
            assert said(second, profile, old, root) == cold_old
            new = through_gate(store, root, tmp_path, profile, 2)
            promote(new)
            warm_new = said(first, profile, new, root)
            assert warm_new != cold_old
            began = time.monotonic()
            promotion.roll_back(
                SITE, store=store, settings=settings, profile=profile, by="Dr. Li", reason="worse"
            )
            print(f"roll-back over two vLLMs: {time.monotonic() - began:.2f} s")
            assert said(first, profile, old, root) == cold_old

            # A vLLM that never saw another adapter.
            second.kill()
            until(lambda: ready(1))
            second.start()
            until(lambda: ready(2))
            assert said(second, profile, new, root) == warm_new
            assert said(second, profile, old, root) == cold_old

            worker = Worker(
                store, profile, endpoint=replicas.endpoint, vision=lambda: None, router=router,
                slots=profile.vllm.max_num_seqs, vllms=2, timeout_s=600,
            )  # fmt: skip
            ids = [waiting_case(store, number) for number in range(1, STUDIES + 1)]
            worker.start()

            def made() -> list[Draft]:
                with store.read() as session:
                    found = [drafts.latest(session, case_id) for case_id in ids]
                return [each.draft for each in found if each is not None]

            until(lambda: len(made()) >= STUDIES // 4)
            first.kill()
            until(lambda: len(made()) >= STUDIES // 2)
            first.start()
            until(lambda: len(made()) == STUDIES and ready(2))
            worker.stop()
            worker.join()
        finally:
            replicas.stop()
    assert [(each.adapter_id, each.error_code) for each in made()] == [(old, None)] * STUDIES

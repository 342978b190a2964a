"""Seconds that a promotion and a roll-back take over several vLLMs: all well, and one that hangs.

The vLLMs are stubs at the wire. Two that draft, each with its own sight of the vLLMs as a server
and a worker have, write made-up films' drafts all the while. After each command new studies come
in: each must be drafted with what the command said.

    python -m radraft.bench.replicas --vllms 3 --rounds 5
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median

from pydantic import SecretStr

from radraft.bench.stub_replica import KEY, Fault, StubReplica, serving
from radraft.core.settings import Settings
from radraft.llm.profiles import load_profile
from radraft.llm.replicas.router import Replicas
from radraft.pipeline import promotion
from radraft.pipeline.adapter_router import Router
from radraft.pipeline.claims import Claims
from radraft.pipeline.draft_worker import Worker
from radraft.store import adapters, drafts
from radraft.store.database import Store, open_store
from radraft.store.leases import Owner
from tests.store.adapter_builders import SITE, decision, installed
from tests.waiting import add_waiting

PROFILE = load_profile("qwen3-vl-8b-instruct")
AFTER = 16
"""Studies that come in after each command."""
DRAFT_S = 0.2


def main() -> None:
    """Print the median and the longest of each."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--vllms", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        stubs = [
            stack.enter_context(serving(number, seconds=DRAFT_S))
            for number in range(1, asked.vllms + 1)
        ]
        desk = Desk(Path(folder), stubs)
        stack.enter_context(desk.drafting())
        # What is taken back is an adapter's place, not the base's.
        desk.promote(desk.shadow())
        for name, fault in (("all well", Fault.NONE), ("one hangs", Fault.HANGS)):
            stubs[0].fault = fault
            for what, seconds in desk.rounds(asked.rounds).items():
                print(
                    f"{asked.vllms} vLLMs, {name}: {what:45} "
                    f"median {median(seconds):5.2f} s, longest {max(seconds):5.2f} s"
                )


class Desk:
    """A site whose adapters are exchanged."""

    def __init__(self, folder: Path, stubs: list[StubReplica]) -> None:
        urls = " ".join(stub.url for stub in stubs)
        self.settings = Settings(data_dir=folder / "data", llm_url=urls, llm_key=SecretStr(KEY))
        self.scratch = folder
        self.store: Store = open_store(self.settings)
        self.number = 0
        self.studies = 0

    @contextmanager
    def drafting(self) -> Iterator[None]:
        """Two that draft, as a server and a worker do."""
        with ExitStack() as stack:
            for _ in range(2):
                router = Router(self.store, self.settings.adapters_dir)
                known = Replicas(self.settings, PROFILE, partial(router.serving, PROFILE))
                worker = Worker(
                    self.store,
                    PROFILE,
                    endpoint=known.endpoint,
                    vision=lambda: None,
                    router=router,
                    slots=4,
                    vllms=len(known),
                    timeout_s=60,
                    claims=Claims(self.store, owner=Owner(term_s=60)),
                )
                known.start()
                worker.start()
                stack.callback(known.stop)
                stack.callback(worker.join)
                stack.callback(worker.stop)
            yield

    def rounds(self, count: int) -> dict[str, list[float]]:
        """Promote an adapter and take it back, `count` times; seconds of each step."""
        found: dict[str, list[float]] = {}
        for _ in range(count):
            old = self.serving()
            new = self.shadow()
            steps: tuple[tuple[str, Callable[[], object], str | None], ...] = (
                ("promotion", partial(self.promote, new), new),
                ("roll-back", self.roll_back, old),
            )
            for name, step, wanted in steps:
                began = time.monotonic()
                step()
                found.setdefault(f"{name} confirmed", []).append(time.monotonic() - began)
                self.draft(wanted)
                found.setdefault(f"{name}, and {AFTER} drafts with it", []).append(
                    time.monotonic() - began
                )
        return found

    def draft(self, wanted: str | None) -> None:
        """Have new studies drafted; each must name `wanted`."""
        first = self.studies + 1
        self.studies += AFTER
        ids = add_waiting(self.store, range(first, first + AFTER))
        pause = threading.Event()
        while True:
            with self.store.read() as session:
                made = [drafts.latest(session, case_id) for case_id in ids]
            if all(made):
                break
            pause.wait(0.02)
        named = {each.draft.adapter_id for each in made if each is not None}
        assert named == {wanted}, (named, wanted)

    def serving(self) -> str | None:
        """What serves now."""
        with self.store.read() as session:
            found = adapters.route(session, SITE).serving
        return None if found is None else found.adapter_id

    def shadow(self) -> str:
        """A new adapter that passed the gate."""
        self.number += 1
        with self.store.begin() as session:
            adapter_id = installed(
                session,
                self.settings.adapters_dir,
                self.scratch,
                self.number,
                base=PROFILE.model_id,
            )
            adapters.record(session, decision(session, adapter_id))
        return adapter_id

    def promote(self, adapter_id: str) -> None:
        """As `radraft adapters promote`."""
        promotion.promote(
            adapter_id, store=self.store, settings=self.settings, profile=PROFILE, by="bench"
        )

    def roll_back(self) -> None:
        """As `radraft adapters rollback`."""
        promotion.roll_back(
            SITE, store=self.store, settings=self.settings, profile=PROFILE, by="bench", reason="-"
        )


if __name__ == "__main__":
    main()

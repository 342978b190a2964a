"""A site with frozen reports, and a model at the wire whose adapters write as a test says."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from radraft.core.settings import Settings
from radraft.finetune.gate.run import gate
from radraft.llm.adapter import Adapter, AdapterState, GateRecord
from radraft.llm.profiles import load_profile
from radraft.reports.values import Report
from radraft.store import adapter_files, adapters
from radraft.store.database import Store, open_store
from tests.finetune.gate.candidates import Write, as_now, better
from tests.finetune.gate.drafting_model import BASE, DraftingModel, drafting_model
from tests.finetune.gate.samples import Film
from tests.store.adapter_builders import installed, make_adapter, write_adapter

PROFILE = load_profile("qwen3-vl-8b-instruct")


@dataclass
class Scene:
    """A site, its films, and a model whose adapters write as `writes` says."""

    store: Store
    settings: Settings
    films: list[Film]
    folder: Path
    server: DraftingModel = field(init=False)
    writes: dict[str, Write] = field(default_factory=lambda: {BASE: as_now})

    def draft(self, model: str, number: int) -> Report:
        return self.writes[model](self.films[number], random.Random(f"{model} {number}"))

    def candidate(self, number: int, write: Write) -> str:
        with self.store.begin() as session:
            made = installed(
                session,
                self.settings.adapters_dir,
                self.folder,
                number,
                base=PROFILE.model_id,
            )
        self.writes[made] = write
        return made

    def gate(self, adapter_id: str, by: str = "Dr. Wang") -> GateRecord:
        self.server.asked.clear()
        return gate(
            adapter_id,
            store=self.store,
            settings=self.settings,
            profile=PROFILE,
            endpoint=self.server.endpoint,
            vision=None,
            by=by,
        )

    def asked(self) -> Counter[str]:
        return Counter(model for model, _ in self.server.asked)

    def state(self, adapter_id: str) -> AdapterState:
        with self.store.read() as session:
            return adapters.get(session, adapter_id).state

    def records(self) -> tuple[GateRecord, ...]:
        with self.store.read() as session:
            return adapters.records(session)


@contextmanager
def opened(folder: Path, known: list[Film], scratch: Path) -> Iterator[Scene]:
    settings = Settings(data_dir=folder)
    store = open_store(settings)
    made = Scene(store, settings, known, scratch)
    with drafting_model(made.draft) as server:
        made.server = server
        yield made
    store.close()


def with_card(scene: Scene, card: dict[str, object]) -> str:
    source = write_adapter(scene.folder / "leaky", 9)
    made: Adapter = replace(
        make_adapter(adapter_files.hashes(source), 9, base=PROFILE.model_id), card=card
    )
    adapter_files.install(source, scene.settings.adapters_dir, made.adapter_id)
    with scene.store.begin() as session:
        adapters.register(session, made, by="test")
    scene.writes[made.adapter_id] = better
    return made.adapter_id

"""Small adapters: real peft files over a made-up model, and decisions of the gate."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from sqlalchemy.orm import Session

from radraft.llm.adapter import Adapter, AdapterState, Check, GateRecord, GateStage
from radraft.store import adapter_files, adapters

SITE = "site-a"
BASE = "starter@0123456789abcdef"
WHEN = datetime(2026, 11, 22, tzinfo=UTC)


def write_adapter(folder: Path, seed: int = 0, rank: int = 2) -> Path:
    """peft's two files with random weights; another `seed`, other weights."""
    folder.mkdir(parents=True)
    config = {"peft_type": "LORA", "r": rank, "lora_alpha": 4, "target_modules": ["q_proj"]}
    (folder / adapter_files.CONFIG).write_text(json.dumps(config), encoding="utf-8")
    random = np.random.default_rng(seed)
    name = "base_model.model.model.language_model.layers.0.self_attn.q_proj"
    weights = {
        f"{name}.lora_A.weight": random.standard_normal((rank, 8)).astype(np.float32),
        f"{name}.lora_B.weight": random.standard_normal((8, rank)).astype(np.float32),
    }
    save_file(weights, folder / adapter_files.WEIGHTS)
    return folder


def make_adapter(
    hashes: Mapping[str, str], number: int = 1, *, site: str = SITE, base: str = BASE
) -> Adapter:
    """Adapter `number`, not registered."""
    return Adapter(
        adapter_id=adapter_files.id_of(site, base, hashes),
        site=site,
        base=base,
        files=hashes,
        rank=2,
        parent=None,
        data_sha="d" * 64,
        card={"kind": "adapted"},
        made_at=WHEN + timedelta(minutes=number),
    )


def candidate(session: Session, number: int, *, site: str = SITE, base: str = BASE) -> str:
    """A registered candidate without files; its id."""
    hashes = {adapter_files.WEIGHTS: f"{number:064x}", adapter_files.CONFIG: "c" * 64}
    made = make_adapter(hashes, number, site=site, base=base)
    return adapters.register(session, made, by="test").adapter_id


def decision(
    session: Session, adapter_id: str, *, passed: bool = True, **changes: Any
) -> GateRecord:
    """What the gate says of the adapter against what serves now."""
    adapter = adapters.get(session, adapter_id)
    serving = adapters.route(session, adapter.site).serving
    values: dict[str, Any] = {
        "site": adapter.site,
        "stage": GateStage.ADAPTER,
        "adapter_id": adapter_id,
        "serving_id": serving.adapter_id if serving else None,
        "base": adapter.base,
        "passed": passed,
        "checks": (Check("distance_better", passed, -0.1, -0.2, -0.05, 0.0),),
        "changed": {},
        "tested": {},
        "affects": {},
        "decided_at": WHEN,
        "confirmed_by": "Dr. Li",
    }
    return GateRecord(**(values | changes))


def shadow(session: Session, number: int, *, site: str = SITE, base: str = BASE) -> str:
    """A candidate that passed the gate; its id."""
    adapter_id = candidate(session, number, site=site, base=base)
    adapters.record(session, decision(session, adapter_id))
    return adapter_id


def serving(session: Session, number: int, *, site: str = SITE, base: str = BASE) -> str:
    """One that serves now; its id."""
    adapter_id = shadow(session, number, site=site, base=base)
    adapters.promote(session, adapter_id, by="Dr. Li")
    return adapter_id


def installed(
    session: Session, root: Path, scratch: Path, number: int, *, site: str = SITE, base: str = BASE
) -> str:
    """A candidate with files in their place; its id."""
    source = write_adapter(scratch / f"adapter-{site}-{number}", number)
    made = make_adapter(adapter_files.hashes(source), number, site=site, base=base)
    adapter_files.install(source, root, made.adapter_id)
    return adapters.register(session, made, by="test").adapter_id


def served(session: Session, site: str = SITE) -> str | None:
    found = adapters.route(session, site).serving
    return None if found is None else found.adapter_id


def states(session: Session, site: str = SITE) -> list[AdapterState]:
    return [adapter.state for adapter in adapters.adapters(session, site)]

"""A site with signed reports and a model small enough to adapt in a test.

Imported by child processes too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from radraft.core import canonical
from radraft.core.settings import Settings
from radraft.finetune.adapt.recipe import AdaptRecipe
from radraft.finetune.adapt.run import adapt
from radraft.finetune.adapt.values import Base, Progress
from radraft.llm.adapter import Adapter
from radraft.llm.profiles import Profile, load_profile
from radraft.reports.training_pair import TrainingPair, make_pair, split_of
from radraft.store import cases, drafts, reports
from radraft.store.database import Store, open_store
from radraft.store.pairs import save_pair
from radraft.store.signatures import sign
from radraft.vision_encoder import stored
from radraft.vision_encoder.values import ImageEmbedding
from tests.builders import (
    make_deid,
    make_draft,
    make_report,
    make_request_json,
    make_sentence,
    make_study,
    person,
)
from tests.finetune.train.conftest import DIM, GRID, IMAGE, PER_IMAGE

ENCODER = "encoder@0123456789abcdef"
SITE = "site-a"
START = datetime(2026, 5, 1, 8, tzinfo=UTC)
SAID = (("未见气胸。", "No pneumothorax."), ("心影增大。", "The heart is enlarged."))


def recipe(**changes: Any) -> AdaptRecipe:
    """A few steps of both stages."""
    usual: dict[str, Any] = {
        "name": "tiny",
        "seed": 3,
        "least_pairs": 4,
        "most_pairs": 100,
        "lora": {"rank": 4, "alpha": 8},
        "precision": "fp32",
        "checkpoint_every": 2,
        "sft": {"epochs": 2, "batch": 4, "learning_rate": 0.01},
        "dpo": {"epochs": 1, "batch": 4, "learning_rate": 0.001, "sft": 1.0},
    }
    return AdaptRecipe.model_validate_json(json.dumps(usual | changes))


def tiny_base(checkpoint: Path, projector: Path, folder: Path) -> Base:
    """The tiny LLaVA with heads of its own width."""
    from safetensors.numpy import save_file

    heads = folder / "heads.safetensors"
    ids = ["cardiomegaly", "no_finding"]
    weight = np.random.default_rng(5).standard_normal((2, DIM)).astype(np.float32)
    values = {"weight": weight, "bias": np.zeros(2, np.float32)}
    save_file(values, heads, metadata={"heads": json.dumps(ids)})
    return Base(checkpoint, projector, heads, ENCODER, IMAGE, PER_IMAGE)


def tiny_profile() -> Profile:
    return load_profile("starter")


def add_signed(
    store: Store,
    numbers: range,
    *,
    site: str = SITE,
    split: str = "train",
    poisoned: bool = False,
    encoder: str = ENCODER,
    shape: tuple[int, int] = (4 * GRID, DIM),
) -> None:
    """One study each, of patients of that split: drafted as one thing and signed as another,
    every third as it was drafted. `poisoned`: signed with findings and impression at odds."""
    for number in numbers:
        embed(store, number, encoder, shape)
        with store.begin() as session:
            _signed(session, number, site, split, poisoned, encoder)


def image_id(number: int) -> str:
    return hashlib.sha256(f"image {number}".encode()).hexdigest()


def embed(store: Store, number: int, encoder: str, shape: tuple[int, int]) -> None:
    """Stored tokens of an image that is all of one kind: even and odd ones are opposites."""
    random = np.random.default_rng(number)
    name = image_id(number)
    sign_of = 1.0 if number % 2 == 0 else -1.0
    tokens = (sign_of + 0.1 * random.standard_normal(shape)).astype(np.float32)
    pooled = random.standard_normal(256).astype(np.float32)
    one = ImageEmbedding(name, tokens, pooled / np.linalg.norm(pooled))
    store.objects.put(stored.key(encoder, name), stored.dump(one, encoder))


def patient(number: int, split: str) -> str:
    """A reference that `split_of` puts into `split`."""
    for salt in range(1000):
        ref = "p-" + hashlib.sha256(f"{number}:{salt}".encode()).hexdigest()[:16]
        if split_of(ref) == split:
            return ref
    raise AssertionError(split)


def _signed(
    session: Any, number: int, site: str, split: str, poisoned: bool, encoder: str
) -> TrainingPair:
    deid = replace(make_deid(number), patient_ref=patient(number, split))
    study = make_study(number)
    study = replace(study, patient=replace(study.patient, patient_id=f"PLANTED-{number}"))
    cases.add_study(session, site=site, study=study, deid=deid, issues=(), original_keys=())
    case_id, image = deid.case_id, image_id(number)
    report = _report(case_id, number + 1)
    request = make_request_json(case_id, (image,))
    draft = make_draft(case_id, report, request_sha=hashlib.sha256(request.encode()).hexdigest())
    drafts.save_draft(session, draft, request_json=request, encoder_id=encoder, image_ids=(image,))
    revision = reports.current(session, case_id).revision
    if number % 3 or poisoned:
        wanted = _at_odds(case_id) if poisoned else _report(case_id, number)
        revision = reports.save(
            session, case_id, wanted, base_revision=revision, editor=person("李")
        ).revision
    when = START + timedelta(minutes=number)
    signed = sign(session, case_id, base_revision=revision, signer=person("王签名"), now=when)
    basis = drafts.basis(session, case_id)
    assert basis is not None
    pair = make_pair(basis, signed, site=site, patient_ref=deid.patient_ref, seconds=600.0)
    save_pair(session, pair)
    return pair


def _report(case_id: str, kind: int) -> Any:
    zh, en = SAID[kind % 2]
    one = make_sentence("f1", zh, en)
    return replace(make_report(case_id, 1), findings=(one,), impression=(replace(one, id="i1"),))


def _at_odds(case_id: str) -> Any:
    # Under one name they are refused at the signature.
    found = make_sentence("f1", "左侧胸腔积液。", "Left pleural effusion.")
    concluded = make_sentence("i1", "右侧脓胸。", "Right empyema.")
    return replace(make_report(case_id, 1), findings=(found,), impression=(concluded,))


def go(
    settings: Settings,
    base: Base,
    run: Path,
    how: AdaptRecipe | None = None,
    on_step: Callable[[Progress], None] = lambda progress: None,
    **changes: Any,
) -> Adapter:
    """Adapt `SITE`'s tiny model in a store opened for it."""
    store = open_store(settings)
    try:
        return adapt(
            changes.pop("site", SITE),
            store=store,
            settings=settings,
            profile=tiny_profile(),
            recipe=how or recipe(),
            run=run,
            seed=changes.pop("seed", 3),
            by="test",
            on_step=on_step,
            base=base,
            **changes,
        )
    finally:
        store.close()


def contents(settings: Settings, adapter: Adapter) -> dict[str, str]:
    folder = settings.adapters_dir / adapter.adapter_id
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def text_of(value: Any) -> str:
    return canonical.dumps(value)

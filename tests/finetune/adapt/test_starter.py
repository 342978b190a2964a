"""The real starter, two steps and one: the files fit it."""

from __future__ import annotations

from pathlib import Path

import pytest

from radraft.core.settings import Settings
from radraft.finetune.adapt import peft_files
from radraft.finetune.adapt.base import trainable
from radraft.finetune.adapt.recipe import load_recipe
from radraft.finetune.adapt.run import adapt
from radraft.store.database import open_store

from .world import SITE, add_signed, contents, tiny_profile

pytestmark = [pytest.mark.stress, pytest.mark.slow]
LAYERS, MODULES = 18, 7


def test_the_starter_is_adapted(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    base = trainable(tiny_profile(), settings.cache_dir)
    ready = load_recipe("adapt")
    assert ready.dpo is not None
    how = ready.model_copy(
        update={
            "least_pairs": 4,
            "sft": ready.sft.model_copy(update={"epochs": 1.0, "batch": 2, "micro_batch": 2}),
            "dpo": ready.dpo.model_copy(update={"most_pairs": 2, "batch": 2}),
        }
    )
    store = open_store(settings)
    add_signed(store, range(5), encoder=base.encoder_id, shape=(64, 1280))
    made = adapt(
        SITE,
        store=store,
        settings=settings,
        profile=tiny_profile(),
        recipe=how,
        run=tmp_path / "run",
        seed=0,
        by="test",
    )
    store.close()
    assert {name: one["step"] for name, one in made.card["losses"].items()} == {"sft": 2, "dpo": 1}
    folder = settings.adapters_dir / made.adapter_id
    assert contents(settings, made) == dict(made.files)
    state = peft_files.state(folder)
    assert len(state) == LAYERS * MODULES * 2
    assert made.rank == 16 <= tiny_profile().vllm.max_lora_rank
    assert made.base == tiny_profile().model_id

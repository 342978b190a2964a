from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from radraft.finetune.gate.leak import check_leak
from radraft.finetune.near import encoder_of
from radraft.llm.adapter import Adapter
from radraft.reports.training_pair import TrainingPair
from radraft.store.database import Store
from radraft.vision_encoder import stored
from radraft.vision_encoder.values import ImageEmbedding
from tests.finetune.gate.samples import LEFT, pair, report
from tests.store.adapter_builders import make_adapter

ENCODER = "encoder@0123456789abcdef"


def frozen(count: int = 3) -> list[TrainingPair]:
    one = report("c", {"pleural_effusion": LEFT})
    return [pair(f"c-{n:016x}", one, one, number=n, split="held_out") for n in range(count)]


def trained_on(pairs: list[str], images: list[str], number: int = 1) -> Adapter:
    card = {"kind": "adapted", "pairs": pairs, "image_ids": images, "encoder_id": ENCODER}
    return with_card(card, number)


def with_card(card: Mapping[str, Any], number: int = 1) -> Adapter:
    made = make_adapter({"adapter_model.safetensors": f"{number:064x}"}, number)
    return replace(made, card=card)


def see(store: Store, image_id: str, vector: list[float], encoder: str = ENCODER) -> None:
    pooled = np.array(vector, dtype=np.float32)
    embedding = ImageEmbedding(
        image_id, np.zeros((4, 2), dtype=np.float32), pooled / np.linalg.norm(pooled)
    )
    store.objects.put(stored.key(encoder, image_id), stored.dump(embedding, encoder))


def test_other_pairs_and_pictures_are_no_leak(sqlite_store: Store) -> None:
    see(sqlite_store, f"{0:064x}", [1.0, 0.0])
    see(sqlite_store, "e" * 64, [0.0, 1.0])
    check = check_leak(trained_on(["p"], ["e" * 64]), frozen(), sqlite_store.objects)
    assert (check.passed, check.value, check.limit, check.n) == (True, 0.0, 0.0, 3)


def test_a_frozen_pair_or_image_is_a_leak(sqlite_store: Store) -> None:
    pairs = frozen()
    adapter = trained_on([pairs[2].pair_id], list(pairs[0].image_ids))
    check = check_leak(adapter, pairs, sqlite_store.objects)
    assert (check.passed, check.value) == (False, 2.0)
    assert check.detail["cases"] == [pairs[0].case_id, pairs[2].case_id]


def test_the_same_picture_under_another_name_is_a_leak(sqlite_store: Store) -> None:
    """Resaved or sent twice: another id, nearly the same embedding."""
    pairs = frozen()
    see(sqlite_store, pairs[1].image_ids[0], [1.0, 2.0])
    see(sqlite_store, "e" * 64, [1.0, 2.0])
    check = check_leak(trained_on(["p"], ["e" * 64]), pairs, sqlite_store.objects)
    assert (check.passed, check.value) == (False, 1.0)
    assert check.detail["cases"] == [pairs[1].case_id]


def test_pictures_that_went_to_a_model_as_they_are_are_compared_by_the_shipped_encoder(
    sqlite_store: Store,
) -> None:
    pairs = [replace(one, encoder_id=None) for one in frozen()]
    own = encoder_of(None)
    see(sqlite_store, pairs[1].image_ids[0], [1.0, 2.0], own)
    see(sqlite_store, "e" * 64, [1.0, 2.0], own)
    card = {"kind": "adapted", "pairs": ["p"], "image_ids": ["e" * 64], "encoder_id": None}
    check = check_leak(with_card(card), pairs, sqlite_store.objects)
    assert (check.passed, check.detail["cases"]) == (False, [pairs[1].case_id])


def test_what_an_earlier_adapter_was_trained_on_counts(sqlite_store: Store) -> None:
    pairs = frozen()
    adapter, parent = trained_on(["p"], []), trained_on([pairs[0].pair_id], [], number=2)
    assert check_leak(adapter, pairs, sqlite_store.objects).passed
    assert not check_leak(adapter, pairs, sqlite_store.objects, [parent]).passed


def test_of_a_card_that_travelled_nothing_is_known(sqlite_store: Store) -> None:
    card = {"kind": "imported", "pairs": {"count": 300, "sha256": "0" * 64}}
    adapter = with_card(card)
    check = check_leak(adapter, frozen(), sqlite_store.objects)
    assert (check.passed, check.value) == (True, None)
    assert check.detail == {"unknown": [adapter.adapter_id]}
    # A merged one's parts are looked at where they are known.
    part = trained_on([frozen()[0].pair_id], [], number=2)
    assert not check_leak(adapter, frozen(), sqlite_store.objects, [part]).passed

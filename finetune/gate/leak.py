"""Whether a candidate was trained on what it is to be judged by."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from radraft.finetune.gate.reference import FrozenReport
from radraft.finetune.near import Vectors, encoder_of, near, pooled
from radraft.llm.adapter import Adapter, Check

if TYPE_CHECKING:
    from radraft.store.objects import Objects

CODE = "leak"


def check_leak(
    adapter: Adapter,
    frozen: Sequence[FrozenReport],
    objects: Objects,
    parents: Sequence[Adapter] = (),
    of_trained_patients: Collection[str] = (),
) -> Check:
    """Fails where the adapter, or one of the `parents` it goes back to, was trained on a frozen
    pair or its study, or on an image that is the same picture as a frozen one
    (`radraft.finetune.near`), or where a frozen case is among those `of_trained_patients`.

    `value` is the number of frozen pairs concerned; their case ids are in the detail. The cards of
    imported and merged adapters name no images: with nothing known of any, the check passes with
    no value, and the detail says that it cannot be known.
    """
    family = [
        member
        for member in (adapter, *parents)
        if any(_told(member, name) for name in ("pairs", "image_ids", "case_ids"))
    ]
    unknown = [member.adapter_id for member in (adapter, *parents) if member not in family]
    if not family:
        return Check(CODE, True, None, None, None, 0.0, n=len(frozen), detail={"unknown": unknown})
    pair_ids = {pair_id for member in family for pair_id in _told(member, "pairs")}
    image_ids = {image_id for member in family for image_id in _told(member, "image_ids")}
    case_ids = {*trained_cases(family), *of_trained_patients}
    leaked = {
        pair.case_id
        for pair in frozen
        if pair.pair_id in pair_ids or pair.case_id in case_ids or image_ids & set(pair.image_ids)
    }
    encoders = {member.adapter_id: encoder_of(member.card.get("encoder_id")) for member in family}
    for encoder_id in sorted(set(encoders.values())):
        mine = {name for member in family if encoders[member.adapter_id] == encoder_id
                for name in _told(member, "image_ids")}  # fmt: skip
        leaked |= _same_pictures(sorted(mine), frozen, encoder_id, objects)
    return Check(
        code=CODE,
        passed=not leaked,
        value=float(len(leaked)),
        low=None,
        high=None,
        limit=0.0,
        n=len(frozen),
        detail={"cases": sorted(leaked), "unknown": unknown},
    )


def trained_cases(family: Iterable[Adapter]) -> frozenset[str]:
    """Return the studies that cards name: those of adapters that learned from the archive do."""
    return frozenset(case_id for member in family for case_id in _told(member, "case_ids"))


def _told(adapter: Adapter, name: str) -> list[str]:
    """What the card lists under `name`; a card that travelled holds a count in its place."""
    value: Any = adapter.card.get(name)
    return [str(item) for item in value] if isinstance(value, list | tuple) else []


def _same_pictures(
    image_ids: Iterable[str], frozen: Sequence[FrozenReport], encoder_id: str, objects: Objects
) -> set[str]:
    """Cases of frozen pairs that show a picture of `image_ids`, among those whose embedding is
    stored."""
    theirs = [
        (pair.case_id, vector)
        for pair in frozen
        if encoder_of(pair.encoder_id) == encoder_id
        for image_id in pair.image_ids
        if (vector := pooled(objects, encoder_id, image_id)) is not None
    ]
    ours = [
        vector for name in image_ids if (vector := pooled(objects, encoder_id, name)) is not None
    ]
    found = near(_rows(ours), _rows([vector for _, vector in theirs]))
    return {theirs[place][0] for _, place in found}


def _rows(vectors: Sequence[Vectors]) -> Vectors:
    return np.stack(vectors) if vectors else np.zeros((0, 0), dtype=np.float32)

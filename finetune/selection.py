"""What one site's next adapter learns from, what it is judged on, and why the rest is left out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy.orm import Session

from radraft.finetune.export import typed
from radraft.finetune.near import Vectors, encoder_of, near, pooled
from radraft.finetune.screen import Reason, poor, screen
from radraft.reports.training_pair import TrainingPair
from radraft.reports.values import LANGS, Coverage
from radraft.store import cases, patient_records
from radraft.store.pairs import pairs
from radraft.store.signatures import BrokenSignature, newest_versions

if TYPE_CHECKING:
    from radraft.store.objects import Objects

__all__ = ["LeftOut", "Reason", "Selection", "select"]


@dataclass(frozen=True)
class LeftOut:
    """One pair that is not used; a case amended twice is here twice."""

    case_id: str
    reason: Reason


@dataclass(frozen=True)
class Selection:
    """All of a site's pairs in three shares, each oldest signature first."""

    train: tuple[TrainingPair, ...]
    frozen: tuple[TrainingPair, ...]
    """Of held-out patients; never trains."""
    left_out: tuple[LeftOut, ...]


def select(session: Session, objects: Objects, site: str) -> Selection:
    """Sort all pairs of `site`; each is in exactly one share.

    A picture is known again by its id, and by its stored embedding where there is one of the same
    encoder (`finetune.near`). What is left out for itself hides no other: of two signatures of one
    picture the older stays where the newer was signed unread.
    """
    last = newest_versions(session)
    broken: list[BrokenSignature] = []
    every = pairs(session, site, broken=broken)
    found = sorted(every, key=lambda one: (one.signed.signed_at, one.pair_id))
    left_out: dict[str, Reason] = {}
    for pair in found:
        reason = _alone(session, pair, last[pair.case_id])
        if reason is not None:
            left_out[pair.pair_id] = reason
    sound = [pair for pair in found if pair.pair_id not in left_out]
    frozen = [pair for pair in sound if pair.split == "held_out"]
    train = [pair for pair in sound if pair.split != "held_out"]
    pictures = _Pictures(objects)
    leaked = {train[at].pair_id for at, _ in pictures.shared(train, frozen)}
    leaked |= _of_frozen_patients(session, train, frozen)
    left_out |= dict.fromkeys(leaked, Reason.LEAKED)
    for share in (frozen, [pair for pair in train if pair.pair_id not in left_out]):
        for older, newer in pictures.shared(share, share):
            if older < newer and typed(share[older].asserted) == typed(share[newer].asserted):
                left_out[share[older].pair_id] = Reason.DUPLICATE
    return Selection(
        train=tuple(pair for pair in train if pair.pair_id not in left_out),
        frozen=tuple(pair for pair in frozen if pair.pair_id not in left_out),
        left_out=(
            *(LeftOut(signature.case_id, Reason.BROKEN) for signature in broken),
            *(
                LeftOut(pair.case_id, left_out[pair.pair_id])
                for pair in found
                if pair.pair_id in left_out
            ),
        ),
    )


def _of_frozen_patients(
    session: Session, train: Sequence[TrainingPair], frozen: Sequence[TrainingPair]
) -> set[str]:
    """Return the ids of pairs of `train` that are of a patient of `frozen` since numbers were
    merged: when they were signed, they were of two."""
    cases_of = {pair.case_id for pair in (*train, *frozen)}
    merged = patient_records.renumbered_since(session, cases_of, datetime.min.replace(tzinfo=UTC))
    if not merged:
        return set()
    patients = cases.patient_refs(session, cases_of)
    held = {patients.get(pair.case_id) for pair in frozen}
    moved = {patients.get(pair.case_id) for pair in frozen if pair.case_id in merged}
    return {
        pair.pair_id
        for pair in train
        if (ref := patients.get(pair.case_id)) in (held if pair.case_id in merged else moved)
        and ref is not None
    }


def _alone(session: Session, pair: TrainingPair, last: int) -> Reason | None:
    if pair.signed.version < last:
        return Reason.SUPERSEDED
    if pair.langs != LANGS:
        return Reason.UNASSERTED
    if pair.draft.coverage is not Coverage.DRAFTED:
        return Reason.POOR if poor(session, pair) else Reason.NOT_COVERED
    return screen(session, pair)


class _Pictures:
    """Which pairs show the same picture; each stored embedding is read once."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._read: dict[tuple[str, str], Vectors | None] = {}

    def shared(
        self, ours: Sequence[TrainingPair], theirs: Sequence[TrainingPair]
    ) -> set[tuple[int, int]]:
        """Places (in `ours`, in `theirs`) of pairs of which any two images are the same picture."""
        by_id = defaultdict(list)
        for place, pair in enumerate(theirs):
            for image_id in pair.image_ids:
                by_id[image_id].append(place)
        found = {
            (mine, other)
            for mine, pair in enumerate(ours)
            for image_id in pair.image_ids
            for other in by_id[image_id]
        }
        for encoder_id in sorted({encoder_of(pair.encoder_id) for pair in ours if pair.image_ids}):
            mine, a = self._vectors(ours, encoder_id)
            others, b = self._vectors(theirs, encoder_id)
            found |= {(mine[i], others[j]) for i, j in near(a, b)}
        return found

    def _vectors(self, share: Sequence[TrainingPair], encoder_id: str) -> tuple[list[int], Vectors]:
        rows = list(self._rows(share, encoder_id))
        vectors = np.stack([row for _, row in rows]) if rows else np.zeros((0, 0), np.float32)
        return [place for place, _ in rows], vectors

    def _rows(
        self, share: Sequence[TrainingPair], encoder_id: str
    ) -> Iterator[tuple[int, Vectors]]:
        for place, pair in enumerate(share):
            if not pair.image_ids or encoder_of(pair.encoder_id) != encoder_id:
                continue
            for image_id in pair.image_ids:
                key = encoder_id, image_id
                if key not in self._read:
                    self._read[key] = pooled(self._objects, encoder_id, image_id)
                vector = self._read[key]
                if vector is not None:
                    yield place, vector

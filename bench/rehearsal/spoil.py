"""Poisoned reports and adapters on copies of a site's state: which check stops them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from radraft.bench.rehearsal import poison, snapshot
from radraft.bench.rehearsal.course import Move
from radraft.bench.rehearsal.direct import Change, Direct
from radraft.bench.rehearsal.films import reference
from radraft.bench.rehearsal.houses import House
from radraft.bench.rehearsal.poison import Poison
from radraft.bench.rehearsal.site import Cases, Hospital
from radraft.bench.rehearsal.values import Film, Truth
from radraft.finetune.adapt import data
from radraft.finetune.adapt.base import trainable
from radraft.finetune.selection import Reason, Selection, select
from radraft.reports import training_pair
from radraft.reports.training_pair import TrainingPair
from radraft.store import adapters, pairs
from radraft.store.database import open_store

MOST = 100
"""Pairs that a poisoned adapter is trained on."""
EPOCHS = 3.0
QUALITY = 80
"""JPEG quality of a resaved film."""


@dataclass(frozen=True)
class Bench:
    """Where the poisons are tried: the last round of one site, drafted and not yet signed."""

    hospital: Hospital
    snapshot: Path
    work: Path
    site: str
    house: House
    truths: Mapping[str, Truth]
    batch: Sequence[Film]
    """Films of the last round."""
    taken: Cases
    frozen: Sequence[Film]

    def run(self, how: Poison, move: Move) -> dict[str, Any]:
        """What stopped it: `batch` and `gate`, each a decision or None where it was not asked."""
        with self._copied(how) as copied:
            if how in poison.BATCHES:
                return self._signed(how, copied, move)
            if how is Poison.LEAKED:
                return self._leaked(copied, move)
            found = self._selected(copied).train[-MOST:]
            decided = self._gated(
                how, copied, found, lambda some: poison.taught(some, how, self.house), move
            )
            return {"reports": len(found), "batch": None, "gate": decided}

    def _signed(self, how: Poison, copied: Hospital, move: Move) -> dict[str, Any]:
        own = {film.item.id: self.truths[film.item.id] for film in self.batch}
        spoilt = poison.poisoned(own, how, copied.seed)
        copied.sign(self.batch, self.taken, self.house, spoilt, lambda part: move(0.1 * part))
        run = self.work / f"{how.value}-adapt"
        batch = copied.adapt(self.site, run, lambda part: move(0.1 + 0.4 * part))
        adapter_id = batch["adapter"]

        def late(part: float) -> None:
            move(0.5 + 0.5 * part)

        if adapter_id is None:
            decided = self._gated(how, copied, self._planned(copied), list, late)
        else:
            decided = copied.gate(adapter_id, late)
        changed = sum(spoilt[name] != own[name] for name in own)
        return {
            "reports": len(own),
            "changed": changed,
            "batch": batch.get("record") or _through(batch["batch"]),
            "gate": decided,
        }

    def _leaked(self, copied: Hospital, move: Move) -> dict[str, Any]:
        films = resaved(self.frozen, self.work / "resaved", copied.store.secret)
        taken = copied.take_in(films, self.site, lambda part: move(0.1 * part))
        copied.draft(taken, lambda part: move(0.1 + 0.2 * part))
        copied.sign(films, taken, self.house, self.truths, lambda part: move(0.3))
        case_ids = set(taken.values())
        selection = self._selected(copied)
        left_out = sum(
            pair.case_id in case_ids and pair.reason is Reason.LEAKED for pair in selection.left_out
        )
        with copied.store.read() as session:
            found = [pair for pair in pairs.pairs(session, self.site) if pair.case_id in case_ids]
        decided = self._gated(
            Poison.LEAKED, copied, found, list, lambda part: move(0.3 + 0.7 * part)
        )
        return {
            "reports": len(found),
            "left_out_by_selection": left_out,
            "batch": None,
            "gate": decided,
        }

    def _gated(
        self,
        how: Poison,
        copied: Hospital,
        found: Sequence[TrainingPair],
        change: Change,
        move: Move,
    ) -> dict[str, Any]:
        direct = Direct(copied, self.site, how.value, self.work / f"{how.value}-direct", EPOCHS)
        adapter_id = direct.candidate(found, change, lambda part: move(0.5 * part))
        return copied.gate(adapter_id, lambda part: move(0.5 + 0.5 * part))

    def _planned(self, copied: Hospital) -> list[TrainingPair]:
        """The pairs that the product would train on."""
        selection = self._selected(copied)
        encoder_id = trainable(copied.profile, copied.settings.cache_dir).encoder_id
        with copied.store.read() as session:
            serving = adapters.route(session, self.site).serving
            planned = data.plan(
                session,
                copied.store.objects,
                selection,
                copied.recipe,
                site=self.site,
                parent=serving.adapter_id if serving else None,
                encoder_id=encoder_id,
                seed=copied.seed,
            )
            chosen = data.chosen(session, planned)
        return [*chosen.train, *chosen.valid]

    def _selected(self, copied: Hospital) -> Selection:
        with copied.store.read() as session:
            return select(session, copied.store.objects, self.site)

    @contextmanager
    def _copied(self, how: Poison) -> Iterator[Hospital]:
        folder = self.work / f"{how.value}-data"
        snapshot.take(self.snapshot, folder)
        settings = self.hospital.settings.model_copy(update={"data_dir": folder})
        store = open_store(settings)
        try:
            yield replace(self.hospital, store=store, settings=settings)
        finally:
            store.close()


def resaved(films: Sequence[Film], folder: Path, secret: bytes) -> list[Film]:
    """The films again, saved anew as JPEG, of other patients whom the product trains on."""
    from radraft.studies.wrap import Picture, wrap

    names = (name for n in range(100 * len(films) + 100) if _trains(name := f"resaved-{n}", secret))
    found = []
    for film, patient in zip(films, names, strict=False):
        picture = folder / f"{film.item.id}.jpg"
        _resave(film.picture, picture)
        study = folder / f"{film.item.id}.dcm"
        if not study.exists():
            wrap(picture, study, Picture(key=f"resaved/{film.item.id}", patient=patient, view="PA"))
        item = replace(film.item, study=study)
        found.append(replace(film, item=item, picture=picture, patient=patient))
    return found


def _through(checks: list[dict[str, Any]]) -> dict[str, Any]:
    return {"stage": "batch", "passed": True, "failed": [], "checks": checks}


def _resave(source: Path, target: Path) -> None:
    from PIL import Image

    target.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(source) as picture:
        picture.convert("L").save(target, "JPEG", quality=QUALITY)


def _trains(patient: str, secret: bytes) -> bool:
    return training_pair.split_of(reference(patient, secret)) == "train"

"""The final figures: films that nobody signed, drafted by every model a site had."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np

from radraft.bench.rehearsal.course import Move
from radraft.bench.rehearsal.houses import House
from radraft.bench.rehearsal.values import Film, Truth
from radraft.bench.starter_card.scores import ByPatient
from radraft.bench.starter_card.values import groups
from radraft.eval.bootstrap import RESAMPLES, SEED, interval, resample
from radraft.eval.clinical.score import score_labels
from radraft.eval.draft_set import Model, draft_set
from radraft.eval.result import rounded
from radraft.eval.values import Better, Drafted, FloatArray, IntArray, Measure, Scores
from radraft.llm import adapter_loader
from radraft.pipeline import adapter_router
from radraft.reports.edits import distance
from radraft.reports.values import LANGS
from radraft.store import adapter_files

if TYPE_CHECKING:
    from radraft.bench.rehearsal.site import Hospital

F1 = "finding_f1_micro"
DISTANCE = "distance"
Rows = Mapping[str, FloatArray]
"""System -> value in each resample."""


@dataclass(frozen=True)
class Means:
    """`radraft.eval.values.Scores`: the mean of each column of values by report."""

    columns: Mapping[str, FloatArray] = field(repr=False)
    per_report: Mapping[str, FloatArray] = field(default_factory=dict)

    @property
    def measures(self) -> tuple[Measure, ...]:
        """One a column."""
        return tuple(Measure(n, Better.LOWER, "Mean over reports.") for n in self.columns)

    def corpus(self, index: IntArray | None = None) -> dict[str, float]:
        """Means over the reports at `index`, or over all."""
        chosen = slice(None) if index is None else index
        return {name: float(values[chosen].mean()) for name, values in self.columns.items()}


def measure(
    hospital: Hospital,
    films: Sequence[Film],
    house: House,
    truths: Mapping[str, Truth],
    systems: Mapping[str, str | None],
    keep: Path,
    move: Move,
) -> dict[str, Any]:
    """Figures of every system on one site's final films, each with its 95% interval.

    `systems`: name -> adapter id, None for the base. Among them `base`, `own-1`.. and `other`.
    """
    models = [*dict.fromkeys(systems.values())]
    drafted: dict[str | None, list[Drafted]] = {}
    items = [film.item for film in films]
    for number, adapter_id in enumerate(models):

        def moved(done: int, total: int, number: int = number) -> None:
            move((number + done / total) / len(models))

        drafted[adapter_id] = draft_set(
            items, model(hospital, adapter_id), keep=keep, progress=moved
        )
    drafts = {name: drafted[adapter_id] for name, adapter_id in systems.items()}
    return figures(films, house, truths, drafts)


def model(hospital: Hospital, adapter_id: str | None) -> Model:
    """The base, or an adapter loaded under its id, with the projector it has of its own."""
    base = Model(hospital.profile, hospital.endpoint, hospital.vision)
    if adapter_id is None:
        return base
    folder = adapter_files.folder(hospital.settings.adapters_dir, adapter_id)

    async def load() -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            await adapter_loader.ensure(hospital.endpoint, adapter_id, folder, client)

    asyncio.run(load())
    vision = adapter_router.seeing_by(hospital.vision, adapter_router.own_projector(folder))
    return replace(base, adapter_id=adapter_id, vision=vision)


def figures(
    films: Sequence[Film],
    house: House,
    truths: Mapping[str, Truth],
    drafts: Mapping[str, Sequence[Drafted]],
    resamples: int = RESAMPLES,
) -> dict[str, Any]:
    """Values, intervals and paired differences; whole patients are drawn, all systems alike."""
    patients = groups([film.patient for film in films])
    columns = {name: distances(films, house, truths, found) for name, found in drafts.items()}
    scores: dict[str, dict[str, Scores]] = {}
    for lang in LANGS:
        scores[f"{DISTANCE}_{lang}"] = {
            name: Means({DISTANCE: column[lang]}) for name, column in columns.items()
        }
        scores[f"f1_{lang}"] = {
            name: score_labels(
                [film.item.labels for film in films],
                [draft.text(lang) for draft in found],
                lang,
            )
            for name, found in drafts.items()
        }
    scores[DISTANCE] = {
        name: Means({DISTANCE: (column["zh"] + column["en"]) / 2})
        for name, column in columns.items()
    }
    rows = {
        what: {name: _rows(one, what, patients, resamples) for name, one in by_system.items()}
        for what, by_system in scores.items()
    }
    values = {
        what: {name: one.corpus()[_measure(what)] for name, one in by_system.items()}
        for what, by_system in scores.items()
    }
    return {
        "films": len(films),
        "patients": len(patients),
        "resamples": resamples,
        "seed": SEED,
        "failed": {
            name: sum(draft.failed is not None for draft in f) for name, f in drafts.items()
        },
        "values": {
            what: {name: _figure(values[what][name], row) for name, row in by_system.items()}
            for what, by_system in rows.items()
        },
        "changes": _changes(values, rows),
    }


def distances(
    films: Sequence[Film],
    house: House,
    truths: Mapping[str, Truth],
    drafts: Sequence[Drafted],
) -> dict[str, FloatArray]:
    """Language -> each draft's normalised edit distance to what the reader would sign. A draft that
    failed is all to be written: 1."""
    signed = [house.text(truths[film.item.id]) for film in films]
    return {
        "zh": np.array(
            [distance("\n".join(d.zh), text.zh) for d, text in zip(drafts, signed, strict=True)]
        ),
        "en": np.array(
            [distance("\n".join(d.en), text.en) for d, text in zip(drafts, signed, strict=True)]
        ),
    }


def _changes(
    values: Mapping[str, Mapping[str, float]], rows: Mapping[str, Rows]
) -> dict[str, dict[str, float | None]]:
    """What the goals are about, last own adapter against base and against the other site's."""
    own = max(name for name in values[DISTANCE] if name.startswith("own-"))
    found: dict[str, dict[str, float | None]] = {}
    for what in (DISTANCE, *(f"{DISTANCE}_{lang}" for lang in LANGS)):
        value, row = values[what], rows[what]
        fall = float(_fall(np.array([value["base"]]), np.array([value[own]]))[0])
        found[f"fall_{what}"] = _figure(fall, _fall(row["base"], row[own]))
        found[f"other_worse_{what}"] = _figure(value["other"] - value[own], row["other"] - row[own])
    for lang in LANGS:
        what = f"f1_{lang}"
        value, row = values[what], rows[what]
        found[f"rise_{what}"] = _figure(value[own] - value["base"], row[own] - row["base"])
    return found


def _fall(before: FloatArray, after: FloatArray) -> FloatArray:
    """Share of the distance that is gone; NaN where there was none."""
    share: FloatArray = np.divide(
        after, before, out=np.full(before.shape, np.nan), where=before > 0
    )
    return 1 - share


def _rows(scores: Scores, what: str, patients: Sequence[IntArray], resamples: int) -> FloatArray:
    by_patient = ByPatient(scores, tuple(patients))
    return resample(by_patient, len(patients), resamples=resamples)[_measure(what)]


def _measure(what: str) -> str:
    return DISTANCE if what.startswith(DISTANCE) else F1


def _figure(value: float, row: FloatArray) -> dict[str, float | None]:
    bounds = interval(row) if np.isfinite(value) else None
    return {
        "value": rounded(value) if np.isfinite(value) else None,
        "low": rounded(bounds.low) if bounds else None,
        "high": rounded(bounds.high) if bounds else None,
    }

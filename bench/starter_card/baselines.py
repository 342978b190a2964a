"""Reports that nobody drafted: what a model that does not look, or only looks up, would write."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from radraft.bench.starter_card.values import Known
from radraft.core.settings import Settings
from radraft.eval.draft_set import Model, draft_set, drafted
from radraft.eval.looks.donors import Candidate, donors
from radraft.eval.looks.intake import Intake, take_in
from radraft.eval.looks.values import Change, Perturbation
from radraft.eval.values import Drafted, FloatArray, IntArray, SetItem
from radraft.finetune.starter.compose import compose
from radraft.finetune.starter.teacher import NORMAL, NORMAL_ABSENT
from radraft.finetune.starter.values import Seen
from radraft.store.database import open_store
from radraft.vision_encoder.nearest import exact

BLANK = Perturbation(Change.BLANK)
SHUFFLED = Perturbation(Change.SHUFFLED)

Progress = Callable[[int, int], None]


def written(item_id: str, findings: Mapping[str, bool]) -> Drafted:
    """The report that the starter's sentences make of labels; the same for the same labels."""
    return drafted(item_id, compose(_seen(findings), random.Random(0)))


def majority(items: Sequence[SetItem], pool: Sequence[Known]) -> list[Drafted]:
    """For every item the report of the most frequent labels of the training split."""
    counts = Counter(frozenset(film.findings.items()) for film in pool)
    most = max(counts, key=lambda labels: (counts[labels], sorted(labels)))
    return [written(item.id, dict(most)) for item in items]


def retrieved(
    items: Sequence[SetItem], pool: Sequence[Known], neighbours: IntArray
) -> list[Drafted]:
    """For every item the report of its nearest training image's labels."""
    return [
        written(item.id, pool[int(at)].findings) for item, at in zip(items, neighbours, strict=True)
    ]


def nearest(queries: FloatArray, pool: FloatArray) -> IntArray:
    """For each of (n, e) unit vectors the place of the closest of (m, e), by cosine."""
    found: IntArray = exact(queries, pool)[:, 0]
    return found


def common_note(pool: Sequence[Known]) -> str:
    """The most frequent note of the training split; the first in order of those alike."""
    counts = Counter(film.note for film in pool if film.note)
    return max(sorted(counts), key=lambda note: counts[note], default="")


def blank(
    items: Sequence[SetItem], model: Model, keep: Path, progress: Progress | None = None
) -> list[Drafted]:
    """A draft of a grey image for every item. A request is nothing but its text and its images, so
    items of which the same is known share one draft. `keep` as `draft_set`'s."""
    asked = _asked(items, model, keep)
    first = {key: at for at, key in reversed(list(enumerate(asked)))}
    chosen = sorted(first.values())
    drafts = draft_set(
        [items[at] for at in chosen], model, keep=keep, perturb=BLANK, progress=progress
    )
    by_request = {asked[at]: draft for at, draft in zip(chosen, drafts, strict=True)}
    return [replace(by_request[key], id=item.id) for key, item in zip(asked, items, strict=True)]


def shuffled(
    drafts: Sequence[Drafted],
    items: Sequence[SetItem],
    patients: Sequence[str],
    model: Model,
    keep: Path,
) -> list[Drafted]:
    """For every item the draft of another patient's film, of whom the request says the same: age
    band, sex, view. A request is nothing but its text and its images, so that is what the item's
    own request would give with that film. Only where too few say the same is it a wider choice.
    """
    asked = _asked(items, model, keep)
    candidates = [
        Candidate(item.id, patient, " ".join(key))
        for item, patient, key in zip(items, patients, asked, strict=True)
    ]
    given = donors(candidates, SHUFFLED)
    by_item = {item.id: draft for item, draft in zip(items, drafts, strict=True)}
    return [replace(by_item[given[item.id]], id=item.id) for item in items]


def _seen(findings: Mapping[str, bool]) -> dict[str, Seen]:
    """As the starter is taught to see: what is there, or a normal film."""
    there = dict.fromkeys((code for code, yes in findings.items() if yes), Seen.STATED)
    if there:
        return there
    if "lung_opacity" in findings:
        # A child's film, of which nothing but this is known.
        return dict.fromkeys(findings, Seen.ABSENT)
    return {NORMAL: Seen.STATED, **dict.fromkeys(NORMAL_ABSENT, Seen.ABSENT)}


def _asked(items: Sequence[SetItem], model: Model, keep: Path) -> list[tuple[str, ...]]:
    """What the text of each item's request can depend on."""
    store = open_store(Settings(data_dir=keep / "store"))
    try:
        cases = [take_in(item, Intake(store, model.profile, keep)).case for item in items]
    finally:
        store.close()
    return [
        (one.modality, one.body_part, one.view.value, one.age_band, one.sex, one.history)
        if one is not None
        else (item.id,)
        for one, item in zip(cases, items, strict=True)
    ]

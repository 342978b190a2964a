"""The two stages of a run, each in its own folder, as one course with one end."""

from __future__ import annotations

import gc
import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from radraft.core import canonical, run_folder
from radraft.core.errors import AdapterError
from radraft.core.run_folder import Step
from radraft.finetune.adapt.recipe import AdaptRecipe
from radraft.finetune.adapt.values import Base, Origin, PixelBase, Progress, Stage
from radraft.finetune.train import launch, process_group
from radraft.finetune.train.native import PixelPairs
from radraft.finetune.train.recipe import LanguageRecipe
from radraft.finetune.train.run import Pairs
from radraft.finetune.train.values import Encoded, Trained
from radraft.llm.pins import LORA_FILE, PROJECTOR_FILE

DPO_COST = 3.0
"""Of a pair in the second stage against one in the first: two reports, over the full vocabulary."""


@dataclass(frozen=True)
class Taught:
    """What a source gives a run, and what the card of the adapter says of it."""

    material: Material
    too_long: int
    """Examples that the model has no room for."""
    image_ids: frozenset[str]
    about: Mapping[str, Any] = field(default_factory=dict)
    """What only the cards of this source have."""


@dataclass(frozen=True)
class Material:
    """What both stages train on."""

    pairs: Pairs | PixelPairs
    """Of the first stage; the second takes some of them."""

    def preferences(self, most: int, seed: int) -> list[Encoded]:
        """Up to `most` pairs whose draft was changed, drawn by `seed`, in their order."""
        found = [example for example in self.pairs.train if example.rejected is not None]
        order = np.random.default_rng((seed, len(found))).permutation(len(found))[:most]
        return [found[place] for place in sorted(order.tolist())]


@dataclass(frozen=True)
class Course:
    """What came of the stages."""

    trained: Mapping[Stage, Trained]
    kept: Stage
    """Whose weights write what was signed likeliest."""
    preferences: int
    folder: Path
    """Of the stage kept."""

    @property
    def adapter(self) -> Path:
        """Weights under the trainer's names."""
        return self.folder / LORA_FILE

    @property
    def projector(self) -> Path:
        """The projector as that stage left it."""
        return self.folder / PROJECTOR_FILE


def course(
    base: Base | PixelBase,
    begin: Origin,
    material: Material,
    recipe: AdaptRecipe,
    folder: Path,
    *,
    seed: int,
    on_step: Callable[[Progress], None],
    processes: int = 1,
) -> Course:
    """Trains both stages in `folder/sft` and `folder/dpo`, or goes on where a killed run was; a
    stage that ended is not begun again.

    The second starts from the first's weights, and counts only if the validation pairs are no less
    likely after it. AdapterError `adapt_diverged` where neither gave usable weights; TrainingError
    as `launch.train`.
    """
    preferred = material.preferences(recipe.dpo.most_pairs, seed) if recipe.dpo else []
    plans = {Stage.SFT: recipe.sft_plan(len(material.pairs.train), begin.lora)}
    if preferred:
        plans[Stage.DPO] = recipe.dpo_plan(len(preferred), begin.lora)
    for plan in plans.values():
        process_group.require_shares(plan.batch, processes)
    told = _Told(plans, on_step)
    where = {stage: folder / stage.value for stage in plans}
    first = _stage(
        base, begin, material.pairs, plans[Stage.SFT], where[Stage.SFT], seed, told, processes
    )
    trained = {Stage.SFT: first}
    if preferred:
        after = Origin(
            begin.parent,
            where[Stage.SFT] / LORA_FILE,
            where[Stage.SFT] / PROJECTOR_FILE if recipe.sft.projector_rate else begin.projector,
            begin.own_projector,
            begin.lora,
        )
        pairs = material.pairs.over(preferred)
        plan, place = plans[Stage.DPO], where[Stage.DPO]
        trained[Stage.DPO] = _stage(base, after, pairs, plan, place, seed, told, processes)
    kept = min(trained, key=lambda stage: trained[stage].valid_loss)
    return Course(trained, kept, len(preferred), where[kept])


@dataclass
class _Told:
    """Turns steps of two stages into one course: how much of all work is done."""

    plans: Mapping[Stage, LanguageRecipe]
    on_step: Callable[[Progress], None]
    began: float = 0.0
    first: float | None = None

    def tell(self, stage: Stage, step: Step) -> None:
        """Says how far the run is after `step` of `stage`."""
        work = {one: plan.steps * plan.batch * _cost(one) for one, plan in self.plans.items()}
        before = (
            sum(work[each] for each in work if each is not stage) if stage is Stage.DPO else 0.0
        )
        done = before + work[stage] * step.done / step.total
        total = sum(work.values())
        if self.first is None:
            # Not counted: what a run that is resumed did before, and loading the model.
            self.first = done - work[stage] / step.total
            self.began = time.monotonic() - step.seconds
        speed = (time.monotonic() - self.began) / (done - self.first)
        left = (total - done) * speed
        self.on_step(Progress(stage, step.done, step.total, step.loss, done / total, left))


def _cost(stage: Stage) -> float:
    return DPO_COST if stage is Stage.DPO else 1.0


def _stage(
    base: Base | PixelBase,
    begin: Origin,
    pairs: Pairs | PixelPairs,
    plan: LanguageRecipe,
    folder: Path,
    seed: int,
    told: _Told,
    processes: int,
) -> Trained:
    stage = Stage(plan.objective)
    identity = {"recipe": plan.model_dump(mode="json"), "seed": seed, "pairs": _sha(pairs)}
    run_folder.begin(folder, identity)
    record = run_folder.read(folder)
    if record["finished"]:
        return Trained(folder, record["best_step"], record["valid_loss"])
    job = launch.Job(_model(base, begin), pairs, plan, folder, seed)
    trained = launch.train(job, processes, lambda step: told.tell(stage, step))
    if not (folder / LORA_FILE).exists():
        raise AdapterError("adapt_diverged", path=str(folder))
    run_folder.finish(folder, best_step=trained.steps, valid_loss=trained.valid_loss)
    gc.collect()
    return trained


def _model(base: Base | PixelBase, begin: Origin) -> launch.ModelSource:
    """What is trained, as it begins."""
    if isinstance(base, PixelBase):
        return launch.NativeModel(base.checkpoint, begin.adapter)
    assert begin.projector is not None
    return launch.TextModel(base.checkpoint, begin.projector, begin.adapter)


def _sha(pairs: Pairs | PixelPairs) -> str:
    if isinstance(pairs.train, list) and isinstance(pairs.valid, list):
        return canonical.sha256([pairs.train, pairs.valid])
    # Of a set that no memory holds, one at a time.
    digest = hashlib.sha256()
    for share in (pairs.train, pairs.valid):
        digest.update(f"{len(share)}\n".encode())
        for encoded in share:
            digest.update(canonical.sha256(encoded).encode())
    return digest.hexdigest()

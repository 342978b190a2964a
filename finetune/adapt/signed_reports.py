"""Signed reports as what a run learns from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import ClassVar

from radraft.core.errors import AdapterError
from radraft.finetune.adapt import card, data
from radraft.finetune.adapt.rare import repeated
from radraft.finetune.adapt.stages import Material, Taught
from radraft.finetune.adapt.values import Chosen, PixelBase, Plan, Start, Task
from radraft.finetune.train.native import PixelPairs, Processor
from radraft.finetune.train.run import Pairs
from radraft.finetune.train.text import Tokenizer, fitting
from radraft.finetune.train.values import Encoded, Example
from radraft.llm.adapter import Check, GateRecord, GateStage
from radraft.reports.training_pair import TrainingPair
from radraft.store import adapters


@dataclass(frozen=True)
class SignedReports:
    """A site's training pairs."""

    task: Task
    kind: ClassVar[str] = "adapted"

    def planned(self) -> Plan:
        """Return the pairs to train on, their batch checked. Errors as `run.adapt`."""
        from radraft.finetune.selection import select

        task, objects = self.task, self.task.store.objects
        with task.store.read() as session:
            serving = adapters.route(session, task.site).serving
            parent = serving if task.start is Start.SERVING else None
            selection = select(session, objects, task.site)
            planned = data.plan(
                session,
                objects,
                selection,
                task.recipe,
                site=task.site,
                parent=data.parent_id(parent, task.profile),
                encoder_id=task.base.encoder_id,
                seed=task.seed,
            )
            before = data.trained_on(session, serving.adapter_id if serving else None)
        # What the serving adapter learned from has passed, whatever the new one starts from.
        asked = {*planned.train, *planned.valid} - before
        batch = [pair for pair in selection.train if pair.pair_id in asked]
        history = [pair for pair in selection.train if pair.pair_id in before]
        told = tuple(check.figures for check in self._checked(batch, history, planned))
        return replace(planned, batch=told)

    def taught(self, planned: Plan) -> Taught:
        """Return the plan's pairs as the model takes them. ReportError `signature_broken`,
        AdapterError `adapt_pairs_too_long`."""
        with self.task.store.read() as session:
            chosen = data.chosen(session, planned)
        pairs = (*chosen.train, *chosen.valid)
        images = frozenset(name for pair in pairs for name in pair.image_ids)
        material, too_long = self._material(chosen)
        return Taught(material, too_long, images)

    def _checked(
        self, batch: Sequence[TrainingPair], history: Sequence[TrainingPair], planned: Plan
    ) -> tuple[Check, ...]:
        """AdapterError `adapt_batch_stopped`, the decision kept, where a check fails."""
        from radraft.finetune.gate.batch import check_batch
        from radraft.finetune.sight import sight
        from radraft.vision_encoder.heads import Heads

        base = self.task.base
        heads = Heads.load(base.heads)
        seen = {
            pair.case_id: sight(
                self.task.store.objects, base.heads_encoder_id, heads, pair.image_ids
            )
            for pair in (*history, *batch)
        }
        checks = tuple(check_batch(batch, history, seen))
        failed = [check.code for check in checks if not check.passed]
        if failed:
            self._stops(checks, planned, len(batch), len(history))
            raise AdapterError("adapt_batch_stopped", checks=", ".join(failed))
        return checks

    def _stops(self, checks: tuple[Check, ...], planned: Plan, batch: int, history: int) -> None:
        task = self.task
        decision = GateRecord(
            site=task.site,
            stage=GateStage.BATCH,
            adapter_id=None,
            serving_id=planned.parent,
            base=task.profile.model_id,
            passed=False,
            checks=checks,
            changed={
                "data_sha": data.data_sha(planned),
                "pairs": batch,
                "left_out": dict(planned.left_out),
                "recipe": task.recipe.name,
                "seed": task.seed,
                "parent": planned.parent,
            },
            tested={"pairs": batch, "history": history, "versions": card.versions()},
            affects={
                "site": task.site,
                "covers": [kind.model_dump(mode="json") for kind in task.profile.covered],
            },
            decided_at=datetime.now(UTC),
        )
        with task.store.begin() as session:
            adapters.record(session, decision)

    def _material(self, found: Chosen) -> tuple[Material, int]:
        """The pairs as the model takes them, and how many are too long for it."""
        base, objects = self.task.base, self.task.store.objects
        if isinstance(base, PixelBase):
            processor = Processor(base.checkpoint, data.StoredPictures(objects))
            train, valid, too_long = self._encoded(found, processor.encode)
            return Material(PixelPairs(train, valid, processor)), too_long
        tokenizer = Tokenizer(base.checkpoint, base.image_token, base.tokens_per_image)
        train, valid, too_long = self._encoded(found, tokenizer.encode)
        tokens = data.StoredTokens(objects, base.encoder_id)
        return Material(Pairs(train, valid, tokens, tokenizer.image_id, base.parts)), too_long

    def _encoded(
        self, found: Chosen, encode: Callable[[Example], Encoded]
    ) -> tuple[list[Encoded], list[Encoded], int]:
        """Pairs to train and to validate with, and how many are too long for the model."""
        longest = self.task.recipe.longest
        taught = repeated(found.train, self.task.recipe.rare)
        train, long = fitting((encode(data.example(pair)) for pair in taught), longest)
        valid, more = fitting((encode(data.example(pair)) for pair in found.valid), longest)
        if not train or not valid:
            raise AdapterError("adapt_pairs_too_long", count=long + more, longest=longest)
        return train, valid, long + more

"""A candidate trained past every check of its reports: what only the gate can still stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radraft.bench.rehearsal.site import PERSON, Hospital
from radraft.core import canonical
from radraft.finetune.adapt import data, peft_files, stages
from radraft.finetune.adapt.base import origin, trainable
from radraft.finetune.adapt.recipe import AdaptRecipe
from radraft.finetune.adapt.stages import Material
from radraft.finetune.adapt.values import Base
from radraft.finetune.register import enter
from radraft.finetune.train.run import Pairs
from radraft.finetune.train.text import Tokenizer, fitting
from radraft.finetune.train.values import Example
from radraft.llm.adapter import Adapter
from radraft.reports.training_pair import TrainingPair
from radraft.store import adapters

VALID_EVERY = 10
"""One in so many examples is not trained on and says when to stop."""
Change = Callable[[Sequence[Example]], Sequence[Example]]


@dataclass(frozen=True)
class Direct:
    """One such candidate in the making."""

    hospital: Hospital
    site: str
    kind: str
    run: Path
    epochs: float

    def candidate(
        self, found: Sequence[TrainingPair], change: Change, on_part: Callable[[float], None]
    ) -> str:
        """Trains on `found` as `change` makes examples of them, on from what serves, and registers
        the candidate with a card that tells the truth of what it was trained on. Its id."""
        here = self.hospital
        base = trainable(here.profile, here.settings.cache_dir)
        assert isinstance(base, Base)
        recipe = self._recipe()
        with here.store.read() as session:
            parent = adapters.route(session, self.site).serving
        begin = origin(base, parent, here.settings.adapters_dir, recipe, self.run / "begin")
        tokenizer = Tokenizer(base.checkpoint, base.image_token, base.tokens_per_image)
        taught = change([data.example(pair) for pair in found])
        encoded, _ = fitting(map(tokenizer.encode, taught), recipe.longest)
        pairs = Pairs(
            train=[one for place, one in enumerate(encoded) if place % VALID_EVERY],
            valid=encoded[::VALID_EVERY],
            tokens=data.StoredTokens(here.store.objects, base.encoder_id),
            image_id=tokenizer.image_id,
        )
        course = stages.course(
            base,
            begin,
            Material(pairs),
            recipe,
            self.run,
            seed=here.seed,
            on_step=lambda progress: on_part(progress.part),
        )
        card = {
            "kind": "adapted",
            "recipe": recipe.model_dump(mode="json"),
            "seed": here.seed,
            "rehearsal": self.kind,
            "parent": parent.adapter_id if parent else None,
            "pairs": [pair.pair_id for pair in found],
            "image_ids": sorted({name for pair in found for name in pair.image_ids}),
            "encoder_id": base.encoder_id,
        }
        return self._registered(course.adapter, begin.lora, parent, card)

    def _recipe(self) -> AdaptRecipe:
        given = self.hospital.recipe
        sft = given.sft.model_copy(update={"epochs": self.epochs})
        return given.model_copy(update={"sft": sft, "dpo": None})

    def _registered(
        self, weights: Path, lora: Any, parent: Adapter | None, card: dict[str, Any]
    ) -> str:
        from safetensors.torch import load_file

        here, folder = self.hospital, self.run / "export"
        peft_files.write(folder, load_file(weights), lora, here.profile.model_id, None)
        return enter(
            folder,
            here.settings.adapters_dir,
            here.store,
            site=self.site,
            base=here.profile.model_id,
            parent=parent.adapter_id if parent else None,
            data_sha=canonical.sha256(card["pairs"]),
            card=card,
            by=PERSON,
        ).adapter_id

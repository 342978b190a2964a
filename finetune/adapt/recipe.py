"""How a site's adapter is trained, as data: by name from `finetune/adapt/recipes/` or by path."""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import Field

from radraft.core.errors import TrainingError
from radraft.core.yaml_files import Strict, YamlFolder
from radraft.finetune.train.recipe import LanguageRecipe, Lora

READY = YamlFolder(
    "radraft.finetune.adapt",
    "recipes",
    TrainingError,
    label="recipe",
    missing="training_recipe_not_found",
    invalid="training_recipe_invalid",
)
SAME = (
    "batch",
    "micro_batch",
    "learning_rate",
    "projector_rate",
    "weight_decay",
    "clip",
    "patience",
)
"""Fields of a part that go to the trainer as they are."""


class Part(Strict):
    """What both stages have in common; the names are those of `LanguageRecipe`."""

    epochs: float = Field(gt=0, le=100)
    batch: int = Field(default=8, ge=1)
    micro_batch: int = Field(default=4, ge=1)
    warm_up: float = Field(default=0.1, ge=0, lt=1)
    """Share of the steps."""
    learning_rate: float = Field(gt=0)
    projector_rate: float = Field(default=0.0, ge=0)
    """0 leaves the projector as it is, and then the adapter has none of its own."""
    weight_decay: float = Field(default=0.0, ge=0)
    clip: float = Field(default=1.0, gt=0)
    validations: int = Field(default=2, ge=1)
    """In an epoch."""
    patience: int = Field(default=4, ge=1)

    def _language(self, count: int, **more: Any) -> LanguageRecipe:
        epoch = max(1, round(count / self.batch))
        steps = max(1, math.ceil(self.epochs * count / self.batch))
        return LanguageRecipe(
            **{name: getattr(self, name) for name in SAME},
            steps=steps,
            warm_up=round(self.warm_up * steps),
            valid_every=max(1, epoch // self.validations),
            **more,
        )


class SftPart(Part):
    """Writing what was signed."""

    words: int = Field(default=0, ge=0)


class DpoPart(Part):
    """Preferring what was signed over the draft (Rafailov et al. 2023)."""

    most_pairs: int = Field(default=60, ge=1)
    """A pair costs three times as much as in the first stage; more are drawn from."""
    beta: float = Field(default=0.1, gt=0)
    sft: float = Field(default=0.0, ge=0)
    """Weight of the first stage's loss beside it, so that the model goes on writing well."""


class Rare(Strict):
    """How often a report is learned from that states what few do (`finetune.adapt.rare`)."""

    share: float = Field(default=0.2, ge=0, le=1)
    """Findings that a larger share of the reports state are not rare."""
    critical: float = Field(default=2.0, ge=1)
    """How much oftener than another finding as rare. Signed reports teach a model to state what is
    likelier there than not, which a critical finding seldom is; readers want it said before."""
    most: int = Field(default=4, ge=1)
    """1 repeats nothing."""


class AdaptRecipe(Strict):
    """From signed reports to a candidate."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")
    seed: int = Field(ge=0, lt=2**31)
    least_pairs: int = Field(default=20, ge=4)
    """New pairs without which nothing is trained."""
    most_pairs: int = Field(default=400, ge=4)
    """New pairs, the newest; the others wait for a later run."""
    rare: Rare = Rare()
    replay: float = Field(default=0.5, ge=0)
    """Earlier pairs that go in again for each new one, so that nothing is forgotten."""
    valid: float = Field(default=0.1, gt=0, le=0.5)
    """Share of the new pairs that are not trained on but say when to stop, by patient."""
    valid_pairs: int = Field(default=48, ge=1)
    """Most pairs that a validation looks at."""
    lora: Lora = Lora()
    """Of an adapter that starts from the base; one that goes on from another keeps its shape."""
    longest: int = Field(default=1024, ge=64)
    precision: Literal["bf16", "fp32"] = "bf16"
    checkpoint_every: int = Field(default=10, ge=1)
    sft: SftPart
    dpo: DpoPart | None = None

    def over(self, targets: tuple[str, ...] | None) -> AdaptRecipe:
        """The same, changing the linear layers `targets` of a profile where it names some."""
        return self.model_copy(update={"lora": self.lora.over(targets)})

    @property
    def own_projector(self) -> bool:
        """Whether a projector is trained too."""
        return self.sft.projector_rate > 0 or (self.dpo is not None and self.dpo.projector_rate > 0)

    def sft_plan(self, count: int, lora: Lora) -> LanguageRecipe:
        """The first stage over `count` pairs."""
        return self.sft._language(count, words=self.sft.words, **self._shared(lora))

    def dpo_plan(self, count: int, lora: Lora) -> LanguageRecipe:
        """The second stage over `count` pairs; only where the recipe has one."""
        assert self.dpo is not None
        part = self.dpo
        return part._language(
            count, objective="dpo", beta=part.beta, sft=part.sft, **self._shared(lora)
        )

    def _shared(self, lora: Lora) -> dict[str, Any]:
        return {
            "lora": lora,
            "longest": self.longest,
            "precision": self.precision,
            "valid_pairs": self.valid_pairs,
            "checkpoint_every": self.checkpoint_every,
        }


def load_recipe(name_or_path: str) -> AdaptRecipe:
    """The recipe `name_or_path`: a name such as `adapt`, or the path of a YAML file.

    TrainingError `training_recipe_not_found`, or `training_recipe_invalid` naming the fields.
    """
    return READY.load(AdaptRecipe, name_or_path)


def names() -> tuple[str, ...]:
    """Names of the ready recipes."""
    return READY.names()

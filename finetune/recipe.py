"""Training recipes: everything that decides what a training run gives, as data.

A recipe is a YAML file, by name from `finetune/recipes/` or by path from the hospital's own folder.
"""

from __future__ import annotations

from pydantic import Field

from radraft.core.errors import TrainingError
from radraft.core.yaml_files import Strict, YamlFolder
from radraft.finetune.starter.recipe import PairRecipe
from radraft.finetune.train.recipe import LanguageRecipe
from radraft.vision_encoder.train.recipe import EncoderRecipe

READY = YamlFolder(
    "radraft.finetune",
    "recipes",
    TrainingError,
    label="recipe",
    missing="training_recipe_not_found",
    invalid="training_recipe_invalid",
)


class Recipe(Strict):
    """How a model is made from labelled data; each part is one training run."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")
    seed: int = Field(ge=0, lt=2**31)
    encoder: EncoderRecipe
    pairs: PairRecipe
    language: LanguageRecipe

    def smaller(self, fraction: float) -> Recipe:
        """The same with `fraction` of the pairs."""
        count = max(1, round(self.pairs.count * fraction))
        return self.model_copy(update={"pairs": self.pairs.model_copy(update={"count": count})})


def load_recipe(name_or_path: str) -> Recipe:
    """The recipe `name_or_path`: a name such as `starter`, or the path of a YAML file.

    TrainingError `training_recipe_not_found`, or `training_recipe_invalid` naming the fields.
    """
    return READY.load(Recipe, name_or_path)


def names() -> tuple[str, ...]:
    """Names of the ready recipes."""
    return READY.names()

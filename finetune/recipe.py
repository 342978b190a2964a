"""Training recipes: everything that decides what a training run gives, as data.

A recipe is a YAML file, by name from `finetune/recipes/` or by path from the hospital's own folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from pydantic import Field, ValidationError

from radraft import ready
from radraft.errors import TrainingError
from radraft.finetune.starter.recipe import PairRecipe
from radraft.finetune.train.recipe import LanguageRecipe
from radraft.ready import Strict
from radraft.vision_encoder.train.recipe import EncoderRecipe

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

READY = ("radraft.finetune", "recipes")


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
    text = _read(name_or_path)
    try:
        return Recipe.from_yaml(text)
    except ValidationError as error:
        fields = ", ".join(sorted({_field(item) for item in error.errors()}))
    except (yaml.YAMLError, TypeError, ValueError):
        fields = "file"
    raise TrainingError("training_recipe_invalid", recipe=Path(name_or_path).stem, fields=fields)


def names() -> tuple[str, ...]:
    """Names of the ready recipes."""
    return ready.names(*READY)


def _read(name_or_path: str) -> str:
    try:
        return ready.text(name_or_path, *READY)
    except (OSError, UnicodeDecodeError):
        raise TrainingError(
            "training_recipe_not_found", recipe=Path(name_or_path).stem, known=", ".join(names())
        ) from None


def _field(item: ErrorDetails) -> str:
    where = ".".join(str(step) for step in item["loc"]) or "file"
    # A check over several fields has the place of what holds them all; its words name the field.
    return f"{where} ({item['ctx']['error']})" if item["type"] == "value_error" else where

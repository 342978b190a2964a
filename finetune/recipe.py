"""Training recipes: everything that decides what a training run gives, as data.

A recipe is a YAML file, by name from `finetune/recipes/` or by path from the hospital's own folder.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from radraft.errors import TrainingError
from radraft.finetune.starter.recipe import PairRecipe
from radraft.finetune.train.recipe import LanguageRecipe
from radraft.vision_encoder.train.recipe import EncoderRecipe

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


class Recipe(BaseModel):
    """How a model is made from labelled data; each part is one training run."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

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
        # Through JSON, so that strict validation accepts YAML's lists as tuples.
        return Recipe.model_validate_json(json.dumps(yaml.safe_load(text)))
    except ValidationError as error:
        fields = ", ".join(sorted({_field(item) for item in error.errors()}))
    except (yaml.YAMLError, TypeError, ValueError):
        fields = "file"
    raise TrainingError("training_recipe_invalid", recipe=Path(name_or_path).stem, fields=fields)


def names() -> tuple[str, ...]:
    """Names of the ready recipes."""
    found = (item.name for item in files("radraft.finetune").joinpath("recipes").iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in found if name.endswith(".yaml")))


def _read(name_or_path: str) -> str:
    if name_or_path in names():
        ready = files("radraft.finetune").joinpath("recipes", f"{name_or_path}.yaml")
        return ready.read_text(encoding="utf-8")
    try:
        return Path(name_or_path).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise TrainingError(
            "training_recipe_not_found", recipe=Path(name_or_path).stem, known=", ".join(names())
        ) from None


def _field(item: ErrorDetails) -> str:
    where = ".".join(str(step) for step in item["loc"]) or "file"
    # A check over several fields has the place of what holds them all; its words name the field.
    return f"{where} ({item['ctx']['error']})" if item["type"] == "value_error" else where

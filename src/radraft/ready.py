"""Settings as data: strict values read from YAML, by name from the package or by path."""

from __future__ import annotations

import json
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Self

import yaml
from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A frozen value that takes no unknown field and guesses no type."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    @classmethod
    def from_yaml(cls, text: str) -> Self:
        """yaml.YAMLError, TypeError or ValueError (pydantic's ValidationError is one) where `text`
        does not hold it."""
        # Through JSON, so that strict validation accepts YAML's lists and strings as tuples and
        # enums.
        return cls.model_validate_json(json.dumps(yaml.safe_load(text)))


def names(package: str, folder: str) -> tuple[str, ...]:
    """Names of the YAML files that the package has in `folder`."""
    found = (item.name for item in _folder(package, folder).iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in found if name.endswith(".yaml")))


def text(name_or_path: str, package: str, folder: str) -> str:
    """What the ready file of that name, or the file at that path, says. OSError or
    UnicodeDecodeError where it cannot be read."""
    if name_or_path in names(package, folder):
        ready = _folder(package, folder).joinpath(f"{name_or_path}.yaml")
        return ready.read_text(encoding="utf-8")
    return Path(name_or_path).expanduser().read_text(encoding="utf-8")


def _folder(package: str, folder: str) -> Traversable:
    return files(package).joinpath(folder)

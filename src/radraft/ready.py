"""Settings as data: strict values read from YAML, by name from the package or by path."""

from __future__ import annotations

import json
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


class NotFound(Exception):
    """No ready file of that name, and no readable file at that path."""


class Invalid(Exception):
    """The file does not hold the value."""

    def __init__(self, fields: str) -> None:
        super().__init__(fields)
        self.fields = fields
        """What to correct: names of fields, `file` where it is all of it."""


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


_Value = TypeVar("_Value", bound=Strict)


def names(package: str, folder: str) -> tuple[str, ...]:
    """Names of the YAML files that the package has in `folder`."""
    found = (item.name for item in _folder(package, folder).iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in found if name.endswith(".yaml")))


def load(kind: type[_Value], name_or_path: str, package: str, folder: str) -> _Value:
    """The value in the ready file of that name, or in the file at that path. NotFound, Invalid."""
    try:
        text = _text(name_or_path, package, folder)
    except (OSError, UnicodeDecodeError):
        raise NotFound from None
    try:
        return kind.from_yaml(text)
    except ValidationError as error:
        fields = ", ".join(sorted({_field(item) for item in error.errors()}))
    except (yaml.YAMLError, TypeError, ValueError):
        fields = "file"
    raise Invalid(fields)


def _text(name_or_path: str, package: str, folder: str) -> str:
    if name_or_path in names(package, folder):
        ready = _folder(package, folder).joinpath(f"{name_or_path}.yaml")
        return ready.read_text(encoding="utf-8")
    return Path(name_or_path).expanduser().read_text(encoding="utf-8")


def _field(item: ErrorDetails) -> str:
    where = ".".join(str(step) for step in item["loc"]) or "file"
    # A check over several fields has the place of what holds them all; its words name the field.
    return f"{where} ({item['ctx']['error']})" if item["type"] == "value_error" else where


def _folder(package: str, folder: str) -> Traversable:
    return files(package).joinpath(folder)

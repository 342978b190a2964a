"""Settings as data: strict values read from YAML, by name from the package or by path."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from radraft.core.errors import RadraftError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


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


@dataclass(frozen=True)
class YamlFolder:
    """Ready files of one kind in a package, and how it is told that one cannot be had."""

    package: str
    folder: str
    error: type[RadraftError]
    label: str
    """What the messages call the file's name."""
    missing: str
    """Message code where no file has that name or path; it lists what is `known`."""
    invalid: str
    """Message code where the file does not hold the value; it names the `fields` to correct."""

    def names(self) -> tuple[str, ...]:
        """Names of the ready files."""
        found = (item.name for item in self._files.iterdir())
        return tuple(sorted(name.removesuffix(".yaml") for name in found if name.endswith(".yaml")))

    def load(self, kind: type[_Value], name_or_path: str) -> _Value:
        """The value in the ready file of that name, or in the file at that path; `error`."""
        name = Path(name_or_path).stem
        try:
            text = self._text(name_or_path)
        except (OSError, UnicodeDecodeError):
            details = {self.label: name, "known": ", ".join(self.names())}
            raise self.error(self.missing, **details) from None
        try:
            return kind.from_yaml(text)
        except ValidationError as error:
            fields = ", ".join(sorted({_field(item) for item in error.errors()}))
        except (yaml.YAMLError, TypeError, ValueError, RecursionError):
            fields = "file"
        raise self.error(self.invalid, **{self.label: name, "fields": fields})

    def _text(self, name_or_path: str) -> str:
        if name_or_path in self.names():
            return self._files.joinpath(f"{name_or_path}.yaml").read_text(encoding="utf-8")
        return Path(name_or_path).expanduser().read_text(encoding="utf-8")

    @property
    def _files(self) -> Traversable:
        return files(self.package).joinpath(self.folder)


def _field(item: ErrorDetails) -> str:
    where = ".".join(str(step) for step in item["loc"]) or "file"
    # A check over several fields has the place of what holds them all; its words name the field.
    return f"{where} ({item['ctx']['error']})" if item["type"] == "value_error" else where

"""Prompt templates: versioned data files, checked strictly when they are read.

A template declares the variables it uses; one it does not declare, does not use or that nobody
provides is an error, so a typing mistake never becomes an empty place in a prompt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

import yaml
from jinja2 import Environment, StrictUndefined, Template as Jinja, TemplateError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import Field, ValidationError

from radraft.core import canonical
from radraft.core.errors import PromptError
from radraft.core.yaml_files import Strict
from radraft.prompts.values import ImagePart, Message, TextPart

PROVIDED = frozenset(
    {"modality", "body_part", "view", "age_band", "sex", "history", "images", "priors"} | {"looked"}
)
"""Every variable that a prompt can be filled with (`build.variables`)."""
PRIOR = "prior"
"""What one earlier study is called in a piece about it (`build.told`)."""
Told = Mapping[str, object]


SUFFIX = ".yaml"
"""What the name of a template that is given by its path ends with."""


@cache
def load_template(name_or_path: str) -> Template:
    """Return the template `prompts/templates/<name>.yaml`, or the file of that path, whose name
    ends with `.yaml`; read once.

    Raises PromptError `template_not_found`, `template_invalid` (its file does not have the right
    form), `template_variable_unknown` or `template_variable_unused`.
    """
    if name_or_path.endswith(SUFFIX):
        path = Path(name_or_path).expanduser()
        try:
            text = path.read_text(encoding="utf-8")
        except OSError:
            raise PromptError("template_not_found", template=path.name) from None
        except UnicodeDecodeError:
            raise PromptError("template_invalid", template=path.name) from None
        return parse_template(text, None, path.name)
    folder = files("radraft.prompts").joinpath("templates")
    item = folder.joinpath(f"{name_or_path}{SUFFIX}")
    if not name_or_path.replace("-", "").isalnum() or not item.is_file():
        raise PromptError("template_not_found", template=name_or_path)
    return parse_template(item.read_text(encoding="utf-8"), name_or_path)


def parse_template(text: str, template_id: str | None, file: str = "") -> Template:
    """Return the template in the YAML `text`; `template_id` must be the one it names, where it is
    given; errors call it by that, or by `file`. Errors as above."""
    try:
        spec = TemplateFile.from_yaml(text)
    except (yaml.YAMLError, ValidationError, TypeError, ValueError, RecursionError):
        raise PromptError("template_invalid", template=template_id or file) from None
    if template_id is not None and spec.id != template_id:
        raise PromptError("template_invalid", template=template_id)
    template = Template(spec)
    template.check()
    return template


class TextPiece(Strict):
    """Text with jinja2 variables."""

    text: str = Field(min_length=1)


class ImagesPiece(Strict):
    """The place of the key images, in reading order."""

    images: Literal["all"]


class PriorPiece(Strict):
    """Text about one earlier study, repeated for each; its images stand before it."""

    prior: str = Field(min_length=1)


class MessageFile(Strict):
    """One chat message of a template."""

    role: Literal["system", "user", "assistant"]
    parts: tuple[TextPiece | ImagesPiece | PriorPiece, ...] = Field(min_length=1)


class TemplateFile(Strict):
    """A template's file."""

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    version: int = Field(ge=1)
    languages: tuple[Literal["zh", "en"], ...] = Field(min_length=1)
    variables: tuple[str, ...]
    messages: tuple[MessageFile, ...] = Field(min_length=1)


@dataclass(frozen=True)
class Template:
    """A checked template. `sha` changes with every character that can reach a prompt."""

    spec: TemplateFile

    @property
    def template_id(self) -> str:
        """Id and version, as `starter/1`."""
        return f"{self.spec.id}/{self.spec.version}"

    @property
    def takes_priors(self) -> bool:
        """Whether it has a place for earlier studies."""
        return any(isinstance(piece, PriorPiece) for piece in self._pieces())

    @cached_property
    def sha(self) -> str:
        """Canonical SHA-256 of the template's content."""
        return canonical.sha256(self.spec.model_dump(mode="json"))

    def check(self) -> None:
        """Raise PromptError unless the declared variables are the used ones and all provided."""
        environment = _environment()
        used: set[str] = set()
        try:
            for piece in self._pieces():
                if isinstance(piece, TextPiece):
                    used |= meta.find_undeclared_variables(environment.parse(piece.text))
                elif isinstance(piece, PriorPiece):
                    found = meta.find_undeclared_variables(environment.parse(piece.prior))
                    used |= found - {PRIOR}
        except TemplateError:
            raise PromptError("template_invalid", template=self.spec.id) from None
        declared = set(self.spec.variables)
        for name in sorted((used - declared) | (declared - PROVIDED)):
            raise PromptError("template_variable_unknown", template=self.spec.id, variable=name)
        for name in sorted(declared - used):
            raise PromptError("template_variable_unused", template=self.spec.id, variable=name)

    def fill(
        self,
        variables: dict[str, object],
        images: int,
        priors: Sequence[tuple[Told, int]] = (),
    ) -> tuple[Message, ...]:
        """Return the messages with `images` image places, and those of `priors`: what is told of
        each earlier study and how many images it has. PromptError for a missing or an extra
        variable."""
        names, declared = set(variables), set(self.spec.variables)
        for name in sorted(declared - names):
            raise PromptError("template_variable_missing", template=self.spec.id, variable=name)
        for name in sorted(names - declared):
            raise PromptError("template_variable_unknown", template=self.spec.id, variable=name)
        filled = []
        for message in self.spec.messages:
            parts: list[TextPart | ImagePart] = []
            for piece in message.parts:
                if isinstance(piece, ImagesPiece):
                    parts += [ImagePart(index) for index in range(images)]
                elif isinstance(piece, PriorPiece):
                    parts += self._earlier(piece, variables, images, priors)
                else:
                    parts.append(TextPart(self._render(piece.text, variables)))
            filled.append(Message(message.role, tuple(parts)))
        return tuple(filled)

    def _earlier(
        self,
        piece: PriorPiece,
        variables: dict[str, object],
        first: int,
        priors: Sequence[tuple[Told, int]],
    ) -> Iterator[TextPart | ImagePart]:
        """Yield the parts of all earlier studies; their first image has index `first`."""
        for told, images in priors:
            yield from (ImagePart(index) for index in range(first, first + images))
            first += images
            yield TextPart(self._render(piece.prior, {**variables, PRIOR: told}))

    def _pieces(self) -> Iterator[TextPiece | ImagesPiece | PriorPiece]:
        for message in self.spec.messages:
            yield from message.parts

    def _render(self, text: str, variables: dict[str, object]) -> str:
        try:
            return _compiled(text).render(variables)
        except TemplateError:
            raise PromptError("template_invalid", template=self.spec.id) from None


@lru_cache(maxsize=256)
def _compiled(text: str) -> Jinja:
    """Return a piece's text ready to be filled: compiling it takes longer than filling it."""
    return _environment().from_string(text)


@cache
def _environment() -> Environment:
    return ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)

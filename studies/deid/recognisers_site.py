"""Recognisers that a hospital adds: a YAML file in Presidio's form, read without Presidio.

    recognizers:
      - name: ward tag
        supported_entity: WARD_TAG
        patterns:
          - {name: ward tag, regex: 'WT-\\d{3}', score: 0.8}
        context: [ward, 病区]
        deny_list: [Tower B]

A pattern with a score below 0.5 counts only where one of `context` stands in the 40 characters
before it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import yaml
from pydantic import Field, field_validator

from radraft.core.errors import SettingsError
from radraft.core.yaml_files import Strict
from radraft.studies.deid.recognisers import Recogniser, Span

VARIABLE = "RADRAFT_DEID_RECOGNISERS"
"""The environment variable that names the file."""
_SURE = 0.5
_BEFORE = 40
_FLAGS = re.IGNORECASE | re.MULTILINE | re.DOTALL
"""Presidio's own."""


class _Pattern(Strict):
    name: str
    regex: str
    score: float = Field(ge=0.0, le=1.0)

    @field_validator("regex")
    @classmethod
    def _compiles(cls, regex: str) -> str:
        try:
            compiled = re.compile(regex, _FLAGS)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        if compiled.search(""):
            raise ValueError("it finds nothing at all, everywhere")
        return regex


class _Described(Strict):
    name: str
    supported_entity: str
    supported_language: str | None = None
    supported_languages: tuple[str, ...] = ()
    type: str = "custom"
    enabled: bool = True
    patterns: tuple[_Pattern, ...] = ()
    context: tuple[str, ...] = ()
    deny_list: tuple[str, ...] = ()
    deny_list_score: float = Field(default=1.0, ge=0.0, le=1.0)


class _File(Strict):
    recognizers: tuple[_Described, ...]


@cache
def of_site() -> tuple[Recogniser, ...]:
    """Return the hospital's own, of the file that `RADRAFT_DEID_RECOGNISERS` names; none where
    that is not set. SettingsError as `read`."""
    path = os.environ.get(VARIABLE, "")
    return read(Path(path).expanduser()) if path else ()


def read(path: Path) -> tuple[Recogniser, ...]:
    """Recognisers of a file. SettingsError `deid_recognisers_invalid` where it cannot be used:
    nothing may be drafted by rules that are not all there."""
    try:
        described = _File.from_yaml(path.read_text(encoding="utf-8")).recognizers
    except (OSError, ValueError, TypeError, yaml.YAMLError) as error:
        reason = type(error).__name__
        raise SettingsError(
            "deid_recognisers_invalid", variable=VARIABLE, reason=reason, file=str(path)
        ) from error
    return tuple(
        recogniser for each in described if each.enabled for recogniser in _recognisers(each)
    )


def _recognisers(described: _Described) -> Iterator[Recogniser]:
    words = "|".join(sorted(map(re.escape, described.context), key=len, reverse=True))
    for pattern in described.patterns:
        context = None if pattern.score >= _SURE else re.compile(words or r"(?!)", re.IGNORECASE)
        find = _finder(re.compile(pattern.regex, _FLAGS), context)
        yield Recogniser(described.name, described.supported_entity, find, score=pattern.score)
    if described.deny_list:
        listed = "|".join(sorted(map(re.escape, described.deny_list), key=len, reverse=True))
        find = _finder(re.compile(rf"(?<![A-Za-z0-9_])(?:{listed})(?![A-Za-z0-9_])"), None)
        yield Recogniser(
            described.name, described.supported_entity, find, score=described.deny_list_score
        )


def _finder(
    pattern: re.Pattern[str], context: re.Pattern[str] | None
) -> Callable[[str], Iterator[Span]]:
    def find(text: str) -> Iterator[Span]:
        for match in pattern.finditer(text):
            start, end = match.span()
            if end > start and (
                context is None or context.search(text, max(0, start - _BEFORE), start)
            ):
                yield start, end

    return find

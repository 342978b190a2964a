"""Reads a report while it is being written: text in, finished sentence pairs out."""

from __future__ import annotations

from pydantic import Field, ValidationError

from radraft.core.yaml_files import Strict
from radraft.reports.values import Section

MAX_CHARS = 200_000
"""A report longer than this is not one."""


class Pair(Strict):
    """One sentence in both languages, as the model must write it."""

    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)


class WrittenReport(Strict):
    """The whole answer."""

    findings: tuple[Pair, ...]
    impression: tuple[Pair, ...]


class BadFormat(ValueError):
    """The text cannot be, or did not become, a report."""


class ReportReader:
    """Feed it pieces of text as they arrive; it gives each pair as soon as its object closes.

    The nesting is fixed: an object of sections, each an array of pairs. A pair is thus an object at
    depth 3, and its section the last string that stood at depth 1.
    """

    def __init__(self) -> None:
        self.text = ""
        self._at = 0
        self._open: list[str] = []
        self._string_from: int | None = None
        self._pair_from = 0
        self._section: str | None = None

    @property
    def in_last_section(self) -> bool:
        """Whether the impression is being written: the model ends soon."""
        return self._section == Section.IMPRESSION

    def feed(self, piece: str) -> list[tuple[Section, Pair]]:
        """Return the pairs that `piece` completes, often none. Raises BadFormat."""
        self.text += piece
        if len(self.text) > MAX_CHARS:
            raise BadFormat
        pairs = []
        while self._at < len(self.text):
            if self._string_from is not None:
                if not self._finish_string():
                    break
            elif (pair := self._step()) is not None:
                pairs.append(pair)
        return pairs

    def finish(self) -> WrittenReport:
        """Return the whole report, validated. Raises BadFormat."""
        try:
            return WrittenReport.model_validate_json(self.text)
        except ValidationError:
            raise BadFormat from None

    def _step(self) -> tuple[Section, Pair] | None:
        char, here = self.text[self._at], self._at
        self._at += 1
        if char == '"':
            self._string_from = here
        elif char in "{[":
            self._open.append(char)
            if len(self._open) == 3:
                self._pair_from = here
            elif len(self._open) > 3:
                raise BadFormat
        elif char in "}]":
            if not self._open or self._open.pop() + char not in {"{}", "[]"}:
                raise BadFormat
            if len(self._open) == 2:
                return self._pair(self.text[self._pair_from : self._at])
        return None

    def _finish_string(self) -> bool:
        """Move to the string's end; False while that has not arrived."""
        assert self._string_from is not None
        while self._at < len(self.text):
            char = self.text[self._at]
            if char == "\\":
                if self._at + 1 >= len(self.text):
                    return False
                self._at += 2
                continue
            self._at += 1
            if char == '"':
                if len(self._open) == 1:
                    self._section = self.text[self._string_from + 1 : self._at - 1]
                self._string_from = None
                return True
        return False

    def _pair(self, text: str) -> tuple[Section, Pair]:
        try:
            return Section(self._section or ""), Pair.model_validate_json(text)
        except ValueError:
            raise BadFormat from None

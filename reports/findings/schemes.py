"""How codes map onto the label sets of published data: `schemes/NAME.yaml` says what counts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Protocol

from radraft.reports.findings.vocabulary import vocabulary
from radraft.reports.values import Certainty, outranks

NAMES = ("negbio14", "nih14", "chexpert14", "labels49")


class Stated(Protocol):
    """What a scheme needs of a mention."""

    @property
    def code(self) -> str:
        """A code of the vocabulary."""

    @property
    def polarity(self) -> Certainty:
        """How sure it is."""

    @property
    def start(self) -> int:
        """Where its words begin in the text."""

    @property
    def end(self) -> int:
        """Where they end."""


@dataclass(frozen=True)
class Label:
    """One label of a set and what counts for it."""

    name: str
    codes: frozenset[str]
    values: Mapping[str, Certainty] = field(default_factory=dict)
    """By hedge: none, likely, borderline, favored, alternative, suggested, possible."""
    says: re.Pattern[str] | None = None
    """Words that the mention's span has to hold."""
    near: re.Pattern[str] | None = None
    """Words that the mention's sentence has to hold."""
    normal: bool = False
    """Present where no finding is present or uncertain, besides `codes`; never absent."""


@dataclass(frozen=True)
class Scheme:
    """A published label set."""

    name: str
    labels: tuple[Label, ...]


@cache
def scheme(name: str) -> Scheme:
    """The scheme of that name, of `NAMES`. ValueError where it names an unknown code."""
    import yaml

    path = files("radraft.reports.findings").joinpath("schemes", f"{name}.yaml")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    content: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    labels = tuple(
        _label(label, entry, content["values"]) for label, entry in content["labels"].items()
    )
    known = vocabulary().keys()
    for label in labels:
        if unknown := label.codes - known:
            raise ValueError(f"{name}: {label.name}: no finding {sorted(unknown)}")
    return Scheme(name, labels)


def _label(name: str, entry: dict[str, Any], values: dict[str, str]) -> Label:
    return Label(
        name,
        frozenset(entry.get("except" if entry.get("normal") else "codes", ())),
        {hedge: Certainty(value) for hedge, value in {**values, **entry.get("values", {})}.items()},
        _pattern(entry.get("says")),
        _pattern(entry.get("near")),
        bool(entry.get("normal")),
    )


def _pattern(words: str | None) -> re.Pattern[str] | None:
    return None if words is None else re.compile(words, re.IGNORECASE)


def apply(
    scheme: Scheme, text: str, mentions: Iterable[Stated], hedges: Iterable[str] | None = None
) -> dict[str, Certainty]:
    """The labels that the mentions of `text` give, each with its most certain value.

    `hedges` has the hedge of each mention; without it a present mention is not hedged, and an
    uncertain one is only possible. Labels that nothing was said about are not there.
    """
    stated = list(mentions)
    kinds = list(hedges) if hedges is not None else [_hedge(mention) for mention in stated]
    found: dict[str, Certainty] = {}
    for label in scheme.labels:
        if label.normal:
            if not any(_abnormal(mention, label) for mention in stated):
                found[label.name] = Certainty.PRESENT
            continue
        for mention, hedge in zip(stated, kinds, strict=True):
            if mention.code not in label.codes or not _worded(label, text, mention):
                continue
            absent = mention.polarity is Certainty.ABSENT
            value = Certainty.ABSENT if absent else label.values[hedge]
            if outranks(value, found.get(label.name)):
                found[label.name] = value
    return found


def _hedge(mention: Stated) -> str:
    return "possible" if mention.polarity is Certainty.UNCERTAIN else "none"


def _abnormal(mention: Stated, label: Label) -> bool:
    return (
        mention.polarity is not Certainty.ABSENT
        and mention.code != "no_finding"
        and mention.code not in label.codes
    )


def _worded(label: Label, text: str, mention: Stated) -> bool:
    if label.says is not None and label.says.search(text, mention.start, mention.end) is None:
        return False
    if label.near is None:
        return True
    start = max(text.rfind(". ", 0, mention.start), text.rfind("\n\n", 0, mention.start), 0)
    end = text.find(". ", mention.end)
    return label.near.search(text, start, len(text) if end < 0 else end) is not None

"""The values of `finetune/starter`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Seen(StrEnum):
    """How a finding is seen in an image; a finding that nothing is known of has no `Seen`."""

    STATED = "stated"
    SUGGESTED = "suggested"
    ABSENT = "absent"


@dataclass(frozen=True)
class Pair:
    """One statement, or a frame for one, in Chinese and English."""

    zh: str
    en: str


@dataclass(frozen=True)
class Named:
    """What can be said of one finding."""

    name: Pair
    """The finding in the impression's list."""
    pairs: Mapping[Seen, tuple[Pair, ...]]


@dataclass(frozen=True)
class Statement:
    """What states one finding, or denies one or several at once."""

    codes: tuple[str, ...]
    pairs: tuple[Pair, ...]


@dataclass(frozen=True)
class Bank:
    """All sentences of `sentences.yaml`."""

    findings: Mapping[str, Named]
    """By code of the vocabulary, in the order in which a report speaks of them."""
    absent_together: tuple[Statement, ...]
    no_finding: Mapping[Seen, tuple[Pair, ...]]
    importance: tuple[str, ...]
    """Every code of `findings`, most important first."""
    impression: Mapping[str, tuple[Pair, ...]]
    """Frames: `stated`, `suggested`, `both` and `absent`, with the lists of names to fill in."""
    unreadable_findings: Pair
    unreadable_impression: Pair
    unassessed_findings: tuple[Pair, ...]
    """All that is said of a film of which nothing is sure enough."""
    unassessed_impression: tuple[Pair, ...]

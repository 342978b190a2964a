"""The values of `bench/rehearsal`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from radraft.eval.values import SetItem
from radraft.reports.values import Certainty, Laterality

Said = frozenset[tuple[str, Certainty]]
"""What a sentence states: finding codes as metrics count them, with their certainty."""


class Group(StrEnum):
    """Whose films: the two sets know different things of them."""

    CHILD = "child"
    """One label: pneumonia or not."""
    ADULT = "adult"
    """The fourteen labels of ChestX-ray14."""


class Part(StrEnum):
    """What a film is for."""

    FROZEN = "frozen"
    """Signed before the first round, of patients that the product itself holds out."""
    TRAIN = "train"
    """Signed in a round."""
    FINAL = "final"
    """Never signed: the final figures."""


@dataclass(frozen=True)
class Sizes:
    """How large a rehearsal is; films are counted for each site."""

    rounds: int = 3
    cases: int = 60
    """In a round."""
    frozen: int = 60
    final: int = 60


TINY = Sizes(rounds=2, cases=8, frozen=24, final=6)
"""The gate decides on no fewer frozen reports than twenty."""


@dataclass(frozen=True)
class Film:
    """One film of the rehearsal."""

    item: SetItem = field(repr=False)
    """Its labels are those that drafts are scored against: present or absent, nothing unknown."""
    picture: Path = field(repr=False)
    group: Group
    patient: str
    """As the set's table names the patient."""
    site: str
    part: Part
    round: int = 0
    """From 1; 0 for what is signed in no round."""

    @property
    def present(self) -> frozenset[str]:
        """Codes that are there."""
        return frozenset(c for c, one in self.item.labels.items() if one is Certainty.PRESENT)


@dataclass(frozen=True)
class Truth:
    """What the simulated reader holds to be so of one film."""

    group: Group
    present: frozenset[str]
    """Codes of the labels; none: the film is normal as far as its set can say."""
    sides: Mapping[str, Laterality]
    """Code -> side, for those of `present` that the reader gives one."""


@dataclass(frozen=True)
class Words:
    """One statement in one language."""

    plain: str
    sided: str = ""
    """The same with `{side}` in it; empty for what lies on no side."""
    mined: bool = False
    """Whether it is a sentence of real reports; else it is our own."""


@dataclass(frozen=True)
class Wording:
    """One statement in both languages."""

    zh: Words
    en: Words


@dataclass(frozen=True)
class Statement:
    """A sentence of a house's report before it has an id."""

    zh: str
    en: str
    said: Said


@dataclass(frozen=True)
class Text:
    """A house's report of one film."""

    findings: tuple[Statement, ...]
    impression: tuple[Statement, ...]

    @property
    def zh(self) -> str:
        """As edit distances compare it: sentences joined by line feeds."""
        return "\n".join(sentence.zh for sentence in (*self.findings, *self.impression))

    @property
    def en(self) -> str:
        """As `zh`."""
        return "\n".join(sentence.en for sentence in (*self.findings, *self.impression))

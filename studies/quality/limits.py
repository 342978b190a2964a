"""The limits of the gate, read from `limits.yaml`."""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from importlib.resources import files

from pydantic import Field

from radraft.core.yaml_files import Strict
from radraft.studies.quality.values import Reason, Verdict


class About(StrEnum):
    """What a rule is asked about."""

    RADIOGRAPH = "radiograph"
    """Each key image of a radiograph."""
    CHEST = "chest"
    """Each key image of a study that says it is of a chest, by the heads."""
    CHEST_RULE = "chest_rule"
    """The same where no heads are there."""
    SERIES = "series"
    """The best series of a CT or MR study."""
    TAG = "tag"
    """The header; most of its rules have nothing to measure."""


class Unit(StrEnum):
    """How a value is written for a person."""

    NONE = "none"
    SHARE = "share"
    MM = "mm"
    PIXELS = "pixels"
    YEARS = "years"
    COUNT = "count"
    RATIO = "ratio"


class Rule(Strict):
    """One thing that can be wrong, and from where on it is."""

    about: About
    measure: str = ""
    """A field of `Measures`, a head's class, or what `tags` and `series` call it."""
    unit: Unit = Unit.NONE
    above: dict[Verdict, float] = Field(default_factory=dict)
    below: dict[Verdict, float] = Field(default_factory=dict)
    severity: Verdict | None = None
    """Of a rule without a number."""
    why: str
    """Where the limit comes from."""

    def broken(self, code: str, value: float) -> Reason | None:
        """Return the most serious step that `value` is beyond."""
        found = None
        for severity in Verdict:
            over, under = self.above.get(severity), self.below.get(severity)
            if over is not None and value > over:
                found = Reason(code, severity, value, over)
            elif under is not None and value < under:
                found = Reason(code, severity, value, under)
        return found


class _Limits(Strict):
    rules: dict[str, Rule]
    thickness: dict[str, float]
    extent: dict[str, float]


@cache
def _limits() -> _Limits:
    text = files("radraft.studies.quality").joinpath("limits.yaml").read_text(encoding="utf-8")
    return _Limits.from_yaml(text)


def rule(code: str) -> Rule:
    """Return the rule of a code. KeyError where there is none."""
    return _limits().rules[code]


def rules(*about: About) -> dict[str, Rule]:
    """Code -> rule, of all that are asked about these; of all where nothing is named."""
    return {code: rule for code, rule in _limits().rules.items() if rule.about in (about or About)}


def said(code: str, value: str | None = None) -> Reason:
    """Return the reason of a rule without a number."""
    severity = rule(code).severity
    assert severity is not None, code
    return Reason(code, severity, value)


def thickness(body_part: str) -> float:
    """Thickest slice in millimetres that a body part is read from."""
    return _limits().thickness.get(body_part, _limits().thickness["other"])


def extent(body_part: str) -> float | None:
    """Shortest way in millimetres that a series of a body part covers; None where any may do."""
    return _limits().extent.get(body_part)

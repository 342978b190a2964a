"""What the gate holds figures against: `limits.yaml`, each limit with its reason."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from pydantic import Field

from radraft.core.yaml_files import Strict


class Question(Strict):
    """One question about a batch of signed reports."""

    rise: float = Field(gt=0, lt=1)
    """Rise of the share over the history's that is let pass, however sure it is."""
    prior: float = Field(gt=0, lt=1)
    """Share that is expected where a site has too few earlier reports to compare with."""
    why: str = Field(min_length=1)


class BatchLimits(Strict):
    """Before training."""

    p: float = Field(gt=0, lt=1)
    """A rise this unlikely by chance, one-sided, stops the batch."""
    history_least: int = Field(ge=1)
    """Fewest earlier reports that a question is compared with."""
    strata: int = Field(ge=1)
    """Groups of about equal size in which reports of like sight are compared."""
    per_stratum: int = Field(ge=1)
    """Fewest earlier reports in one, on average."""
    side_floor: float = Field(ge=0)
    """Least distance of `Sight.left` from its median, in standard deviations, that shows a side."""
    questions: dict[str, Question]


class Margin(Strict):
    """How much worse than the serving adapter a figure may be."""

    margin: float = Field(ge=0)
    why: str = Field(min_length=1)


class AdapterLimits(Strict):
    """Before serving."""

    frozen_least: int = Field(ge=2)
    archive_most: int = Field(ge=20)
    """Most archived reports that judge a candidate; drafting is what a gate costs."""
    resamples: int = Field(ge=100)
    others_most: int = Field(ge=2)
    """Most cases that are drafted from another patient's images too."""
    speed_least: int = Field(ge=1)
    """Fewest drafts of each that the speed is measured on."""
    speed_most: int = Field(ge=1)
    """Cases that are drafted anew by both in each gate."""
    speed_ratio: float = Field(gt=1)
    critical_few: int = Field(ge=1)
    """Below this many critical findings their interval says nothing."""
    sided_least: int = Field(ge=1)
    side_rate: float = Field(gt=0, lt=1)
    """Most wrong sides of `sided_least` stated ones or more, unless what serves has more."""
    stated_right: float = Field(gt=0, lt=1)
    """What states more may invent more: least share of its stated findings that are right, the
    lower end of the interval, where it finds more than what serves."""
    margins: dict[str, Margin]


class Limits(Strict):
    """All limits."""

    batch: BatchLimits
    adapter: AdapterLimits


@cache
def limits() -> Limits:
    """The limits of `limits.yaml`."""
    path = files("radraft.finetune.gate").joinpath("limits.yaml")
    return Limits.from_yaml(path.read_text(encoding="utf-8"))

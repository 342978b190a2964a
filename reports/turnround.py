"""How long a study may wait for its signature, and how it stands against that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from importlib.resources import files
from pathlib import Path

import yaml
from pydantic import Field, field_validator

from radraft.core.errors import SettingsError
from radraft.core.yaml_files import Strict
from radraft.studies.values import StudyPriority

OTHER = "other"
"""In place of a modality: every one that has no limit of its own."""
EMERGENCY = frozenset({StudyPriority.STAT, StudyPriority.EMERGENCY})


class Standing(StrEnum):
    """How a study stands against its limit."""

    WITHIN = "within"
    NEAR = "near"
    OVER = "over"


@dataclass(frozen=True)
class Limit:
    """From a study's receipt: when its limit is called near, and when it is over."""

    near: timedelta
    over: timedelta

    def standing(self, received_at: datetime, now: datetime) -> Standing:
        """Return how a study that came at `received_at`, and is not signed, stands at `now`."""
        waited = now - received_at
        if waited >= self.over:
            return Standing.OVER
        return Standing.NEAR if waited >= self.near else Standing.WITHIN

    @property
    def minutes(self) -> int:
        """Whole minutes until it is over."""
        return self.over // timedelta(minutes=1)


class TurnroundLimits(Strict):
    """A site's limits, in minutes by modality."""

    near_share: float = Field(gt=0, lt=1)
    emergency: dict[str, int]
    default: dict[str, int]

    @field_validator("emergency", "default")
    @classmethod
    def _usable(cls, minutes: dict[str, int]) -> dict[str, int]:
        if OTHER not in minutes:
            raise ValueError(f"needs a limit for '{OTHER}'")
        if any(limit < 1 for limit in minutes.values()):
            raise ValueError("a limit is at least one minute")
        return minutes

    def limit(self, modality: str, priority: StudyPriority) -> Limit:
        """Return the limit of a study."""
        minutes = self.emergency if priority in EMERGENCY else self.default
        return self._limit(minutes.get(modality, minutes[OTHER]))

    def named(self, *, emergency: bool) -> tuple[Mapping[str, Limit], Limit]:
        """Return the limits of emergencies, or of all others: by modality, and of all other
        modalities."""
        minutes = self.emergency if emergency else self.default
        named = {code: self._limit(limit) for code, limit in minutes.items() if code != OTHER}
        return named, self._limit(minutes[OTHER])

    def _limit(self, minutes: int) -> Limit:
        over = timedelta(minutes=minutes)
        return Limit(over * self.near_share, over)


@dataclass(frozen=True)
class TurnroundClock:
    """A site's limits at one moment."""

    limits: TurnroundLimits
    now: datetime


def load(path: Path | None) -> TurnroundLimits:
    """Return a site's limits; the presets for None. SettingsError `turnround_invalid`."""
    try:
        if path is None:
            text = files("radraft.reports").joinpath("turnround.yaml").read_text(encoding="utf-8")
        else:
            text = path.read_text(encoding="utf-8")
        return TurnroundLimits.from_yaml(text)
    except (OSError, yaml.YAMLError, TypeError, ValueError, RecursionError):
        raise SettingsError("turnround_invalid", path=str(path)) from None

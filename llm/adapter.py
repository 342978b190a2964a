"""A LoRA adapter of a site: what it is, what drafts with it, and what the gate said of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class AdapterState(StrEnum):
    """Where an adapter stands; `lifecycle.py` holds the transition table."""

    CANDIDATE = "candidate"
    SHADOW = "shadow"
    SERVING = "serving"
    RETIRED = "retired"


ARCHIVE = "archive"
"""`kind` of the card of an adapter that was trained on archived reports."""


@dataclass(frozen=True)
class Adapter:
    """A LoRA adapter of one site over one base model."""

    adapter_id: str
    """`a-` and 16 hex characters of the canonical hash of site, base and files: one set of weights
    at one site for ever. vLLM serves it under this name."""
    site: str
    base: str
    """`Profile.model_id` of what it was trained on; it serves over nothing else."""
    files: Mapping[str, str]
    """Name -> hex SHA-256 of each file: peft's `adapter_model.safetensors` and
    `adapter_config.json`, and `projector.safetensors` where the adapter has its own."""
    rank: int
    parent: str | None
    """The adapter it was trained on from, None for the base."""
    data_sha: str
    """Of what it was trained on."""
    card: Mapping[str, Any] = field(repr=False)
    """JSON: how it was made (`kind`: `adapted`, `archive`, `merged` or `imported`, and what belongs
    to it)."""
    made_at: datetime
    state: AdapterState = AdapterState.CANDIDATE
    canary: float = 0.0
    """Share of the site's cases, 0 to 1, that it drafts in sight while it is a shadow."""


@dataclass(frozen=True)
class AdapterMove:
    """One change of an adapter's state."""

    adapter_id: str
    site: str
    before: AdapterState | None
    after: AdapterState
    by: str
    """Who confirmed it, or the command that did it."""
    reason: str
    moved_at: datetime


@dataclass(frozen=True)
class Route:
    """What drafts at one site now."""

    serving: Adapter | None
    """None: the base model itself."""
    shadow: Adapter | None


@dataclass(frozen=True)
class AdapterChoice:
    """What drafts one case."""

    visible: Adapter | None
    """Drafts what the reader sees; None for the base model."""
    hidden: Adapter | None
    """Drafts beside it, out of sight."""


class GateStage(StrEnum):
    """When the gate was asked."""

    BATCH = "batch"
    """Of the signed reports, before anything is trained on them."""
    ADAPTER = "adapter"
    """Of the trained candidate; such a decision moves it."""


@dataclass(frozen=True)
class Check:
    """One question the gate asked, and its answer."""

    code: str
    """Stable key; `words.yaml` of the gate has its sentence in zh and en."""
    passed: bool
    value: float | None
    """What was found: mostly candidate less serving. None where it could not be measured."""
    low: float | None
    """95% interval of `value`, where it has one."""
    high: float | None
    limit: float | None
    """What it was held against."""
    candidate: float | None = None
    serving: float | None = None
    n: int = 0
    """Reports, or pairs, that it rests on."""
    detail: Mapping[str, Any] = field(default_factory=dict)
    """JSON: what a person needs to act, such as case ids. Never text of a report."""

    @property
    def figures(self) -> dict[str, Any]:
        """All but the detail: what may stand where no case may be named."""
        return {name: value for name, value in asdict(self).items() if name != "detail"}


BASE_DRAFTS = "base_drafts"
"""In `GateRecord.tested`: true where what served was trained over another model, so that the base
drafted and was compared with."""


@dataclass(frozen=True)
class GateRecord:
    """A decision in the form of a predetermined change control plan (FDA 2024): what changed, how
    it was tested, what it may affect, who confirmed it."""

    site: str
    stage: GateStage
    adapter_id: str | None
    """None for a batch that was stopped."""
    serving_id: str | None
    """What served the site then; None for the base model."""
    base: str
    passed: bool
    checks: tuple[Check, ...]
    changed: Mapping[str, Any]
    """JSON: data, recipe, seeds, parent."""
    tested: Mapping[str, Any]
    """JSON: the frozen set's size and hash, resamples, versions, engine."""
    affects: Mapping[str, Any]
    """JSON: site, modality and body parts covered, share of the site's cases."""
    decided_at: datetime
    confirmed_by: str | None = None
    """The person who confirmed the decision; a batch's decision has none."""

    @property
    def against(self) -> str | None:
        """Id of the adapter that it was compared with; None for the base model."""
        return None if self.tested.get(BASE_DRAFTS) else self.serving_id

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that stopped it."""
        return tuple(check for check in self.checks if not check.passed)

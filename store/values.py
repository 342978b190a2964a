"""The values the store gives out about cases."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from radraft.reports.alerts import Alert
from radraft.reports.order import Priority
from radraft.reports.turnround import Standing
from radraft.reports.values import ReportState
from radraft.studies.values import Patient, View, WindowName


class CaseState(StrEnum):
    """received -> drafting -> drafted, not_covered or failed; any of these three -> received."""

    RECEIVED = "received"
    DRAFTING = "drafting"
    DRAFTED = "drafted"
    NOT_COVERED = "not_covered"
    FAILED = "failed"


@dataclass(frozen=True)
class Case:
    """A case as everything past de-identification may see it."""

    case_id: str
    patient_ref: str
    site: str
    modality: str
    body_part: str
    view: View
    age_band: str
    sex: str
    history: str
    state: CaseState
    received_at: datetime
    issues: tuple[str, ...]


@dataclass(frozen=True)
class Identity:
    """Who and what a case is: for the workstation's header and for export only."""

    patient: Patient = field(repr=False)
    accession: str = field(repr=False)
    study_time: datetime | None = field(repr=False)
    description: str = field(repr=False)
    history: str = field(repr=False)
    age_years: int | None = field(repr=False)


@dataclass(frozen=True)
class StoredImage:
    """One key image; `images.png` and `images.values` give its pixels."""

    image_id: str
    instance_ref: str
    frame: int
    rows: int
    columns: int
    window: tuple[float, float]
    score: float
    position: int
    window_name: WindowName = WindowName.OWN


@dataclass(frozen=True)
class WorklistRow:
    """One line of the worklist."""

    case_id: str
    modality: str
    body_part: str
    study_time: datetime | None
    received_at: datetime
    state: CaseState
    report_state: ReportState | None
    patient_name: str = field(repr=False)
    patient_sex: str
    age_years: int | None
    editor: str | None
    priority: Priority | None = None
    """Of its order; None where no order is known."""
    limit_minutes: int | None = None
    """From its receipt to its first signature; None once that is given."""
    standing: Standing | None = None
    """Against that limit."""
    critical: tuple[str, ...] = ()
    """Codes of critical findings that its draft states, which nobody has touched yet."""
    alerts: tuple[Alert, ...] = ()
    """Its open critical-value alerts, the one whose time passes first before the others."""


@dataclass(frozen=True)
class Worklist:
    """The first lines of the worklist, and how much there is in all."""

    rows: tuple[WorklistRow, ...]
    total: int
    unreadable: tuple[str, ...] = ()
    """Case ids of lines that are among the first and cannot be read."""
    unreadable_alerts: tuple[str, ...] = ()
    """Ids of open alerts that cannot be read."""
    near: int = 0
    """Studies in all that are near their turn-round limit,"""
    over: int = 0
    """and over it."""

    @property
    def cut(self) -> bool:
        """Whether there are more than `rows`."""
        return self.total > len(self.rows)

"""The values the store gives out about cases."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

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


@dataclass(frozen=True)
class Worklist:
    """The first lines of the worklist, and how many there are in all."""

    rows: tuple[WorklistRow, ...]
    total: int

    @property
    def cut(self) -> bool:
        """Whether there are more than `rows`."""
        return self.total > len(self.rows)

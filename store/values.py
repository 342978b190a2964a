"""The values the store gives out about cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType

from radraft.reports.alerts import Alert
from radraft.reports.turnround import Standing
from radraft.reports.values import ReportState
from radraft.studies.values import Patient, StudyPriority, View, WindowName


class CaseState(StrEnum):
    """received -> drafting -> drafted, not_covered or failed; any of these three, and archived ->
    received."""

    RECEIVED = "received"
    DRAFTING = "drafting"
    DRAFTED = "drafted"
    NOT_COVERED = "not_covered"
    FAILED = "failed"
    ARCHIVED = "archived"
    """A past study that came in with the archive: on no worklist, and drafted only if a person
    asks for it."""


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
class OpenInquiries:
    """How many questions of a study wait for a radiologist's answer."""

    number: int
    oldest: datetime
    """When the longest waiting was asked."""
    to_accounts: frozenset[str]
    """Whom they were put to; empty where no radiologist in particular."""


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
    priority: StudyPriority = StudyPriority.UNKNOWN
    site: str = ""
    reading_site: str = ""
    """The other site whose readers it is for; empty: its own."""
    patient_id: str = field(default="", repr=False)
    accession: str = field(default="", repr=False)
    author: str | None = None
    """Who writes it; of what is signed, who wrote it."""
    reviewer: str | None = None
    """Who reviewed and signed it."""
    verdict: str | None = None
    """Of the image quality."""
    inquiries: OpenInquiries | None = None
    """Questions of clinicians that wait for a radiologist; None: none."""
    limit_minutes: int | None = None
    """From its receipt to its first signature; None once that is given."""
    standing: Standing | None = None
    """Against that limit."""
    critical: tuple[str, ...] = ()
    """Codes of critical findings that its draft states, which nobody has touched yet."""
    alerts: tuple[Alert, ...] = ()
    """Its open critical-value alerts, the one whose time passes first before the others."""


RANKS: Mapping[StudyPriority, int] = MappingProxyType(
    {
        StudyPriority.STAT: 0,
        StudyPriority.EMERGENCY: 1,
        StudyPriority.INPATIENT: 2,
        StudyPriority.ROUTINE: 3,
        StudyPriority.UNKNOWN: 3,
    }
)
"""In which order studies are read: of two of one rank, what came first."""
LAST = max(RANKS.values())


class Stage(StrEnum):
    """Which part of the work is listed."""

    ALL = "all"
    TODO = "todo"
    """What a person may read now and nobody has signed, or that was reopened."""
    REVIEW = "review"
    """Of that, what an author handed over for review."""
    DRAFTING = "drafting"
    """What waits for its draft or is being drafted."""
    SIGNED = "signed"
    LATE = "late"
    """What is near its turn-round limit or over it."""


class Column(StrEnum):
    """What a line may show of a study beside its patient's name and its state."""

    AGE = "age"
    """And sex."""
    WAITING = "waiting"
    """Since when it is here."""
    MODALITY = "modality"
    BODY_PART = "body_part"
    PRIORITY = "priority"
    """Where it is more than routine."""
    PEOPLE = "people"
    """Author and reviewer."""
    STUDY_DATE = "study_date"
    SITE = "site"
    PATIENT_ID = "patient_id"
    ACCESSION = "accession"
    QUALITY = "quality"


PRESET_COLUMNS = (
    Column.AGE,
    Column.WAITING,
    Column.MODALITY,
    Column.BODY_PART,
    Column.PRIORITY,
    Column.PEOPLE,
)
"""Of whoever has chosen none."""


@dataclass(frozen=True)
class WorklistFilter:
    """What of the worklist is listed. An empty field asks for nothing."""

    stage: Stage = Stage.ALL
    phase: str = ""
    """State of the report once a person has touched it, else of the case."""
    site: str = ""
    modality: str = ""
    body_part: str = ""
    verdict: str = ""
    """Of the image quality."""
    priority: str = ""
    author: str = ""
    """Account that writes it, or wrote what is signed."""
    reviewer: str = ""
    """Account that reviewed and signed."""
    person: str = ""
    """Account that did either."""
    asked: bool = False
    """Only those of which a clinician waits for a radiologist's answer."""
    since: date | None = None
    """First and"""
    until: date | None = None
    """last day of the study, by the modality's clock."""
    search: str = field(default="", repr=False)
    """The beginning of a patient's name or number or of an accession number, or a day."""


IN_REVIEW = frozenset({ReportState.SUBMITTED.value, ReportState.AMEND_SUBMITTED.value})
EVERYTHING = WorklistFilter()


@dataclass(frozen=True)
class OpenAlert:
    """An open alert as it is counted."""

    level: int
    """How often its time has passed."""
    deadline_at: datetime | None


@dataclass(frozen=True)
class WorklistPlace:
    """The last line of a page: the next page begins after it."""

    part: int
    """0: with alerts or critical findings; 1: to be signed; 2: signed."""
    rank: int
    """By its priority, in part 1; else 0."""
    key: str
    """When it was received, as the database has it; in part 0 text that sorts as its lines do."""
    case_id: str


@dataclass(frozen=True)
class WorklistCounts:
    """How many studies a filter lists, whatever its stage."""

    phases: Mapping[str, int]
    """By phase."""
    near: int
    """Without a signature and near their turn-round limit,"""
    over: int
    """and over it."""

    def of(self, wanted: WorklistFilter) -> int:
        """Return how many there are of the filter's stage."""
        if wanted.stage is Stage.LATE:
            return self.near + self.over
        return sum(n for phase, n in self.phases.items() if in_stage(phase, wanted.stage))


@dataclass(frozen=True)
class Worklist:
    """A page of the worklist, and how much there is in all."""

    rows: tuple[WorklistRow, ...]
    total: int | None
    """None where nothing was counted: of no stage, and nothing that is late."""
    unreadable: tuple[str, ...] = ()
    """Case ids of lines that are among the first and cannot be read."""
    unreadable_alerts: tuple[str, ...] = ()
    """Ids of open alerts that cannot be read."""
    open_alerts: tuple[OpenAlert, ...] = ()
    """All that are open at the sites, whatever is listed."""
    inquiries: tuple[OpenInquiries, ...] = ()
    """Of each study at the sites of which questions wait, whatever is listed."""
    near: int = 0
    """Studies in all that are near their turn-round limit,"""
    over: int = 0
    """and over it."""
    stages: Mapping[str, int] = field(default_factory=dict)
    """How many there are of each stage."""
    next: WorklistPlace | None = None
    """Where the next page begins; None where there is none."""

    @property
    def cut(self) -> bool:
        """Whether there are more than `rows`."""
        return self.next is not None


def in_stage(phase: str, stage: Stage) -> bool:
    """Return whether a study of that phase is of a stage; of `Stage.LATE` it may be."""
    signed = phase == ReportState.SIGNED
    drafting = phase in (CaseState.RECEIVED, CaseState.DRAFTING)
    match stage:
        case Stage.SIGNED:
            return signed
        case Stage.DRAFTING:
            return drafting
        case Stage.REVIEW:
            return phase in IN_REVIEW
        case Stage.TODO:
            return not signed and not drafting
        case Stage.LATE:
            return not signed
        case Stage.ALL:
            return True

"""A past report as a source gives it, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from radraft.core import canonical
from radraft.reports.values import Lang

MOST_TEXT = 60_000
"""Characters of one section: more is no report."""
MOST_LABEL = 200
"""Characters of a number, a name, a code: more is none."""


class PastStatus(StrEnum):
    """What a report said of itself."""

    FINAL = "final"
    CORRECTED = "corrected"
    """It takes the place of the study's earlier report."""
    ADDENDUM = "addendum"
    """It is added to the study's report."""
    PRELIMINARY = "preliminary"
    CANCELLED = "cancelled"


class KeptAs(StrEnum):
    """As what a record was taken."""

    REPORT = "report"
    CORRECTION = "correction"
    ADDENDUM = "addendum"
    KNOWN = "known"
    """The same record was taken before, by this import or another."""


class RefusalReason(StrEnum):
    """Why a record was not taken."""

    UNREADABLE = "unreadable"
    """A row, message or file that does not keep to its form."""
    WRONG_CHARACTERS = "wrong_characters"
    """Its text is not in the character set of its source, or holds characters nobody can see."""
    NOT_A_REPORT = "not_a_report"
    """Another kind of message or document."""
    TOO_LONG = "too_long"
    EMPTY = "empty"
    """It has neither findings nor an impression."""
    NOT_FINAL = "not_final"
    """Preliminary or cancelled."""
    STATUS_UNKNOWN = "status_unknown"
    """Its status is a word that the mapping does not name."""
    NO_IDENTIFIER = "no_identifier"
    """It has no accession number and no Study Instance UID."""
    UNMATCHED = "unmatched"
    """There is no such study."""
    SEVERAL_STUDIES = "several_studies"
    """Several studies have its accession number."""
    IDENTIFIERS_DISAGREE = "identifiers_disagree"
    """Its Study Instance UID is that of a study with another accession number."""
    WRONG_PATIENT = "wrong_patient"
    """Its patient is not the study's."""
    ACCESSION_ALONE = "accession_alone"
    """Beside the accession number nothing says that it is the study's: neither patient nor day."""
    STUDY_TIME_DIFFERS = "study_time_differs"
    """Its study was made on another day."""
    NEAR_DUPLICATE = "near_duplicate"
    """The study has nearly the same text already."""
    SECOND_REPORT = "second_report"
    """The study has another report, and this one does not say that it takes its place."""
    SUPERSEDED = "superseded"
    """A corrected report of the study is there."""
    ADDENDUM_WITHOUT_REPORT = "addendum_without_report"


@dataclass(frozen=True)
class PastReport:
    """One record of a source."""

    place: str = field(repr=False)
    """Where it stands: a file's name, and a row's or message's number in it."""
    accession: str = field(default="", repr=False)
    study_uid: str = field(default="", repr=False)
    patient_number: str = field(default="", repr=False)
    patient_name: str = field(default="", repr=False)
    sex: str = ""
    """`M`, `F`, `O`, or empty."""
    birth_date: date | None = field(default=None, repr=False)
    study_time: datetime | None = None
    """By the clock of its source, without a zone."""
    modality: str = ""
    body_part: str = ""
    findings: str = field(default="", repr=False)
    impression: str = field(default="", repr=False)
    text: str = field(default="", repr=False)
    """All of a report whose source does not divide it."""
    author: str = field(default="", repr=False)
    reviewer: str = field(default="", repr=False)
    reported_at: datetime | None = None
    """By the clock of its source, without a zone."""
    status: PastStatus = PastStatus.FINAL
    record_id: str = ""
    """`digest` of what its source gave; empty until it was checked."""
    above: str = field(default="", repr=False)
    below: str = field(default="", repr=False)
    """What a divided text says before and after its sections, under headings of its own (history,
    technique): for readers, nothing to learn from."""

    @property
    def digest(self) -> str:
        """Return the hash of all that it says: where it stands makes it no other record."""
        said = canonical.plain(self)
        del said["place"], said["record_id"], said["above"], said["below"]
        return canonical.sha256(said)

    @property
    def shown(self) -> str:
        """Return its findings with what else the text says."""
        return "\n".join(filter(None, (self.above, self.findings, self.below)))

    @property
    def whole(self) -> str:
        """Return all its text."""
        return "\n".join(filter(None, (self.shown, self.impression)))


@dataclass(frozen=True)
class RefusedRecord:
    """A record that cannot be taken as it is."""

    place: str = field(repr=False)
    reason: RefusalReason
    record_id: str
    """Of its bytes, or of what it says."""
    accession: str = field(default="", repr=False)
    study_uid: str = field(default="", repr=False)


@dataclass(frozen=True)
class KeptText:
    """A report or an addendum of the archive, as its study has it."""

    record_id: str
    kept: KeptAs
    findings: str = field(repr=False)
    impression: str = field(repr=False)
    author: str = field(repr=False)
    reviewer: str = field(repr=False)
    reported_at: datetime | None = None

    @property
    def whole(self) -> str:
        """Return all its text."""
        return "\n".join(filter(None, (self.findings, self.impression)))


@dataclass(frozen=True)
class ArchivedReport:
    """A study's report of another system, with what was added to it."""

    report: KeptText
    addenda: tuple[KeptText, ...] = ()


@dataclass(frozen=True)
class TaughtText:
    """What may be learned from an archived report: its text without identity."""

    case_id: str
    site: str
    lang: Lang
    findings: str
    impression: str
    split: str
    """`train` or `held_out`, by the patient, as of training pairs."""
    addenda: int = 0
    """How many addenda are in it."""
    patient_ref: str = field(default="", repr=False)
    """What stands for the patient (a keyed hash), as of today's records."""

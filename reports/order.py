"""Orders: what was asked for, by whom and how soon, as an order message or a worklist says it.

Fields follow HL7 v2.5.1, chapter 4 (ORM^O01, OMI^O23), and DICOM's Modality Worklist (PS3.4
K.6.1.2.2). Messages are read elsewhere; these are the values they give.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from radraft.core.errors import MessageError, ReportError
from radraft.reports.characters import require_visible
from radraft.studies.values import Patient

MAX_ACCESSION = 64
"""DICOM's SH allows 16 characters (PS3.5 6.2), HL7's IPC-1 more; systems in between send more."""


class PatientClass(StrEnum):
    """Where the patient is treated: HL7 table 0004 (PV1-2)."""

    INPATIENT = "inpatient"
    """I."""
    OUTPATIENT = "outpatient"
    """O, R (recurring), and C (commercial), as of an examination for a company."""
    EMERGENCY = "emergency"
    """E."""
    UNKNOWN = "unknown"


class Pregnancy(StrEnum):
    """DICOM's Pregnancy Status (0010,21C0)."""

    NOT_PREGNANT = "not_pregnant"
    """1."""
    POSSIBLE = "possible"
    """2."""
    PREGNANT = "pregnant"
    """3; HL7 table 0009 (PV1-15): B6."""
    UNKNOWN = "unknown"
    """4, and where nothing is said."""


class OrderState(StrEnum):
    """What has become of an order; HL7 table 0038 (ORC-5) says it in its own codes."""

    PLACED = "placed"
    """Asked for, nothing done yet: SC, HD."""
    IN_PROGRESS = "in_progress"
    """IP, A."""
    COMPLETED = "completed"
    """CM."""
    CANCELLED = "cancelled"
    """CA, DC, and RP, RQ, RU of the order that another replaces."""


class Priority(StrEnum):
    """How soon a report is needed: DICOM's Requested Procedure Priority (0040,1003), which HL7's
    table 0485 (TQ1-9) and OBR-27 map onto."""

    STAT = "stat"
    """HL7: S."""
    HIGH = "high"
    """HL7: A, as soon as possible; also P, before an operation, and T, critical in time."""
    ROUTINE = "routine"
    """HL7: R; where nothing is said."""
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True)
class Accession:
    """The number a department knows one order's imaging by, and who gave it.

    Accession Number (0008,0050) with Issuer of Accession Number (0008,0051); HL7's IPC-1, or OBR-18
    where there is none.

    Two issuers may give one number. ReportError `accession_invalid`, `character_refused`.
    """

    number: str = field(repr=False)
    issuer: str | None = None
    """HL7's assigning authority; None where the site has one numbering."""

    def __post_init__(self) -> None:
        """Raise ReportError for a number that cannot be one."""
        if self.number != self.number.strip() or not 1 <= len(self.number) <= MAX_ACCESSION:
            raise ReportError("accession_invalid")
        require_visible(self.number, "accession")
        # DICOM's separator of values, and line breaks.
        if any(character in "\\\n\t" for character in self.number):
            raise ReportError("accession_invalid")


@dataclass(frozen=True)
class Code:
    """A coded entry: HL7's CWE (CE before 2.6), DICOM's code sequence (PS3.3 8.8)."""

    value: str
    """(0008,0100); CWE.1."""
    scheme: str
    """Coding Scheme Designator (0008,0102); CWE.3."""
    meaning: str
    """(0008,0104); CWE.2."""


@dataclass(frozen=True)
class RequestedProcedure:
    """What shall be done."""

    id: str | None
    """Requested Procedure ID (0040,1001); IPC-2."""
    description: str
    """Requested Procedure Description (0032,1060); OBR-4.2."""
    code: Code | None
    """Requested Procedure Code Sequence (0032,1064); OBR-4."""
    modality: str | None
    """Modality (0008,0060) of the scheduled step; IPC-5, or OBR-24."""
    study_uid: str | None
    """Study Instance UID (0020,000D); IPC-3, or ZDS-1. What ties images to the order."""
    body_part: str | None = None
    """Body Part Examined (0018,0015) or what the sender writes for it; OBR-15.4."""


@dataclass(frozen=True)
class ReferringPerson:
    """Who asks, and whom a critical value is told to: Referring Physician's Name (0008,0090) or
    Requesting Physician (0032,1032); OBR-16 or ORC-12 (XCN)."""

    name: str = field(repr=False)
    id: str | None = field(default=None, repr=False)
    """XCN.1; Person Identification Code Sequence (0040,1101)."""
    department: str | None = None
    """Requesting Service (0032,1033); ORC-17."""
    phone: str | None = field(default=None, repr=False)
    """Call Back Phone Number: ORC-14; (0040,2010) Order Callback Phone Number."""


@dataclass(frozen=True)
class Order:
    """One order of one imaging procedure, as it stands after the newest message about it."""

    placer: str | None
    """Placer Order Number: ORC-2, OBR-2; (0040,2016). With `site` it names the order; where there
    is none the filler's number does, and else the accession."""
    filler: str | None
    """Filler Order Number: ORC-3, OBR-3; (0040,2017)."""
    site: str
    """Which of radraft's sites reports it, as its settings say of the sender."""
    state: OrderState
    accession: Accession | None
    patient: Patient = field(repr=False)
    """PID-3, PID-5, PID-7, PID-8; (0010,0020), (0010,0010), (0010,0030), (0010,0040)."""
    procedure: RequestedProcedure
    reason: str | None = field(repr=False)
    """Reason for the Requested Procedure (0040,1002); OBR-31. May name the patient."""
    history: str | None = field(repr=False)
    """Relevant Clinical Information: OBR-13; Additional Patient History (0010,21B0). May name the
    patient."""
    referring: ReferringPerson | None
    priority: Priority
    placed_at: datetime
    """UTC. ORC-9, or Issue Date and Time of the request (0040,2004), (0040,2005)."""
    scheduled_at: datetime | None
    """UTC. Scheduled Procedure Step Start Date and Time (0040,0002), (0040,0003); OBR-36."""
    patient_class: PatientClass = PatientClass.UNKNOWN
    """PV1-2; Admission ID and Patient's Institution Residence say no more of it in DICOM."""
    ward: str | None = None
    """Where the patient lies: PV1-3; Current Patient Location (0038,0300)."""
    allergies: tuple[str, ...] = field(default=(), repr=False)
    """AL1-3; Allergies (0010,2110)."""
    pregnancy: Pregnancy = Pregnancy.UNKNOWN
    other_numbers: tuple[str, ...] = field(default=(), repr=False)
    """The patient's numbers besides `patient.patient_id`: PID-3's other repetitions, PID-2, PID-4;
    Other Patient IDs Sequence (0010,1002)."""
    placer_issuer: str | None = None
    """Who numbers so: EI.2 and EI.3 of `placer`. Two wards may both count from 1."""
    filler_issuer: str | None = None
    """EI.2 and EI.3 of `filler`."""
    step: str | None = field(default=None, repr=False)
    """Which of several procedures that were ordered by one number: by its accession, else by what
    else its IPC segment names. None where it is the only one."""
    people: tuple[str, ...] = field(default=(), repr=False)
    """Everybody else whom the message names, as PN: who asks, treats, reads or is next of kin. For
    taking their names out of texts."""

    @property
    def name(self) -> str:
        """Return what names the order at its site. MessageError `hl7_order_unnamed`."""
        if self.placer:
            return self._part(_named("placer", self.placer, self.placer_issuer))
        if self.filler:
            return self._part(_named("filler", self.filler, self.filler_issuer))
        if self.accession is not None:
            return f"accession:{self.accession.number}@{self.accession.issuer or ''}"
        raise MessageError("hl7_order_unnamed")

    def _part(self, named: str) -> str:
        return f"{named}/{self.step}" if self.step else named


def _named(what: str, number: str, issuer: str | None) -> str:
    return f"{what}:{number}@{issuer}" if issuer else f"{what}:{number}"

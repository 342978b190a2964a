"""A report as it leaves: what people assert in it, whose it is, and who answers for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from radraft.core.errors import ReportError
from radraft.reports.assertion import asserted_languages, asserted_report
from radraft.reports.export.coded import CodedFinding, coded_findings
from radraft.reports.people import Person
from radraft.reports.values import (
    Amendment,
    AmendmentKind,
    Lang,
    Manner,
    Origin,
    Report,
    SignedReport,
)
from radraft.studies.kos import Reference
from radraft.studies.values import Patient


class OutgoingStatus(StrEnum):
    """What a receiver may rely on."""

    PRELIMINARY = "preliminary"
    """Handed over for review, signed by nobody."""
    FINAL = "final"
    CORRECTED = "corrected"
    """Takes the place of a final report whose text was wrong."""
    APPENDED = "appended"
    """Takes the place of a final report to which text was added."""


@dataclass(frozen=True)
class Institution:
    """Whose report it is: the head of a page, the organisation of a document."""

    site: str
    """Its name in radraft (`Settings.site`)."""
    name_zh: str = ""
    name_en: str = ""
    """Empty: the other language's name, else the site's."""
    department_zh: str = ""
    department_en: str = ""
    oid: str = ""
    """Root under which it numbers its own things (ISO 9834-1), as `1.2.156.112604`; empty where it
    has none."""
    time_zone: str = ""
    """IANA name (`Asia/Shanghai`) of the clock that its people read; empty: UTC."""

    def name(self, lang: Lang) -> str:
        """Return its name in `lang`, else in the other language, else the site's."""
        names = (self.name_zh, self.name_en) if lang == "zh" else (self.name_en, self.name_zh)
        return next(filter(None, names), self.site)

    def department(self, lang: Lang) -> str:
        """Return its department in `lang`, else in the other language; empty where it has none."""
        names = (self.department_zh, self.department_en)
        return next(filter(None, names if lang == "zh" else reversed(names)), "")


@dataclass(frozen=True)
class Examination:
    """The study that is reported on, identity included: for what leaves only."""

    study_uid: str = field(repr=False)
    accession: str = field(repr=False)
    """Empty where the study came without one."""
    patient: Patient = field(repr=False)
    modality: str
    """DICOM Modality (0008,0060)."""
    body_part: str
    """DICOM Body Part Examined (0018,0015), upper case; empty when not sent."""
    study_time: datetime | None = field(repr=False)
    """The modality's clock, mostly without a zone."""
    age_years: int | None
    description: str = field(default="", repr=False)
    history: str = field(default="", repr=False)


@dataclass(frozen=True)
class OutgoingImage:
    """A key image."""

    image_id: str
    """As `Evidence.image_id` names it."""
    reference: Reference | None = field(repr=False)
    """None where the study's file is not known any more: there is nothing to refer to."""


@dataclass(frozen=True)
class PriorExamination:
    """An earlier study of the patient that the report could compare with."""

    study_uid: str = field(repr=False)
    day: date = field(repr=False)
    modality: str = ""


@dataclass(frozen=True)
class Drafter:
    """The model that a report began as a draft of."""

    model_id: str
    """`Draft.model_id`: profile and checkpoint."""
    adapter_id: str | None
    request_sha: str


@dataclass(frozen=True)
class OutgoingReport:
    """One version of a report on its way out. `report` holds what people assert alone."""

    report: Report
    languages: tuple[Lang, ...]
    """Those it is asserted in, in display order; never empty."""
    status: OutgoingStatus
    version: int
    """Of the signed version; of a preliminary report, that which its signature will make."""
    author: Person
    """Who wrote it (书写)."""
    reviewer: Person | None
    """Who reviewed and signed it (审核); None where one person signed alone, and before that."""
    submitted_at: datetime | None
    """UTC: when the author handed it over."""
    signed_at: datetime | None
    """UTC; None while it is preliminary."""
    manner: Manner | None
    """How it was signed; None while preliminary, and where that was not recorded."""
    content_sha: str
    """Of the signed version; empty while it is preliminary."""
    supersedes: str | None
    """`content_sha` of the version whose place it takes."""
    amendment: Amendment | None
    examination: Examination
    institution: Institution
    key_images: tuple[OutgoingImage, ...] = ()
    """In reading order."""
    priors: tuple[PriorExamination, ...] = ()
    """Newest first."""
    drafter: Drafter | None = None
    """None where no model drafted any of it."""
    findings: tuple[CodedFinding, ...] = ()
    """What the report's sentences state, coded, in reading order."""
    submission: int = 0
    """Number of the step that handed a preliminary report over (`ReportStep.number`): each has its
    own text. 0 of a signed version, which has one."""

    @property
    def case_id(self) -> str:
        """The case, without identity."""
        return self.report.case_id

    @property
    def signer(self) -> Person:
        """Who answers for it: the reviewer, else the author."""
        return self.reviewer or self.author

    @property
    def ai_assisted(self) -> bool:
        """Whether a machine wrote any of it first: a draft, a translation, a composed line."""
        machine = {Origin.MODEL, Origin.TRANSLATION, Origin.COMPOSED}
        origins = {w.origin for s in self.report.sentences for w in s.wordings}
        return self.drafter is not None or bool(machine & origins)


def outgoing_report(
    signed: SignedReport,
    *,
    examination: Examination,
    institution: Institution,
    key_images: tuple[OutgoingImage, ...] = (),
    priors: tuple[PriorExamination, ...] = (),
    drafter: Drafter | None = None,
) -> OutgoingReport:
    """Return a verified signed version as it leaves: what people assert in it.

    ReportError `export_nothing_asserted` where no language of it is asserted.
    """
    languages = asserted_languages(signed)
    if not languages:
        raise ReportError("export_nothing_asserted", case_id=signed.case_id)
    report = asserted_report(signed)
    return OutgoingReport(
        report=report,
        languages=languages,
        status=status_of(signed),
        version=signed.version,
        author=signed.author,
        reviewer=signed.reviewer,
        submitted_at=None if signed.signing is None else signed.signing.submitted_at,
        signed_at=signed.signed_at,
        manner=None if signed.signing is None else signed.signing.manner,
        content_sha=signed.content_sha,
        supersedes=signed.supersedes,
        amendment=signed.amendment,
        examination=examination,
        institution=institution,
        key_images=key_images,
        priors=priors,
        drafter=drafter,
        findings=coded_findings(report, examination.body_part),
    )


def status_of(signed: SignedReport) -> OutgoingStatus:
    """Return what a receiver is told of a signed version."""
    if signed.supersedes is None:
        return OutgoingStatus.FINAL
    if signed.amendment is not None and signed.amendment.kind is AmendmentKind.ADDENDUM:
        return OutgoingStatus.APPENDED
    return OutgoingStatus.CORRECTED

"""Tables. Those of `IDENTITY_TABLES` hold identity; no other table may.

Signed reports, their chain, training pairs, report revisions, the steps to a signature and the
rules of it, languages of sites, dismissals, what became of adapters, what was done about critical
values and clinicians' questions, retention, links of retakes, archived reports, changes of
patients' data and the audit are append-only: triggers (see `migrations/`) refuse UPDATE, DELETE,
REPLACE and TRUNCATE.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from radraft.store.base import Base as Base
from radraft.store.tables_accounts import (
    AccountRow as AccountRow,
    FailedSignInRow as FailedSignInRow,
    KnownAddressRow as KnownAddressRow,
    LinkRow as LinkRow,
    MachineTokenRow as MachineTokenRow,
    MembershipRow as MembershipRow,
    SessionRow as SessionRow,
)
from radraft.store.tables_alerts import (
    AlertEventRow as AlertEventRow,
    AlertRow as AlertRow,
    CriticalDraftRow as CriticalDraftRow,
)
from radraft.store.tables_archive import (
    ArchivedReportRow as ArchivedReportRow,
    ArchivedTextRow as ArchivedTextRow,
    ArchiveRejectRow as ArchiveRejectRow,
)
from radraft.store.tables_arrivals import (
    ArrivalDeviceRow as ArrivalDeviceRow,
    ArrivalThumbnailRow as ArrivalThumbnailRow,
    ImageRetakeRow as ImageRetakeRow,
    ImageVerdictRow as ImageVerdictRow,
)
from radraft.store.tables_audit import AuditHeadRow as AuditHeadRow, AuditRow as AuditRow
from radraft.store.tables_backfill import (
    BackfillItemRow as BackfillItemRow,
    BackfillRow as BackfillRow,
    BackfillWorkerRow as BackfillWorkerRow,
    FindingScoresRow as FindingScoresRow,
)
from radraft.store.tables_inquiries import (
    InquiryEventRow as InquiryEventRow,
    InquiryRow as InquiryRow,
    TurnMarkRow as TurnMarkRow,
    VisitRow as VisitRow,
)
from radraft.store.tables_languages import (
    LanguageRuleRow as LanguageRuleRow,
    OfferedTextRow as OfferedTextRow,
    ReaderLanguageRow as ReaderLanguageRow,
    SentencePairRow as SentencePairRow,
)
from radraft.store.tables_orders import (
    OrderedCaseRow as OrderedCaseRow,
    OrderLinkRow as OrderLinkRow,
    OrderMessageRow as OrderMessageRow,
    OrderRow as OrderRow,
)
from radraft.store.tables_outbox import (
    CommitmentOfferRow as CommitmentOfferRow,
    CommitmentRequestRow as CommitmentRequestRow,
    OutboxRow as OutboxRow,
    SentInstanceRow as SentInstanceRow,
)
from radraft.store.tables_patients import (
    PatientChangeRow as PatientChangeRow,
    PatientRecordRow as PatientRecordRow,
    SentIdentityRow as SentIdentityRow,
)
from radraft.store.tables_presence import OpenPageRow as OpenPageRow
from radraft.store.tables_reading import (
    ReadingAssignmentRow as ReadingAssignmentRow,
    ReadingRulesRow as ReadingRulesRow,
)
from radraft.store.tables_rejections import RejectionRow as RejectionRow
from radraft.store.tables_retention import (
    PairImageRow as PairImageRow,
    RetentionRuleRow as RetentionRuleRow,
    RetentionStepRow as RetentionStepRow,
)
from radraft.store.tables_second_factor import (
    RecoveryCodeRow as RecoveryCodeRow,
    SecondFactorCodeRow as SecondFactorCodeRow,
    SecondFactorRow as SecondFactorRow,
)
from radraft.store.tables_signing import (
    ReportStepRow as ReportStepRow,
    SignatureRuleRow as SignatureRuleRow,
)
from radraft.store.tables_studies import (
    AcquisitionRow as AcquisitionRow,
    ArrivalRow as ArrivalRow,
    CaseQualityRow as CaseQualityRow,
    KeyImageChoiceRow as KeyImageChoiceRow,
    PatientKeyRow as PatientKeyRow,
    PriorLinkRow as PriorLinkRow,
    QualityRefusalRow as QualityRefusalRow,
    StudyInstanceRow as StudyInstanceRow,
)
from radraft.store.tables_templates import (
    PhraseRow as PhraseRow,
    ReportTemplateRow as ReportTemplateRow,
    TemplateRuleRow as TemplateRuleRow,
)
from radraft.store.tables_warnings import (
    DismissalRow as DismissalRow,
    FoundWarningRow as FoundWarningRow,
)
from radraft.store.tables_workers import DraftWorkerRow as DraftWorkerRow
from radraft.store.tables_worklist import (
    KeyBindingsRow as KeyBindingsRow,
    NameKeyRow as NameKeyRow,
    WorklistColumnsRow as WorklistColumnsRow,
    WorklistEntryRow as WorklistEntryRow,
    WorklistFillingRow as WorklistFillingRow,
    WorklistViewRow as WorklistViewRow,
)

IDENTITY_TABLES = frozenset(
    {
        "patients",
        "study_identities",
        "archived_reports",
        "archive_rejects",
        "arrivals",
        "image_verdicts",
        "arrival_thumbnails",
        "arrival_devices",
        "patient_keys",
        "study_instances",
        "acquisitions",
        "quality_refusals",
        "worklist_entries",
        "name_keys",
        "orders",
        "order_messages",
        "patient_records",
        "sent_identities",
        "visits",
    }
)
IMMUTABLE_TABLES = (
    "signed_reports",
    "training_pairs",
    "report_revisions",
    "openings",
    "adapter_moves",
    "gate_records",
    "key_image_choices",
    "signature_links",
    "alert_events",
    "dismissals",
    "audit_events",
    "report_steps",
    "signature_rules",
    "language_rules",
    "retention_rules",
    "retention_steps",
    "image_retakes",
    "reading_rules",
    "reading_assignments",
    "archived_reports",
    "archived_texts",
    "report_templates",
    "template_rules",
    "phrases",
    "patient_changes",
    "inquiry_events",
    "turn_marks",
)


class SiteRow(Base):
    """One row: which site secret this database's references were made with."""

    __tablename__ = "site"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    secret_check: Mapped[str]


class PatientRow(Base):
    """Identity: whose a `patient_ref` is."""

    __tablename__ = "patients"

    patient_ref: Mapped[str] = mapped_column(String(64), primary_key=True)
    patient_id: Mapped[str]


class StudyIdentityRow(Base):
    """Identity: a study as it was sent, its patient's name as that study had it."""

    __tablename__ = "study_identities"

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    study_uid: Mapped[str] = mapped_column(unique=True)
    patient_ref: Mapped[str] = mapped_column(ForeignKey("patients.patient_ref"), index=True)
    patient_name: Mapped[str]
    patient_sex: Mapped[str]
    birth_date: Mapped[date | None]
    accession: Mapped[str] = mapped_column(index=True)
    # The modality's clock, mostly without a zone: kept as ISO 8601 text, exactly as it came.
    study_time: Mapped[str | None]
    description: Mapped[str]
    history: Mapped[str]
    age_years: Mapped[int | None]
    original_keys: Mapped[tuple[str, ...]]


class CaseRow(Base):
    """A study without identity."""

    __tablename__ = "cases"
    __table_args__ = (Index("ix_cases_state_received_at", "state", "received_at"),)

    case_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    patient_ref: Mapped[str] = mapped_column(String(64), index=True)
    site: Mapped[str]
    modality: Mapped[str]
    body_part: Mapped[str]
    view: Mapped[str]
    age_band: Mapped[str]
    sex: Mapped[str]
    history: Mapped[str]
    state: Mapped[str] = mapped_column(String(16))
    received_at: Mapped[datetime]
    issues: Mapped[tuple[str, ...]]
    # `studies.values.StudyPriority`.
    priority: Mapped[str] = mapped_column(String(16), server_default="unknown")


class KeyImageRow(Base):
    """One key image of a case; its pixels lie in object storage under `image_id`."""

    __tablename__ = "key_images"

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    image_id: Mapped[str] = mapped_column(String(64), index=True)
    instance_ref: Mapped[str]
    frame: Mapped[int]
    rows: Mapped[int]
    columns: Mapped[int]
    window_centre: Mapped[float]
    window_width: Mapped[float]
    score: Mapped[float]
    window_name: Mapped[str] = mapped_column(String(16), server_default="")


class DraftLeaseRow(Base):
    """Who is drafting a case. There is one for every case in state `drafting`, and no other."""

    __tablename__ = "draft_leases"

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    # A random id of the process that holds it; the host's name is for people.
    owner: Mapped[str] = mapped_column(String(64), index=True)
    host: Mapped[str]
    # By the owner's clock and for people: nothing is decided by them (`store.leases`).
    claimed_at: Mapped[datetime]
    beat_at: Mapped[datetime]
    # Counted up by the owner for as long as it lives.
    beat: Mapped[int]
    # Seconds without a beat after which the lease has expired.
    term_s: Mapped[float]


class DraftRow(Base):
    """One draft as the model gave it; `content` is the canonical JSON of `Draft`."""

    __tablename__ = "drafts"

    draft_id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), index=True)
    coverage: Mapped[str] = mapped_column(String(16))
    content: Mapped[str]
    request_json: Mapped[str | None]
    encoder_id: Mapped[str | None]
    image_ids: Mapped[tuple[str, ...]]
    created_at: Mapped[datetime]


class ReportRow(Base):
    """A case's working report: where its lifecycle stands. Its content is in the revisions."""

    __tablename__ = "reports"

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    draft_id: Mapped[int] = mapped_column(ForeignKey("drafts.draft_id"))
    revision: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    editor: Mapped[str | None]
    # The account's id, where the editor was signed in; None for a name that was typed.
    editor_account: Mapped[str | None] = mapped_column(String(64))
    saved_at: Mapped[datetime]
    base_version: Mapped[int]
    # Who writes it (书写); None until somebody does, and once it is signed.
    author: Mapped[str | None]
    author_account: Mapped[str | None] = mapped_column(String(64))
    # When he handed it over for review; None where it does not wait for that.
    submitted_at: Mapped[datetime | None]
    # The number of its newest step (`ReportStepRow`); 0 before the first.
    steps: Mapped[int] = mapped_column(server_default="0")
    # Of a signed report that was reopened.
    amendment: Mapped[str | None] = mapped_column(String(16))
    amendment_reason: Mapped[str | None]


class RevisionRow(Base):
    """One saved state of a working report; append-only."""

    __tablename__ = "report_revisions"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - read once by SQLAlchemy

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content: Mapped[str]
    editor: Mapped[str | None]
    editor_account: Mapped[str | None] = mapped_column(String(64))
    saved_at: Mapped[datetime]


class SignedRow(Base):
    """One signed version; append-only. `content` is the canonical JSON of `SignedReport`."""

    __tablename__ = "signed_reports"
    # Without a rowid, INSERT OR REPLACE can only collide on columns the trigger looks at.
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - read once by SQLAlchemy

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content: Mapped[str]
    content_sha: Mapped[str] = mapped_column(String(64), unique=True)
    signed_at: Mapped[datetime]


class SignatureLinkRow(Base):
    """One link of the chain over all signatures; append-only. What it says: `signature_chain`."""

    __tablename__ = "signature_links"
    __table_args__ = (
        UniqueConstraint("case_id", "version", name="uq_signature_links_case_id"),
        ForeignKeyConstraint(
            ["case_id", "version"], ["signed_reports.case_id", "signed_reports.version"]
        ),
        {"sqlite_with_rowid": False},
    )

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    case_id: Mapped[str] = mapped_column(String(64))
    version: Mapped[int]
    schema: Mapped[int]
    content_sha: Mapped[str] = mapped_column(String(64))
    signed_at: Mapped[datetime]
    linked_at: Mapped[datetime]
    inherited: Mapped[bool]
    previous: Mapped[str] = mapped_column(String(64))
    head: Mapped[str] = mapped_column(String(64))


class SignatureHeadRow(Base):
    """One row: where the chain stands. Who signs holds it, so that signatures wait for each other.

    `head` is empty until what was signed before there was a chain is sealed into it.
    """

    __tablename__ = "signature_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sequence: Mapped[int]
    head: Mapped[str] = mapped_column(String(64))
    # Up to where heads were handed to the log that the administrator chose.
    sent: Mapped[int]


class PairRow(Base):
    """One training pair; append-only. The signed report is referred to: its author stays there."""

    __tablename__ = "training_pairs"
    __table_args__ = (
        ForeignKeyConstraint(
            ["case_id", "version"], ["signed_reports.case_id", "signed_reports.version"]
        ),
        Index("ix_training_pairs_case_id", "case_id", "split"),
        {"sqlite_with_rowid": False},
    )

    pair_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    case_id: Mapped[str] = mapped_column(String(64))
    version: Mapped[int]
    site: Mapped[str]
    request: Mapped[str]
    request_sha: Mapped[str | None] = mapped_column(String(64))
    template_sha: Mapped[str | None] = mapped_column(String(64))
    image_ids: Mapped[tuple[str, ...]]
    encoder_id: Mapped[str | None]
    draft: Mapped[str]
    stats: Mapped[str]
    split: Mapped[str] = mapped_column(String(16))
    # From the signer's last opening of the study; None where it was not opened in the page.
    seconds: Mapped[float | None]
    # JSON of `TrainingPair.rejected`; None of pairs of before readers were asked for reasons.
    rejected: Mapped[str | None]


class TurnRow(Base):
    """One follow-up question and its answer."""

    __tablename__ = "turns"

    turn_id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), index=True)
    question: Mapped[str]
    answer: Mapped[str]
    lang: Mapped[str] = mapped_column(String(8))
    citations: Mapped[tuple[str, ...]]
    refused: Mapped[bool]
    # The signed version it was answered from; None of turns of before that was kept.
    version: Mapped[int | None]
    # What was asked for, what the answer did with it, and by ids what it rests on; None of turns
    # of before that was kept.
    kind: Mapped[str | None] = mapped_column(String(32))
    outcome: Mapped[str | None] = mapped_column(String(32))
    polarity: Mapped[str | None] = mapped_column(String(16))
    sources: Mapped[str | None]
    asked_by: Mapped[str]
    asked_by_account: Mapped[str | None] = mapped_column(String(64))
    asked_at: Mapped[datetime]


class OpeningRow(Base):
    """A reader opened a study in the page; append-only."""

    __tablename__ = "openings"

    opening_id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), index=True)
    reader: Mapped[str]
    reader_account: Mapped[str | None] = mapped_column(String(64))
    opened_at: Mapped[datetime]


class AdapterRow(Base):
    """One adapter of one site; its files lie under `adapters/<adapter_id>/` of the data folder."""

    __tablename__ = "adapters"
    __table_args__ = (Index("ix_adapters_site_state", "site", "state"),)

    adapter_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    site: Mapped[str]
    base: Mapped[str]
    # JSON: file name -> SHA-256.
    files: Mapped[str]
    rank: Mapped[int]
    parent: Mapped[str | None] = mapped_column(String(64))
    data_sha: Mapped[str] = mapped_column(String(64))
    # JSON: how it was made.
    card: Mapped[str]
    made_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(16))
    # Share of the site's cases that a shadow adapter drafts in sight, 0 to 1.
    canary: Mapped[float]


class AdapterMoveRow(Base):
    """One change of an adapter's state; append-only."""

    __tablename__ = "adapter_moves"

    move_id: Mapped[int] = mapped_column(primary_key=True)
    adapter_id: Mapped[str] = mapped_column(ForeignKey("adapters.adapter_id"), index=True)
    site: Mapped[str]
    before: Mapped[str | None] = mapped_column(String(16))
    after: Mapped[str] = mapped_column(String(16))
    # Name of the person who confirmed it, or of the command that did it.
    by: Mapped[str]
    reason: Mapped[str]
    moved_at: Mapped[datetime]


class GateRow(Base):
    """One decision of the gate; append-only. `content` is the canonical JSON of `GateRecord`."""

    __tablename__ = "gate_records"

    record_id: Mapped[int] = mapped_column(primary_key=True)
    # None where a batch was stopped before anything was trained on it.
    adapter_id: Mapped[str | None] = mapped_column(ForeignKey("adapters.adapter_id"), index=True)
    site: Mapped[str] = mapped_column(index=True)
    passed: Mapped[bool]
    content: Mapped[str]
    decided_at: Mapped[datetime]


class ShadowDraftRow(Base):
    """A draft that a shadow adapter made beside the serving one; no reader sees it."""

    __tablename__ = "shadow_drafts"

    shadow_id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), index=True)
    adapter_id: Mapped[str] = mapped_column(ForeignKey("adapters.adapter_id"), index=True)
    content: Mapped[str]
    created_at: Mapped[datetime]

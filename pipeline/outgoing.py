"""A signed report read for its way out: verified, with the identity that only this may have."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from radraft.core.errors import NotFound
from radraft.reports.assertion import in_languages, without_grey
from radraft.reports.export.coded import coded_findings
from radraft.reports.export.values import (
    Drafter,
    Examination,
    Institution,
    OutgoingImage,
    OutgoingReport,
    OutgoingStatus,
    PriorExamination,
    outgoing_report,
)
from radraft.reports.values import ReportState
from radraft.store import (
    cases,
    drafts,
    instances,
    key_images,
    language_rules,
    priors,
    report_steps,
    reports,
    signatures,
)

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from radraft.reports.values import Report, SignedReport


def read_signed(
    session: Session, case_id: str, *, institution: Institution, version: int | None = None
) -> OutgoingReport:
    """Return a signed version of a case's report, None for its newest, as it leaves.

    Whenever it is read it is the same, but for what has been found wrong since: the patient's and
    the study's data as they were corrected, and without an earlier study that turned out to be
    somebody else's. The words that were signed are the same and so are the names of the documents
    (`header.state_names`): a second document beside the first would leave the wrong data standing.
    Names of the institution are those of the settings.

    NotFound `case_not_found`, `version_not_signed`; ReportError `signature_broken` where any
    version of the case does not hold, `export_nothing_asserted`.
    """
    signed = _version(session, case_id, version)
    return outgoing_report(
        signed,
        examination=_examination(session, case_id),
        institution=institution,
        key_images=_images(session, case_id, signed.signed_at),
        priors=_priors(session, case_id, signed.signed_at),
        drafter=None if signed.draft_sha is None else _drafter(session, case_id, signed.draft_sha),
    )


def read_before(session: Session, report: OutgoingReport) -> tuple[OutgoingReport, ...]:
    """Return the signed versions before `report`, first to newest: their words and who answers for
    them, without images, earlier studies and drafter.

    ReportError as of `read_signed`.
    """
    return tuple(
        outgoing_report(signed, examination=report.examination, institution=report.institution)
        for signed in signatures.versions(session, report.case_id)
        if signed.version < report.version
    )


def read_submitted(
    session: Session, case_id: str, step: int, *, institution: Institution
) -> OutgoingReport | None:
    """Return a report that waits for review as its author handed it over with that step, in the
    languages of its site; None where it does not wait for it any more, was handed over again since,
    says nothing in them, or is an amendment: until that is signed, the signed version stands at
    receivers too.

    What it holds is nobody's signature's: a receiver is told that it is preliminary.
    NotFound `case_not_found`; ReportError `signature_broken` where an earlier version does not
    hold.
    """
    working = reports.current(session, case_id)
    if working.state is not ReportState.SUBMITTED or working.steps != step:
        return None
    submitted = _at_step(session, case_id, step)
    if submitted is None or working.author is None:
        return None
    site = cases.get_case(session, case_id).site
    shown = language_rules.of_site(session, site).rule.languages
    report = in_languages(without_grey(submitted), shown)
    languages = tuple(lang for lang in shown if any(s.text(lang) for s in report.sentences))
    if not languages:
        return None
    before = signatures.versions(session, case_id)
    basis = drafts.basis(session, case_id)
    sha = None if basis is None else basis.draft.request_sha
    handed_over = working.submitted_at or working.saved_at
    examination = _examination(session, case_id)
    return OutgoingReport(
        report=report,
        languages=languages,
        status=OutgoingStatus.PRELIMINARY,
        version=working.base_version + 1,
        author=working.author,
        reviewer=None,
        submitted_at=working.submitted_at,
        signed_at=None,
        manner=None,
        content_sha="",
        supersedes=before[-1].content_sha if before else None,
        amendment=working.amendment,
        examination=examination,
        institution=institution,
        key_images=_images(session, case_id, handed_over),
        priors=_priors(session, case_id, handed_over),
        drafter=None if sha is None else _drafter(session, case_id, sha),
        findings=coded_findings(report, examination.body_part),
        submission=step,
    )


def _at_step(session: Session, case_id: str, step: int) -> Report | None:
    """Return the text with which a step was taken: a reviewer may have changed it since."""
    steps = report_steps.of_case(session, case_id)
    revision = next((taken.revision for taken in steps if taken.number == step), None)
    return None if revision is None else reports.at_revision(session, case_id, revision)


def _examination(session: Session, case_id: str) -> Examination:
    case = cases.get_case(session, case_id)
    identity = cases.identity(session, case_id)
    return Examination(
        study_uid=instances.study_uid(session, case_id),
        accession=identity.accession,
        patient=identity.patient,
        modality=case.modality,
        body_part=case.body_part,
        study_time=identity.study_time,
        age_years=identity.age_years,
        description=identity.description,
        history=identity.history,
    )


def _version(session: Session, case_id: str, version: int | None) -> SignedReport:
    versions = signatures.versions(session, case_id)
    wanted = [signed for signed in versions if version in (None, signed.version)]
    if not wanted:
        raise NotFound("version_not_signed", case_id=case_id, version=version or 1)
    return wanted[-1]


def _images(session: Session, case_id: str, when: datetime) -> tuple[OutgoingImage, ...]:
    """Return the key images as they had been chosen when the report was signed."""
    images = key_images.key_images_at(session, case_id, when)
    real = instances.referred(session, case_id, {image.instance_ref for image in images})
    made: list[OutgoingImage] = []
    for image in images:
        reference, frames = real.get(image.instance_ref, (None, 1))
        if reference is not None and frames > 1:
            reference = replace(reference, frames=(image.frame,))
        made.append(OutgoingImage(image.image_id, reference))
    return tuple(made)


def _priors(session: Session, case_id: str, when: datetime) -> tuple[PriorExamination, ...]:
    """Return the earlier studies that were linked and signed at `when`, newest first: what came
    after the report was none that it could compare with."""
    received = cases.get_case(session, case_id).received_at
    taken = cases.identity(session, case_id).study_time or received
    return tuple(
        PriorExamination(
            instances.study_uid(session, linked.case_id),
            (taken - timedelta(days=linked.days_before)).date(),
            linked.modality,
        )
        for linked in priors.known_at(session, case_id, when)
    )


def _drafter(session: Session, case_id: str, draft_sha: str) -> Drafter | None:
    """Return the model that drafted what the report began as; None where its draft is not kept any
    more. What a report began as changes no more once somebody wrote in it or handed it over."""
    basis = drafts.basis(session, case_id)
    if basis is None:
        return None
    return Drafter(basis.draft.model_id, basis.draft.adapter_id, draft_sha)

"""A signed report read for its way out: verified, with the identity that only this may have."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from radraft.core.errors import NotFound
from radraft.reports.export.values import (
    Drafter,
    Examination,
    Institution,
    OutgoingImage,
    OutgoingReport,
    PriorExamination,
    outgoing_report,
)
from radraft.store import cases, drafts, instances, key_images, priors, signatures

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from radraft.reports.values import SignedReport


def read_signed(
    session: Session, case_id: str, *, institution: Institution, version: int | None = None
) -> OutgoingReport:
    """Return a signed version of a case's report, None for its newest, as it leaves.

    NotFound `case_not_found`, `version_not_signed`; ReportError `signature_broken` where any
    version of the case does not hold, `export_nothing_asserted`.
    """
    case = cases.get_case(session, case_id)
    signed = _version(session, case_id, version)
    identity = cases.identity(session, case_id)
    return outgoing_report(
        signed,
        examination=Examination(
            study_uid=instances.study_uid(session, case_id),
            accession=identity.accession,
            patient=identity.patient,
            modality=case.modality,
            body_part=case.body_part,
            study_time=identity.study_time,
            age_years=identity.age_years,
            description=identity.description,
            history=identity.history,
        ),
        institution=institution,
        key_images=_images(session, case_id, signed.signed_at),
        priors=_priors(session, case_id, identity.study_time or case.received_at),
        drafter=_drafter(session, signed),
    )


def _version(session: Session, case_id: str, version: int | None) -> SignedReport:
    versions = signatures.versions(session, case_id)
    wanted = [one for one in versions if version in (None, one.version)]
    if not wanted:
        raise NotFound("version_not_signed", case_id=case_id, version=version or 1)
    return wanted[-1]


def _images(session: Session, case_id: str, when: datetime) -> tuple[OutgoingImage, ...]:
    """Return the key images as they had been chosen when the report was signed."""
    real = instances.references(session, case_id)
    frames = {
        stored.deid.instance_ref: stored.deid.frames
        for stored in instances.of_case(session, case_id)
    }
    made: list[OutgoingImage] = []
    for image in key_images.key_images_at(session, case_id, when):
        reference = real.get(image.instance_ref)
        if reference is not None and frames[image.instance_ref] > 1:
            reference = replace(reference, frames=(image.frame,))
        made.append(OutgoingImage(image.image_id, reference))
    return tuple(made)


def _priors(session: Session, case_id: str, taken: datetime) -> tuple[PriorExamination, ...]:
    """Return the signed earlier studies that are linked, newest first."""
    return tuple(
        PriorExamination(
            instances.study_uid(session, linked.case_id),
            (taken - timedelta(days=linked.days_before)).date(),
            linked.modality,
        )
        for linked in priors.find(session, case_id).priors
        if linked.version is not None
    )


def _drafter(session: Session, signed: SignedReport) -> Drafter | None:
    """Return the model that drafted what the report began as; None where none did, and where its
    draft is not kept any more."""
    basis = drafts.basis(session, signed.case_id)
    if signed.draft_sha is None or basis is None:
        return None
    return Drafter(basis.draft.model_id, basis.draft.adapter_id, signed.draft_sha)

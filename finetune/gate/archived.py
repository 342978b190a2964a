"""The archive's share of what judges a candidate: reports of held-out patients of a site."""

from __future__ import annotations

import hashlib
from bisect import insort
from dataclasses import dataclass
from typing import TYPE_CHECKING

from radraft.core import canonical
from radraft.finetune.archive_set.texts import languages, report_of
from radraft.finetune.archive_set.values import HELD_OUT
from radraft.finetune.gate.limits import limits
from radraft.finetune.gate.reference import ArchivedReference
from radraft.pipeline.eligibility import barred
from radraft.reports.training_pair import split_of
from radraft.reports.values import Report
from radraft.store import archive, cases, pairs
from radraft.studies import deidentify

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.llm.profiles import Profile
    from radraft.reports.archive.values import TaughtText
    from radraft.store.objects import Objects


@dataclass(frozen=True)
class FrozenArchive:
    """What judges."""

    reports: tuple[ArchivedReference, ...]
    """At most `limits().adapter.archive_most`, by patients drawn once for all, so that one gate is
    like the next."""
    found: int
    """Reports that these were drawn from."""


def frozen_archive(
    session: Session, profile: Profile, site: str, encoder_id: str | None
) -> FrozenArchive:
    """Return the archived reports of `site` that a candidate may be judged by: of patients who are
    held out by today's records, of studies that the profile's model drafts and that nobody signed
    here, by the rules of `radraft archive export`; of studies with the same images one.

    `encoder_id` is of the embeddings by which their images are known again.
    """
    most = limits().adapter.archive_most
    held, _ = pairs.held_out(session)
    kept: list[tuple[bytes, str, ArchivedReference]] = []
    shown: set[tuple[str, ...]] = set()
    found = 0
    for text in archive.taught(session, site, damaged=[]):
        if text.patient_ref not in held and split_of(text.patient_ref) != HELD_OUT:
            continue
        report = _judging(session, profile, text, encoder_id)
        if report is None or report.image_ids in shown:
            continue
        shown.add(report.image_ids)
        found += 1
        drawn = hashlib.sha256(f"judges:{report.patient_ref}".encode()).digest()
        insort(kept, (drawn, report.case_id, report), key=lambda one: one[:2])
        del kept[most:]
    return FrozenArchive(tuple(report for *_, report in kept), found)


def judged_by_signatures(session: Session, objects: Objects, site: str) -> bool:
    """Return whether enough frozen reports were signed at `site` to judge its candidates by."""
    from radraft.finetune.selection import select

    return len(select(session, objects, site).frozen) >= limits().adapter.frozen_least


def _judging(
    session: Session, profile: Profile, text: TaughtText, encoder_id: str | None
) -> ArchivedReference | None:
    report = report_of(text)
    if not isinstance(report, Report) or text.addenda:
        return None
    if deidentify.identifies(text.findings) or deidentify.identifies(text.impression):
        return None
    images = tuple(image.image_id for image in cases.key_images(session, text.case_id))
    if not images or barred(session, profile, cases.deid_study(session, text.case_id)):
        return None
    return ArchivedReference(
        pair_id=canonical.sha256([images, report]),
        case_id=text.case_id,
        patient_ref=text.patient_ref,
        image_ids=images,
        encoder_id=encoder_id,
        asserted=report,
        langs=languages(report),
    )

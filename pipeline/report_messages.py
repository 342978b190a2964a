"""Signed reports as documents of HL7, with what of other versions they need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radraft.pipeline.outgoing import read_signed
from radraft.reports.export import fhir_r4
from radraft.reports.export.values import OutgoingStatus

if TYPE_CHECKING:
    from radraft.reports.export.values import OutgoingReport
    from radraft.store.database import Store


def fhir_bundle(store: Store, report: OutgoingReport, *, pdf: bytes | None = None) -> bytes:
    """Return a report as a FHIR transaction that also withdraws what any version before it said and
    it does not.

    NotFound, ReportError as of `read_signed` and `fhir_r4.bundle`.
    """
    if report.version == 1 or report.status is OutgoingStatus.PRELIMINARY:
        return fhir_r4.bundle(report, pdf=pdf)
    with store.read() as session:
        earlier = tuple(
            read_signed(session, report.case_id, institution=report.institution, version=version)
            for version in range(1, report.version)
        )
    return fhir_r4.bundle(report, earlier=earlier, pdf=pdf)

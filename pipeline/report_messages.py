"""Signed reports as documents of HL7, with what of other versions they need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radraft.pipeline.outgoing import read_before
from radraft.reports.export import fhir_r4
from radraft.reports.export.values import OutgoingStatus

if TYPE_CHECKING:
    from radraft.reports.export.values import OutgoingReport
    from radraft.store.database import Store


def fhir_bundle(store: Store, report: OutgoingReport, *, pdf: bytes | None = None) -> bytes:
    """Return a report as a FHIR transaction that also withdraws what any version before it said and
    it does not.

    ReportError as of `read_before` and `fhir_r4.bundle`.
    """
    if report.version == 1 or report.status is OutgoingStatus.PRELIMINARY:
        return fhir_r4.bundle(report, pdf=pdf)
    with store.read() as session:
        earlier = read_before(session, report)
    return fhir_r4.bundle(report, earlier=earlier, pdf=pdf)

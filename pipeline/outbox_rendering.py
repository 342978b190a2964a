"""What an entry of the outbox sends: read from the store at that moment, and brought into its form.
Nothing of it is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from radraft.core.errors import ReportError
from radraft.exchange.targets import TargetKind
from radraft.pipeline import institutions, outgoing
from radraft.pipeline.report_messages import fhir_bundle
from radraft.pipeline.report_printing import printed_pdf
from radraft.reports.export import encapsulated_pdf, hl7_oru, kos, sr
from radraft.reports.export.dicom_document import references
from radraft.reports.export.hl7_oru import Application
from radraft.reports.export.text import plain_text
from radraft.reports.export.values import OutgoingReport, OutgoingStatus
from radraft.reports.outgoing_entry import OutgoingForm
from radraft.store import cases

if TYPE_CHECKING:
    from radraft.core.settings import Settings
    from radraft.exchange.targets import Target
    from radraft.reports.outgoing_entry import NewEntry
    from radraft.store.database import Store


@dataclass(frozen=True)
class Rendered:
    """A report in the form in which it is sent."""

    content: bytes = field(repr=False)
    name: str
    """Of the file in a folder: the same for the same report, without identity."""


Render = Callable[[OutgoingReport, "Target"], bytes]

_ENDINGS = {
    OutgoingForm.TEXT: "txt",
    OutgoingForm.PDF: "pdf",
    OutgoingForm.SR: "sr.dcm",
    OutgoingForm.KOS: "kos.dcm",
    OutgoingForm.ORU: "hl7",
    OutgoingForm.FHIR: "json",
}


def renderers(store: Store, settings: Settings) -> Mapping[OutgoingForm, Render]:
    """Return how each form is made."""

    def printed(report: OutgoingReport, target: Target) -> bytes:
        pdf = printed_pdf(store, settings, report)
        return pdf if target.kind is TargetKind.FOLDER else encapsulated_pdf.document(report, pdf)

    return {
        OutgoingForm.TEXT: _text,
        OutgoingForm.PDF: printed,
        OutgoingForm.SR: lambda report, target: sr.document(report),
        OutgoingForm.KOS: lambda report, target: kos.document(report),
        OutgoingForm.ORU: _oru,
        OutgoingForm.FHIR: lambda report, target: fhir_bundle(store, report),
    }


def _oru(report: OutgoingReport, target: Target) -> bytes:
    return hl7_oru.message(
        report,
        sending=Application(*target.sending),
        receiving=Application(*target.receiving),
        charset=target.charset,
    )


def _text(report: OutgoingReport, target: Target) -> bytes:
    """Return the text with labels in each of the report's languages."""
    text = "\n".join(plain_text(report, lang) for lang in report.languages)
    try:
        return text.encode(target.charset)
    except UnicodeEncodeError as error:
        code_point = f"U+{ord(text[error.start]):04X}"
        raise ReportError(
            "outbox_character_unwritable", character=code_point, charset=target.charset.value
        ) from None


def rendered(
    store: Store,
    what: NewEntry,
    target: Target,
    settings: Settings,
    makers: Mapping[OutgoingForm, Render],
) -> Rendered | None:
    """Return what is sent; None where there is nothing to send (`EntryState.VOID`).

    NotFound, ReportError, StorageError as `pipeline.outgoing` and the form say;
    `delivery_form_unavailable`.
    """
    with store.read() as session:
        site = cases.get_case(session, what.case_id).site
        institution = institutions.institution(settings, site)
        if what.status is OutgoingStatus.PRELIMINARY:
            report = outgoing.read_submitted(
                session, what.case_id, what.step, institution=institution
            )
        else:
            report = outgoing.read_signed(
                session, what.case_id, institution=institution, version=what.version
            )
    if report is None or (what.form is OutgoingForm.KOS and not references(report)):
        return None
    render = makers.get(what.form)
    if render is None:
        raise ReportError("delivery_form_unavailable", form=what.form.value)
    return Rendered(render(report, target), _name(what))


def _name(what: NewEntry) -> str:
    early = "-preliminary" if what.status is OutgoingStatus.PRELIMINARY else ""
    return f"{what.case_id}-v{what.version}{early}.{_ENDINGS[what.form]}"

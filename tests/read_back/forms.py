"""The forms of a report, each with what reads it back and which of its facts it carries."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from radraft.reports.export import encapsulated_pdf, fhir_r4, hl7_oru, kos, sr
from radraft.reports.export.charset import Charset
from radraft.reports.export.hl7_oru import Application, MessageContents
from radraft.reports.export.pdf import Picture, pdf
from radraft.reports.export.text import plain_text
from radraft.reports.export.values import OutgoingReport
from radraft.reports.values import Lang
from tests.read_back import dicom, fhir, oru, pdf as printed, text
from tests.read_back.facts import Facts

FONT = (Path("/usr/share/fonts/opentype/noto/NotoSerifCJK-Regular.ttc"),)
SENDING = Application("RADRAFT", "示例市人民医院")
RECEIVING = Application("RIS", "HIS|1")
LINKED = MessageContents(image_url=oru.IMAGE_URL)


@dataclass(frozen=True)
class Form:
    """A form, and how it is read."""

    name: str
    reader: str
    write: Callable[[OutgoingReport], bytes]
    carried: Callable[[Facts], Facts]
    read: Callable[[bytes, OutgoingReport, Facts], Facts]

    def made_of(self, report: OutgoingReport) -> bool:
        """Return whether the report leaves in this form: without images there is no selection."""
        return self.name != "DICOM key images" or bool(report.key_images)


def png(number: int) -> bytes:
    """A key image that is not like any other."""
    pixels = np.random.default_rng(number).integers(0, 255, (48, 40 + number), dtype=np.uint8)
    made = io.BytesIO()
    Image.fromarray(pixels).save(made, "PNG")
    return made.getvalue()


def pictures_of(report: OutgoingReport) -> list[Picture]:
    """The key images of `report`."""
    return [Picture(image.image_id, png(n)) for n, image in enumerate(report.key_images)]


@lru_cache(maxsize=2)
def printed_pdf(report: OutgoingReport) -> bytes:
    """`report` as PDF; two forms hold it."""
    return pdf(report, pictures_of(report), FONT)


def oru_message(report: OutgoingReport, charset: Charset = Charset.UTF_8) -> bytes:
    """`report` as a message with links to its images."""
    return hl7_oru.message(
        report, sending=SENDING, receiving=RECEIVING, charset=charset, contents=LINKED
    )


def _text_form(lang: Lang) -> Form:
    return Form(
        f"text, labels {lang}",
        "line by line",
        lambda report: plain_text(report, lang).encode(),
        lambda told: text.carried(told, lang),
        lambda data, report, told: text.read(data, lang),
    )


def _oru_form(charset: Charset) -> Form:
    return Form(
        f"HL7 ORU^R01, {charset}",
        "hl7",
        lambda report: oru_message(report, charset),
        oru.carried,
        lambda data, report, told: oru.read(data, charset),
    )


_ALL = (
    _text_form("zh"),
    _text_form("en"),
    Form(
        "PDF/A",
        "pypdf",
        printed_pdf,
        printed.carried,
        lambda data, report, told: printed.read(data, told),
    ),
    Form(
        "DICOM SR",
        "dcmtk dcm2json",
        sr.document,
        dicom.carried_report,
        lambda data, report, told: dicom.read_report(data),
    ),
    Form(
        "DICOM key images",
        "dcmtk dcm2json",
        kos.document,
        dicom.carried_selection,
        lambda data, report, told: dicom.read_selection(data),
    ),
    Form(
        "DICOM PDF",
        "dcmtk dcm2json, dcm2pdf",
        lambda report: encapsulated_pdf.document(report, printed_pdf(report)),
        dicom.carried_pdf,
        lambda data, report, told: dicom.read_pdf(data, printed_pdf(report)),
    ),
    Form(
        "FHIR R4",
        "fhir.resources",
        fhir_r4.bundle,
        fhir.carried,
        lambda data, report, told: fhir.read(data),
    ),
    _oru_form(Charset.UTF_8),
    _oru_form(Charset.GB18030),
)
FORMS: Mapping[str, Form] = {form.name: form for form in _ALL}

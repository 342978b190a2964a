"""A report's PDF as a DICOM object."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from radraft.reports.export import encapsulated_pdf
from radraft.reports.export.values import OutgoingReport
from tests import dciodvfy, orthanc
from tests.outgoing_reports import all_shapes, images, outgoing, signed
from tests.scale import scaled

PDF = b"%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n%%EOF\n"
SHAPES = all_shapes()[:: scaled(20, full=1)]


def read(report: OutgoingReport, pdf: bytes = PDF) -> Dataset:
    return pydicom.dcmread(io.BytesIO(encapsulated_pdf.document(report, pdf)))


@pytest.mark.scaled
def test_dciodvfy_finds_nothing_but_what_is_explained(tmp_path: Path) -> None:
    told = {}
    for number, report in enumerate(SHAPES):
        file = tmp_path / f"{number:03d}.dcm"
        file.write_bytes(encapsulated_pdf.document(report, PDF))
        assert dciodvfy.kind(file) == "EncapsulatedPDF"
        if found := dciodvfy.findings(file):
            told[file] = found
    assert told == {}


@pytest.mark.parametrize("pdf", [PDF, PDF.replace(b">>en", b">> en")])
def test_dcmtk_takes_the_same_pdf_out_again(tmp_path: Path, pdf: bytes) -> None:
    orthanc.needs("dcm2pdf")
    file, back = tmp_path / "report.dcm", tmp_path / "report.pdf"
    file.write_bytes(encapsulated_pdf.document(outgoing(), pdf))
    subprocess.run(["dcm2pdf", file, back], check=True, capture_output=True)
    assert back.read_bytes()[: len(pdf)] == pdf
    made = pydicom.dcmread(file)
    assert made.EncapsulatedDocumentLength == len(pdf)
    assert len(made.EncapsulatedDocument) % 2 == 0


def test_the_object_says_what_it_is_and_what_it_shows() -> None:
    made = read(outgoing(key_images=images(1, 2)))
    assert (made.Modality, made.SeriesNumber, made.InstanceNumber) == ("DOC", 9902, 1)
    assert made.MIMETypeOfEncapsulatedDocument == "application/pdf"
    assert (made.BurnedInAnnotation, made.ConversionType) == ("YES", "WSD")
    assert made.ConceptNameCodeSequence[0].CodeValue == "18748-4"
    assert made.DocumentTitle == "影像诊断报告"
    shown = [item.ReferencedSOPInstanceUID for item in made.SourceInstanceSequence]
    assert shown == ["1.2.826.0.1.3680043.10.2.1.1", "1.2.826.0.1.3680043.10.2.1.2"]
    assert made.VerificationFlag == "VERIFIED"
    assert "SourceInstanceSequence" not in read(outgoing(key_images=()))


def test_a_version_names_the_one_before_and_repeats_itself() -> None:
    first = signed(5)
    second = outgoing(signed(5, before=first), 5)
    assert encapsulated_pdf.document(second, PDF) == encapsulated_pdf.document(second, PDF)
    before, after = read(outgoing(first, 5)), read(second)
    (series,) = after.PredecessorDocumentsSequence[0].ReferencedSeriesSequence
    (instance,) = series.ReferencedSOPSequence
    assert instance.ReferencedSOPInstanceUID == before.SOPInstanceUID
    assert "PredecessorDocumentsSequence" not in before


def test_other_words_under_the_same_version_are_another_object() -> None:
    made = [read(outgoing(signed(5, findings=n), 5)).SOPInstanceUID for n in (2, 4)]
    assert made[0] != made[1]


def test_what_is_no_pdf_is_not_wrapped() -> None:
    with pytest.raises(ValueError, match="not a PDF"):
        encapsulated_pdf.document(outgoing(), b"<html>")

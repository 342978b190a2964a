"""A signed report's DICOM documents in a real PACS."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import httpx
import pydicom
import pytest

from radraft.reports.export import encapsulated_pdf, kos, sr
from radraft.reports.export.values import OutgoingReport
from tests import orthanc
from tests.outgoing_reports import images, outgoing, signed

pytestmark = [pytest.mark.pacs]
PDF = b"%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n%%EOF\n"


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[orthanc.Orthanc]:
    orthanc.needs("Orthanc", "ip")
    with orthanc.private_network(), orthanc.running(tmp_path / "orthanc") as running:
        yield running


def documents(report: OutgoingReport) -> tuple[bytes, ...]:
    return (
        sr.document(report),
        kos.document(report),
        encapsulated_pdf.document(report, PDF),
    )


def stored(pacs: orthanc.Orthanc, data: bytes) -> None:
    """STOW-RS, one instance."""
    body = b"--part\r\nContent-Type: application/dicom\r\n\r\n" + data + b"\r\n--part--\r\n"
    kind = 'multipart/related; type="application/dicom"; boundary=part'
    answer = httpx.post(
        f"{pacs.dicomweb}/studies", content=body, headers={"Content-Type": kind}, trust_env=False
    )
    assert answer.status_code == 200


def test_a_pacs_finds_each_document_and_gives_it_back_as_it_was(pacs: orthanc.Orthanc) -> None:
    first = signed(4)
    versions = [
        outgoing(version, 4, key_images=images(4, 2))
        for version in (first, signed(4, before=first))
    ]
    for report in versions:
        for data in documents(report):
            stored(pacs, data)
            stored(pacs, data)
    assert pacs.instances() == 6
    for report in versions:
        for data in documents(report):
            made = pydicom.dcmread(io.BytesIO(data))
            answers = pacs.found(report.examination.study_uid, made.Modality)
            uids = [answer["00080018"]["Value"][0] for answer in answers]
            assert len(uids) == 2
            assert made.SOPInstanceUID in uids
            uids_of = (made.StudyInstanceUID, made.SeriesInstanceUID, made.SOPInstanceUID)
            assert pacs.returned(*uids_of) == data

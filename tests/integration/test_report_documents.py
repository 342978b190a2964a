"""A signed report's DICOM documents in a real PACS."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pydicom
import pytest
from pydicom.dataset import Dataset

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


def found(pacs: orthanc.Orthanc, study: str, modality: str) -> list[dict[str, Any]]:
    """QIDO-RS: the study's instances of a modality."""
    answer = httpx.get(
        f"{pacs.dicomweb}/studies/{study}/instances",
        params={"Modality": modality, "includefield": "all"},
        headers={"Accept": "application/dicom+json"},
        trust_env=False,
    )
    answers: list[dict[str, Any]] = answer.raise_for_status().json()
    return answers


def returned(pacs: orthanc.Orthanc, made: Dataset) -> bytes:
    """WADO-RS: the instance's file as it comes back."""
    place = (
        f"{pacs.dicomweb}/studies/{made.StudyInstanceUID}/series/{made.SeriesInstanceUID}"
        f"/instances/{made.SOPInstanceUID}"
    )
    kind = 'multipart/related; type="application/dicom"; transfer-syntax=*'
    answer = httpx.get(place, headers={"Accept": kind}, trust_env=False).raise_for_status()
    boundary = answer.headers["Content-Type"].split("boundary=")[1].split(";")[0].strip('"')
    _, _, part = answer.content.partition(b"\r\n\r\n")
    file, _, _ = part.rpartition(f"\r\n--{boundary}--".encode())
    return file


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
            answers = found(pacs, report.examination.study_uid, made.Modality)
            uids = [answer["00080018"]["Value"][0] for answer in answers]
            assert len(uids) == 2
            assert made.SOPInstanceUID in uids
            assert returned(pacs, made) == data

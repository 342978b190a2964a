"""A PACS that hospitals run has each report once, byte for byte, by C-STORE and by STOW."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydicom import dcmread

from radraft.exchange import dicom_sender
from radraft.exchange.targets import HostPort, Target, TargetKind
from radraft.reports.export import encapsulated_pdf, kos, sr
from radraft.reports.outgoing_entry import OutgoingForm
from tests import orthanc
from tests.outgoing_reports import examination, images, outgoing, signed

pytestmark = [pytest.mark.pacs, pytest.mark.slow]

CHARACTER_SET = b"\x08\x00\x05\x00CS"
"""The first element of each of our documents, (0008,0005), in explicit VR little endian."""
PDF = b"%PDF-1.7\n% made up\n%%EOF\n"


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[orthanc.Orthanc]:
    orthanc.needs("Orthanc", "ip")
    with (
        orthanc.private_network(),
        orthanc.running(tmp_path / "orthanc", modalities={}) as running,
    ):
        yield running


def target(kind: TargetKind, **changes: Any) -> Target:
    values: dict[str, Any] = {
        "name": "pacs", "kind": kind, "sites": frozenset({"*"}), "forms": (OutgoingForm.SR,),
        "occasions": frozenset(), "called_aet": "ORTHANC", "timeout_s": 60.0,
        "host": HostPort("127.0.0.1", orthanc.DICOM),
        "url": f"http://127.0.0.1:{orthanc.HTTP}/dicom-web",
    }  # fmt: skip
    return Target(**values | changes)


def test_every_document_is_there_once_and_as_it_was_sent(
    pacs: orthanc.Orthanc, tmp_path: Path
) -> None:
    by_store, by_stow = target(TargetKind.DICOM), target(TargetKind.STOW)
    sent: dict[str, bytes] = {}
    for number in (1, 2):
        about = examination(number)
        report = outgoing(signed(number), number, examination=about, key_images=images(number, 2))
        documents = (
            sr.document(report), kos.document(report), encapsulated_pdf.document(report, PDF),
        )  # fmt: skip
        for document in documents:
            # Twice: as after a kill.
            for _ in range(2):
                if number == 1:
                    dicom_sender.store(document, by_store)
                else:
                    dicom_sender.stow(document, by_stow, tmp_path / "scratch")
            sent[str(dcmread(io.BytesIO(document)).SOPInstanceUID)] = document
    with httpx.Client(base_url=by_stow.url, trust_env=False, timeout=60.0) as client:
        found = client.get("/instances").json()
        assert {item["00080018"]["Value"][0] for item in found} == set(sent)
    with httpx.Client(base_url=f"http://127.0.0.1:{orthanc.HTTP}", trust_env=False) as client:
        for instance in client.get("/instances").json():
            kept = client.get(f"/instances/{instance}/file").content
            original = sent[str(dcmread(io.BytesIO(kept)).SOPInstanceUID)]
            assert data_set_of(kept) == data_set_of(original)


def data_set_of(file: bytes) -> bytes:
    """The bytes after the file's head, which the PACS writes anew."""
    return file[file.index(CHARACTER_SET) :]

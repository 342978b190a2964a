"""A PACS that lies, at the wire: over C-STORE, and over DICOMweb."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from radraft.exchange._multipart import related
from tests.exchange.builders import associated
from tests.integration.films import Film

SUCCESS = 0x0000


def sent(port: int, *datasets: Any) -> list[int]:
    """Status of each data set's C-STORE, each in the transfer syntax that it claims."""
    statuses = []
    for dataset in datasets:
        offered = (str(dataset.SOPClassUID), [str(dataset.file_meta.TransferSyntaxUID)])
        with associated(port, offered, calling="PACS") as association:
            assert association.is_established
            statuses.append(int(association.send_c_store(dataset).Status))
    return statuses


def of_another_patient(film: Film, stranger: Film) -> Any:
    """The stranger's image under the film's study."""
    dataset = copy.deepcopy(stranger.dataset)
    dataset.StudyInstanceUID = film.dataset.StudyInstanceUID
    dataset.AccessionNumber = film.dataset.AccessionNumber
    return dataset


def with_other_pixels(film: Film) -> Any:
    """The film's own SOP Instance UID over another picture."""
    dataset = plain(film)
    dataset.SOPInstanceUID = film.dataset.SOPInstanceUID
    dataset.PixelData = np.ascontiguousarray(np.fliplr(film.dataset.pixel_array)).tobytes()
    return dataset


def cut_short(film: Film) -> Any:
    """One more image of the film's study, of which half the pixels came."""
    dataset = plain(film)
    dataset.PixelData = dataset.PixelData[: len(dataset.PixelData) // 4 * 2]
    return dataset


def not_as_it_claims(film: Film) -> Any:
    """One more image of the film's study, called plain and compressed nobody knows how."""
    dataset = plain(film)
    dataset.PixelData = encapsulate([b"GIF89a" + bytes(2000)])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    return dataset


def plain(film: Film) -> Any:
    """Another image of the film's study, not compressed."""
    dataset = copy.deepcopy(film.dataset)
    dataset.SOPInstanceUID = generate_uid()
    dataset.InstanceNumber = 2
    dataset.PixelData = film.dataset.pixel_array.tobytes()
    dataset["PixelData"].VR = "OW" if dataset.BitsAllocated > 8 else "OB"
    dataset["PixelData"].is_undefined_length = False
    dataset.file_meta.TransferSyntaxUID = UID(ExplicitVRLittleEndian)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return dataset


class _Archive(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, study_uid: str, announced: int, files: Sequence[Path]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.said = {
            "0020000D": {"vr": "UI", "Value": [study_uid]},
            "00201208": {"vr": "IS", "Value": [announced]},
        }
        self.files = files


class _Handler(BaseHTTPRequestHandler):
    server: _Archive

    def do_GET(self) -> None:
        self.send_response(200)
        if self.path.startswith("/studies?"):
            kind, body = "application/dicom+json", iter([json.dumps([self.server.said]).encode()])
        else:
            kind, body = related(self.server.files)
        self.send_header("content-type", kind)
        self.end_headers()
        for chunk in body:
            self.wfile.write(chunk)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextmanager
def archive(study_uid: str, announced: int, *files: Path) -> Iterator[str]:
    """A DICOMweb service that announces so many images of a study and sends these files; its
    address."""
    with _Archive(study_uid, announced, files) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()

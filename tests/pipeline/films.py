"""Films and slices as a device sends them: good ones, and films with too little exposure."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage

from tests.exchange.builders import PLAIN, associated
from tests.studies import builders
from tests.ui.seed import phantom

SIDE = 320
GRAIN = 40
"""Standard deviation of what is fine in a film, in its 4096 values."""


def good(number: int, study: int = 1, *, side: int = SIDE, **changed: Any) -> Dataset:
    """A chest that no rule finds anything against, of `side` x `side` pixels."""
    return _film(_sharp(number, side), number, study, **changed)


def too_bright(number: int, study: int = 1, **changed: Any) -> Dataset:
    """The same taken with too little exposure: more than half of it is white."""
    pixels = _sharp(number)
    return _film(np.where(pixels > 700, 4095, pixels).astype(np.uint16), number, study, **changed)


def _sharp(number: int, side: int = SIDE) -> npt.NDArray[np.uint16]:
    fine = np.random.default_rng(number).normal(0, GRAIN, (side, side))
    return (phantom(side, seed=number) + fine).clip(0, 4095).astype(np.uint16)


def slice_of(number: int, study: int = 1, **changed: Any) -> Dataset:
    """One slice of a CT."""
    pixels = phantom(64, seed=number).astype(np.uint16)
    said = {
        "SOPClassUID": CTImageStorage,
        "Modality": "CT",
        "ViewPosition": None,
        "PixelSpacing": [0.7, 0.7],
        "SliceThickness": 1.0,
        "ImagePositionPatient": [0.0, 0.0, float(number)],
        "ImageOrientationPatient": [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
    }
    return _film(pixels, number, study, **said | changed)


def send_slices(port: int, count: int, first: int = 1) -> None:
    """Send slices `first` and on of one CT over C-STORE, on one association."""
    with associated(port, (CTImageStorage, list(PLAIN))) as association:
        for number in range(first, first + count):
            dataset = slice_of(number)
            dataset.file_meta = FileMetaDataset()
            dataset.file_meta.TransferSyntaxUID = UID(PLAIN[0])
            assert association.send_c_store(dataset).Status == 0


def _film(pixels: Any, number: int, study: int, **changed: Any) -> Dataset:
    said: dict[str, Any] = {
        "StudyInstanceUID": f"1.2.826.0.1.3680043.10.2.{study}",
        "SeriesInstanceUID": f"1.2.826.0.1.3680043.10.3.{study}",
        "AccessionNumber": f"MADE-UP-{study}",
        "PatientID": f"MADE-UP-{study}",
        "PatientName": "Made^Up",
        "StationName": "ROOM1",
        "Manufacturer": "Maker",
        "ManufacturerModelName": "Model",
        "PixelSpacing": [0.2, 0.2],
        "WindowCenter": 1300,
        "WindowWidth": 2600,
    }
    return builders.radiograph(pixels, number=number + 1000 * study, **said | changed)

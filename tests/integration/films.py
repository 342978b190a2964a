"""Films of the demonstration's made-up patients, as a modality sends them: right ones, and bad."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.uid import generate_uid

from tests.exchange.test_pacs import PROPOSALS

STATION = "DX-NIGHT"
"""The device whose cassette was turned."""
DEMO = Path(__file__).parents[2] / "demo" / "studies"


@dataclass(frozen=True)
class Film:
    """One image of a study of its own."""

    path: Path
    dataset: Any
    """As pydicom reads it."""

    @property
    def name(self) -> str:
        """The patient's name in characters, as it is searched for."""
        return str(self.dataset.PatientName.ideographic).replace("^", "")

    @property
    def names(self) -> tuple[str, str]:
        """The patient's name as either language writes it."""
        family, given = str(self.dataset.PatientName.alphabetic).split("^")
        return self.name, f"{given} {family}"

    @property
    def proposed(self) -> tuple[str, ...]:
        """What makes storescu offer the film's transfer syntax."""
        return PROPOSALS.get(str(self.dataset.file_meta.TransferSyntaxUID), ())

    @property
    def identity(self) -> tuple[str, ...]:
        """Words that stand for the patient or the study."""
        family, given = str(self.dataset.PatientName.alphabetic).split("^")
        numbers = (self.dataset.PatientID, self.dataset.AccessionNumber)
        uids = (self.dataset.StudyInstanceUID, self.dataset.SOPInstanceUID)
        return (self.name, self.name[1:], given, f"{family}^", *map(str, (*numbers, *uids)))


def film(path: Path) -> Film:
    """The film in a file."""
    return Film(path, pydicom.dcmread(path))


def demo(number: str) -> Film:
    """The film of a demonstration study."""
    (path,) = (DEMO / number).glob("*.dcm")
    return film(path)


def lying_on_its_side(number: str, folder: Path) -> Film:
    """A demonstration film that was exposed with the cassette turned."""
    dataset = demo(number).dataset
    pixels = np.rot90(dataset.pixel_array).copy()
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.PixelData = pixels.tobytes()
    dataset.StudyInstanceUID, dataset.SOPInstanceUID = generate_uid(), generate_uid()
    dataset.StationName = STATION
    dataset.AccessionNumber = f"{dataset.AccessionNumber}9"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    path = folder / "turned.dcm"
    dataset.save_as(path)
    return film(path)

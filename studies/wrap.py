"""Wraps a picture of a radiograph (JPEG, PNG) as DICOM, so that it can walk the same line."""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from radraft.studies.uids import named_uid

_VIEWS = {"L": "LL", "LATERAL": "LL"}


@dataclass(frozen=True)
class Picture:
    """What is known of a picture. Nothing here names a person."""

    key: str
    """Invented id of the study: same key, same UIDs."""
    patient: str = ""
    """Invented id of the patient; the key where it is empty."""
    view: str = ""
    """View Position (0018,5101), as the source says it."""
    age_years: int | None = None
    sex: str = ""
    """`M`, `F`, `O` or empty."""
    body_part: str = "CHEST"


def wrap(image: Path, target: Path, about: Picture) -> Path:
    """Write `image` to `target` as a minimal CR image with 8 bits, and give `target` back.

    The same picture gives the same bytes. OSError where the picture or the target is unusable.
    """
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID, ComputedRadiographyImageStorage, ExplicitVRLittleEndian

    pixels = _grey(image)
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = ComputedRadiographyImageStorage
    for what in ("SOPInstance", "StudyInstance", "SeriesInstance"):
        setattr(dataset, f"{what}UID", named_uid(about.key, what))
    dataset.Modality = "CR"
    dataset.PatientID = about.patient or about.key
    dataset.PatientName = ""
    dataset.PatientBirthDate = ""
    dataset.PatientSex = about.sex if about.sex in {"M", "F", "O"} else ""
    if about.age_years is not None and 0 <= about.age_years <= 150:
        dataset.PatientAge = f"{about.age_years:03d}Y"
    dataset.StudyDate = dataset.StudyTime = dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = dataset.StudyID = dataset.Manufacturer = ""
    dataset.SeriesNumber = dataset.InstanceNumber = 1
    dataset.ImageType = ["DERIVED", "PRIMARY"]
    dataset.BodyPartExamined = about.body_part
    dataset.ViewPosition = _VIEWS.get(about.view.upper(), about.view.upper())[:16]
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.PixelRepresentation = 0
    dataset.WindowCenter, dataset.WindowWidth = "128", "256"
    dataset.PixelData = pixels.tobytes() + b"\0" * (pixels.size % 2)
    dataset["PixelData"].VR = "OB"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.ImplementationClassUID = UID(named_uid("radraft", "wrap"))
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Beside the target first: a run that was stopped leaves no half of a file under its name.
    unfinished = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    # It may name a patient: for nobody but whoever makes it.
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        dataset.save_as(stream, enforce_file_format=True)
    unfinished.replace(target)
    return target


def _grey(image: Path) -> npt.NDArray[np.uint8]:
    """(rows, columns) of 8 bits; deeper pictures are scaled from their own range."""
    from PIL import Image

    with Image.open(image) as picture:
        if picture.mode.startswith(("I", "F")):
            deep = np.asarray(picture, dtype=np.float64)
            low, high = float(deep.min()), float(deep.max())
            return ((deep - low) * (255.0 / ((high - low) or 1.0))).round().astype(np.uint8)
        return np.asarray(picture.convert("L"), dtype=np.uint8)

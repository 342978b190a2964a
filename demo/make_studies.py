"""Writes demo/studies/: real chest radiographs and one CT slice under made-up identities.

    python demo/make_studies.py [--images ../shared/data/demo_cxr] [--out demo/studies]

Running it twice gives the same bytes. What is real and what is made up: demo/README.md.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import pydicom
import yaml
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

HERE = Path(__file__).resolve().parent
SYNTAXES = {
    "jpeg2000": JPEG2000Lossless,
    "jpegls": JPEGLSLossless,
    "rle": RLELossless,
    "explicit": ExplicitVRLittleEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
}
NAMESPACE = uuid.UUID("5b0c6f3e-6c1d-4f0a-9a55-2d7a3c1e9b42")
"""Any fixed UUID: UIDs below it are 2.25 followed by a UUID of version 5 (PS3.5 B.2)."""
NIH_CREDIT = (
    "Image: NIH Clinical Center, ChestX-ray14 {image} (Wang X et al., CVPR 2017). "
    "Identity, dates and history are made up. Research use only."
)
CT_CREDIT = (
    "Image: CT_small.dcm of the pydicom test files (MIT licence), resampled by D. Clunie. "
    "Identity, dates and history are made up. Research use only."
)
CT_KEPT = (
    "ImageType", "Manufacturer", "ManufacturerModelName", "ScanOptions", "SliceThickness", "KVP",
    "DataCollectionDiameter", "ReconstructionDiameter", "DistanceSourceToDetector",
    "DistanceSourceToPatient", "GantryDetectorTilt", "TableHeight", "ExposureTime",
    "XRayTubeCurrent", "Exposure", "FilterType", "ConvolutionKernel", "PatientPosition",
    "AcquisitionNumber", "ImagePositionPatient", "ImageOrientationPatient",
    "PositionReferenceIndicator", "SliceLocation", "SamplesPerPixel", "PhotometricInterpretation",
    "Rows", "Columns", "PixelSpacing", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "PixelPaddingValue", "RescaleIntercept", "RescaleSlope", "PixelData",
)  # fmt: skip


def main() -> None:
    """Write every case of cases.yaml."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=Path, default=HERE.parents[1] / "shared/data/demo_cxr")
    parser.add_argument("--out", type=Path, default=HERE / "studies")
    arguments = parser.parse_args()
    labels = _labels(arguments.images / "labels.csv")
    cases = yaml.safe_load((HERE / "cases.yaml").read_text(encoding="utf-8"))
    total = 0
    for case in cases:
        if case["image"].endswith(".dcm"):
            dataset = _ct(case)
        else:
            pixels = np.asarray(
                Image.open(arguments.images / "images" / case["image"]).convert("L")
            )
            dataset = _radiograph(case, labels[case["image"]], pixels)
        folder = arguments.out / case["folder"]
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        path = folder / f"{dataset.Modality}{case['folder']}.dcm"
        _write(dataset, SYNTAXES[case["encoding"]], path)
        total += path.stat().st_size
        print(f"{path.relative_to(arguments.out)}  {case['encoding']:9}{path.stat().st_size:>9,} B")
    print(f"{len(cases)} studies, {total:,} B")


def _labels(path: Path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return {Path(row["file"]).name: row for row in csv.DictReader(file)}


def _uid(*parts: str) -> UID:
    return UID(f"2.25.{uuid.uuid5(NAMESPACE, '/'.join(parts)).int}")


def _common(case: dict[str, Any], sex: str, sop_class: UID) -> Dataset:
    """Patient, study, series, equipment and SOP common modules."""
    taken = datetime.strptime(case["taken"], "%Y%m%d %H%M%S")
    born = datetime.strptime(case["born"], "%Y%m%d")
    years = taken.year - born.year - ((taken.month, taken.day) < (born.month, born.day))
    dataset = Dataset()
    dataset.SpecificCharacterSet = "GB18030"
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = _uid(case["folder"], "instance")
    dataset.StudyInstanceUID = _uid(case["folder"], "study")
    dataset.SeriesInstanceUID = _uid(case["folder"], "series")
    for what in ("Study", "Series", "Acquisition", "Content"):
        setattr(dataset, f"{what}Date", taken.strftime("%Y%m%d"))
        setattr(dataset, f"{what}Time", taken.strftime("%H%M%S"))
    dataset.AccessionNumber = f"DEMO{taken:%y%m%d}{case['folder']}"
    dataset.ReferringPhysicianName = ""
    dataset.StudyID = case["folder"]
    dataset.SeriesNumber = 1
    dataset.InstanceNumber = 1
    dataset.PatientName = case["name"]
    dataset.PatientID = case["patient"]
    dataset.PatientBirthDate = case["born"]
    dataset.PatientSex = sex
    dataset.PatientAge = f"{years:03d}Y"
    dataset.AdditionalPatientHistory = case["history"]
    return dataset


def _radiograph(
    case: dict[str, Any], label: dict[str, str], pixels: npt.NDArray[np.uint8]
) -> Dataset:
    dataset = _common(case, label["sex"], ComputedRadiographyImageStorage)
    if int(dataset.PatientAge[:3]) != int(label["age"]):
        raise SystemExit(f"{case['image']}: the dates give another age than the label")
    dataset.Modality = "CR"
    dataset.Manufacturer = "radraft demo"
    dataset.StudyDescription = "胸部正位"
    dataset.ImageType = ["DERIVED", "PRIMARY"]
    dataset.DerivationDescription = "8-bit PNG of the public data set, no new loss"
    dataset.BodyPartExamined = "CHEST"
    dataset.ViewPosition = label["view"]
    # The picture shows the patient's left on its right.
    dataset.PatientOrientation = ["L", "F"]
    dataset.ImageComments = NIH_CREDIT.format(image=case["image"])
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.PixelRepresentation = 0
    dataset.WindowCenter, dataset.WindowWidth = "128", "256"
    dataset.PixelData = pixels.tobytes()
    return dataset


def _ct(case: dict[str, Any]) -> Dataset:
    source = pydicom.dcmread(Path(pydicom.__file__).parent / "data/test_files" / case["image"])
    dataset = _common(case, case["sex"], CTImageStorage)
    dataset.Modality = "CT"
    dataset.FrameOfReferenceUID = _uid(case["folder"], "frame of reference")
    dataset.Laterality = ""
    for keyword in CT_KEPT:
        if keyword in source:
            dataset[keyword] = source[keyword]
    dataset.ImageComments = CT_CREDIT
    dataset.WindowCenter, dataset.WindowWidth = "40", "400"
    return dataset


def _write(dataset: Dataset, syntax: UID, path: Path) -> None:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = syntax
    meta.ImplementationClassUID = _uid("make_demo_studies")
    meta.ImplementationVersionName = "RADRAFT_DEMO"
    dataset.file_meta = meta
    if syntax.is_encapsulated:
        _compress(dataset, syntax)
    else:
        dataset["PixelData"].VR = "OB" if dataset.BitsAllocated == 8 else "OW"
    dataset.save_as(path, enforce_file_format=True)


def _compress(dataset: Dataset, syntax: UID) -> None:
    pixels = np.frombuffer(dataset.PixelData, np.uint8).reshape(dataset.Rows, dataset.Columns)
    if syntax == RLELossless:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.compress(RLELossless, generate_instance_uid=False)
        return
    if syntax == JPEG2000Lossless:
        frame = imagecodecs.jpeg2k_encode(pixels, level=0, codecformat="J2K", reversible=True)
    else:
        frame = imagecodecs.jpegls_encode(pixels)
    dataset.PixelData = encapsulate([bytes(frame)])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True


if __name__ == "__main__":
    main()

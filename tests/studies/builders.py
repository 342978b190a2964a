"""DICOM files made for the tests, good ones and broken ones."""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

SECRET = b"only for the tests, 32 bytes long"
BUNDLED = Path(pydicom.__file__).parent / "data/test_files"
SHARED = Path(__file__).resolve().parents[3] / "shared/data/dicom"


def gradient(rows: int = 32, columns: int = 48, top: int = 4095) -> npt.NDArray[np.uint16]:
    """Rows of equal ramps from 0 to `top`."""
    ramp = np.linspace(0, top, columns).round().astype(np.uint16)
    return np.tile(ramp, (rows, 1))


def radiograph(pixels: npt.NDArray[Any] | None = None, **changed: Any) -> Dataset:
    """A computed radiograph; `changed` sets attributes, None deletes one."""
    stored = gradient() if pixels is None else pixels
    number = changed.pop("number", 1)
    dataset = Dataset()
    dataset.SOPClassUID = ComputedRadiographyImageStorage
    dataset.SOPInstanceUID = f"1.2.826.0.1.3680043.10.1.{number}"
    dataset.StudyInstanceUID = "1.2.826.0.1.3680043.10.2.1"
    dataset.SeriesInstanceUID = "1.2.826.0.1.3680043.10.3.1"
    dataset.StudyDate, dataset.StudyTime = "20250102", "030405"
    dataset.AccessionNumber = "ACC778899"
    dataset.Modality = "CR"
    dataset.PatientName, dataset.PatientID = "Zhang^Wei", "P0042"
    dataset.PatientBirthDate, dataset.PatientSex = "19700305", "M"
    dataset.BodyPartExamined, dataset.ViewPosition = "CHEST", "PA"
    dataset.SeriesNumber, dataset.InstanceNumber = 1, number
    dataset.SamplesPerPixel = 3 if stored.ndim == 3 and stored.shape[-1] == 3 else 1
    dataset.PhotometricInterpretation = "RGB" if dataset.SamplesPerPixel == 3 else "MONOCHROME2"
    if dataset.SamplesPerPixel == 3:
        dataset.PlanarConfiguration = 0
    elif stored.ndim == 3:
        dataset.NumberOfFrames = stored.shape[0]
    shape = stored.shape[:2] if dataset.SamplesPerPixel == 3 else stored.shape[-2:]
    dataset.Rows, dataset.Columns = shape
    bits = 8 * stored.dtype.itemsize
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelRepresentation = int(stored.dtype.kind == "i")
    dataset.PixelData = stored.tobytes()
    dataset["PixelData"].VR = "OB" if bits == 8 else "OW"
    for keyword, value in changed.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    return dataset


def write(dataset: Dataset, path: Path, syntax: UID = ExplicitVRLittleEndian) -> Path:
    """Write `dataset` as a DICOM file, however wrong its values are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", ComputedRadiographyImageStorage)
    meta.MediaStorageSOPInstanceUID = UID("1.2.826.0.1.3680043.10.1.1")
    meta.TransferSyntaxUID = syntax
    dataset.file_meta = meta
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    return path


def raw_element(tag: int, vr: bytes, value: bytes) -> bytes:
    """One explicit VR little endian element."""
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr
    if vr in {b"OB", b"OW", b"SQ", b"UN", b"UT"}:
        return head + b"\0\0" + struct.pack("<I", len(value)) + value
    return head + struct.pack("<H", len(value)) + value


def insert(path: Path, element: bytes, *, before: int = 0x7FE00010) -> Path:
    """Put raw bytes before the element with tag `before`."""
    data = path.read_bytes()
    marker = struct.pack("<HH", before >> 16, before & 0xFFFF)
    at = data.rindex(marker)
    path.write_bytes(data[:at] + element + data[at:])
    return path


def nested(depth: int, *, defined: bool) -> bytes:
    """`depth` sequences within each other, of defined or undefined length."""
    inner = b""
    for _ in range(depth):
        if defined:
            item = struct.pack("<HHI", 0xFFFE, 0xE000, len(inner)) + inner
            inner = raw_element(0x00400555, b"SQ", item)
        else:
            item = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF) + inner
            item += struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
            head = struct.pack("<HH", 0x0040, 0x0555) + b"SQ\0\0" + b"\xff\xff\xff\xff"
            inner = head + item + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    return inner


def with_raw(path: Path, tag: int, vr: bytes, value: bytes) -> Path:
    """Replace an existing element's bytes: values that pydicom would not write."""
    data = path.read_bytes()
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr
    at = data.index(head)
    length = struct.unpack_from("<H", data, at + 6)[0]
    padded = value + b" " * (len(value) % 2)
    path.write_bytes(data[:at] + raw_element(tag, vr, padded) + data[at + 8 + length :])
    return path


def deflate_bomb(path: Path, inflated: int) -> Path:
    """A deflated radiograph whose one private value is `inflated` zero bytes."""
    write(radiograph(), path)
    data = path.read_bytes()
    start = data.index(b"\x08\x00\x16\x00UI")
    packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = [packer.compress(data[start : data.rindex(b"\xe0\x7f\x10\x00")])]
    packed.append(packer.compress(b"\xdf\x7f\x10\x00OB\0\0" + struct.pack("<I", inflated)))
    packed.extend(packer.compress(bytes(1 << 20)) for _ in range(inflated >> 20))
    packed.append(packer.flush())
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    meta.MediaStorageSOPInstanceUID = UID("1.2.826.0.1.3680043.10.1.1")
    meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.1.99")
    head = DicomBytesIO()
    write_file_meta_info(head, meta)
    path.write_bytes(bytes(128) + b"DICM" + head.getvalue() + b"".join(packed))
    return path


def with_syntax(path: Path, uid: str) -> Path:
    """The file with another Transfer Syntax UID and all else as it was."""
    data = path.read_bytes()
    at = data.index(b"\x02\x00\x10\x00UI") + 6
    end = at + 2 + int.from_bytes(data[at : at + 2], "little")
    new = uid.encode("ascii") + b"\0" * (len(uid) % 2)
    path.write_bytes(data[:at] + len(new).to_bytes(2, "little") + new + data[end:])
    return path


def without_meta(path: Path) -> Path:
    """A data set alone, implicit VR, as old exports have it."""
    write(radiograph(), path, ImplicitVRLittleEndian)
    data = path.read_bytes()
    path.write_bytes(data[data.index(b"\x08\x00\x16\x00\x1a\0\0\0") :])
    return path


def dicomdir(path: Path, files: list[list[str]]) -> Path:
    """A DICOMDIR whose image records name `files` by their path components."""
    listing = Dataset()
    listing.FileSetID = "TEST"
    listing.DirectoryRecordSequence = []
    for parts in [None, *files]:
        record = Dataset()
        record.DirectoryRecordType = "PATIENT" if parts is None else "IMAGE"
        if parts is not None:
            with warnings.catch_warnings():
                # Some of these are wrong on purpose.
                warnings.simplefilter("ignore")
                record.ReferencedFileID = parts
        listing.DirectoryRecordSequence.append(record)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID("1.2.840.10008.1.3.10")
    meta.MediaStorageSOPInstanceUID = UID("1.2.826.0.1.3680043.10.4.1")
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    listing.file_meta = meta
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pydicom.dcmwrite(path, listing, enforce_file_format=True)
    return path


CT = UID("1.2.840.10008.5.1.4.1.1.2")
MR = UID("1.2.840.10008.5.1.4.1.1.4")
AXIAL, CORONAL = (1, 0, 0, 0, 1, 0), (1, 0, 0, 0, 0, -1)


def body(height: float, size: int = 48) -> npt.NDArray[np.int16]:
    """A slice of a chest in HU; `height`: 0 at the neck to 1 at the belly, lungs in between."""
    y, x = np.mgrid[0:size, 0:size] / size
    hu = np.full((size, size), -1000.0)
    inside = ((x - 0.5) / 0.45) ** 2 + ((y - 0.5) / 0.35) ** 2 < 1
    hu[inside] = 40.0 + 30 * height
    wide = max(0.0, 1 - ((height - 0.5) / 0.4) ** 2) ** 0.5
    for side in (0.3, 0.7):
        lung = ((x - side) / (0.16 * wide + 1e-6)) ** 2 + ((y - 0.5) / (0.26 * wide + 1e-6)) ** 2
        hu[lung < 1] = -850.0
    hu[(x - 0.5) ** 2 + (y - 0.75) ** 2 < 0.003] = 700.0
    return hu.round().astype(np.int16)


def series(
    folder: Path,
    number: int,
    count: int,
    *,
    thickness: float = 5.0,
    extent: float = 300.0,
    orientation: tuple[int, ...] = AXIAL,
    backwards: bool = False,
    **changed: Any,
) -> list[Path]:
    """`count` slices of one CT chest series, `extent` mm from the neck down, in files.

    Instance numbers grow from the feet to the head where `backwards`; positions never lie.
    """  # fmt: skip
    paths = []
    for place in range(count):
        share = place / max(1, count - 1)
        along = 100.0 - share * extent
        across = orientation == AXIAL
        said: dict[str, Any] = {
            "SOPClassUID": CT, "Modality": "CT", "ViewPosition": None, "BodyPartExamined": "CHEST",
            "SeriesInstanceUID": f"1.2.826.0.1.3680043.10.3.{number}", "SeriesNumber": number,
            "StudyInstanceUID": "1.2.826.0.1.3680043.10.2.60",
            "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"], "SliceThickness": str(thickness),
            "ConvolutionKernel": "B31f", "ImageOrientationPatient": list(orientation),
            "ImagePositionPatient": [0, 0, along] if across else [0, -along, 0],
            "RescaleSlope": "1", "RescaleIntercept": "0",
            "WindowCenter": "40", "WindowWidth": "400",
        }  # fmt: skip
        counted = number * 1000 + (count - place if backwards else place + 1)
        dataset = radiograph(body(share), number=counted, **said | changed)
        paths.append(write(dataset, folder / f"{number:02d}-{place:04d}.dcm"))
    return paths


def selection(path: Path, *uids: str, title: str = "113000", **changed: Any) -> Path:
    """A Key Object Selection that refers to `uids`; what PACS and scanners write."""
    dataset = radiograph(SOPClassUID=UID("1.2.840.10008.5.1.4.1.1.88.59"), Modality="KO")
    for keyword in ("PixelData", "Rows", "Columns", "BitsAllocated", "PhotometricInterpretation"):
        delattr(dataset, keyword)
    dataset.StudyInstanceUID = "1.2.826.0.1.3680043.10.2.60"
    dataset.SOPInstanceUID = "1.2.826.0.1.3680043.10.6.1"
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = title, "DCM", "Title"
    dataset.ConceptNameCodeSequence, dataset.ContentSequence = [code], []
    for uid in uids:
        item, image = Dataset(), Dataset()
        image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = CT, uid
        item.ValueType, item.RelationshipType = "IMAGE", "CONTAINS"
        item.ReferencedSOPSequence = [image]
        dataset.ContentSequence.append(item)
    for keyword, value in changed.items():
        setattr(dataset, keyword, value)
    return write(dataset, path)

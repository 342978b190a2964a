"""DICOM files with identity planted in every place a file has, and what must not come out of them.

All names and numbers are invented.
"""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from pydicom._dicom_dict import DicomDictionary
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from tests.studies.builders import radiograph

NAME, HAN = "Ouyang^Qiulan", "欧阳秋兰"
PATIENT_ID, PHONE, BORN = "ZP7730412", "13871120934", "19610307"
ORGANISATION = "QINGSHAN HOSPITAL"
STUDY_DATE = "20231105"
ROOT_UID = "1.2.826.0.1.3680043.9.7133.4."
CT_ENHANCED = UID("1.2.840.10008.5.1.4.1.1.2.1")
SECONDARY = UID("1.2.840.10008.5.1.4.1.1.7")
SR_TEXT = UID("1.2.840.10008.5.1.4.1.1.88.22")
PDF = UID("1.2.840.10008.5.1.4.1.1.104.1")
_PLANTABLE = frozenset({"AE", "LO", "SH", "ST", "LT", "UC", "UT", "PN", "UR", "CS"})
_SET_BY_HAND = frozenset(
    """SpecificCharacterSet PatientName PatientID Modality PhotometricInterpretation PatientSex
    BodyPartExamined ImageType ViewPosition NumberOfFrames""".split()  # noqa: SIM905
)


@dataclass(frozen=True)
class Needle:
    """A string that must not be in the output, by where it was planted."""

    kind: str
    """`tag`, `date`, `uid`, `private`, `nested`, `sr`, `meta`, `preamble`, `name`, `overlay` or
    `codestream`."""
    where: str
    text: str


@dataclass(frozen=True)
class Planted:
    """A file and what was planted in it."""

    path: Path
    needles: tuple[Needle, ...]


def corpus(folder: Path) -> list[Planted]:
    """All files, made anew below `folder`."""
    with warnings.catch_warnings():
        # Much of what is planted is wrong on purpose.
        warnings.simplefilter("ignore")
        return [*_everything(folder), *_encodings(folder), *_objects(folder)]


def refused(folder: Path) -> Path:
    """An encapsulated PDF, which nobody can clean."""
    dataset = _identified(1)
    dataset.SOPClassUID, dataset.Modality = PDF, "OT"
    del dataset.PixelData
    dataset.EncapsulatedDocument = b"%PDF-1.4 " + NAME.encode()
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    return _write(dataset, folder / "document.dcm", [])


def survivors(content: bytes, needles: tuple[Needle, ...]) -> list[Needle]:
    """The needles that are still in a file, in any encoding a file may use."""
    lower = content.lower()
    return [
        needle
        for needle in needles
        if any(
            needle.text.lower().encode(codec, "ignore") in lower
            for codec in ("utf-8", "gb18030", "utf-16-le", "utf-16-be")
        )
    ]


def _identified(number: int, **changed: object) -> Dataset:
    """A small radiograph of the invented patient."""
    dataset = radiograph(number=number)
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName = f"{NAME}={HAN}"
    dataset.PatientID, dataset.PatientBirthDate = PATIENT_ID, BORN
    dataset.PatientTelephoneNumbers, dataset.InstitutionName = PHONE, ORGANISATION
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = STUDY_DATE
    dataset.SOPInstanceUID = f"{ROOT_UID}1.{number}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = ROOT_UID + "2.1", ROOT_UID + f"3.{number}"
    dataset.AccessionNumber = "ACCQ55120"
    for keyword, value in changed.items():
        setattr(dataset, keyword, value)
    return dataset


def _known(kind: str = "tag") -> list[Needle]:
    return [
        Needle(kind, "PatientName", "Ouyang"),
        Needle(kind, "PatientName", "Qiulan"),
        Needle(kind, "PatientName", HAN),
        Needle(kind, "PatientID", PATIENT_ID),
        Needle(kind, "PatientTelephoneNumbers", PHONE),
        Needle(kind, "InstitutionName", "qingshan"),
        Needle(kind, "AccessionNumber", "ACCQ55120"),
        Needle("date", "PatientBirthDate", BORN),
        Needle("date", "StudyDate", STUDY_DATE),
        Needle("uid", "all UIDs", ROOT_UID),
    ]


def _everything(folder: Path) -> Iterator[Planted]:
    """Identity in every attribute of PS3.6 that can hold text, a date or a number as text."""
    tags = sorted(
        (tag, vr, keyword)
        for tag, (vr, _, _, _, keyword) in DicomDictionary.items()
        if keyword and tag >> 16 not in {0, 2, 4} and keyword not in _SET_BY_HAND
        and tag not in {0x00080018, 0x0020000D, 0x0020000E, 0x00080016}
        and tag != 0x00280002 and tag >> 16 != 0x7FE0 and tag >> 16 != 0xFFFE
        and tag not in {0x00420011, 0x00420012}
    )  # fmt: skip
    for number, start in enumerate(range(0, len(tags), 400), start=10):
        dataset, needles = _identified(number), _known()
        for tag, vr, keyword in tags[start : start + 400]:
            planted = _planted_value(tag, vr, keyword)
            if planted is None or (keyword in dataset and vr not in {"DA"}):
                continue
            value, needle = planted
            dataset.add(pydicom.DataElement(tag, vr, value, validation_mode=0))
            needles.append(needle)
        yield Planted(_write(dataset, folder / f"tags{number}.dcm", needles), tuple(needles))


def _planted_value(tag: int, vr: str, keyword: str) -> tuple[object, Needle] | None:
    secret = f"Zq{tag:08x}".upper()
    # Attributes that describe the technique may hold words nobody knows: there, this patient.
    if vr == "CS" or keyword in _technique():
        return f"OUYANG {keyword[:3].upper()}", Needle("tag", keyword, "ouyang")
    if vr in _PLANTABLE:
        return secret[:16], Needle("tag", keyword, secret[:16])
    if vr in {"DA", "DT"}:
        return BORN + ("101112" if vr == "DT" else ""), Needle("date", keyword, BORN)
    if vr in {"IS", "DS"}:
        return PHONE, Needle("tag", keyword, PHONE)
    if vr == "AS":
        return "099Y", Needle("tag", keyword, "099Y")
    if vr == "UI":
        return f"{ROOT_UID}77.{tag}", Needle("uid", keyword, f"{ROOT_UID}77.{tag}")
    if vr in {"OB", "UN"}:
        return secret.encode(), Needle("tag", keyword, secret)
    return None


def _technique() -> frozenset[str]:
    from radraft.studies.deid.profile import profile

    return profile().lists.technique


def _encodings(folder: Path) -> Iterator[Planted]:
    """The same patient in the encodings and transfer syntaxes that hospitals send."""
    syntaxes = (
        ("implicit", ImplicitVRLittleEndian), ("big", ExplicitVRBigEndian),
        ("deflated", DeflatedExplicitVRLittleEndian),
    )  # fmt: skip
    for number, (name, syntax) in enumerate(syntaxes, start=40):
        needles = _known()
        dataset = _identified(number, SpecificCharacterSet="GB18030", StudyDescription=f"{HAN}胸部")
        yield Planted(_write(dataset, folder / f"{name}.dcm", needles, syntax), tuple(needles))
    # GBK bytes that the file says are Latin.
    needles = _known()
    dataset = _identified(45, SpecificCharacterSet="ISO_IR 100", PatientName="X" * 8)
    dataset.PatientComments = "Y" * 8
    path = _write(dataset, folder / "gbk_as_latin.dcm", needles)
    han = HAN.encode("gb18030")
    path.write_bytes(path.read_bytes().replace(b"X" * 8, han).replace(b"Y" * 8, han))
    yield Planted(path, tuple(needles))


def _objects(folder: Path) -> Iterator[Planted]:
    for number, (name, build) in enumerate(
        {
            "private": _private, "nested": _nested, "structured": _structured,
            "overlay": _overlay, "codestream": _codestream, "enhanced": _enhanced,
        }.items(),
        start=60,
    ):  # fmt: skip
        needles = _known()
        syntax = JPEGBaseline8Bit if name == "codestream" else ExplicitVRLittleEndian
        dataset = build(number, needles)
        yield Planted(_write(dataset, folder / f"{name}.dcm", needles, syntax), tuple(needles))


def _private(number: int, needles: list[Needle]) -> Dataset:
    dataset = _identified(number)
    inner = Dataset()
    for depth, target in enumerate((dataset, inner)):
        block = target.private_block(0x0029, f"ZQCREATOR{depth}", create=True)
        block.add_new(0x01, "LO", f"ZQPRIVATE{depth}TEXT")
        block.add_new(0x02, "UN", f"ZQPRIVATE{depth}UNKNOWN".encode())
        block.add_new(0x03, "OB", HAN.encode("utf-16-le"))
        needles += [
            Needle("private", f"depth {depth}", text)
            for text in (f"ZQCREATOR{depth}", f"ZQPRIVATE{depth}TEXT", f"ZQPRIVATE{depth}UNKNOWN")
        ]
    dataset.private_block(0x0031, "ZQSEQUENCE", create=True).add_new(0x01, "SQ", [inner])
    item = Dataset()
    item.private_block(0x0033, "ZQINNER", create=True).add_new(0x01, "PN", "Zqinnername")
    dataset.AcquisitionContextSequence = [item]
    needles += [Needle("private", "in a sequence", text) for text in ("ZQINNER", "Zqinnername")]
    return dataset


def _nested(number: int, needles: list[Needle]) -> Dataset:
    """Items ten deep, each with a name, a date, a UID, a text and a text that its VR hides."""
    dataset = outer = _identified(number)
    for depth in range(10):
        item = Dataset()
        item.ReferringPhysicianName = f"Zqdoctor{depth}"
        item.PatientComments = f"Zqcomment{depth}"
        item.ScheduledProcedureStepDescription = f"Chest of Zqperson{depth}"
        item.ContentDate = BORN
        item.ReferencedSOPInstanceUID = f"{ROOT_UID}5.{depth}"
        item.add_new(0x00081010, "UN", f"ZQSTATION{depth}".encode())
        outer.ReferencedInstanceSequence = [item]
        outer = item
        needles += [
            Needle("nested", f"depth {depth}", text)
            for text in (f"Zqdoctor{depth}", f"Zqcomment{depth}", f"Zqperson{depth}")
        ]
        needles.append(Needle("nested", f"depth {depth}", f"ZQSTATION{depth}"))
    request = Dataset()
    request.RequestedProcedureID, request.RequestingPhysician = "ZQREQUEST", "Zqrequester"
    dataset.RequestAttributesSequence = [request]
    needles += [Needle("nested", "request", text) for text in ("ZQREQUEST", "Zqrequester")]
    return dataset


def _structured(number: int, needles: list[Needle]) -> Dataset:
    dataset = _identified(number, SOPClassUID=SR_TEXT, Modality="SR")
    for keyword in ("PixelData", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit"):
        delattr(dataset, keyword)
    observer = Dataset()
    observer.VerifyingObserverName, observer.VerifyingOrganization = "Zqobserver", "Zqclinic"
    observer.VerificationDateTime = BORN + "101010"
    observer.VerifyingObserverIdentificationCodeSequence = []
    dataset.VerifyingObserverSequence = [observer]
    items = [
        _item("TEXT", TextValue=f"{HAN} was seen by Zqtexter, phone {PHONE}"),
        _item("PNAME", PersonName="Zqperson^Name"),
        _item("DATE", Date=BORN),
        _item("DATETIME", DateTime=BORN + "0800"),
        _item("UIDREF", UID=ROOT_UID + "6.1"),
        _item("CODE", ConceptCodeSequence=[_code("ZQCODE", "99LOCAL", "Zqmeaning")]),
        _item("NUM", MeasuredValueSequence=[]),
    ]
    container = _item("CONTAINER", ContentSequence=items)
    container.ConceptNameCodeSequence = [_code("121070", "DCM", "Findings of Zqmeaning")]
    dataset.ValueType, dataset.ContentSequence = "CONTAINER", [container]
    dataset.ConceptNameCodeSequence = [_code("126000", "DCM", "Imaging Measurement Report")]
    planted = ("Zqobserver", "Zqclinic", "Zqtexter", "Zqperson", "ZQCODE", "Zqmeaning", HAN)
    needles += [Needle("sr", "content", text) for text in planted]
    return dataset


def _item(kind: str, **values: object) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType = "CONTAINS", kind
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return code


def _overlay(number: int, needles: list[Needle]) -> Dataset:
    dataset = _identified(number)
    dataset.add_new(0x60003000, "OW", b"ZQOVERLAYBITS " * 16)
    dataset.add_new(0x60004000, "LT", "Zqoverlaycomment")
    dataset.add_new(0x60020022, "LO", "Zqoverlaydescription")
    dataset.add_new(0x50003000, "OW", b"ZQCURVEPOINTS " * 4)
    texts = ("ZQOVERLAYBITS", "Zqoverlaycomment", "Zqoverlaydescription", "ZQCURVEPOINTS")
    needles += [Needle("overlay", "group 60xx or 50xx", text) for text in texts]
    return dataset


def _codestream(number: int, needles: list[Needle]) -> Dataset:
    """A comment within a JPEG, and bytes after its end."""
    from PIL import Image

    grey = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))
    jpeg = io.BytesIO()
    Image.fromarray(grey).save(jpeg, "JPEG")
    code, comment = jpeg.getvalue(), b"ZQJPEGCOMMENT"
    code = code[:2] + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + code[2:]
    dataset = _identified(number, Rows=48, Columns=64, BitsAllocated=8, BitsStored=8, HighBit=7)
    dataset.PixelData = encapsulate([code + b"ZQAFTERTHEEND"])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    needles += [Needle("codestream", "JPEG", text) for text in ("ZQJPEGCOMMENT", "ZQAFTERTHEEND")]
    return dataset


def _enhanced(number: int, needles: list[Needle]) -> Dataset:
    """Three frames with functional groups; the unused bits of each pixel hold something."""
    stored = np.full((3, 16, 16), 0xA000, np.uint16) + np.arange(256, dtype=np.uint16).reshape(
        16, 16
    )
    dataset = _identified(number, SOPClassUID=CT_ENHANCED, Modality="CT", NumberOfFrames=3)
    dataset.Rows = dataset.Columns = 16
    dataset.BitsStored, dataset.HighBit = 12, 11
    dataset.PixelData = stored.tobytes()
    frame = Dataset()
    content = Dataset()
    content.FrameAcquisitionDateTime, content.FrameComments = BORN + "101010", "Zqframecomment"
    frame.FrameContentSequence = [content]
    dataset.PerFrameFunctionalGroupsSequence = [frame] * 3
    needles.append(Needle("nested", "functional groups", "Zqframecomment"))
    return dataset


def _write(
    dataset: Dataset, path: Path, needles: list[Needle], syntax: UID = ExplicitVRLittleEndian
) -> Path:
    """Write with identity in preamble, file meta information and file name too."""
    path = path.with_name(f"Zqfilename_{path.name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = syntax
    meta.SourceApplicationEntityTitle = "ZQSOURCEAE"
    meta.SendingApplicationEntityTitle = "ZQSENDINGAE"
    meta.ReceivingApplicationEntityTitle = "ZQRECEIVINGAE"
    meta.ImplementationVersionName = "ZQVERSION"
    meta.PrivateInformationCreatorUID = UID(ROOT_UID + "8.1")
    meta.PrivateInformation = b"ZQPRIVATEMETA "
    dataset.file_meta, dataset.preamble = meta, b"ZQPREAMBLE".ljust(128, b"\0")
    needles += [
        Needle("meta", "group 0002", text)
        for text in ("ZQSOURCEAE", "ZQSENDINGAE", "ZQRECEIVINGAE", "ZQVERSION", "ZQPRIVATEMETA")
    ]
    needles += [Needle("preamble", "", "ZQPREAMBLE"), Needle("name", "", "Zqfilename")]
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    return path

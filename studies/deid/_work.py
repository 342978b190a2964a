"""What a worker does for de-identification: one untrusted file in, plain values and bytes out.

The secret stays with the parent: `look` names what needs a pseudonym, `clean` is told them.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from radraft.studies import _limits, _render, _sop
from radraft.studies._ages import age_in_years, date_of
from radraft.studies._fields import Fields
from radraft.studies._refused import PARSE_ERRORS, Refused
from radraft.studies._source import Source, opened
from radraft.studies.deid import _elements
from radraft.studies.deid._clean import Cleaner
from radraft.studies.deid.profile import CLEAN_PIXELS, METHOD, OPTIONS, profile
from radraft.studies.deid.report import Done, Kind
from radraft.studies.deid.words import Identity

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

OPS = ("deid_look", "deid_clean", "deid_frame")
Answer = tuple[dict[str, Any], bytes]
_STORAGE = "1.2.840.10008.5.1.4.1.1."
_DOCUMENTS = frozenset(_STORAGE + f"104.{number}" for number in range(1, 10))
_RAW = frozenset(_STORAGE + tail for tail in ("66", "201.1", "9.1.1"))
_IDENTIFIERS = (
    0x00080050, 0x00080080, 0x00080081, 0x00080092, 0x00080094, 0x00081010, 0x00081040,
    0x00100020, 0x00101000, 0x00101040, 0x00102154, 0x00102180, 0x00380010, 0x00200010,
    0x00101090, 0x00401001, 0x00402016, 0x00402017, 0x0040A027,
)  # fmt: skip
"""Attributes besides names whose values are looked for in text that is kept."""
_NO_PICTURE = frozenset({"SEG", "RTDOSE", "REG"})


def answer(request: dict[str, Any]) -> Answer:
    """Return the answer to one of `OPS`; `{"code": ...}` where the file cannot be taken."""
    work: dict[str, Callable[[Source, dict[str, Any]], Answer]] = {
        "deid_look": _look, "deid_clean": _clean, "deid_frame": _frame,
    }  # fmt: skip
    try:
        with opened(Path(request["path"])) as source:
            return work[request["op"]](source, request)
    except Refused as refused:
        return {"code": refused.code, "details": refused.details}, b""
    except RecursionError:
        return {"code": "nested_too_deep"}, b""
    except (RuntimeError, *PARSE_ERRORS):
        damaged = "pixels_damaged" if request["op"] == "deid_frame" else "header_damaged"
        return {"code": damaged}, b""


def _look(source: Source, request: dict[str, Any]) -> Answer:
    """Return what must be replaced consistently: the patient and all UIDs that are not the
    standard's."""
    from pydicom._uid_dict import UID_dictionary

    fields = Fields(source.dataset)
    if source.sop_class == _sop.DIRECTORY:
        return {"directory": True}, b""
    _check(source, fields)
    uids = {
        uid
        for dataset, tag, declared in _elements.everywhere(source.dataset)
        if _elements.described(dataset, tag)[0] == "UI"
        for uid in _elements.texts(dataset, tag, "UI", declared)
        if uid not in UID_dictionary
    }
    return {
        "uids": sorted(uids),
        "patient_id": fields.text(0x00100020),
        "study_uid": fields.uid(0x0020000D),
        "series_uid": fields.uid(0x0020000E),
        "sop_instance_uid": fields.uid(0x00080018),
    }, b""


def _check(source: Source, fields: Fields) -> None:
    from pydicom._uid_dict import UID_dictionary

    sop_class = source.sop_class
    if not fields.uid(0x00080018) or not fields.uid(0x0020000D) or not fields.uid(0x0020000E):
        if source.cut:
            raise Refused("truncated_header")
        raise Refused("missing_uid" if source.has_preamble else "not_dicom")
    if sop_class in _DOCUMENTS or 0x00420011 in source.dataset:
        raise Refused("deid_document")
    if sop_class not in UID_dictionary or sop_class in _RAW:
        raise Refused("deid_unknown_kind")
    if source.pixel_offset is None:
        if source.cut:
            raise Refused("truncated_header")
        return
    if source.pixel_keyword != "PixelData":
        raise Refused("unsupported_pixels")
    if source.syntax not in _sop.DECODABLE:
        raise Refused("unsupported_transfer_syntax", syntax=source.syntax[:64])


def _clean(source: Source, request: dict[str, Any]) -> Answer:
    """Return the clean header as a DICOM file without pixels, what was done, and the pixels'
    layout."""
    dataset = source.dataset
    cleaner = Cleaner(
        profile(),
        request["uids"],
        request["patient"],
        timedelta(days=request["days"]),
        _identity(dataset),
        source.little,
        Fields(dataset).integer(0x00280103) == 1,
    )
    new = cleaner.clean(dataset)
    _add_age(dataset, new)
    layout = _layout(source, new) if source.pixel_offset is not None else None
    looked = layout is not None and layout["picture"]
    if looked:
        new.BurnedInAnnotation = "NO"
    _add_method(new, looked=looked)
    _count_head(source, request["path"], cleaner.counts)
    counts = [[*key, count] for key, count in sorted(cleaner.counts.items())]
    return {"counts": counts, "layout": layout}, _written(new, source.sop_class)


def _identity(dataset: Dataset) -> Identity:
    values = []
    for inner, tag, declared in _elements.everywhere(dataset):
        vr = _elements.described(inner, tag)[0]
        if vr == "PN" or tag in _IDENTIFIERS:
            values += _elements.texts(inner, tag, vr, declared)
    return Identity.of(values)


def _add_age(old: Dataset, new: Dataset) -> None:
    """The age at the study, where none was sent that can be read and the date of birth, which goes,
    gives it."""
    fields = Fields(old)
    if not new or str(new.get("PatientAge", "000")).strip("0DWMY"):
        return
    years = age_in_years(
        fields.free(0x00101010), date_of(fields.free(0x00100030)), date_of(fields.code(0x00080020))
    )
    if years is not None:
        new.PatientAge = f"{min(years, 90):03d}Y"
    elif "PatientAge" in new:
        del new.PatientAge


def _layout(source: Source, new: Dataset) -> dict[str, Any]:
    """Return how the pixels will lie in the new file; sets their module (PS3.3 C.7.6.3) in
    `new`."""
    stored, photometric = _render.stored_values(source, 0)
    fields = Fields(source.dataset)
    frames = max(1, fields.integer(0x00280008) or 1)
    if frames > _limits.MAX_FRAMES:
        raise Refused("unsupported_pixels")
    bits = 8 * stored.dtype.itemsize
    single = fields.integer(0x00280100) == 1
    if single and stored.size % 8:
        raise Refused("unsupported_pixels")
    new.Rows, new.Columns = stored.shape[:2]
    new.SamplesPerPixel = 3 if stored.ndim == 3 else 1
    new.PhotometricInterpretation = photometric
    if stored.ndim == 3:
        new.PlanarConfiguration = 0
    new.BitsAllocated = 1 if single else bits
    new.BitsStored = 1 if single else min(bits, fields.integer(0x00280101) or bits)
    new.HighBit = new.BitsStored - 1
    new.PixelRepresentation = int(stored.dtype.kind == "i")
    picture = not single and bits <= 16 and str(new.get("Modality", "")) not in _NO_PICTURE
    length = frames * (stored.size // 8 if single else stored.nbytes)
    if length >= 0xFFFFFFFE:
        raise Refused("too_large")
    return {
        "frames": frames,
        "shape": list(stored.shape),
        "dtype": stored.dtype.newbyteorder("<").str,
        "single_bit": single,
        "length": length,
        "picture": picture,
    }


def _add_method(new: Dataset, *, looked: bool) -> None:
    from pydicom.dataset import Dataset as New

    new.SpecificCharacterSet = "ISO_IR 192"
    new.PatientIdentityRemoved = "YES"
    new.DeidentificationMethod = METHOD
    new.LongitudinalTemporalInformationModified = "MODIFIED"
    entries = []
    for value, meaning in (*OPTIONS, *((CLEAN_PIXELS,) if looked else ())):
        entry = New()
        entry.CodeValue, entry.CodeMeaning = value, meaning
        entry.CodingSchemeDesignator = "DCM"
        entries.append(entry)
    new.DeidentificationMethodCodeSequence = entries


def _count_head(source: Source, path: str, counts: Counter[tuple[Kind, int, Done]]) -> None:
    with Path(path).open("rb") as file:
        if source.has_preamble and any(file.read(128)):
            counts[Kind.PREAMBLE, 0, Done.REMOVED] += 1
    meta = getattr(source.dataset, "file_meta", None)
    for tag in list(meta.keys()) if meta is not None else []:
        if int(tag) not in {0x00020000, 0x00020001, 0x00020002, 0x00020010}:
            replaced = int(tag) in {0x00020003, 0x00020012, 0x00020013}
            counts[Kind.META, int(tag), Done.REPLACED if replaced else Done.REMOVED] += 1


def _written(new: Dataset, sop_class: str) -> bytes:
    from pydicom import dcmwrite
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(sop_class)
    meta.MediaStorageSOPInstanceUID = new.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    new.file_meta = meta
    out = io.BytesIO()
    dcmwrite(out, new, enforce_file_format=True)
    return out.getvalue()


def _frame(source: Source, request: dict[str, Any]) -> Answer:
    """Return a frame as stored, row by row; then, where asked for, as 8-bit display pixels."""
    stored, photometric = _render.stored_values(source, request["frame"])
    blob = stored.astype(stored.dtype.newbyteorder("<")).tobytes()
    if not request["display"]:
        return {"stored": len(blob)}, blob
    message, shown = _render.answered(stored, photometric, source.dataset, request["frame"])
    count = message["rows"] * message["columns"]
    pixels = np.frombuffer(shown, np.uint8, count, 2 * count)
    message["stored"] = len(blob)
    return message, blob + pixels.tobytes()

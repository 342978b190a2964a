"""What a worker reads from one file: plain values, or the code that says why not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from radraft.studies import _limits, _sop, kos
from radraft.studies._fields import Fields
from radraft.studies._refused import PARSE_ERRORS, Refused
from radraft.studies._source import Source, opened
from radraft.studies._technique import body_part, technique
from radraft.studies.priority import study_priority

UID = re.compile(r"[0-9]+(\.[0-9]+)+")
"""PS3.5 9.1: numbers joined by dots, at most 64 characters. The leading zeros that it forbids are
let through: devices and anonymisers write them, and every archive takes them."""
_PHOTOMETRIC = frozenset(
    {
        "MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL", "YBR_FULL_422",
        "YBR_ICT", "YBR_RCT", "YBR_PARTIAL_422", "YBR_PARTIAL_420",
    }
)  # fmt: skip
_ONE_SAMPLE = frozenset({"MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"})


def header(path: Path) -> dict[str, Any]:
    """Identity, description and layout of an image, what a selection marks, or `{"code": ...}`."""
    try:
        with opened(path) as source:
            if source.sop_class == _sop.DIRECTORY:
                return {"directory": True}
            if source.sop_class == kos.SOP_CLASS:
                return _selection(source)
            return _image(source)
    except Refused as refused:
        return {"code": refused.code, "details": refused.details}
    except PARSE_ERRORS:
        return {"code": "header_damaged"}


def directory(path: Path) -> dict[str, Any]:
    """Return the files a DICOMDIR lists, each as its path components (PS3.3 F.3.2.2)."""
    try:
        with opened(path) as source:
            files = []
            for record in source.dataset.get("DirectoryRecordSequence") or ():
                name = record.get("ReferencedFileID") or ()
                parts = [name] if isinstance(name, str) else list(name)
                if parts:
                    files.append([str(part) for part in parts])
            return {"files": files[: _limits.MAX_FILES]}
    except Refused as refused:
        return {"code": refused.code, "details": refused.details}
    except PARSE_ERRORS:
        return {"code": "header_damaged"}


def _image(source: Source) -> dict[str, Any]:
    fields = Fields(source.dataset)
    uids = _uids(source, fields)
    _check_is_image(source, fields)
    layout = _layout(source, fields) | {"technique": technique(source.dataset, fields)}
    return uids | layout | _description(source, fields)


def _selection(source: Source) -> dict[str, Any]:
    """Return what a Key Object Selection marks."""
    fields = Fields(source.dataset)
    uids = {"study_uid": fields.uid(0x0020000D)}
    return {"marks": kos.marks(source.dataset)} | uids | _identity(fields)


def _uids(source: Source, fields: Fields) -> dict[str, Any]:
    uids = {
        "study_uid": fields.uid(0x0020000D),
        "series_uid": fields.uid(0x0020000E),
        "sop_instance_uid": fields.uid(0x00080018),
        "sop_class_uid": source.sop_class,
    }
    for name, uid in uids.items():
        if not uid and name != "series_uid":
            if source.cut:
                raise Refused("truncated_header")
            known = source.has_preamble or fields.code(0x00080060) or fields.integer(0x00280010)
            raise Refused("missing_uid" if known else "not_dicom")
        if uid and (len(uid) > 64 or not UID.fullmatch(uid)):
            raise Refused("bad_uid")
    return uids


def _check_is_image(source: Source, fields: Fields) -> None:
    if source.sop_class in _sop.NOT_TO_DRAFT_FROM:
        raise Refused("not_an_image")
    if source.pixel_offset is not None:
        return
    if source.cut:
        raise Refused("truncated_header")
    is_image = _sop.is_image(source.sop_class) or fields.integer(0x00280010) is not None
    raise Refused("no_pixel_data" if is_image else "not_an_image")


def _layout(source: Source, fields: Fields) -> dict[str, Any]:
    if source.syntax not in _sop.DECODABLE:
        raise Refused("unsupported_transfer_syntax", syntax=source.syntax[:64])
    rows, columns = fields.integer(0x00280010) or 0, fields.integer(0x00280011) or 0
    samples = fields.integer(0x00280002) or 1
    allocated = fields.integer(0x00280100) or 0
    frames = max(1, fields.integer(0x00280008) or 1)
    photometric = fields.code(0x00280004)
    if rows <= 0 or columns <= 0:
        raise Refused("unsupported_pixels")
    if source.pixel_keyword != "PixelData" or photometric not in _PHOTOMETRIC:
        raise Refused("unsupported_pixels")
    if samples != (1 if photometric in _ONE_SAMPLE else 3) or allocated not in {1, 8, 16, 32}:
        raise Refused("unsupported_pixels")
    if not 1 <= (fields.integer(0x00280101) or allocated) <= allocated:
        raise Refused("unsupported_pixels")
    if rows * columns > _limits.MAX_PIXELS or frames > _limits.MAX_FRAMES:
        raise Refused("too_large")
    stored = 2 if photometric.endswith("_422") and source.is_native else samples
    source.check_pixels(frames, -(-rows * columns * stored * allocated * frames // 8))
    return {
        "frames": frames,
        "rows": rows,
        "columns": columns,
        "series_number": fields.integer(0x00200011),
        "instance_number": fields.integer(0x00200013),
        "view_position": _sop.view_position(
            fields.code(0x00185101), fields.text(0x0008103E), fields.text(0x00181030)
        ),
        "transfer_syntax": source.syntax,
    }


def _identity(fields: Fields) -> dict[str, str]:
    return {
        "patient_id": fields.text(0x00100020),
        "name": fields.text(0x00100010, one_line=True),
        "birth_date": fields.free(0x00100030),
    }


def _description(source: Source, fields: Fields) -> dict[str, Any]:
    described = _identity(fields) | {
        "sex": fields.code(0x00100040)[:1],
        "age": fields.free(0x00101010),
        "accession": fields.text(0x00080050),
        "modality": fields.code(0x00080060) or _sop.modality(source.sop_class),
        "body_part": body_part(source.dataset, fields),
        "description": fields.text(0x00081030),
        "date": next(filter(None, map(fields.code, (0x00080020, 0x00080021, 0x00080022))), ""),
        "time": next(filter(None, map(fields.code, (0x00080030, 0x00080031, 0x00080032))), ""),
        "history": next(
            filter(None, map(fields.text, (0x001021B0, 0x00401002, 0x00321030, 0x00081080))), ""
        ),
        "other_names": fields.people(),
        "priority": study_priority(
            fields.text(0x00401003), map(fields.text, (0x00380300, 0x00321033))
        ).value,
    }
    return described | {"issues": ["charset_repaired"] if fields.repaired else []}

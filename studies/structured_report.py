"""Structured reports (PS3.3 A.35): what a document says in words, and whose it is.

Documents of any maker: the tree is walked, and what stands in it is given with the names above it.
What a name means for a report is said where that is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radraft.core.errors import StudyRejected
from radraft.studies import _limits
from radraft.studies._fields import Fields
from radraft.studies._refused import PARSE_ERRORS, Refused
from radraft.studies._source import opened
from radraft.studies.values import Patient

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

TEXT_CLASSES = frozenset(
    f"1.2.840.10008.5.1.4.1.1.88.{number}"
    for number in ("11", "22", "33", "34", "35", "1", "2", "3")
)
"""Basic Text, Enhanced, Comprehensive, Comprehensive 3D, Extensible; and the retired trial ones."""
_MOST_ITEMS = 5000
_OBSERVER = "121008"
_CONTENT = 0x0040A730


@dataclass(frozen=True)
class ContentItem:
    """One item with a value that can be read as text."""

    kind: str
    """Value Type (0040,A040): TEXT, CODE or NUM."""
    codes: tuple[str, ...]
    """Code values of the concept names above it and of its own, outermost first."""
    names: tuple[str, ...]
    """Their meanings."""
    text: str = field(repr=False)


@dataclass(frozen=True)
class StructuredReport:
    """A document."""

    study_uid: str = field(repr=False)
    """Of the study that it is stored in."""
    evidence_uids: tuple[str, ...] = field(repr=False)
    """Of the studies that it is about, where it says so."""
    accession: str = field(repr=False)
    patient: Patient = field(repr=False)
    study_time: datetime | None
    items: tuple[ContentItem, ...] = field(repr=False)
    author: str = field(repr=False)
    verifier: str = field(repr=False)
    made_at: datetime | None
    """When it was verified, else when its content was made; by the clock of its maker."""
    complete: bool
    """Completion Flag and Preliminary Flag say that it is."""
    replaces: bool
    """It names a document that it takes the place of."""


def read_structured_report(path: Path) -> StructuredReport | None:
    """Return the document in a file; None for a DICOM file of another kind.

    StudyRejected `header_damaged` and the codes of `studies.read` where it cannot be read whole.
    """
    try:
        with opened(path) as source:
            if source.sop_class not in TEXT_CLASSES:
                return None
            if source.cut:
                raise Refused("header_damaged")
            return _document(source.dataset)
    except Refused as refused:
        details: dict[str, Any] = dict(refused.details)
        raise StudyRejected(refused.code, **details) from None
    except PARSE_ERRORS:
        raise StudyRejected("header_damaged") from None


def _document(dataset: Dataset) -> StructuredReport:
    fields = Fields(dataset)
    people: list[str] = []
    items = tuple(_items(dataset, fields, (), (), people, 0))
    verifier, verified_at = _verifier(dataset, fields)
    author = _first_name(dataset, fields, 0x0040A078, 0x0040A123) or next(iter(people), "")
    return StructuredReport(
        study_uid=fields.uid(0x0020000D),
        evidence_uids=_evidence(dataset),
        accession=fields.text(0x00080050, one_line=True) or _requested(dataset, fields),
        patient=Patient(
            fields.text(0x00100020, one_line=True),
            fields.text(0x00100010, one_line=True),
            _day(fields.code(0x00100030)),
            fields.code(0x00100040),
        ),
        study_time=_time(fields.code(0x00080020), fields.code(0x00080030)),
        items=items,
        author=author,
        verifier=verifier,
        made_at=verified_at or _time(fields.code(0x00080023), fields.code(0x00080033)),
        complete=fields.code(0x0040A491) != "PARTIAL" and fields.code(0x0040A496) != "PRELIMINARY",
        replaces=bool(dataset.get(0x0040A360) and dataset[0x0040A360].value),
    )


def _items(
    parent: Dataset,
    of_document: Fields,
    codes: tuple[str, ...],
    names: tuple[str, ...],
    people: list[str],
    depth: int,
) -> Iterator[ContentItem]:
    """Yield what stands below `parent`, in reading order, and note who observed it."""
    if depth > _limits.MAX_DEPTH or _CONTENT not in parent:
        return
    for number, item in enumerate(parent[_CONTENT].value):
        if number > _MOST_ITEMS:
            raise Refused("too_large")
        fields = Fields(item, of_document)
        code, name = _concept(item, 0x0040A043, of_document)
        own = (*codes, code), (*names, name)
        kind = fields.code(0x0040A040)
        text = ""
        if kind == "TEXT":
            text = fields.text(0x0040A160)
        elif kind == "CODE":
            text = _concept(item, 0x0040A168, of_document)[1]
        elif kind == "NUM":
            text = _measured(item, of_document)
        elif kind == "PNAME" and code == _OBSERVER:
            people.append(fields.text(0x0040A123, one_line=True))
        if text:
            yield ContentItem(kind, *own, text)
        yield from _items(item, of_document, *own, people, depth + 1)


def _concept(item: Dataset, tag: int, of_document: Fields) -> tuple[str, str]:
    """Return the value and the meaning of a code; both empty where there is none."""
    for entry in item[tag].value if tag in item else ():
        fields = Fields(entry, of_document)
        return fields.text(0x00080100, one_line=True), fields.text(0x00080104, one_line=True)
    return "", ""


def _measured(item: Dataset, of_document: Fields) -> str:
    for value in item[0x0040A300].value if 0x0040A300 in item else ():
        number = Fields(value, of_document).code(0x0040A30A)
        unit = _concept(value, 0x004008EA, of_document)[0]
        return f"{number} {unit}".strip() if number else ""
    return ""


def _first_name(dataset: Dataset, of_document: Fields, sequence: int, tag: int) -> str:
    for item in dataset[sequence].value if sequence in dataset else ():
        if name := Fields(item, of_document).text(tag, one_line=True):
            return name
    return ""


def _verifier(dataset: Dataset, of_document: Fields) -> tuple[str, datetime | None]:
    for item in dataset[0x0040A073].value if 0x0040A073 in dataset else ():
        fields = Fields(item, of_document)
        when = fields.code(0x0040A030)
        return fields.text(0x0040A075, one_line=True), _time(when[:8], when[8:14])
    return "", None


def _evidence(dataset: Dataset) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for item in dataset[0x0040A375].value if 0x0040A375 in dataset else ():
        found[Fields(item).uid(0x0020000D)] = None
    return tuple(uid for uid in found if uid)


def _requested(dataset: Dataset, of_document: Fields) -> str:
    return _first_name(dataset, of_document, 0x0040A370, 0x00080050)


def _day(text: str) -> date | None:
    with suppress(ValueError):
        return datetime.strptime(text[:8], "%Y%m%d").date()
    return None


def _time(day: str, time: str) -> datetime | None:
    digits = time.split(".")[0].ljust(6, "0")[:6]
    with suppress(ValueError):
        return datetime.strptime(day[:8] + digits, "%Y%m%d%H%M%S")
    return None
